"""Curate in a real browser: open the comparison of a cut with random ones, change the rule, see the colour change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from jepascore_core.storage.store import Store
from pages.ui.curate import texts
from tests.browser.conftest import ROOT, Visit, at_rest, screenshot, serve
from tests.pages.test_cut_effect import put_noisy

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("theme", "width"), [("light", 1400), ("dark", 390)])
def test_a_person_asks_what_the_cut_would_do(
    visit: Callable[..., Visit], tmp_path: Path, theme: str, width: int
) -> None:
    store = Store(tmp_path / "home")
    put_noisy(store)
    with serve(ROOT / "app.py", store.home) as server:
        tab = visit(f"{server.url}/curate?rules=score+%3E%3D+5", theme=theme)
        tab.forgives = ("404",)  # no image of these exists
        page = tab.page
        page.set_viewport_size({"width": width, "height": 1000})
        page.get_by_text(texts.CUT_EFFECT).click()
        better = page.get_by_text("This cut does better than a random one of the same size per class")
        expect(better).to_be_visible(timeout=60_000)
        at_rest(page)
        better.scroll_into_view_if_needed()
        screenshot(page, f"cut-effect-{theme}")
        field = page.get_by_role("combobox", name=texts.RULES, exact=True)
        field.fill("all | budget 180 balanced")
        field.press("Enter")
        expect(page.get_by_text("This cut does no better than a random one")).to_be_visible(timeout=60_000)
        page.get_by_text(texts.CUT_CURVE, exact=True).click()
        expect(page.get_by_text("JEPA-SCORE, lowest first beats random cuts")).to_be_visible(timeout=60_000)
        at_rest(page)
        page.get_by_text(texts.CUT_CURVE, exact=True).scroll_into_view_if_needed()
        screenshot(page, f"cut-curve-{theme}")
