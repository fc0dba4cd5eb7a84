"""Rules in a real browser: suggestions by keyboard and mouse, numbers before the click, chips that are changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from pages.ui.app import state
from pages.ui.curate import texts
from tests.browser.conftest import ROOT, Server, Visit, at_rest, screenshot, serve
from tests.browser.truth import look
from tests.conftest import make_store
from tests.pages.situations import put

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("rules") / "home"
    put(make_store(home), "finished")
    with serve(ROOT / "app.py", home) as running:
        yield running


@pytest.fixture
def forgives() -> tuple[str, ...]:
    """The images of this situation do not exist."""
    return ("404 (Not Found)",)


def bar_of(page: Page) -> Locator:
    return page.get_by_role("combobox", name=texts.RULES, exact=True)


def options_of(page: Page) -> Locator:
    return page.get_by_role("listbox", name=texts.SUGGESTIONS).get_by_role("option")


def rules_of(page: Page) -> list[str]:
    return look(page).parameters.get(state.RULES, [])


def test_rules_are_completed_by_keyboard(visit: Callable[..., Visit], server: Server) -> None:
    tab = visit(f"{server.url}/curate")
    page, bar = tab.page, bar_of(tab.page)
    expect(bar).to_have_attribute("aria-expanded", "false")
    bar.press_sequentially("cla")
    expect(options_of(page)).to_have_count(2)
    expect(bar).to_have_attribute("aria-expanded", "true")
    expect(bar).not_to_have_attribute("aria-activedescendant", re.compile("."))
    bar.press("ArrowDown")
    marked = page.locator(f"#{bar.get_attribute('aria-activedescendant')}")
    expect(marked).to_have_attribute("aria-selected", "true")
    expect(marked).to_contain_text("class_percentile")
    screenshot(page, "curate-suggestions")
    bar.press("Enter")
    expect(bar).to_have_value("class_percentile ")
    assert rules_of(page) == [], "a suggestion that is taken is not applied yet"
    expect(options_of(page).first).to_contain_text(">=")
    bar.press("ArrowDown")
    bar.press("Tab")
    expect(bar).to_have_value("class_percentile >= ")
    expect(bar).to_be_focused()
    bar.press_sequentially('25 and label = "e')
    expect(options_of(page)).to_have_text([re.compile("emu")])
    bar.press("ArrowUp")
    bar.press("Enter")
    expect(bar).to_have_value('class_percentile >= 25 and label = "emu"')
    bar.press("Enter")
    page.wait_for_url(re.compile("rules="))
    at_rest(page)
    assert rules_of(page) == ['class_percentile >= 25 and label = "emu"']
    expect(page.get_by_test_id("stMetric").filter(has_text="Kept")).to_contain_text("9")
    expect(options_of(page)).to_have_count(0)


def test_the_bar_is_still_a_text_field(visit: Callable[..., Visit], server: Server) -> None:
    """Enter applies what is typed even while suggestions are listed; Escape only closes the list."""
    tab = visit(f"{server.url}/curate")
    page, bar = tab.page, bar_of(tab.page)
    bar.press_sequentially("leak")
    bar.press("Escape")
    expect(options_of(page)).to_have_count(0)
    expect(bar).to_have_value("leak")
    bar.fill("class_percentile >= 50 ")
    expect(options_of(page)).not_to_have_count(0)
    bar.press("Enter")
    page.wait_for_url(re.compile("rules="))
    at_rest(page)
    assert rules_of(page) == ["class_percentile >= 50"]
    expect(options_of(page)).to_have_count(0)
    bar.fill("")
    bar.press("Control+Space")
    expect(options_of(page).first).to_be_visible()
    bar.press("Escape")
    bar.press("Enter")
    expect(page.get_by_test_id("stMetric").filter(has_text="Kept")).to_contain_text("36")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_suggestions_on_a_telephone(visit: Callable[..., Visit], server: Server, theme: str) -> None:
    tab = visit(f"{server.url}/curate", width=390, theme=theme)
    page, bar = tab.page, bar_of(tab.page)
    bar.press_sequentially("la")
    label = options_of(page).filter(has_text=re.compile("^label"))
    label.first.click()
    expect(bar).to_have_value(re.compile("^label"))
    expect(bar).to_be_focused()
    screenshot(page, f"curate-suggestions-390-{theme}")
    listed = page.get_by_role("listbox", name=texts.SUGGESTIONS).bounding_box()
    assert listed is not None
    assert listed["x"] >= 0
    assert listed["x"] + listed["width"] <= 390


@pytest.mark.parametrize("width", [1440, 390])
def test_from_a_starter_to_a_changed_chip(visit: Callable[..., Visit], server: Server, width: int) -> None:
    tab = visit(f"{server.url}/curate", width=width)
    page = tab.page
    starter = page.get_by_role("button", name="Drop the least likely 5 % of every class")
    expect(starter).to_contain_text("drops 3")
    page.get_by_role("button", name=re.compile("Score")).click()
    form = page.get_by_test_id("stPopoverBody")
    expect(form).to_contain_text(texts.effect_text(3))
    slider = form.get_by_role("slider").first
    slider.focus()
    for _ in range(30):
        slider.press("ArrowRight")
    expect(form).to_contain_text(texts.effect_text(6))
    screenshot(page, f"curate-form-{width}")
    form.get_by_role("button", name=texts.ADD, exact=True).click()
    page.wait_for_url(re.compile("rules="))
    expect(form).to_have_count(0)
    assert rules_of(page)[0].startswith("class_percentile >= ")
    page.locator('.st-key-chips [class*="st-key-chip-0"] button').first.click()
    expect(form).to_contain_text(texts.effect_text(6))
    expect(form.get_by_role("button", name=texts.CHANGE)).to_be_disabled()
    slider = form.get_by_role("slider").first
    slider.focus()
    slider.press("End")
    expect(form.get_by_role("button", name=texts.CHANGE)).to_be_enabled()
    screenshot(page, f"curate-chip-{width}")
    form.get_by_role("button", name=texts.CHANGE).click()
    expect(form).to_have_count(0)
    at_rest(page)
    assert rules_of(page) == ["class_percentile >= 100"]
    page.get_by_role("button", name=re.compile(texts.remove("class_percentile"))).click()
    expect(page.get_by_role("button", name="Drop the least likely 5 % of every class")).to_be_visible()
    at_rest(page)
    assert rules_of(page) == []
