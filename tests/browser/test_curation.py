"""From rules to a downloaded file that torchvision loads; review by keyboard; duplicates by clicks."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Error, Page, expect

from jepascore_core import open_dataset
from jepascore_core.curation.decisions import current_decisions
from jepascore_core.curation.journal import history
from jepascore_core.datasets.demo import load_digit_images
from jepascore_core.storage.store import Store
from pages.ui.curate import texts as curate_texts
from pages.ui.duplicates import texts as duplicates_texts
from tests.browser.conftest import ROOT, Server, Visit, at_rest, by_menu, choose, screenshot, serve
from tests.conftest import SPEC, add_backbone, make_measurement, wait_until

pytestmark = pytest.mark.browser

NUM_DIGITS = 240
NUM_COPIES = 6


@dataclass(frozen=True)
class Curating:
    """A running app with digits in it."""

    server: Server
    store: Store
    dataset_id: str

    def address(self, page: str, **parameters: str) -> str:
        words = "&".join(f"{name}={value}" for name, value in {"dataset": self.dataset_id, **parameters}.items())
        return f"{self.server.url}/{page}?{words}"


def write_digits(folder: Path) -> None:
    """Real digits by class, the first few of them twice."""
    images, labels = load_digit_images()
    for number in range(NUM_DIGITS):
        image = Image.fromarray(images[number])
        for name in [f"{number:04d}.png", *([f"{number:04d}-copy.png"] if number < NUM_COPIES else [])]:
            path = folder / f"digit {labels[number]}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)


@pytest.fixture(scope="module")
def curating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Curating]:
    folder = tmp_path_factory.mktemp("curating")
    write_digits(folder / "digits")
    home = folder / "home"
    before = os.environ.get("JEPASCORE_HOME")
    os.environ["JEPASCORE_HOME"] = str(home)
    try:
        opened = open_dataset(folder / "digits")
        store = Store(home)
        backbone = add_backbone(store)
        rows = {}
        for sample in opened:
            pixels = np.asarray(opened.image(sample).convert("L").resize((8, 8)), np.float16).ravel() / 255
            score = 100 - float(np.abs(pixels.astype(np.float64) - 0.3).sum())
            rows[sample.content_id] = replace(make_measurement(sample.content_id, score), embedding=pixels)
        store.write_measurements(backbone.backbone_id, SPEC, list(rows.values()))
        with serve(ROOT / "app.py", home) as server:
            yield Curating(server, store, store.catalogue.datasets()[0].dataset_id)
    finally:
        os.environ.pop("JEPASCORE_HOME")
        if before is not None:
            os.environ["JEPASCORE_HOME"] = before


def kept_shown(page: Page, number: int) -> None:
    expect(page.get_by_test_id("stMetric").filter(has_text="Kept")).to_contain_text(f"{number:,}", timeout=30_000)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_from_rules_to_a_file_that_torchvision_loads(
    visit: Callable[..., Visit], curating: Curating, tmp_path: Path, theme: str
) -> None:
    from torchvision.datasets import ImageFolder

    tab = visit(curating.address("curate"), theme=theme)
    page = tab.page
    kept_shown(page, NUM_DIGITS + NUM_COPIES)
    bar = page.get_by_label("Rules", exact=True)
    bar.fill("class_percentile >= 20 | one per exact | budget 60 balanced")
    bar.press("Enter")
    kept_shown(page, 60)
    chips = page.locator('.st-key-chips [class*="st-key-chip-"] button')
    expect(chips).to_have_count(3)
    page.wait_for_load_state("networkidle")
    screenshot(page, f"curate-{theme}")
    at_rest(page)
    page.locator('.st-key-chips [class*="st-key-remove-0"] button').first.click()
    expect(chips).to_have_count(2)
    kept_shown(page, 60)
    choose(page, "Format", "Zip of images")
    button = page.get_by_role("button", name="Download Zip of images")
    button.scroll_into_view_if_needed()
    screenshot(page, f"curate-export-{theme}")
    with page.expect_download() as download:
        button.click()
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(tmp_path / "curated")
    dataset = ImageFolder(tmp_path / "curated")
    assert len(dataset) == 60
    assert dataset.classes == [f"digit {n}" for n in range(10)]
    assert set(np.bincount(dataset.targets).tolist()) == {6}
    assert dataset[0][0].size == (32, 32)
    assert tab.errors == []


def test_a_folder_is_written_by_the_worker_whatever_happens_to_the_page(
    visit: Callable[..., Visit], curating: Curating, tmp_path: Path
) -> None:
    from torchvision.datasets import ImageFolder

    out = tmp_path / "curated"
    tab = visit(curating.address("curate", rules="class_percentile %3E= 20 | budget 40 balanced"))
    page = tab.page
    kept_shown(page, 40)
    choose(page, "Format", "Folder of images")
    field = page.get_by_label(curate_texts.path_on_server(True), exact=True)
    field.fill(str(out))
    field.press("Enter")
    page.get_by_text(f"ImageFolder('{out}')").wait_for()
    write_until_listed(page, "Write Folder of images", "curated")
    page.reload()
    expect(page.get_by_text("40 samples written to")).to_be_visible(timeout=120_000)
    page.get_by_role("button", name=curate_texts.REMOVE_FROM_LIST).scroll_into_view_if_needed()
    screenshot(page, "curate-written")
    dataset = ImageFolder(out)
    assert len(dataset) == 40
    assert dataset[0][0].size == (32, 32)
    assert json.loads((tmp_path / "curated.provenance.json").read_text())["counts"]["kept"] == 40
    assert tab.errors == []


def write_until_listed(page: Page, button: str, name: str) -> None:
    """Press a button until its export is listed: a redraw may swallow a click, and a second one changes nothing."""
    for _ in range(6):
        with suppress(Error):
            page.get_by_role("button", name=button).click(timeout=5000)
        with suppress(Error):
            page.get_by_text(curate_texts.WRITTEN).wait_for(timeout=5000)
            page.get_by_text(name, exact=True).wait_for(timeout=5000)
            return
    raise AssertionError(f"{name} is not listed")


def test_a_wrong_rule_is_shown_with_its_place(visit: Callable[..., Visit], curating: Curating) -> None:
    page = visit(curating.address("curate", rules="percentile %3E= five")).page
    page.get_by_text('Expected a number, found "five" (character 15).').wait_for()
    bar = page.get_by_label("Rules", exact=True)
    # What the last right rules keep stays; here there were none.
    kept_shown(page, NUM_DIGITS + NUM_COPIES)
    bar.fill("percentile >= 50")
    bar.press("Enter")
    expect(page.get_by_text("Expected a number")).to_have_count(0)
    at_rest(page)
    kept_shown(page, 123)
    by_menu(page, "Review", "Duplicates", "Curate")
    kept_shown(page, 123)
    expect(bar).to_have_value("percentile >= 50")


def press(page: Page, key: str, shown: str) -> None:
    """Press a key, whose button then shows what it did."""
    page.keyboard.press(key)
    page.get_by_role("button", name=shown).wait_for()


def nothing_stands(curating: Curating) -> None:
    """Every decision was undone: the button says so at once, the catalogue as soon as the server has seen to it."""
    wait_until(lambda: current_decisions(curating.store, curating.dataset_id) == (), 30.0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_reviewing_with_the_keyboard(visit: Callable[..., Visit], curating: Curating, theme: str) -> None:
    who = f"ada-{theme}"
    tab = visit(curating.address("review", rules="class_percentile >= 20", who=who), theme=theme)
    page = tab.page
    page.get_by_text("Borderline").first.wait_for()
    page.get_by_role("button", name="Undo (0)").wait_for()
    page.locator("img[alt*='png']").first.wait_for()
    press(page, "d", "Undo (1)")
    press(page, "k", "Undo (2)")
    page.get_by_text(f"{who} kept ").first.wait_for()
    page.wait_for_load_state("networkidle")
    screenshot(page, f"review-{theme}")
    mine = [a for a in history(curating.store, curating.dataset_id) if a.who == who]
    assert [action.kind for action in mine] == ["decide", "decide"]
    press(page, "z", "Redo (1)")
    press(page, "z", "Redo (2)")
    nothing_stands(curating)
    assert tab.errors == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_choosing_keepers_of_duplicates(visit: Callable[..., Visit], curating: Curating, theme: str) -> None:
    who = f"bob-{theme}"
    tab = visit(curating.address("duplicates", who=who), theme=theme)
    page = tab.page
    page.get_by_text("6 groups").wait_for()
    tiles = page.get_by_role("group", name=duplicates_texts.GROUPS).locator(".tile")
    expect(tiles).to_have_count(2 * NUM_COPIES)
    tiles.nth(1).click()
    page.get_by_role("button", name="Undo (1)").wait_for()
    expect(tiles.filter(has_text="✓ keep")).to_have_count(1)
    expect(tiles.filter(has_text="✕ drop")).to_have_count(1)
    at_rest(page)
    page.get_by_role("button", name="Drop ").filter(has_text=", keep ").click()
    page.get_by_role("button", name="Undo (2)").wait_for()
    expect(tiles.filter(has_text="✓ keep")).to_have_count(NUM_COPIES)
    page.wait_for_load_state("networkidle")
    screenshot(page, f"duplicates-{theme}")
    for number in (1, 2):
        at_rest(page)
        page.get_by_role("button", name=f"Undo ({3 - number})").click()
        page.get_by_role("button", name=f"Redo ({number})").wait_for()
    nothing_stands(curating)
    assert tab.errors == []


def test_two_people_see_each_others_decisions(visit: Callable[..., Visit], curating: Curating) -> None:
    tabs = [visit(curating.address("review", rules="class_percentile >= 20", who=who)) for who in ("eva", "finn")]
    eva, finn = (tab.page for tab in tabs)
    for page in (eva, finn):
        # Two tabs at once on a busy machine.
        page.set_default_timeout(120_000)
        page.get_by_text("No decision yet").wait_for()
        page.locator("img[alt*='png']").first.wait_for()
    press(eva, "d", "Undo (1)")
    # Finn did nothing, and yet sees it: about the sample, in the queue and in the journal.
    finn.get_by_text("eva dropped ").first.wait_for()
    expect(finn.get_by_text("Decided: drop by eva")).to_be_visible(timeout=120_000)
    press(finn, "k", "Undo (1)")
    eva.get_by_text("finn kept ").first.wait_for()
    press(eva, "z", "Redo (1)")
    press(finn, "z", "Redo (1)")
    nothing_stands(curating)
    assert [tab.errors for tab in tabs] == [[], []]
