"""The demo in a real browser with a real worker: the result card, and from each of its buttons to a list."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from jepascore_core.datasets.contaminants import KINDS
from jepascore_core.datasets.rendered_demo import NUM_PICTURES, PER_KIND, RENDERED_TABLE
from jepascore_core.jobs.demos import DEFAULT_DEMO
from jepascore_core.records.runs import Run, RunState
from jepascore_core.rendering.draw import SIDE
from jepascore_core.storage.store import Store
from jepascore_core.trust.known_defects import KnownDefects, result_to_show
from pages.ui.explore import texts as explore_texts
from pages.ui.home import texts as home_texts
from tests.browser.conftest import ROOT, Server, Visit, choose, screenshot, serve

pytestmark = [pytest.mark.browser, pytest.mark.slow]

#: How long a person's patience lasts here, in milliseconds: a busy machine is no failure.
PATIENCE = 300_000


def test_from_the_demo_to_a_list(visit: Callable[..., Visit], tmp_path: Path) -> None:
    with serve(ROOT / "app.py", tmp_path / "home") as server:
        tab, store = visit(server.url), Store(server.home)
        page = tab.page
        page.get_by_role("button", name=home_texts.ADD_DEMO).click()
        expect(page.get_by_role("progressbar").first).to_be_visible(timeout=PATIENCE)
        run = wait_for_both(page, store)
        found = check_card(page, store)
        check_buttons(page, server, store, found)
        check_sample(page, server, run)
        check_curate(page, server, store, run)
        assert tab.errors == []


def wait_for_both(page: Page, store: Store) -> Run:
    """Until the result card is there and nothing is in progress; return the newest run."""
    expect(page.get_by_text(home_texts.KNOWN_DEFECTS, exact=True)).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("progressbar")).to_have_count(0, timeout=PATIENCE)
    run, second = store.catalogue.runs()
    assert [item.backbone.name for item in (second, run)] == list(DEFAULT_DEMO.backbones)
    assert {(item.state, item.num_failed, item.num_pending) for item in (run, second)} == {(RunState.FINISHED, 0, 0)}
    return run


def check_card(page: Page, store: Store) -> KnownDefects:
    """What the card says is what is known; the recommended review finds what the gate of the demo asks for."""
    shown = result_to_show(store, store.catalogue.dataset(DEFAULT_DEMO.name).dataset_id)
    assert shown is not None
    found = shown[1]
    planted = {row["path"]: row["contaminant"] for row in demo_rows(store) if row["contaminant"]}
    assert found.num_defects == len(planted) == PER_KIND * len(KINDS)
    assert found.recommended.auroc >= 0.8
    assert min(found.score.num_found, found.recommended.num_found) > 5 * found.by_chance
    assert [item.defect for item in found.examples] == [planted.get(item.sample_key) for item in found.examples]
    check_documentation(found)
    expect(page.get_by_role("heading", name=found.headline)).to_be_visible()
    for sentence in found.limits:
        expect(page.get_by_text(sentence)).to_be_visible()
    expect(page.get_by_role("group", name=home_texts.REVIEWED).locator(".tile")).to_have_count(len(found.examples))
    screenshot(page, "demo-card")
    return found


def check_documentation(found: KnownDefects) -> None:
    """The table of docs/trust.md, within what the rounding of another processor may move."""
    text = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
    assert f"a review of {found.budget} images" in text
    for title in {order.title for order in found.orders}:
        (stated,) = re.findall(rf"^\| {re.escape(title)} \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
        measured = {order.within_class: order.num_found for order in found.orders if order.title == title}
        assert [measured[False], measured[True]] == pytest.approx(list(map(int, stated)), abs=2)


def check_buttons(page: Page, server: Server, store: Store, found: KnownDefects) -> None:
    """See shows the reviewed images, Cut has their rule in place, Export downloads the rest."""
    rule = found.recommended.rule
    with page.expect_download() as download:
        page.get_by_role("button", name=home_texts.EXPORT).click()
    kept = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
    assert len(kept) == found.num_samples - found.budget
    assert not {row["sample_key"] for row in kept} & {item.sample_key for item in found.examples}

    page.get_by_role("button", name=home_texts.SEE, exact=True).click()
    page.get_by_role("heading", name="Explore", level=1).wait_for()
    expect(page.get_by_text(f"{found.budget:,} of {found.num_samples:,} samples found")).to_be_visible()
    rules = page.locator(f'input[aria-label="{explore_texts.RULES}"]')
    expect(rules).to_have_value(found.recommended.reviewed)
    screenshot(page, "demo-see")

    page.goto(server.url)
    page.get_by_role("button", name=home_texts.CUT, exact=True).click()
    page.get_by_role("heading", name="Curate", level=1).wait_for()
    expect(page.locator('input[aria-label="Rules"]')).to_have_value(rule)
    expect(page.get_by_test_id("stMetric").filter(has_text="Dropped")).to_contain_text(f"{found.budget:,}")
    screenshot(page, "demo-cut")


def check_sample(page: Page, server: Server, run: Run) -> None:
    page.goto(
        f"{server.url}/explore?view=extremes&class=class+red+ball+on+dark&backbone={run.key.text if run.key else ''}"
    )
    tiles = page.get_by_role("group", name="Extremes").locator(".tile")
    expect(tiles).to_have_count(18)
    tiles.first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("1st lowest of").first).to_be_visible()
    picture = dialog.locator("img").first
    picture.evaluate("image => image.decode()")
    assert picture.evaluate("image => image.naturalWidth") == SIDE
    expect(dialog.locator(".js-plotly-plot")).to_have_count(2)
    screenshot(page, "demo-detail")
    assert "sample=" in page.url
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


def check_curate(page: Page, server: Server, store: Store, run: Run) -> None:
    page.goto(f"{server.url}/curate?backbone={run.key.text if run.key else ''}")
    rules = page.locator('input[aria-label="Rules"]')
    rules.fill("class_percentile >= 10")
    rules.press("Enter")
    expect(page.get_by_role("button", name=re.compile("^class_percentile ≥ 10"))).to_be_visible()
    choose(page, "Format", "CSV")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
    check_list(store, run, rows)
    with page.expect_download() as download:
        page.get_by_role("button", name="Provenance").click()
    provenance = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert provenance["backbone"]["backbone_id"] == run.backbone_id
    assert provenance["counts"]["kept"] == len(rows)
    screenshot(page, "demo-curate")


def demo_rows(store: Store) -> list[dict[str, str]]:
    with (store.home / DEFAULT_DEMO.folder / RENDERED_TABLE).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def check_list(store: Store, run: Run, rows: list[dict[str, str]]) -> None:
    """What was downloaded is what the shards say, worked out here in another way."""
    dataset = store.catalogue.dataset(DEFAULT_DEMO.name)
    assert run.backbone_id is not None
    shards = store.measurements_sql(run.spec.key(run.backbone_id))
    sql = f"SELECT sample_key, label, score FROM ({store.manifest_sql(dataset)}) JOIN ({shards}) USING (content_id)"
    scored = store.query(sql).to_pylist()
    assert len(scored) == len(demo_rows(store)) == NUM_PICTURES + PER_KIND * (len(KINDS) - 1)
    expected = set()
    for sample in scored:
        rivals = [other["score"] for other in scored if other["label"] == sample["label"]]
        below = sum(score < sample["score"] for score in rivals)
        equal = sum(score == sample["score"] for score in rivals)
        if 100 * (below + equal / 2) / len(rivals) >= 10:
            expected.add(sample["sample_key"])
    assert {row["sample_key"] for row in rows} == expected
    assert {row["verdict"] for row in rows} == {"keep"}
    scores = {sample["sample_key"]: sample["score"] for sample in scored}
    assert all(float(row["score"]) == scores[row["sample_key"]] for row in rows)
