"""What somebody does on Curate at random: rules typed, completed, begun with, added by a form, changed and removed."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from jepascore_core.curation import parse
from pages.ui.app import state
from pages.ui.curate import texts
from tests.browser.truth import look
from tests.browser.walking import Step, Walk, is_covered, settle

RULES = ("class_percentile >= 10", "percentile <= 95", "class_percentile >= 20 | one per exact", "score >= 60")


def is_here(walk: Walk) -> bool:
    return look(walk.page).page == "curate" and not is_covered(walk)


def rules_of(walk: Walk) -> str:
    return look(walk.page).parameters.get(state.RULES, [""])[0]


def chips_of(walk: Walk) -> Locator:
    return walk.page.locator('.st-key-chips [class*="st-key-chip-"] button')


def bar_of(walk: Walk) -> Locator:
    return walk.page.get_by_label(texts.RULES, exact=True)


def check_chips(walk: Walk) -> None:
    """There is a chip for each rule that the URL names."""
    expect(chips_of(walk)).to_have_count(len(parse(rules_of(walk)).clauses))


def type_a_rule(walk: Walk) -> str | None:
    if not is_here(walk):
        return None
    rules = walk.random.choice(RULES)
    bar_of(walk).fill(rules)
    bar_of(walk).press("Enter")
    settle(walk)
    expect(bar_of(walk)).to_have_value(rules)
    assert rules_of(walk) == rules
    check_chips(walk)
    return f"rules: {rules}"


def complete_a_rule(walk: Walk) -> str | None:
    """By the first suggestion, by keyboard; the rule is typed to its end and applied."""
    if not is_here(walk):
        return None
    bar = bar_of(walk)
    bar.fill("")
    bar.press_sequentially("class_perc")
    expect(walk.page.get_by_role("listbox", name=texts.SUGGESTIONS).get_by_role("option")).to_have_count(1)
    bar.press("ArrowDown")
    bar.press("Enter")
    expect(bar).to_have_value("class_percentile ")
    bar.press_sequentially(">= 30")
    bar.press("Enter")
    settle(walk)
    expect(bar).to_have_value("class_percentile >= 30")
    assert rules_of(walk) == "class_percentile >= 30"
    check_chips(walk)
    return "a completed rule"


def begin_with_a_starter(walk: Walk) -> str | None:
    if not is_here(walk):
        return None
    buttons = [button for button in walk.page.locator(".st-key-starters button").all() if button.is_enabled()]
    if not buttons:
        return None
    button = walk.random.choice(buttons)
    title = button.inner_text()
    button.click()
    settle(walk)
    assert rules_of(walk), f"{title} adds nothing"
    check_chips(walk)
    return f"starter: {title}"


def add_by_a_form(walk: Walk) -> str | None:
    """The form of scores, as it opens."""
    if not is_here(walk):
        return None
    before = rules_of(walk)
    walk.page.locator(".st-key-form-score button").first.click()
    form = walk.page.get_by_test_id("stPopoverBody")
    expect(form).to_contain_text(re.compile("Alone it drops"))
    form.get_by_role("button", name=texts.ADD, exact=True).click()
    settle(walk)
    expect(form).to_have_count(0)
    assert "class_percentile >= 5" in rules_of(walk), f"added to {before}"
    check_chips(walk)
    return "a rule by its form"


def change_a_chip(walk: Walk) -> str | None:
    """Open a chip and close it again: nothing is changed by looking."""
    chips = chips_of(walk)
    if not is_here(walk) or not chips.count():
        return None
    before = rules_of(walk)
    chips.nth(walk.random.randrange(chips.count())).click()
    form = walk.page.get_by_test_id("stPopoverBody")
    expect(form.get_by_role("button", name=texts.CHANGE)).to_be_disabled()
    expect(form).to_contain_text(re.compile("Alone it drops"))
    walk.page.keyboard.press("Escape")
    expect(form).to_have_count(0)
    settle(walk)
    assert rules_of(walk) == before
    return "look at a chip"


def remove_a_rule(walk: Walk) -> str | None:
    crosses = walk.page.locator('.st-key-chips [class*="st-key-remove-"] button')
    before = chips_of(walk).count()
    if not before or not is_here(walk):
        return None
    crosses.first.click()
    expect(chips_of(walk)).to_have_count(before - 1)
    return "remove a rule"


#: What a person does there, and how often.
RULE_WAYS: tuple[tuple[Step, int], ...] = (
    (type_a_rule, 3),
    (complete_a_rule, 2),
    (begin_with_a_starter, 2),
    (add_by_a_form, 2),
    (change_a_chip, 3),
    (remove_a_rule, 3),
)
