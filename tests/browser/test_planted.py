"""Planted defects in a real browser: start, wait for the worker, read the table in both themes, open the badge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from jepascore_core.jobs import process
from jepascore_core.storage.store import Store
from jepascore_core.trust.checks import TITLES
from jepascore_core.trust.verdict import NOT_TRIED
from pages.ui.trust import texts as trust_texts
from tests.browser.conftest import ROOT, Visit, by_menu, screenshot, serve
from tests.trust.planted.conftest import put_digits

pytestmark = pytest.mark.browser


def test_a_person_plants_defects(visit: Callable[..., Visit], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "home")
    with monkeypatch.context() as alone:
        alone.setattr(process, "start_worker", lambda *_: False)
        put_digits(store, tmp_path / "digits", count=130)
    with serve(ROOT / "app.py", store.home) as server:
        tab = visit(f"{server.url}/trust", height=2600)
        tab.page.get_by_role("button", name=trust_texts.PLANT).click()
        expect(tab.page.get_by_text(trust_texts.AUROC)).to_be_visible(timeout=240_000)
        for theme in ("light", "dark"):
            tab = visit(f"{server.url}/trust", theme=theme, height=3200)
            chart = tab.page.locator(".js-plotly-plot").filter(has_text="Inverted colours")
            expect(chart).to_be_visible()
            expect(tab.page.get_by_text("jepascore trust plant digits")).to_be_visible()
            tile = tab.page.get_by_role("img").first
            tile.scroll_into_view_if_needed()
            screenshot(tab.page, f"planted-{theme}")
            assert tab.errors == []
        by_menu(tab.page, "Trust", "Curate")
        badge = tab.page.get_by_test_id("stMain").locator("[class*='st-key-verdict-0'] button")
        expect(badge).not_to_contain_text(NOT_TRIED)
        badge.click()
        opened = tab.page.get_by_test_id("stPopoverBody")
        expect(opened.get_by_text(TITLES["planted"], exact=True)).to_be_visible()
        expect(opened.get_by_text("jepascore trust plant digits")).to_be_visible()
        screenshot(tab.page, "verdict-badge")
        page = visit(f"{server.url}/curate", width=390).page
        expect(page.locator("[class*='st-key-verdict-0'] button")).to_be_in_viewport()
        assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
