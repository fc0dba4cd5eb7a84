"""What somebody does at random on the map, on Runs, and with tags in the sample window."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from pages.ui.app import state
from pages.ui.map import texts as map_texts
from pages.ui.runs import texts as runs_texts
from pages.ui.widgets import texts as widget_texts
from tests.browser.truth import look
from tests.browser.walking import Step, Walk, check_decisions, is_covered, settle

NO_FOLDER = "/there/is/no such folder"


def _has_region(walk: Walk) -> bool:
    return any("in region" in text for text in look(walk.page).parameters.get(state.FILTER, []))


def mark_a_region(walk: Walk) -> str | None:
    """Draw a lasso around one half of the map: the region is a filter in the address."""
    page = walk.page
    points = page.get_by_role("img", name=map_texts.MAP)
    if is_covered(walk) or look(page).page != "map" or not points.is_visible():
        return None
    expect(points).to_have_attribute("data-painted", re.compile("."))
    points.scroll_into_view_if_needed()
    box = points.bounding_box()
    assert box
    left = walk.random.choice([0.02, 0.5])
    before = look(page).parameters.get(state.FILTER)
    page.get_by_role("button", name=map_texts.IN_BROWSER["lasso"], exact=True).click()
    corners = [(left, 0.03), (left + 0.48, 0.03), (left + 0.48, 0.97), (left, 0.97), (left, 0.05)]
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=12)
    page.mouse.up()
    page.wait_for_timeout(400)
    settle(walk)
    is_empty = page.get_by_text(map_texts.NOBODY_THERE).count() > 0
    assert is_empty or _has_region(walk), f"no region is in the address, which had {before}"
    return f"lasso from {left}"


def let_go_of_the_region(walk: Walk) -> str | None:
    """Escape clears the region, and nothing else."""
    if is_covered(walk) or look(walk.page).page != "map" or not _has_region(walk):
        return None
    walk.page.get_by_role("img", name=map_texts.MAP).focus()
    walk.page.keyboard.press("Escape")
    walk.page.wait_for_timeout(400)
    settle(walk)
    assert not _has_region(walk), "the region is still in the address"
    return "let go of the region by Escape"


def choose_in_the_table(walk: Walk) -> str | None:
    """Details of a dataset on Runs: the form above is about the same one."""
    name = f"{widget_texts.DATASET_TABLE['details']}: "
    buttons = walk.page.get_by_role("button", name=name)
    if is_covered(walk) or look(walk.page).page != "runs" or not buttons.count():
        return None
    button = buttons.nth(walk.random.randrange(buttons.count()))
    dataset = str(button.get_attribute("aria-label")).removeprefix(name)
    button.click()
    walk.page.wait_for_timeout(400)
    settle(walk)
    expect(walk.page.locator(".st-key-pick-dataset input")).to_have_value(dataset)
    expect(walk.page.get_by_text(f"{dataset} · Ready")).to_be_visible()
    return f"details of {dataset}"


def check_a_folder_that_is_not_there(walk: Walk) -> str | None:
    """It is said, nothing is added, and it is gone with the path."""
    if is_covered(walk) or look(walk.page).page != "runs":
        return None
    field = walk.page.get_by_label(runs_texts.PATH, exact=True).first
    if not field.is_visible():
        return None
    field.fill(NO_FOLDER)
    walk.page.get_by_role("button", name=runs_texts.CHECK, exact=True).click()
    said = walk.page.get_by_text(f"{NO_FOLDER} does not exist")
    expect(said).to_be_visible()
    field.fill("")
    walk.page.get_by_role("button", name=runs_texts.CHECK, exact=True).click()
    expect(said).to_be_hidden()
    return "a folder that is not there"


def tag_in_the_window(walk: Walk) -> str | None:
    """The tag of key 1 is added or removed, which undo knows as an action that decides nothing."""
    window = walk.page.get_by_test_id("stDialog")
    tag = window.locator(".tag-buttons button").first
    if not is_covered(walk) or not tag.count():
        return None
    (sample_key,) = look(walk.page).parameters[state.SAMPLE]
    was_set = tag.get_attribute("aria-pressed") == "true"
    tag.click()
    expect(tag).to_have_attribute("aria-pressed", str(not was_set).lower())
    walk.decided.setdefault(walk.dataset_of(sample_key), []).append({})
    check_decisions(walk)
    return f"{'untag' if was_set else 'tag'} {sample_key}"


#: As `walking.WAYS`.
MAP_WAYS: tuple[tuple[Step, int], ...] = (
    (mark_a_region, 6),
    (let_go_of_the_region, 6),
    (choose_in_the_table, 5),
    (check_a_folder_that_is_not_there, 4),
    (tag_in_the_window, 3),
)
