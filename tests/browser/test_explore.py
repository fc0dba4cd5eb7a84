"""Explore and the detail of a sample in a real browser, on real scores and pictures, in both themes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from jepascore_core.jobs.requests import follow, request_dataset, request_run
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.storage.audit import audit
from jepascore_core.storage.store import Store
from pages.ui.explore import texts as explore_texts
from pages.ui.sample import texts as sample_texts
from pages.ui.widgets import texts as widget_texts
from tests.browser.conftest import ROOT, Server, Visit, at_rest, by_menu, choose, choose_variant, screenshot, serve
from tests.browser.pictures import write_digits

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NUM_DIGITS = 300
#: For what the worker does on a busy machine, in milliseconds.
PATIENCE = 120_000


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("explore")
    write_digits(folder / "digits", NUM_DIGITS)
    with serve(ROOT / "app.py", folder / "home") as server:
        store = Store(server.home)
        request_dataset(store, "digits", str(folder / "digits"))
        run = request_run(store, MeasurementRequest("digits", BackboneRef("bundled:digits-vit")))
        list(follow(store, partial(store.catalogue.run, run.run_id)))
        yield server


def address(app: Server, **parameters: str) -> str:
    return f"{app.url}/explore?{urlencode({'view': 'extremes'} | parameters)}"


def settled(page: Page, label: str) -> None:
    page.get_by_role("group", name=label).locator(".tile").first.wait_for()
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_three_ways_to_look(visit: Callable[..., Visit], app: Server, theme: str) -> None:
    for view, label in (("extremes", "Extremes"), ("classes", "Classes"), ("search", "Found samples")):
        tab = visit(address(app, view=view), theme=theme)
        settled(tab.page, label)
        screenshot(tab.page, f"explore-{view}-{theme}")
        assert tab.errors == []


def test_the_name_of_a_class_opens_it(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(address(app, view="classes"))
    settled(tab.page, "Classes")
    tab.page.get_by_role("button", name="digit 3", exact=True).click()
    settled(tab.page, "Extremes")
    expect(tab.page.locator(".section .title")).to_have_text(["digit 3"])
    expect(tab.page.locator(".tile .label").first).to_be_hidden()


@pytest.mark.parametrize("width", [1280, 1400, 1920])
@pytest.mark.parametrize("per_group, num_rows", [(6, 1), (14, 2)])
def test_extremes_fill_the_width_in_even_rows(
    visit: Callable[..., Visit], app: Server, width: int, per_group: int, num_rows: int
) -> None:
    page = visit(address(app, n=str(per_group), **{"class": "class digit 3"}), width=width).page
    settled(page, "Extremes")
    for side in ("Least likely", "Most likely"):
        tiles = page.get_by_role("listbox", name=side).locator(".frame")
        boxes = tiles.evaluate_all("all => all.map(e => e.getBoundingClientRect().toJSON())")
        tops = [box["top"] for box in boxes]
        assert len(boxes) == per_group and all(box["width"] >= 56 for box in boxes)
        assert [tops.count(top) for top in sorted(set(tops))] == [per_group // num_rows] * num_rows


def test_a_size_is_chosen_and_the_width_fitted_again(visit: Callable[..., Visit], app: Server) -> None:
    page = visit(address(app)).page
    settled(page, "Extremes")
    frame, fit = page.locator(".frame").first, page.get_by_role("button", name="Fit", exact=True)
    fitted = frame.bounding_box()
    page.get_by_role("slider", name="Size").fill("200")
    page.wait_for_url("**size=200**")
    chosen = frame.bounding_box()
    assert fitted and chosen and chosen["width"] >= 200 > fitted["width"]
    fit.click()
    page.wait_for_url(lambda url: "size=" not in url)
    assert frame.bounding_box() == fitted
    expect(fit).to_have_attribute("aria-pressed", "true")


def test_a_decision_in_the_gallery_is_found_by_search(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(address(app, view="search"))
    settled(tab.page, "Found samples")
    first = tab.page.get_by_role("group", name="Found samples").locator(".tile").first
    first.focus()
    tab.page.keyboard.press("d")
    expect(first.locator(".mark")).to_have_text("✕ drop")
    expect(tab.page.get_by_role("status").filter(has_text="Dropped")).to_have_count(1)
    store = Store(app.home)
    key = first.get_attribute("data-key")
    tab = visit(address(app, view="search", decided="drop"))
    settled(tab.page, "Found samples")
    assert tab.page.locator(".tile").evaluate_all("all => all.map(e => e.dataset.key)") == [key]
    assert audit(store) == []


def test_the_least_sharp_images_come_first(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(address(app, view="search"))
    settled(tab.page, "Found samples")
    choose(tab.page, "Order", explore_texts.SEARCH_ORDER_TITLES["sharpness-up"], types=True)
    tab.page.wait_for_url("**across=sharpness-up*")
    field = tab.page.get_by_label(explore_texts.RULES, exact=True)
    field.fill('label = "digit 1" and brightness > 0')
    field.press("Enter")
    tab.page.wait_for_url("**filter=*")
    at_rest(tab.page)
    tiles = tab.page.get_by_role("group", name="Found samples").locator(".tile")
    expect(tiles.first).to_contain_text("sharpness")
    notes = [text.split("sharpness ")[1] for text in tiles.all_inner_texts()]
    values = [float(note.split()[0].replace(",", "")) for note in notes]
    assert 5 < len(values) < 40
    assert values == sorted(values)
    screenshot(tab.page, "search-sharpness-light")
    assert tab.errors == []


def test_a_class_is_chosen_and_the_link_opens_it(visit: Callable[..., Visit], app: Server) -> None:
    first = visit(address(app)).page
    settled(first, "Extremes")
    choose(first, "Class", "digit 7")
    expect(first.locator(".section .title")).to_have_text(["digit 7"])
    choose_variant(first, "Paper", "definition=paper")
    second = visit(first.url).page
    settled(second, "Extremes")
    expect(second.locator(".section .title")).to_have_text(["digit 7"])
    keys = "all => all.map(e => e.dataset.key)"
    assert second.locator(".tile").evaluate_all(keys) == first.locator(".tile").evaluate_all(keys)
    by_menu(first, "Review", "Explore")
    settled(first, explore_texts.WHOLE_DATASET)
    expect(first.get_by_role("button", name=widget_texts.score_variant("Paper"))).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_about_a_sample(visit: Callable[..., Visit], app: Server, theme: str) -> None:
    folder = next(Path(app.home).parent.glob("digits/*"))
    key = f"{folder.name}/{min(folder.iterdir()).name}"
    tab = visit(address(app, sample=key), theme=theme, height=2200)
    page = tab.page
    expect(page.get_by_role("region", name=sample_texts.NEAREST).locator(".twin").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    picture = page.get_by_alt_text("Most sensitive, number 1")
    ask = page.get_by_role("button", name=widget_texts.COMPUTE)
    expect(ask.or_(picture).first).to_be_visible()
    if ask.is_visible():  # the other theme may have asked before
        ask.click()
    expect(picture).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("dialog").locator(".js-plotly-plot .main-svg").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert picture.evaluate("async image => { await image.decode(); return image.naturalWidth }") > 0
    screenshot(page, f"detail-{theme}")
    link = page.get_by_role("dialog").get_by_test_id("stCode").inner_text()
    again = visit(link.strip(), theme=theme).page
    expect(again.get_by_role("dialog").locator(".name")).to_have_text(key)
    assert tab.errors == []


def test_the_figures_of_a_sample_are_to_be_had_as_files(visit: Callable[..., Visit], app: Server) -> None:
    folder = next(Path(app.home).parent.glob("digits/*"))
    page = visit(address(app, sample=f"{folder.name}/{min(folder.iterdir()).name}"), height=1600).page
    for key, column in (("detail-spectrum", "Singular value"), ("detail-place", "Share of samples (%)")):
        button = page.locator(f".st-key-{key}-downloads").get_by_role("button").first
        expect(button).to_be_visible()
        at_rest(page)
        button.click()
        with page.expect_download() as download:
            page.get_by_role("button", name=widget_texts.DATA_AS_CSV).click()
        rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
        assert all(float(row[column]) >= 0 for row in rows)
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name=widget_texts.DATA_AS_CSV)).to_be_hidden()
    expect(page.get_by_role("dialog")).to_be_visible()
