"""The whole dataset in one list, used as a person does: by clicks, keys, filters and selections, without a backbone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Download, Locator, Page, expect

from jepascore_core import open_dataset
from jepascore_core.curation.columns.marks import tag_counts
from jepascore_core.curation.decisions import current_decisions
from jepascore_core.datasets.demo import load_digit_images
from jepascore_core.storage.store import Store
from pages.ui.explore import texts
from tests.browser.conftest import ROOT, Server, Visit, at_rest, screenshot, serve
from tests.conftest import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NUM_DIGITS = 400


@dataclass(frozen=True)
class Room:
    """A dataset of digits that nothing has measured."""

    server: Server
    store: Store
    dataset_id: str
    keys: tuple[str, ...]

    def address(self, **parameters: str) -> str:
        return f"{self.server.url}/explore?{urlencode({'dataset': self.dataset_id, 'who': 'ada'} | parameters)}"

    def verdicts(self) -> dict[str, str]:
        found = current_decisions(self.store, self.dataset_id)
        return {item.sample_key: item.verdict for item in found if item.verdict != "undecided"}

    def tags(self) -> dict[str, int]:
        return tag_counts(self.store, self.store.catalogue.dataset(self.dataset_id))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("whole")
    images, labels = load_digit_images()
    for number in range(NUM_DIGITS):
        path = folder / "digits" / f"digit {labels[number]}" / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[number]).save(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JEPASCORE_HOME", str(folder / "home"))
        keys = tuple(sorted(sample.sample_key for sample in open_dataset(folder / "digits")))
        store = Store(folder / "home")
        with serve(ROOT / "app.py", folder / "home") as server:
            yield Room(server, store, store.catalogue.datasets()[0].dataset_id, keys)


@pytest.fixture(autouse=True)
def nothing_said(room: Room) -> Iterator[None]:
    yield
    with room.store.catalogue.transaction() as connection:
        connection.execute("DELETE FROM decision_actions")
        connection.execute("DELETE FROM tags")


def grid_of(page: Page, number: int = NUM_DIGITS) -> Locator:
    grid = page.get_by_role("group", name=texts.WHOLE_DATASET)
    expect(grid.locator(".total")).to_contain_text(f"{number}")
    expect(grid.locator(".tile[data-key]:visible").first).to_be_visible()
    return grid


def tile(page: Page, key: str) -> Locator:
    return page.locator(f'.tile[data-key="{key}"]')


def selected(grid: Locator) -> list[str]:
    marked = grid.locator('.tile[aria-selected="true"]:visible')
    return sorted(str(key) for key in marked.evaluate_all("all => all.map((e) => e.dataset.key)"))


def parameter(page: Page, name: str) -> str | None:
    return parse_qs(urlsplit(page.url).query).get(name, [None])[0]


def test_ranges_by_clicks_and_keys(visit: Callable[..., Visit], room: Room) -> None:
    page = visit(room.address(), width=1440).page
    grid = grid_of(page)
    shown = grid.locator(".tile[data-key]:visible").count()
    assert shown >= 24, f"{shown} pictures are on the first screen"
    tile(page, room.keys[2]).click(modifiers=["Control"])
    tile(page, room.keys[6]).click(modifiers=["Shift"])
    assert selected(grid) == list(room.keys[2:7])
    expect(grid.locator(".count")).to_have_text("5 selected")
    tile(page, room.keys[4]).click(modifiers=["Control"])
    assert selected(grid) == [*room.keys[2:4], *room.keys[5:7]]
    page.keyboard.press("Escape")
    expect(grid.locator(".count")).to_have_count(0)
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert selected(grid) == list(room.keys[1:4])
    page.keyboard.press("Escape")
    page.keyboard.press("End")
    expect(tile(page, room.keys[-1])).to_be_visible()
    page.keyboard.press("Home")
    expect(tile(page, room.keys[0])).to_be_visible()


def test_one_key_decides_and_moves_on_and_undo_takes_it_back(visit: Callable[..., Visit], room: Room) -> None:
    page = visit(room.address()).page
    grid_of(page)
    page.locator(".scroller").focus()
    for key in ("k", "d", "k"):
        page.keyboard.press(key)
    expect(tile(page, room.keys[1]).locator(".mark")).to_have_text("✕ drop")
    wait_until(lambda: room.verdicts() == {room.keys[0]: "keep", room.keys[1]: "drop", room.keys[2]: "keep"})
    for _ in range(2):
        page.keyboard.press("z")
    wait_until(lambda: room.verdicts() == {room.keys[0]: "keep"})
    expect(tile(page, room.keys[1]).locator(".mark")).to_have_text("")
    page.keyboard.press("y")
    wait_until(lambda: room.verdicts() == {room.keys[0]: "keep", room.keys[1]: "drop"})


def test_all_that_match_are_dropped_and_it_is_undone_at_once(visit: Callable[..., Visit], room: Room) -> None:
    page = visit(room.address()).page
    grid = grid_of(page)
    sevens = [key for key in room.keys if key.startswith("digit 7/")]
    grid.get_by_role("checkbox", name="digit 7").check()
    expect(grid.locator(".total")).to_have_text(f"{len(sevens)} of {NUM_DIGITS} samples")
    page.wait_for_url(lambda url: parameter(page, "filter") == 'label in ("digit 7")')
    grid.get_by_role("button", name="Select all").click()
    expect(grid.locator(".count")).to_have_text(f"{len(sevens)} selected")
    grid.locator(".chosen").get_by_role("button", name="drop").click()
    wait_until(lambda: room.verdicts() == dict.fromkeys(sevens, "drop"))
    expect(page.get_by_text(texts.decided("drop", len(sevens)))).to_be_visible()
    expect(tile(page, sevens[0]).locator(".mark")).to_have_text("✕ drop")
    at_rest(page)
    page.keyboard.press("z")
    wait_until(lambda: room.verdicts() == {})
    expect(tile(page, sevens[0]).locator(".mark")).to_have_text("")
    grid.get_by_role("button", name="Clear filters").click()
    expect(grid.locator(".total")).to_have_text(f"{NUM_DIGITS} samples")
    page.wait_for_url(lambda url: parameter(page, "filter") is None)


def test_a_slider_and_a_limit_filter(visit: Callable[..., Visit], room: Room) -> None:
    page = visit(room.address()).page
    grid = grid_of(page)
    box = grid.locator('.facet[data-name="brightness"]')
    box.locator("summary").click()
    handle = box.get_by_role("slider", name="Least Brightness")
    handle.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(grid.locator(".total")).to_have_text(re.compile(rf"^\d+ of {NUM_DIGITS} samples$"))
    page.wait_for_url(re.compile("filter=brightness"))
    assert len(selected(grid)) == 0
    field = box.get_by_role("spinbutton", name="Brightness at least")
    field.fill("")
    field.press("Tab")
    expect(grid.locator(".total")).to_have_text(f"{NUM_DIGITS} samples")


def test_tags_are_put_on_all_that_match_and_filter(visit: Callable[..., Visit], room: Room) -> None:
    page = visit(room.address()).page
    grid = grid_of(page)
    threes = [key for key in room.keys if key.startswith("digit 3/")]
    grid.get_by_role("checkbox", name="digit 3").check()
    expect(grid.locator(".total")).to_contain_text(f"{len(threes)} of")
    page.locator(".scroller").focus()
    page.keyboard.press("Control+a")
    grid.locator(".tag-menu summary").click()
    field = grid.get_by_label("New tag for all selected")
    field.fill("open top")
    field.press("Enter")
    wait_until(lambda: room.tags() == {"open top": len(threes)})
    expect(page.get_by_text(texts.tagged("open top", len(threes), is_set=True))).to_be_visible()
    expect(tile(page, threes[0]).locator(".tag-name")).to_have_text("open top")
    expect(grid.locator(".count")).to_have_text(f"{len(threes)} selected")
    at_rest(page)
    page.locator(".scroller").focus()
    page.keyboard.press("1")
    wait_until(lambda: room.tags() == {})
    page.keyboard.press("1")
    wait_until(lambda: room.tags() == {"open top": len(threes)})
    at_rest(page)
    page.keyboard.press("Escape")
    grid.get_by_role("button", name="Clear filters").click()
    grid.locator('.facet[data-name="tag"]').get_by_role("checkbox", name="open top").check()
    expect(grid.locator(".total")).to_have_text(f"{len(threes)} of {NUM_DIGITS} samples")
    grid.locator('.facet[data-name="tag"]').get_by_role("checkbox", name="No tag").check()
    expect(grid.locator(".total")).to_have_text(f"{NUM_DIGITS - len(threes)} of {NUM_DIGITS} samples")
    screenshot(page, "explore-tags")


def test_the_keys_of_a_selection_are_downloaded(visit: Callable[..., Visit], room: Room) -> None:
    page = visit(room.address()).page
    grid = grid_of(page)
    tile(page, room.keys[0]).click(modifiers=["Control"])
    tile(page, room.keys[2]).click(modifiers=["Control"])
    with page.expect_download() as waiting:
        grid.get_by_role("button", name="Download keys").click()
    download: Download = waiting.value
    assert Path(download.path()).read_text().splitlines() == [room.keys[0], room.keys[2]]


def test_help_and_the_enlarged_picture(visit: Callable[..., Visit], room: Room) -> None:
    page = visit(room.address()).page
    grid_of(page)
    page.locator(".scroller").focus()
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(help_).to_contain_text("Select all that match")
    expect(help_).to_contain_text("tag with this key")
    page.keyboard.press("Escape")
    expect(help_).to_be_hidden()
    page.keyboard.press(" ")
    viewer = page.get_by_role("dialog", name="Enlarged image")
    expect(viewer).to_contain_text(room.keys[0])
    page.keyboard.press("ArrowRight")
    expect(viewer).to_contain_text(room.keys[1])
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("stDialog").locator(".name")).to_have_text(room.keys[1])


def test_sorting_by_a_column(visit: Callable[..., Visit], room: Room) -> None:
    page = visit(room.address(sort="sharpness", direction="down")).page
    grid = grid_of(page)
    captions = grid.locator(".tile[data-key]:visible .caption")
    values = [float(text.replace(",", "")) for text in captions.all_inner_texts()]
    keys = grid.locator(".tile[data-key]:visible").evaluate_all(
        "all => all.map((e) => Number(e.getAttribute('aria-posinset')))"
    )
    ordered = [value for _, value in sorted(zip(keys, values, strict=True))]
    assert ordered == sorted(ordered, reverse=True)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_how_it_looks(visit: Callable[..., Visit], room: Room, theme: str, width: int) -> None:
    page = visit(room.address(), theme=theme, width=width).page
    grid_of(page)
    page.wait_for_load_state("networkidle")
    screenshot(page, f"explore-whole-{width}-{theme}")
    if width == 390:
        first = page.locator(".tile[data-key]:visible").first.bounding_box()
        assert first and first["y"] < 700, "pictures are on the first screen"
        sort = page.get_by_label(texts.SORT, exact=True).bounding_box()
        direction = page.get_by_label(texts.DIRECTION, exact=True).bounding_box()
        assert sort and direction and abs(sort["y"] - direction["y"]) < 10, "they stand in one line"
