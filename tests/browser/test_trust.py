"""The Trust page in a real browser, in both themes: every figure is drawn, and the numbers of the grid can be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from jepascore_core.storage.store import Store
from pages.ui.trust import texts as trust_texts
from tests.browser.conftest import ROOT, Visit, by_menu, screenshot, serve
from tests.trust.conftest import put_embeddings

pytestmark = pytest.mark.browser


def test_every_figure_is_drawn_in_both_themes(visit: Callable[..., Visit], tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    put_embeddings(store, ["a", "b"] * 60, defects=["torn", "", ""] * 40)
    with serve(ROOT / "app.py", store.home) as server:
        for theme in ("light", "dark"):
            tab = visit(f"{server.url}/trust", theme=theme, height=2600)
            expect(tab.page.get_by_text(trust_texts.VERDICTS["near"])).to_be_visible()
            expect(tab.page.get_by_text(trust_texts.CONTROL)).to_be_visible()
            # Projections, lengths, baselines, both heat maps and the walk.
            expect(tab.page.locator(".js-plotly-plot").nth(5)).to_be_visible()
            expect(tab.page.get_by_text("0.97", exact=True).first).to_be_visible()
            screenshot(tab.page, f"trust-{theme}")
            by_menu(tab.page, "Curate", "Trust")
            expect(tab.page.get_by_text(trust_texts.VERDICTS["near"])).to_be_visible()
            assert tab.errors == []
        page = visit(f"{server.url}/trust", width=390).page
        last = page.get_by_role("columnheader", name="norm").first
        last.scroll_into_view_if_needed()
        box = last.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390, "the table scrolls within the page"
        assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
        screenshot(page, "trust-phone")
