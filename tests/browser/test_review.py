"""Review under a fast hand and a slow server: every key is a decision about the image on the screen, once, in order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from jepascore_core import open_dataset
from jepascore_core.curation.decisions import current_decisions
from jepascore_core.curation.journal import history
from jepascore_core.storage.store import Store
from pages.ui.review import texts as review_texts
from pages.ui.review.page import QUEUE_SIZE
from pages.ui.widgets.keys import KEYS
from tests.browser.conftest import ROOT, Server, Visit, free_port, screenshot, serve
from tests.browser.pictures import write_digits
from tests.conftest import SPEC, add_backbone, make_measurement, wait_until

pytestmark = pytest.mark.browser

APP = ROOT / "tests" / "browser" / "apps" / "review_app.py"
NUM_DIGITS = 200
PATIENCE = 120.0
#: What Streamlit and the browser say while the server is away.
WITHOUT_SERVER = ("disconnected from server", "net::ERR_", "server endpoint", "not responding", "WebSocket")


@dataclass
class Desk:
    """A dataset, a server that can be killed and started again at the same address, and a person at it."""

    store: Store
    dataset_id: str
    port: int
    running: ExitStack
    server: Server | None = None
    who: str = "ada"

    def start(self) -> None:
        self.server = self.running.enter_context(serve(APP, self.store.home, port=self.port))

    def stop(self) -> None:
        self.running.close()

    def slow_down(self, seconds: float) -> None:
        (self.store.home / "delay").write_text(str(seconds))

    def address(self, **parameters: str) -> str:
        words = {"dataset": self.dataset_id, "who": self.who, "review": "unlikely", **parameters}
        return f"http://127.0.0.1:{self.port}/?" + "&".join(f"{name}={value}" for name, value in words.items())

    def journal(self) -> list[tuple[str, str | None]]:
        """Kind and sample of what this person did, from the first to the last."""
        mine = [action for action in history(self.store, self.dataset_id, 10_000) if action.who == self.who]
        return [(action.kind, action.first_key) for action in reversed(mine)]

    def standing(self) -> dict[str, str]:
        found = current_decisions(self.store, self.dataset_id)
        return {item.sample_key: item.verdict for item in found if item.who == self.who}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("review")
    write_digits(folder / "digits", NUM_DIGITS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JEPASCORE_HOME", str(folder / "home"))
        opened = open_dataset(folder / "digits")
        store = Store(folder / "home")
        backbone = add_backbone(store)
        rows = []
        for sample in opened:
            pixels = np.asarray(opened.image(sample).convert("L").resize((8, 8)), np.float16).ravel() / 255
            score = 100 - float(np.abs(pixels.astype(np.float64) - 0.3).sum())
            rows.append(replace(make_measurement(sample.content_id, score), embedding=pixels))
        store.write_measurements(backbone.backbone_id, SPEC, rows)
        with ExitStack() as running:
            desk = Desk(store, store.catalogue.datasets()[0].dataset_id, free_port(), running)
            desk.slow_down(0)
            desk.start()
            yield desk


@pytest.fixture
def desk(office: Desk, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """The same for another person each test; nothing that they decided stands after it."""
    office.who = request.node.name.removeprefix("test_").replace("[", "-").replace("]", "")[:40]
    office.slow_down(0)
    yield office
    office.slow_down(0)
    with office.store.catalogue.transaction() as connection:
        connection.execute("DELETE FROM decision_actions")


def deck_of(page: Page) -> Locator:
    found = page.get_by_role("group", name="Review")
    found.locator(".frame img").wait_for()
    return found


def on_screen(page: Page) -> str:
    key = page.evaluate(
        """() => [...document.querySelectorAll("*")]
            .map((element) => element.shadowRoot?.querySelector(".frame img")?.alt).find((key) => key) ?? null"""
    )
    assert key is not None
    return str(key)


def uncover(page: Page) -> None:
    """Close Streamlit's window that says that the server is away: keys are not about an image that it lies over."""
    window = page.get_by_test_id("stDialog")
    while window.count():
        page.keyboard.press("Escape")
        page.wait_for_timeout(50)


def press_each(page: Page, key: str, times: int, hand: random.Random) -> list[str]:
    """Press a key at 50 to 150 ms; the keys of the images that were on the screen."""
    seen = []
    for _ in range(times):
        uncover(page)
        seen.append(on_screen(page))
        page.keyboard.press(key)
        page.wait_for_timeout(hand.uniform(50, 150))
    return seen


@pytest.mark.parametrize("delay", [0.0, 0.7, 3.0])
def test_thirty_keys_are_thirty_decisions(visit: Callable[..., Visit], desk: Desk, delay: float) -> None:
    tab = visit(desk.address())
    deck_of(tab.page)
    desk.slow_down(delay)
    seen = press_each(tab.page, "d", 30, random.Random(1))
    assert len(set(seen)) == 30
    wait_until(lambda: len(desk.journal()) >= 30, PATIENCE)
    expect(tab.page.get_by_role("button", name="Undo (30)")).to_be_visible(timeout=PATIENCE * 1000)
    assert desk.journal() == [("decide", key) for key in seen]
    assert desk.standing() == dict.fromkeys(seen, "drop")
    assert tab.errors == []


def test_keys_go_on_over_pages_of_the_queue(visit: Callable[..., Visit], desk: Desk) -> None:
    tab = visit(desk.address())
    deck_of(tab.page)
    desk.slow_down(1.0)
    seen = press_each(tab.page, "k", QUEUE_SIZE + 20, random.Random(2))
    assert len(set(seen)) == QUEUE_SIZE + 20
    wait_until(lambda: len(desk.journal()) == len(seen), PATIENCE)
    assert desk.journal() == [("decide", key) for key in seen]
    desk.slow_down(0)
    tab.page.wait_for_url("**page=2*")
    tab.page.reload()
    deck_of(tab.page)
    assert on_screen(tab.page) not in seen


def test_undo_while_decisions_are_under_way(visit: Callable[..., Visit], desk: Desk) -> None:
    tab = visit(desk.address())
    deck_of(tab.page)
    desk.slow_down(1.5)
    seen = press_each(tab.page, "d", 5, random.Random(3))
    after = on_screen(tab.page)
    for expected in (seen[4], seen[3]):
        tab.page.keyboard.press(KEYS["undo"])
        assert on_screen(tab.page) == expected, "the image that is open again is shown"
    assert press_each(tab.page, "k", 1, random.Random(4)) == [seen[3]]
    assert on_screen(tab.page) == seen[4]
    tab.page.keyboard.press(KEYS["redo"])
    expect(deck_of(tab.page).get_by_role("status")).to_have_text("Nothing to redo")
    wait_until(lambda: len(desk.journal()) == 8, PATIENCE)
    assert [kind for kind, _ in desk.journal()] == ["decide"] * 5 + ["undo"] * 2 + ["decide"]
    assert desk.standing() == {**dict.fromkeys(seen[:3], "drop"), seen[3]: "keep"}
    desk.slow_down(0)
    expect(tab.page.get_by_role("button", name="Undo (4)")).to_be_visible()
    for key in (KEYS["undo"], KEYS["undo"], KEYS["redo"], KEYS["redo"]):
        tab.page.keyboard.press(key)
    assert on_screen(tab.page) == seen[4]
    wait_until(lambda: len(desk.journal()) == 12, PATIENCE)
    assert desk.standing() == {**dict.fromkeys(seen[:3], "drop"), seen[3]: "keep"}
    assert after not in desk.standing()


def test_a_server_that_dies_in_between(visit: Callable[..., Visit], desk: Desk) -> None:
    tab = visit(desk.address())
    tab.forgives = WITHOUT_SERVER
    deck_of(tab.page)
    # Slow enough that the answer to what it has taken down already is lost with it.
    desk.slow_down(5)
    hand = random.Random(5)
    seen = press_each(tab.page, "d", 10, hand)
    wait_until(lambda: len(desk.journal()) > 0, PATIENCE)
    desk.stop()
    seen += press_each(tab.page, "d", 10, hand)
    desk.slow_down(0.3)
    desk.start()
    seen += press_each(tab.page, "d", 10, hand)
    assert len(set(seen)) == 30
    expect(tab.page.get_by_role("button", name="Undo (30)")).to_be_visible(timeout=PATIENCE * 1000)
    wait_until(lambda: len(desk.journal()) >= 30, PATIENCE)
    assert desk.journal() == [("decide", key) for key in seen]
    tab.page.keyboard.press(KEYS["undo"])
    wait_until(lambda: desk.standing() == dict.fromkeys(seen[:-1], "drop"), PATIENCE)


@pytest.mark.parametrize("delay", [0.2, 2.0])
def test_a_reload_in_between(visit: Callable[..., Visit], desk: Desk, delay: float) -> None:
    tab = visit(desk.address())
    deck_of(tab.page)
    desk.slow_down(delay)
    hand = random.Random(6)
    seen = []
    for _ in range(3):
        seen += press_each(tab.page, "d", 10, hand)
        tab.page.reload()
        deck_of(tab.page)
    assert len(set(seen)) == 30
    wait_until(lambda: len(desk.journal()) >= 30, PATIENCE)
    assert desk.journal() == [("decide", key) for key in seen]
    assert on_screen(tab.page) not in seen


def test_the_undone_image_is_shown_wherever_it_is(visit: Callable[..., Visit], desk: Desk) -> None:
    tab = visit(desk.address())
    page = tab.page
    deck_of(page)
    seen = press_each(page, "d", QUEUE_SIZE + 3, random.Random(7))
    wait_until(lambda: len(desk.journal()) == len(seen), PATIENCE)
    # Far away, and what was decided first is of a page before.
    page.goto(desk.address(page="3"))
    deck_of(page)
    for number in range(4):
        page.keyboard.press(KEYS["undo"])
        expect(deck_of(page).locator(".name")).to_have_text(seen[-1 - number])
    page.keyboard.press("k")
    wait_until(lambda: desk.standing().get(seen[-4]) == "keep", PATIENCE)
    # One that is in no such list.
    page.goto(desk.address(review="dropped", rules="score %3E= 1000"))
    deck_of(page)
    page.goto(desk.address(review="kept", rules='label = "digit 3"'))
    deck_of(page)
    page.keyboard.press(KEYS["undo"])
    expect(deck_of(page).locator(".name")).to_have_text(seen[-4])
    expect(page.get_by_text(review_texts.NOT_IN_QUEUE if "digit 3" not in seen[-4] else "of ")).to_be_visible()
    page.keyboard.press("d")
    wait_until(lambda: desk.standing().get(seen[-4]) == "drop", PATIENCE)


def test_keys_mean_nothing_in_a_text_field_or_with_ctrl_shift_and_alt(visit: Callable[..., Visit], desk: Desk) -> None:
    tab = visit(desk.address())
    page = tab.page
    deck = deck_of(page)
    first = on_screen(page)
    why = page.get_by_label("Reason (optional)")
    why.click()
    page.keyboard.type("odd: kudzy?")
    page.keyboard.press("ArrowLeft")
    expect(why).to_have_value("odd: kudzy?")
    assert on_screen(page) == first
    name = page.get_by_role("textbox", name="Your name")
    name.click()
    page.keyboard.type("kd")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    why.click()
    page.keyboard.press("Enter")
    for key in ("Control+k", "Shift+D", "Alt+u", "Control+Shift+Z", "Control+y"):
        page.keyboard.press(key)
    assert on_screen(page) == first
    # Held down: the browser sends it again and again.
    page.keyboard.down("d")
    page.keyboard.down("d")
    page.keyboard.down("d")
    page.keyboard.up("d")
    wait_until(lambda: len(desk.journal()) > 0, PATIENCE)
    expect(page.get_by_role("button", name="Undo (1)")).to_be_visible()
    assert desk.journal() == [("decide", first)]
    assert current_decisions(desk.store, desk.dataset_id)[0].why == "odd: kudzy?"
    expect(deck.get_by_label("Reason (optional)")).to_have_value("")


def test_back_and_forward_lead_to_the_image_of_their_address(visit: Callable[..., Visit], desk: Desk) -> None:
    tab = visit(desk.address())
    page, name = tab.page, deck_of(tab.page).locator(".name")
    first = on_screen(page)
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: "at=" in url and first.partition("/")[2] not in url)
    second = on_screen(page)
    assert second != first
    page.go_back()
    expect(name).to_have_text(first)
    page.go_forward()
    expect(name).to_have_text(second)
    page.get_by_role("button", name=f"Next {QUEUE_SIZE}").click()
    page.wait_for_url("**page=2*")
    expect(deck_of(page).get_by_text(f"{QUEUE_SIZE + 1} of {NUM_DIGITS}")).to_be_visible()
    assert tab.errors == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_keys_are_listed(visit: Callable[..., Visit], desk: Desk, theme: str) -> None:
    tab = visit(desk.address(), theme=theme)
    page = tab.page
    first = (deck_of(page), on_screen(page))[1]
    expect(page.get_by_role("button", name="⌨ Keys")).to_be_visible()
    page.keyboard.press(KEYS["help"])
    overlay = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(overlay).to_be_visible()
    for key in KEYS.values():
        expect(overlay.get_by_text(key.upper(), exact=True)).to_be_visible()
    screenshot(page, f"review-keys-{theme}")
    page.keyboard.press("d")
    assert on_screen(page) == first, "what lies over the page is read, not decided through"
    page.keyboard.press("Escape")
    expect(overlay).not_to_be_visible()
    page.get_by_role("button", name="⌨ Keys").click()
    expect(overlay).to_be_visible()
    page.keyboard.press(KEYS["help"])
    expect(overlay).not_to_be_visible()
    screenshot(page, f"review-deck-{theme}")
    assert desk.journal() == []
    assert tab.errors == []


def test_the_next_images_are_there_before_they_are_asked_for(visit: Callable[..., Visit], desk: Desk) -> None:
    tab = visit(desk.address())
    deck_of(tab.page)
    tab.page.wait_for_load_state("networkidle")
    views = [url for url in tab.requests if "/images/view/" in url]
    assert len(views) == len(set(views)) == 4
    tab.page.keyboard.press("d")
    tab.page.wait_for_load_state("networkidle")
    assert len({url for url in tab.requests if "/images/view/" in url}) == 5


def test_the_end_of_a_queue_is_said_and_decides_nothing(visit: Callable[..., Visit], desk: Desk) -> None:
    tab = visit(desk.address(review="kept", rules="class_percentile %3E= 95"))
    page = tab.page
    deck = deck_of(page)
    number = deck.locator(".stop").count()
    assert 2 < number < QUEUE_SIZE
    seen = press_each(page, "k", number, random.Random(8))
    expect(deck.get_by_text(review_texts.END_OF_QUEUE)).to_be_visible()
    for _ in range(3):
        page.keyboard.press("d")
    wait_until(lambda: len(desk.journal()) == number, PATIENCE)
    page.keyboard.press(KEYS["undo"])
    assert on_screen(page) == seen[-1]
    wait_until(lambda: desk.standing() == dict.fromkeys(seen[:-1], "keep"), PATIENCE)
