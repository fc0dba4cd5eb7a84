"""The main job in a real browser with a real worker: from nothing to a list; runs cancelled, shared and killed."""

from __future__ import annotations

import csv
import io
import os
import re
import signal
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from jepascore_core.jobs.demos import DIGITS_DEMO
from jepascore_core.jobs.process import worker_pid
from jepascore_core.records.runs import Run, RunState
from jepascore_core.storage.store import Store
from pages.ui.app import texts as app_texts
from pages.ui.runs import texts as runs_texts
from pages.ui.widgets import texts as widget_texts
from tests.browser.conftest import ROOT, Server, Visit, choose, screenshot, serve
from tests.browser.pictures import write_digits

pytestmark = [pytest.mark.browser, pytest.mark.slow]

#: How long a person's patience lasts here, in milliseconds: a busy machine is no failure.
PATIENCE = 300_000
#: Enough at that size to be interrupted, also where a machine is four times as fast as the two cores of CI.
NUM_DIGITS = 30
SLOW_SIZE = 224
#: What a run of the slow encoder is called.
TITLE = "digits, test_vit (timm)"


@dataclass(frozen=True)
class App:
    """A running app with a folder of digits in it, and an encoder that is slow enough to be interrupted."""

    server: Server
    store: Store
    checkpoint: Path

    def newest_run(self) -> Run:
        return self.store.catalogue.runs()[0]

    def repeated(self) -> list[str]:
        """Content ids that were measured twice under the newest run's backbone and spec."""
        run = self.newest_run()
        assert run.backbone_id is not None
        rows = self.store.query(self.store.measurements_sql(run.spec.key(run.backbone_id)))["content_id"]
        return [content_id for content_id, count in Counter(rows.to_pylist()).items() if count > 1]


def write_checkpoint(path: Path) -> Path:
    """timm's smallest transformer with random weights: at full image size it takes its time."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    save_file(timm.create_model("test_vit", pretrained=False).state_dict(), path)
    return path


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    checkpoint = write_checkpoint(tmp_path / "test_vit.safetensors")
    with serve(ROOT / "app.py", tmp_path / "home") as server:
        yield App(server, Store(server.home), checkpoint)


def sidebar(page: Page) -> Locator:
    return page.get_by_test_id("stSidebar")


def go(page: Page, name: str) -> None:
    sidebar(page).get_by_role("link", name=name, exact=True).click()
    page.get_by_role("heading", name=name, level=1).wait_for()


def under_way(page: Page) -> Locator:
    return sidebar(page).get_by_text(app_texts.IN_PROGRESS)


def field(page: Page, label: str) -> Locator:
    """An input; its help, if it has one, has the same label."""
    return page.locator(f'input[aria-label="{label}"]')


def add_folder(page: Page, name: str, folder: Path) -> None:
    """Fill in the form of an empty Runs page, and wait for the index."""
    field(page, "Name").fill(name)
    field(page, "Path").fill(str(folder))
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text(f"{name} · Ready")).to_be_visible(timeout=PATIENCE)


def choose_backbone(page: Page, name: str) -> None:
    """Until the page would start a run with it."""
    start = page.get_by_role("button", name="Start")
    choose(page, "Backbones", name, types=True, taken=lambda: expect(start).to_be_enabled(timeout=10_000))


def start_slow_run(app: App, page: Page) -> Run:
    """Through the form, as a person would; returns once something is measured."""
    choose_backbone(page, "timm:test_vit")
    page.get_by_text(runs_texts.ADVANCED).click()
    fields = {"Checkpoint": str(app.checkpoint), "Image size": str(SLOW_SIZE), "Mean": "0.5, 0.5, 0.5"}
    for label, text in {**fields, "Std": "0.5, 0.5, 0.5"}.items():
        field(page, label).fill(text)
        field(page, label).press("Tab")
    page.get_by_role("button", name="Start").click()
    some = re.compile(rf"\b[1-9]\d* of {NUM_DIGITS} images measured")
    expect(page.get_by_text(some)).to_be_visible(timeout=PATIENCE)
    return app.newest_run()


def card_of(page: Page, run: Run) -> Locator:
    return page.locator(f".st-key-run-{run.run_id}")


def test_a_run_is_cancelled_and_resumed(visit: Callable[..., Visit], app: App, tmp_path: Path) -> None:
    page = visit(f"{app.server.url}/runs").page
    add_folder(page, "digits", write_digits(tmp_path / "digits", NUM_DIGITS))
    run = start_slow_run(app, page)
    card = card_of(page, run)
    screenshot(page, "journey-running")
    card.get_by_role("button", name="Cancel").click()
    expect(card.get_by_text(f"{TITLE} · Cancelled")).to_be_visible(timeout=PATIENCE)
    expect(under_way(page)).to_be_hidden(timeout=PATIENCE)
    cancelled = app.store.catalogue.run(run.run_id)
    assert cancelled.state is RunState.CANCELLED
    assert 0 < cancelled.num_measured < NUM_DIGITS

    card.get_by_role("button", name="Resume").click()
    expect(card.get_by_text(f"{TITLE} · Finished")).to_be_visible(timeout=PATIENCE)
    expect(card.get_by_text(f"{NUM_DIGITS} of {NUM_DIGITS} images measured")).to_be_visible()
    assert app.store.catalogue.run(run.run_id).num_reused == cancelled.num_measured
    assert app.repeated() == []
    # The page is drawn anew at the end of a run, and a link that goes while it is pressed leads nowhere.
    expect(under_way(page)).to_be_hidden(timeout=PATIENCE)
    card.get_by_role("link", name="Explore").click()
    expect(page.get_by_role("group", name="Whole dataset").locator(".tile").first).to_be_visible(timeout=PATIENCE)


def test_two_tabs_see_the_same(visit: Callable[..., Visit], app: App, tmp_path: Path) -> None:
    first, second = visit(f"{app.server.url}/runs"), visit(f"{app.server.url}/explore")
    expect(second.page.get_by_text(widget_texts.NO_DATASET)).to_be_visible()
    add_folder(first.page, "digits", write_digits(tmp_path / "digits", NUM_DIGITS))
    expect(second.page.get_by_text("digits has no scores yet. Start a run")).to_be_visible(timeout=PATIENCE)

    run = start_slow_run(app, first.page)
    expect(under_way(second.page)).to_be_visible(timeout=PATIENCE)
    tiles = second.page.get_by_role("group", name="Whole dataset").locator(".tile")
    expect(tiles.first).to_be_visible(timeout=PATIENCE)
    expect(card_of(first.page, run).get_by_text(f"{TITLE} · Finished")).to_be_visible(timeout=PATIENCE)
    expect(under_way(second.page)).to_be_hidden(timeout=PATIENCE)
    expect(second.page.get_by_text("scored ·")).to_be_hidden()
    assert app.store.catalogue.run(run.run_id).num_measured == NUM_DIGITS
    assert first.errors == second.errors == []


def test_a_killed_worker_is_replaced_while_somebody_looks(
    visit: Callable[..., Visit], app: App, tmp_path: Path
) -> None:
    page = visit(f"{app.server.url}/runs").page
    add_folder(page, "digits", write_digits(tmp_path / "digits", NUM_DIGITS))
    run = start_slow_run(app, page)
    pid = worker_pid(app.server.home)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    expect(card_of(page, run).get_by_text(f"{TITLE} · Finished")).to_be_visible(timeout=PATIENCE)
    assert worker_pid(app.server.home) not in (None, pid)
    assert app.store.catalogue.run(run.run_id).num_measured == NUM_DIGITS
    assert app.repeated() == []


def test_an_upload_with_a_broken_file(visit: Callable[..., Visit], app: App, tmp_path: Path) -> None:
    folder = write_digits(tmp_path / "digits", 6)
    archive = tmp_path / "digits.zip"
    with zipfile.ZipFile(archive, "w") as sink:
        for path in sorted(folder.rglob("*.png")):
            sink.write(path, path.relative_to(folder))
        sink.writestr("digit 0/broken.png", b"this is no image")
    tab = visit(f"{app.server.url}/runs")
    page = tab.page
    page.get_by_text(runs_texts.WAYS["files"]).click()
    page.locator('input[type="file"]').set_input_files(archive)
    expect(page.get_by_text("digits.zip")).to_be_visible()
    field(page, "Name").fill("uploaded")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("uploaded · Ready")).to_be_visible(timeout=PATIENCE)
    page.get_by_test_id("stExpander").get_by_text("1 unreadable file").click()
    expect(page.get_by_text("broken.png:")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name=widget_texts.ALL_FAILURES).click()
    (failure,) = csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8")))
    assert (failure["sample_key"], failure["stage"]) == ("digit 0/broken.png", "decode")

    choose_backbone(page, DIGITS_DEMO.backbones[-1])
    page.get_by_role("button", name="Predict cost").click()
    expect(page.get_by_text("for 6 images")).to_be_visible(timeout=PATIENCE)
    assert app.store.catalogue.runs() == [], "nothing starts before it was asked for"
    assert tab.errors == []
