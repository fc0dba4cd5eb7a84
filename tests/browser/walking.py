"""What somebody does on the pages at random, step by step, and what is to be seen after each."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from playwright.sync_api import Error, Locator, Page, expect

from jepascore_core.curation.decisions import current_decisions
from jepascore_core.storage.store import Store
from pages.ui.app import state
from pages.ui.app.frame import MENU as PAGES
from pages.ui.duplicates import texts as duplicates_texts
from tests.browser.conftest import EXPECT_MILLISECONDS, Server, Visit, at_rest, choose, errors_of, wait_for_truth
from tests.browser.truth import OWN_PARTS, look
from tests.conftest import wait_until

#: For a page on a busy machine.
PATIENCE_SECONDS = 60
MENU = tuple(label for _, label, _ in PAGES)
#: Widgets of parameters that any step may set to anything, as what comes of it is seen on the same page.
LISTS = ("sort", "dataset", "backbone", "class", "order", "decided", "across", "per", "keeper", "reference", "colour")


@dataclass(frozen=True)
class World:
    """An app with two datasets, both measured by one backbone, one of them half by another."""

    server: Server
    store: Store


@dataclass
class Walk:
    """Where somebody is, what they did, what was decided when they came, and what they decided: the verdicts of each
    action, by dataset."""

    tab: Visit
    world: World
    random: random.Random
    found: dict[str, dict[str, str]]
    start: int = 0
    steps: list[str] = field(default_factory=list)
    decided: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    @property
    def page(self) -> Page:
        return self.tab.page

    def dataset_of(self, sample_key: str) -> str:
        """Of which dataset a sample is: its class is named after it."""
        name = sample_key.split()[0]
        return next(item.dataset_id for item in self.world.store.catalogue.datasets() if item.name.startswith(name))


Step = Callable[[Walk], str | None]


def settle(walk: Walk) -> None:
    """Wait until the page of the address is shown, and tells the truth."""
    name = urlsplit(walk.page.url).path.strip("/").capitalize() or "Home"
    expect(walk.page.get_by_role("heading", level=1, name=name, exact=True)).to_be_visible()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not walk.tab.traffic.is_done and time.monotonic() < deadline:
        walk.page.wait_for_timeout(50)
    at_rest(walk.page)
    shown = walk.page.get_by_test_id("stAlertContentError").all_inner_texts()
    wrong = [*wait_for_truth(walk.tab), *errors_of(walk.tab), *(f"an error is shown: {text}" for text in shown)]
    assert wrong == [], "\n".join(wrong)
    seen = look(walk.page)
    if seen.page == "review" and seen.parameters.get(state.AT) and picture_of(walk).count():
        expect(picture_of(walk)).to_have_attribute("alt", seen.parameters[state.AT][0])
    assert bool(seen.dialogs) == (state.SAMPLE in seen.parameters), f"a window is open or not, unlike in {seen.url}"


def check_decisions(walk: Walk) -> None:
    """The catalogue holds what was decided here, and nothing else."""
    for dataset in walk.world.store.catalogue.datasets():
        wanted = dict(walk.found.get(dataset.dataset_id, {}))
        for verdicts in walk.decided.get(dataset.dataset_id, []):
            wanted |= verdicts
        found, deadline = decisions_in(walk.world, dataset.dataset_id), time.monotonic() + PATIENCE_SECONDS
        while found != wanted and time.monotonic() < deadline:
            walk.page.wait_for_timeout(50)
            found = decisions_in(walk.world, dataset.dataset_id)
        assert found == wanted, f"{dataset.name} holds {found}, decided was {wanted}"


def decisions_in(world: World, dataset_id: str) -> dict[str, str]:
    """The verdict about each sample that anybody decided about."""
    return {item.sample_key: item.verdict for item in current_decisions(world.store, dataset_id)}


def second_look(walk: Walk, visit: Callable[..., Visit]) -> None:
    """Whoever opens the same address sees the same choices."""
    other = visit(walk.page.url)
    mine = look(walk.page)
    settle(replace(walk, tab=other))
    theirs = look(other.page)
    other.page.close()
    assert (theirs.widgets, theirs.parts) == (mine.widgets, mine.parts), f"{mine.url} opened anew"


def is_covered(walk: Walk) -> bool:
    """Whether the window of a sample lies over the page."""
    return walk.page.get_by_test_id("stDialog").count() > 0


def go_to_another_page(walk: Walk) -> str | None:
    if is_covered(walk):
        return None
    name = walk.random.choice(MENU)
    before = look(walk.page).parameters
    walk.page.get_by_test_id("stSidebar").get_by_role("link", name=name, exact=True).click()
    expect(walk.page.get_by_role("heading", level=1, name=name, exact=True)).to_be_visible()
    settle(walk)
    after = look(walk.page).parameters
    for parameter in (*state.CARRIED, *state.CARRIED_TEXTS):
        assert after.get(parameter) == before.get(parameter), f"{parameter} is not taken along to {name}"
    return f"menu: {name}"


def go_back(walk: Walk) -> str | None:
    if walk.page.evaluate("navigation.currentEntry.index") <= walk.start:
        return None
    walk.page.go_back(wait_until="commit")
    return "back"


def go_forward(walk: Walk) -> str | None:
    if not walk.page.evaluate("navigation.canGoForward"):
        return None
    walk.page.go_forward(wait_until="commit")
    return "forward"


def reload(walk: Walk) -> str | None:
    walk.page.reload()
    return "reload"


def choose_from_list(walk: Walk) -> str | None:
    boxes = [name for name in LISTS if walk.page.locator(f".st-key-pick-{name} input").is_visible()]
    if not boxes or is_covered(walk):
        return None
    name = walk.random.choice(boxes)
    box = walk.page.locator(f".st-key-pick-{name} input")
    options = options_of(walk, box)
    others = [option for option in options if option != box.input_value()]
    walk.page.keyboard.press("Escape")
    if not others:
        return None
    option = walk.random.choice(others)
    choose(walk.page, str(box.get_attribute("aria-label")), option)
    expect(box).to_have_value(option)
    settle(walk)
    expect(box).to_have_value(option)
    return f"choose {name}: {option}"


def options_of(walk: Walk, box: Locator) -> list[str]:
    """What a list offers; a redraw may close it."""
    for _ in range(4):
        with suppress(Error):
            box.click()
            offered = walk.page.locator('[role="option"]:not(.tile)')  # tiles are options of their gallery
            offered.first.wait_for(timeout=5000)
            return offered.all_inner_texts()
    raise AssertionError("a list does not open")


def choose_segment(walk: Walk) -> str | None:
    groups = walk.page.locator('[class*="st-key-pick-"] [role="radiogroup"]').all()
    groups = [group for group in groups if group.is_visible()]
    if not groups or is_covered(walk):
        return None
    group = walk.random.choice(groups)
    label = str(group.get_attribute("aria-label"))
    option = walk.random.choice(group.get_by_role("radio").all_inner_texts())
    radio = walk.page.get_by_role("radiogroup", name=label, exact=True).get_by_role("radio", name=option, exact=True)
    radio.click()
    expect(radio).to_have_attribute("aria-checked", "true")
    settle(walk)
    expect(radio).to_have_attribute("aria-checked", "true")
    return f"segment {label}: {option}"


def choose_backbones(walk: Walk) -> str | None:
    box = walk.page.locator(".st-key-pick-backbones input")
    if not box.is_visible() or is_covered(walk):
        return None
    tags = walk.page.locator(".st-key-pick-backbones [data-tag]")
    before = tags.count()
    if before > 1:
        tags.last.get_by_role("button").click()
        expect(tags).to_have_count(before - 1)
        return "one backbone less"
    option = walk.random.choice([option for option in options_of(walk, box) if option != "Select all"])
    walk.page.keyboard.press("Escape")
    choose(walk.page, "Backbones", option)
    walk.page.keyboard.press("Escape")
    expect(tags).to_have_count(before + 1)
    return "one backbone more"


def slide(walk: Walk) -> str | None:
    slider = walk.page.locator(".st-key-pick-n input")
    if not slider.is_visible() or is_covered(walk):
        return None
    before = int(slider.input_value())
    url = walk.page.url
    slider.press("ArrowLeft" if before > 8 else "ArrowRight")
    walk.page.wait_for_url(lambda now: now != url)
    expect(slider).to_have_value(str(before - 1 if before > 8 else before + 1))
    return f"slide from {before}"


def type_words(walk: Walk) -> str | None:
    field = walk.page.locator(".st-key-pick-q input")
    if not field.is_visible() or is_covered(walk):
        return None
    words = walk.random.choice(["0", "digits", "copy", "nothing like that", ""])
    field.fill(words)
    field.press("Enter")
    settle(walk)
    expect(field).to_have_value(words)
    return f"search {words!r}"


def open_a_part(walk: Walk) -> str | None:
    parts = [name for name in look(walk.page).parts if name not in OWN_PARTS]
    if not parts or is_covered(walk):
        return None
    name = walk.random.choice(parts)
    part = walk.page.locator(f".st-key-{name} details")
    was_open = part.evaluate("e => e.open")
    part.locator("summary").click()
    settle(walk)
    assert part.evaluate("e => e.open") != was_open, f"{name} stays as it was"
    return f"{'close' if was_open else 'open'} {name}"


def tiles_of(walk: Walk) -> list[Locator]:
    """Pictures that a person could click or focus now; none under a window."""
    if is_covered(walk) or look(walk.page).page not in ("explore", "compare", "curate"):
        return []
    return walk.page.locator(".tile[data-key]:visible").all()


def open_a_sample(walk: Walk) -> str | None:
    tiles = tiles_of(walk)
    if not tiles:
        return None
    tile = walk.random.choice(tiles)
    key = tile.get_attribute("data-key")
    tile.click()
    expect(walk.page.get_by_test_id("stDialog")).to_be_visible()
    settle(walk)
    assert look(walk.page).parameters[state.SAMPLE] == [key]
    expect(walk.page.get_by_test_id("stDialog")).to_contain_text(str(key))
    return f"open {key}"


def close_the_sample(walk: Walk) -> str | None:
    if not is_covered(walk):
        return None
    walk.page.keyboard.press("Escape")
    expect(walk.page.get_by_test_id("stDialog")).to_have_count(0)
    return "close the sample"


def decide_in_gallery(walk: Walk) -> str | None:
    tiles = tiles_of(walk)
    if not tiles:
        return None
    tile = walk.random.choice(tiles)
    key, verdict = str(tile.get_attribute("data-key")), walk.random.choice(["keep", "drop"])
    tile.focus()
    walk.page.keyboard.press(verdict[0])
    note(walk, key, verdict)
    wait_until(lambda: _is_marked_or_gone(walk.page, key, verdict), EXPECT_MILLISECONDS / 1000)
    return f"{verdict} {key} in the gallery"


def _is_marked_or_gone(page: Page, key: str, verdict: str) -> bool:
    """Curate's preview shows what nobody decided about: there a tile leaves with its decision."""
    tile = page.locator(f'.tile[data-key="{key}"]')
    return tile.count() == 0 or any(verdict in text for text in tile.locator(".mark").all_text_contents())


def picture_of(walk: Walk) -> Locator:
    """The image that Review asks about; none at the end of its queue."""
    return walk.page.get_by_role("group", name="Review").locator(".frame img")


def decide_by_button(walk: Walk) -> str | None:
    """In the window of a sample, or on Review: about the one that the URL names."""
    seen = look(walk.page)
    place = walk.page.get_by_test_id("stDialog") if seen.dialogs else walk.page.get_by_test_id("stMain")
    keys = seen.parameters.get(state.SAMPLE if seen.dialogs else state.AT, [])
    verdict = walk.random.choice(["Keep", "Drop"])
    button = place.get_by_role("button", name=re.compile(rf"\b{verdict}$"))
    if not keys or not (seen.dialogs or picture_of(walk).count()) or not button.count():
        return None
    button.first.click()
    note(walk, keys[0], verdict.lower())
    return f"{verdict} {keys[0]} by its button"


def note(walk: Walk, sample_key: str, verdict: str) -> None:
    """Remember a decision, and find it in the catalogue."""
    walk.decided.setdefault(walk.dataset_of(sample_key), []).append({sample_key: verdict})
    check_decisions(walk)


def choose_a_keeper(walk: Walk) -> str | None:
    """On Duplicates a click keeps one of a group and drops the others."""
    groups = walk.page.get_by_role("group", name=duplicates_texts.GROUPS).get_by_role("listbox")
    if look(walk.page).page != "duplicates" or not groups.count():
        return None
    group = walk.random.choice(groups.all())
    keys = group.locator(".tile").evaluate_all("all => all.map((e) => e.dataset.key)")
    kept = walk.random.choice(keys)
    group.locator(f'.tile[data-key="{kept}"]').click()
    verdicts = {key: "keep" if key == kept else "drop" for key in keys}
    walk.decided.setdefault(walk.dataset_of(kept), []).append(verdicts)
    check_decisions(walk)
    return f"keep {kept} of {len(keys)}"


def undo(walk: Walk) -> str | None:
    place = walk.page.get_by_test_id("stDialog") if is_covered(walk) else walk.page.get_by_test_id("stMain")
    button = place.get_by_role("button", name=re.compile(r"Undo \("))
    if not button.count() or not button.first.is_enabled():
        return None
    (dataset_id,) = look(walk.page).parameters.get(state.DATASET, [""])
    if not walk.decided.get(dataset_id):
        return None
    button.first.click()
    walk.decided[dataset_id].pop()
    check_decisions(walk)
    return "undo"


#: What a person does, and how often.
WAYS: tuple[tuple[Step, int], ...] = (
    (go_to_another_page, 8),
    (go_back, 4),
    (go_forward, 2),
    (reload, 1),
    (choose_from_list, 6),
    (choose_segment, 4),
    (choose_backbones, 2),
    (slide, 1),
    (type_words, 2),
    (open_a_part, 2),
    (open_a_sample, 3),
    (close_the_sample, 8),
    (decide_in_gallery, 3),
    (decide_by_button, 4),
    (choose_a_keeper, 2),
    (undo, 3),
)
