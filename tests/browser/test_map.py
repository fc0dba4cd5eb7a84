"""Map in a real browser: points, the picture under the pointer, a lasso that filters the list, keys, both themes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, Page, expect

from jepascore_core.jobs.requests import follow, request_dataset, request_run
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.storage.store import Store
from pages.ui.app import state
from pages.ui.explore import texts as explore_texts
from pages.ui.map import texts
from pages.ui.widgets import texts as widget_texts
from tests.browser.conftest import ROOT, Server, Visit, at_rest, by_menu, choose, click_segment, screenshot, serve
from tests.browser.pictures import write_digits

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NUM_DIGITS = 300


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("map")
    write_digits(folder / "digits", NUM_DIGITS)
    with serve(ROOT / "app.py", folder / "home") as server:
        store = Store(server.home)
        request_dataset(store, "digits", str(folder / "digits"))
        request = MeasurementRequest("digits", BackboneRef("bundled:digits-vit"), estimator="embed")
        run = request_run(store, request)
        list(follow(store, partial(store.catalogue.run, run.run_id)))
        yield server


def address(app: Server, **parameters: str) -> str:
    return f"{app.url}/map?{urlencode(parameters)}"


def points(page: Page) -> Locator:
    return page.get_by_role("img", name=texts.MAP)


def painted(page: Page, listed: int = NUM_DIGITS) -> None:
    """Once the points are drawn, and so many of them are listed."""
    expect(points(page)).to_have_attribute("data-painted", re.compile(rf" {listed}$"))
    at_rest(page)


def draw_around(page: Page, left: float, right: float) -> None:
    """Draw a lasso around a part of the map, from one share of its width to another."""
    box = points(page).bounding_box()
    assert box
    corners = [(left, 0.03), (right, 0.03), (right, 0.97), (left, 0.97), (left, 0.05)]
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=12)
    page.mouse.up()


def unfold(page: Page) -> None:
    """Open the choices, which are one line in a narrow window."""
    line = page.get_by_role("button", name=f"{widget_texts.CHOICES}: ")
    expect(line).to_contain_text("digits")
    expect(page.get_by_label(texts.COLOUR, exact=True)).to_be_hidden()
    line.focus()
    page.keyboard.press("Enter")
    expect(line).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_label(texts.COLOUR, exact=True)).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_two_ways_to_arrange(visit: Callable[..., Visit], app: Server, theme: str, width: int) -> None:
    tab = visit(address(app, layout="pca"), theme=theme, width=width)
    painted(tab.page)
    if width < 640:
        # Its frame covers a pixel of it on each side.
        expect(points(tab.page)).to_be_in_viewport(ratio=0.98)
        unfold(tab.page)
    click_segment(tab.page, texts.LAYOUT_TITLES["pacmap"], "layout")
    expect(tab.page.get_by_text("PaCMAP of 300 images")).to_be_visible()
    painted(tab.page)
    screenshot(tab.page, f"map-{width}-{theme}")
    assert tab.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert tab.errors == []


def test_a_lasso_filters_the_list_and_escape_lets_go(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(address(app, layout="pca"))
    page = tab.page
    painted(page)
    lasso = page.get_by_role("button", name=texts.IN_BROWSER["lasso"], exact=True)
    lasso.click()
    draw_around(page, 0.02, 0.5)
    page.wait_for_url("**filter=in+region*")
    expect(lasso).to_have_attribute("aria-pressed", "false")
    total = page.locator(".grid .total")
    expect(total).to_contain_text(f"of {NUM_DIGITS}")
    marked = int(total.inner_text().split()[0])
    assert 20 < marked < 280
    painted(page, marked)
    screenshot(page, "map-region-light")
    link = page.url
    page.locator(f".st-key-pick-{state.COLOUR} input").click()
    option = page.get_by_role("option", name=texts.COLOUR_TITLES["nothing"], exact=True)
    expect(option).to_be_visible()
    page.keyboard.press("Escape")
    expect(option).to_be_hidden()
    page.wait_for_timeout(500)
    assert page.url == link, "the key has closed the list, and no more"
    points(page).focus()
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "filter" not in url)
    painted(page)
    again = visit(link)
    painted(again.page, marked)
    assert tab.errors == again.errors == []


def test_a_region_gets_a_name_and_becomes_a_rule(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(address(app, layout="pca"))
    page = tab.page
    painted(page)
    page.keyboard.down("Shift")
    draw_around(page, 0.5, 0.98)
    page.keyboard.up("Shift")
    page.wait_for_url("**filter=in+region*")
    page.get_by_role("button", name=texts.NAME_REGION).click()
    page.get_by_label(texts.NAME, exact=True).fill("right half")
    page.get_by_role("button", name=texts.SAVE, exact=True).click()
    page.wait_for_url("**right+half*")
    at_rest(page)
    page.get_by_role("link", name=explore_texts.MAKE_RULES).click()
    expect(page.get_by_role("heading", level=1, name="Curate")).to_be_visible()
    expect(page.get_by_text('in region "right half"').first).to_be_visible()
    assert tab.errors == []


def test_filters_and_map_follow_each_other(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(address(app, layout="pca"))
    page = tab.page
    painted(page)
    box = page.locator('.facet[data-name="label"]')
    box.get_by_text("digit 3", exact=True).click()
    page.wait_for_url("**filter=*")
    number = int(page.locator(".grid .total").inner_text().split()[0])
    painted(page, number)
    by_menu(page, "Explore", "Map")
    painted(page)
    assert tab.errors == []


def test_the_picture_under_the_pointer_and_the_sample_of_a_click(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(address(app, layout="pacmap"))
    page = tab.page
    painted(page)
    card = page.locator(".map .card")
    stage = points(page).bounding_box()
    assert stage
    for number in range(400):
        x, y = 0.5 + 0.02 * (number % 20 - 10), 0.5 + 0.02 * (number // 20 - 10)
        page.mouse.move(stage["x"] + stage["width"] * x, stage["y"] + stage["height"] * y)
        page.wait_for_timeout(60)
        if card.is_visible():
            break
    page.wait_for_timeout(500)  # a card that was slow to come may be of a point that the pointer has left
    expect(card.locator("img")).to_have_js_property("complete", True)
    assert card.locator("img").evaluate("image => image.naturalWidth") > 0
    key = card.locator(".name").inner_text()
    screenshot(page, "map-hover-light")
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url("**sample=*")
    expect(page.get_by_test_id("stDialog")).to_contain_text(key.rpartition("/")[2])
    assert tab.errors == []


def test_keys_and_colours(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(address(app, layout="pca"))
    page = tab.page
    painted(page)
    points(page).focus()
    for key in ("+", "ArrowLeft", "ArrowUp", "-", "0"):
        page.keyboard.press(key)
    legend = page.get_by_role("group", name=texts.IN_BROWSER["legend"])
    expect(legend.get_by_role("button")).to_have_count(8)
    only = legend.get_by_role("button").first
    only.click()
    expect(only).to_have_attribute("aria-pressed", "true")
    choose(page, texts.COLOUR, texts.COLOUR_TITLES["label_issue"])
    page.wait_for_url("**colour=label_issue*")
    expect(legend.get_by_text(texts.ENDS["label_issue"][1])).to_be_visible()
    screenshot(page, "map-label-issue-light")
    assert tab.errors == []
