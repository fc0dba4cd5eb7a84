"""Going back from where a button led: the page is as it was, and nothing of the other page has stuck to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from jepascore_core.storage.store import Store
from pages.ui.curate import texts as curate_texts
from pages.ui.home import texts as home_texts
from tests.browser.conftest import ROOT, Visit, at_rest, by_menu, errors_of, serve
from tests.trust.conftest import put_embeddings

pytestmark = pytest.mark.browser


def shown(page: Page, name: str) -> dict[str, list[str]]:
    """Wait for a page; return the parameters in its address."""
    expect(page.get_by_role("heading", level=1, name=name, exact=True)).to_be_visible()
    at_rest(page)
    return parse_qs(urlsplit(page.url).query)


def test_home_is_as_it_was(visit: Callable[..., Visit], tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    given = iter(range(200))
    defects = ["torn" if number < 20 else "" for number in range(200)]
    put_embeddings(store, ["a", "b"] * 100, lambda _: float(next(given)), defects)
    with serve(ROOT / "app.py", store.home) as server:
        tab = visit(server.url)
        tab.forgives = ("404",)  # no image of these exists
        page, rules = tab.page, tab.page.locator(f'input[aria-label="{curate_texts.RULES}"]')
        assert shown(page, "Home") == {}

        page.get_by_role("button", name=home_texts.CUT, exact=True).click()
        assert "rules" in shown(page, "Curate")
        expect(rules).not_to_have_value("")
        page.reload()
        assert "rules" in shown(page, "Curate")
        page.go_back(wait_until="commit")
        assert shown(page, "Home") == {}
        by_menu(page, "Curate")
        assert "rules" not in shown(page, "Curate")
        expect(rules).to_have_value("")

        page.go_back(wait_until="commit")
        shown(page, "Home")
        page.get_by_role("button", name=home_texts.SEE, exact=True).click()
        assert {"view", "filter", "dataset"} <= shown(page, "Explore").keys()
        page.go_back(wait_until="commit")
        assert shown(page, "Home") == {}
        page.go_forward(wait_until="commit")
        assert "filter" in shown(page, "Explore")
        page.go_back(wait_until="commit")
        shown(page, "Home")

        page.locator(".tile").first.click()
        assert "sample" in shown(page, "Explore")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.go_back(wait_until="commit")
        assert shown(page, "Home") == {}
        assert errors_of(tab) == []
