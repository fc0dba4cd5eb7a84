"""What somebody does at random in the sample window and in the list of the whole dataset."""

from __future__ import annotations

from playwright.sync_api import expect

from pages.ui.app import state
from tests.browser.truth import look
from tests.browser.walking import Step, Walk, is_covered, settle


def go_on_in_the_window(walk: Walk) -> str | None:
    """By arrow keys through what was opened: the picture, its name and then the address are of one sample."""
    if not is_covered(walk):
        return None
    window = walk.page.get_by_test_id("stDialog")
    key = walk.random.choice(["ArrowRight", "ArrowRight", "ArrowLeft"])
    walk.page.keyboard.press(key)
    walk.page.wait_for_timeout(400)
    settle(walk)
    (sample_key,) = look(walk.page).parameters[state.SAMPLE]
    expect(window.locator(".name")).to_have_text(sample_key)
    expect(window.locator(".picture img.base")).to_have_attribute("alt", sample_key)
    return f"{key} in the window, to {sample_key}"


def filter_the_whole_dataset(walk: Walk) -> str | None:
    """A value in the rail of Explore is chosen, or no longer."""
    boxes = walk.page.locator(".facet[open] .value input:visible")
    if is_covered(walk) or not boxes.count():
        return None
    box = boxes.nth(walk.random.randrange(boxes.count()))
    name, was_chosen = box.evaluate("e => e.closest('label').title"), box.is_checked()
    box.click()
    walk.page.wait_for_timeout(400)
    settle(walk)
    seen = look(walk.page).parameters
    assert was_chosen or state.FILTER in seen or state.DECIDED in seen, f"{name} is not in the address"
    return f"{'clear' if was_chosen else 'choose'} {name!r} in the rail"


#: As `walking.WAYS`.
MORE_WAYS: tuple[tuple[Step, int], ...] = ((go_on_in_the_window, 4), (filter_the_whole_dataset, 2))
