"""The gallery in a real browser: what it draws, when it loads, what it reports, and what it refuses to run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Dialog, Locator, Page, expect

from jepascore_core.curation.decisions import verdicts
from jepascore_core.datasets.thumbnails import ensure_thumbnail
from jepascore_core.storage.store import Store
from pages.ui.widgets.gallery import Tile
from pages.ui.widgets.keys import KEYS
from tests.browser.conftest import ROOT, Server, Visit, screenshot, serve
from tests.conftest import wait_until

pytestmark = pytest.mark.browser

APP = ROOT / "tests" / "browser" / "apps" / "gallery_app.py"
HOSTILE = "<img src=x onerror=alert(1)>"
NUM_TILES = 480
WITHOUT_PICTURE = 3


def make_tiles() -> list[Tile]:
    tones: tuple[Any, ...] = ("least", "random", "most")
    return [
        Tile(
            sample_key=f"{HOSTILE if number == 5 else 'class'}/{number:03d}.png",
            content_id=f"{number:032x}",
            caption=HOSTILE if number == 6 else f"{300 + number / 10:.1f}",
            badge=f"{number % 100} %",
            percentile=float(number % 100),
            tone=tones[number % 24 // 8],
            tooltip=f"{HOSTILE}\nsecond line",
            label=f"class {number // 24}",
        )
        for number in range(NUM_TILES)
    ]


@pytest.fixture
def forgives() -> tuple[str, ...]:
    """One of the samples has no picture, and none has a file to be enlarged."""
    return (f"{WITHOUT_PICTURE:032x}", "/images/view/")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("gallery") / "home"
    tiles = make_tiles()
    store = Store(home)
    store.catalogue.add_dataset("tiles", "/images/tiles", "imagefolder", {})
    (home / "tiles.json").write_text(json.dumps([asdict(tile) for tile in tiles]))
    for number, tile in enumerate(tiles):
        if number != WITHOUT_PICTURE:
            colour = (number * 37 % 256, number * 59 % 256, number * 83 % 256)
            ensure_thumbnail(home / "thumbs", tile.content_id, Image.new("RGB", (96, 64 + number % 64), colour))
    with serve(APP, home) as server:
        yield server


def gallery_of(page: Page, label: str = "Classes") -> Locator:
    found = page.get_by_role("group", name=label)
    found.locator(".tile").first.wait_for()
    return found


def tile_of(page: Page, number: int) -> Locator:
    return gallery_of(page).locator(".tile").nth(number)


def focused(page: Page) -> str | None:
    return page.evaluate(
        """() => [...document.querySelectorAll("*")]
            .map((element) => element.shadowRoot?.activeElement?.dataset.key).find((key) => key) ?? null"""
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_draws_sections_groups_and_tiles(visit: Callable[..., Visit], app: Server, theme: str) -> None:
    tab = visit(app.url, theme=theme)
    gallery = gallery_of(tab.page)
    assert gallery.locator(".tile").count() == NUM_TILES
    assert gallery.locator(".section").count() == NUM_TILES // 24
    first = gallery.locator(".section").first
    assert first.locator(".group-name").all_inner_texts() == ["Least likely", "Random", "Most likely"]
    expect(first.locator(".subtitle")).to_have_text("24 images")
    tile = first.locator(".tile").nth(1)
    assert [text for text in tile.inner_text().split("\n") if text] == ["300.1", "1 %"]
    assert tile.locator("img").get_attribute("alt") == "class/001.png"
    expect(gallery.locator(".missing")).to_have_count(1)
    expect(tile_of(tab.page, WITHOUT_PICTURE)).to_have_class("tile missing")
    screenshot(tab.page, f"gallery-{theme}")


@pytest.mark.parametrize("theme, is_light", [("light", True), ("dark", False)])
def test_text_follows_the_theme(visit: Callable[..., Visit], app: Server, theme: str, is_light: bool) -> None:
    tab = visit(app.url, theme=theme)
    colour = tile_of(tab.page, 0).locator(".caption").evaluate("e => getComputedStyle(e).color")
    brightness = sum(int(part) for part in re.findall(r"\d+", colour)[:3]) / 3
    assert (brightness < 100) == is_light
    assert (brightness > 180) != is_light


def test_pictures_below_the_fold_are_not_asked_for(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(app.url, height=600)
    gallery_of(tab.page)
    tab.page.wait_for_load_state("networkidle")
    last = f"images/thumb/{NUM_TILES - 1:032x}.webp"
    early = {url for url in tab.requests if "images/thumb/" in url}
    assert 24 <= len(early) < NUM_TILES / 2
    assert not any(url.endswith(last) for url in early)
    with tab.page.expect_response(lambda response: response.url.endswith(last)) as answer:
        tile_of(tab.page, NUM_TILES - 1).scroll_into_view_if_needed()
    assert answer.value.status == 200


def test_hostile_text_stays_text(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(app.url)
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    tab.page.on("dialog", note)
    gallery = gallery_of(tab.page)
    expect(tile_of(tab.page, 6).locator(".caption")).to_have_text(HOSTILE)
    assert tile_of(tab.page, 5).locator("img").get_attribute("alt") == f"{HOSTILE}/005.png"
    assert gallery.locator(".title").first.inner_text() == f"class 0 {HOSTILE}"
    assert gallery.locator(".tile img").count() == NUM_TILES
    tile_of(tab.page, 5).click()
    tab.page.get_by_text(f"chosen: {HOSTILE}/005.png").wait_for()
    assert dialogs == []


def test_a_click_reports_the_sample_each_time(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(app.url)
    counter = tab.page.get_by_text(re.compile("^events: "))
    expect(counter).to_have_text("events: 0")
    for count in (1, 2):
        tile_of(tab.page, 30).click()
        expect(counter).to_have_text(f"events: {count}")
    expect(tab.page.get_by_text("event: GalleryEvent(sample_key='class/030.png', section=1)")).to_be_visible()
    assert tab.page.url.endswith("?sample=class%2F030.png")
    expect(tile_of(tab.page, 30)).to_have_attribute("aria-current", "true")
    assert gallery_of(tab.page).locator('[aria-current="true"]').count() == 1


def test_a_link_opens_with_its_sample_marked(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(f"{app.url}/?sample=class/002.png")
    expect(tile_of(tab.page, 2)).to_have_attribute("aria-current", "true")
    expect(gallery_of(tab.page, "Strip").locator('[aria-current="true"]')).to_have_count(1)


def test_a_choice_redraws_nothing(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(app.url)
    tile_of(tab.page, 0).evaluate("e => { e.isSame = true }")
    tile_of(tab.page, 1).click()
    expect(tile_of(tab.page, 1)).to_have_attribute("aria-current", "true")
    assert tile_of(tab.page, 0).evaluate("e => e.isSame")


def test_the_keyboard_reaches_every_tile(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(app.url)
    gallery = gallery_of(tab.page)
    assert gallery.locator('[tabindex="0"]').count() == 1
    tile_of(tab.page, 0).focus()
    keyboard = tab.page.keyboard
    for key, expected in (("ArrowRight", "class/001.png"), ("ArrowLeft", "class/000.png"), ("End", "class/479.png")):
        keyboard.press(key)
        assert focused(tab.page) == expected
    keyboard.press("Home")
    columns = len(gallery.locator(".tiles").first.evaluate("e => getComputedStyle(e).gridTemplateColumns").split())
    keyboard.press("ArrowDown")
    assert focused(tab.page) == make_tiles()[columns].sample_key
    outline = tile_of(tab.page, columns).locator(".frame").evaluate("e => getComputedStyle(e).outlineWidth")
    assert outline == "3px"
    screenshot(tab.page, "gallery-focus")
    keyboard.press("ArrowUp")
    keyboard.press("ArrowRight")
    keyboard.press("Enter")
    tab.page.get_by_text("chosen: class/001.png").wait_for()
    assert focused(tab.page) == "class/001.png"
    assert gallery.locator('[tabindex="0"]').count() == 1


def test_room_for_pictures_is_kept_before_they_come(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit("about:blank")
    tab.page.route("**/images/thumb/**", lambda route: None)
    tab.page.goto(app.url)
    before = [box["y"] for number in (0, 23, 24) if (box := tile_of(tab.page, number).bounding_box())]
    tab.page.unroute("**/images/thumb/**")
    tab.page.reload()
    tab.page.wait_for_load_state("networkidle")
    after = [box["y"] for number in (0, 23, 24) if (box := tile_of(tab.page, number).bounding_box())]
    assert before == after
    assert len(before) == 3


def test_a_row_scrolls_sideways_within_the_page(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(app.url, width=700)
    strip = gallery_of(tab.page, "Strip").locator(".tiles").first
    assert strip.evaluate("e => { e.scrollLeft = 50; return e.scrollLeft }") == 50
    assert tab.page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    expect(strip.locator(".tile")).to_have_count(8)
    screenshot(tab.page, "gallery-narrow")


def selected(page: Page) -> list[str]:
    return gallery_of(page).locator('.tile[aria-selected="true"]').evaluate_all("all => all.map(e => e.dataset.key)")


def decided(app: Server) -> dict[str, str]:
    store = Store(app.home)
    dataset = store.catalogue.dataset("tiles")
    return dict(verdicts(store, dataset.dataset_id, {tile.sample_key: tile.content_id for tile in make_tiles()}))


def test_a_page_is_gone_through_with_the_keyboard(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(app.url)
    tile_of(tab.page, 40).focus()
    for key in ("k", "d", "k"):
        tab.page.keyboard.press(key)
    assert focused(tab.page) == "class/043.png"
    marks = gallery_of(tab.page).locator(".mark:not(:empty)")
    expect(marks).to_have_text(["✓ keep", "✕ drop", "✓ keep"])
    tab.page.keyboard.press("z")
    expect(marks).to_have_text(["✓ keep", "✕ drop"])
    assert focused(tab.page) == "class/042.png", "what is open again"
    wait_until(lambda: decided(app) == {"class/040.png": "keep", "class/041.png": "drop"}, 30.0)
    expect(gallery_of(tab.page).get_by_role("status")).to_have_text("Undid the last decision: class/042.png")
    screenshot(tab.page, "gallery-decisions")
    tab.page.reload()
    expect(marks).to_have_text(["✓ keep", "✕ drop"])
    tile_of(tab.page, 40).focus()
    for left in (["✓ keep"], []):
        tab.page.keyboard.press("z")
        expect(marks).to_have_text(left)
    tab.page.keyboard.press("y")
    expect(marks).to_have_text(["✓ keep"])
    wait_until(lambda: decided(app) == {"class/040.png": "keep"}, 30.0)
    tile_of(tab.page, 40).focus()
    tab.page.keyboard.press("u")
    expect(marks).to_have_count(0)
    wait_until(lambda: decided(app) == {}, 30.0)


def test_a_range_is_selected_and_decided_at_once(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(app.url)
    tile_of(tab.page, 60).focus()
    for key in ("Shift+ArrowRight", "Shift+ArrowRight"):
        tab.page.keyboard.press(key)
    three = [f"class/{number:03d}.png" for number in (60, 61, 62)]
    assert selected(tab.page) == three
    expect(tab.page.get_by_text(f"selected: {', '.join(three)}")).to_be_visible()
    tile_of(tab.page, 65).click(modifiers=["ControlOrMeta"])
    assert selected(tab.page) == [*three, "class/065.png"]
    tile_of(tab.page, 63).click(modifiers=["Shift"])
    assert selected(tab.page) == ["class/063.png", "class/064.png", "class/065.png"]
    expect(gallery_of(tab.page).locator(".count")).to_have_text("3 selected")
    screenshot(tab.page, "gallery-selection")
    tab.page.keyboard.press("d")
    marks = gallery_of(tab.page).locator(".mark:not(:empty)")
    expect(marks).to_have_text(["✕ drop"] * 3)
    assert selected(tab.page) == []
    wait_until(lambda: set(decided(app).values()) == {"drop"}, 30.0)
    tab.page.keyboard.press("z")
    expect(marks).to_have_count(0)
    wait_until(lambda: decided(app) == {}, 30.0)


@pytest.mark.parametrize("tool", [None, "slider"])
def test_the_keys_are_listed(visit: Callable[..., Visit], app: Server, tool: str | None) -> None:
    tab = visit(app.url)
    gallery = gallery_of(tab.page)
    expect(gallery.get_by_role("button", name="⌨ Keys")).to_be_visible()
    if tool:
        gallery.get_by_role(tool).focus()  # type: ignore[arg-type]
    overlay = tab.page.get_by_role("dialog", name="Keyboard shortcuts")
    for shown in (True, False):
        tab.page.keyboard.press("?")
        expect(overlay).to_be_visible(visible=shown)
    tab.page.keyboard.press("?")
    assert all(overlay.get_by_text(key.upper(), exact=True).count() for key in KEYS.values())
    screenshot(tab.page, "gallery-keys")


def test_space_enlarges_and_the_arrows_go_on(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(app.url)
    tile_of(tab.page, 9).focus()
    tab.page.keyboard.press("Space")
    viewer = tab.page.get_by_role("dialog", name="Enlarged image")
    expect(viewer).to_be_visible()
    tab.page.keyboard.press("ArrowRight")
    expect(viewer.locator("img")).to_have_attribute("alt", "class/010.png")
    # There is no file behind these tiles, only their thumbnails.
    expect(viewer.locator("img")).to_have_attribute("src", f"images/thumb/{10:032x}.webp")
    tab.page.wait_for_load_state("networkidle")
    screenshot(tab.page, "gallery-enlarged")
    tab.page.keyboard.press("Space")
    expect(viewer).not_to_be_visible()
    assert focused(tab.page) == "class/010.png"


def test_size_and_overlays_are_in_the_url(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(app.url)
    gallery = gallery_of(tab.page)
    expect(tile_of(tab.page, 1).locator(".label")).not_to_be_visible()
    gallery.get_by_role("button", name="Label", exact=True).click()
    expect(tile_of(tab.page, 1).locator(".label")).to_have_text("class 0")
    expect(tile_of(tab.page, 1).locator(".label")).to_be_visible()
    tab.page.wait_for_url(re.compile(r"show=score%2Cpercentile%2Clabel%2Cbar"))
    before = tile_of(tab.page, 1).locator(".frame").bounding_box()
    gallery.get_by_role("slider").fill("200")
    tab.page.wait_for_url(re.compile("size=200"))
    after = tile_of(tab.page, 1).locator(".frame").bounding_box()
    assert before and after and after["width"] > 1.5 * before["width"]
    tab.page.reload()
    expect(tile_of(tab.page, 1).locator(".label")).to_be_visible()
    expect(gallery_of(tab.page).get_by_role("slider")).to_have_value("200")


def test_a_screen_reader_is_told_what_is_what(visit: Callable[..., Visit], app: Server) -> None:
    tab = visit(app.url)
    gallery = gallery_of(tab.page)
    lists = gallery.get_by_role("listbox")
    assert lists.first.get_attribute("aria-label") == f"class 0 {HOSTILE}, Least likely"
    assert lists.first.get_attribute("aria-multiselectable") == "true"
    expect(lists.first).to_have_accessible_description(re.compile("K: Keep the image.* Enter: Open the sample"))
    assert all(toggle.get_attribute("title") for toggle in gallery.locator("[data-toggle]").all())
    expect(lists.first.get_by_role("option", selected=False)).to_have_count(8)
    expect(gallery.get_by_role("option", name="class/001.png 300.1 1 %")).to_have_count(1)
