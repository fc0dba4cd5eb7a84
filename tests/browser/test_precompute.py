"""Near duplicates of more images than a page waits for: asked for in one tab, seen in two, taken back, and done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from jepascore_core.curation.precompute.requests import precompute_requests
from jepascore_core.jobs.process import worker_lock
from jepascore_core.storage.store import Store
from pages.ui.curate import texts as curate_texts
from pages.ui.duplicates import texts as duplicates_texts
from pages.ui.widgets import texts as widget_texts
from tests.browser.conftest import ROOT, Visit, screenshot, serve
from tests.trust.conftest import put_embeddings

pytestmark = pytest.mark.browser

#: Just more than what is done at once.
NUM_IMAGES = 5_002
DONE_MILLISECONDS = 120_000


def test_two_tabs_a_reload_a_cancellation_and_the_result(visit: Callable[..., Visit], tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    scores, _ = put_embeddings(store, ["a", "b"] * (NUM_IMAGES // 2))
    with serve(ROOT / "app.py", store.home) as server:
        address = f"{server.url}/duplicates?dataset={scores.dataset_id}&radius=0.05"
        title = f"Finding the nearest neighbours of {NUM_IMAGES:,} images (flat index)"
        # As if a worker lived that is at something else.
        with worker_lock(store.home):
            tabs = [visit(address), visit(address)]
            first, second = (tab.page for tab in tabs)
            expect(second.get_by_text(widget_texts.must_be_computed(title))).to_be_visible()
            first.get_by_role("button", name=widget_texts.COMPUTE).click()
            for page in (first, second):
                expect(page.get_by_text(f"{title} · Waiting")).to_be_visible()
            first.reload()
            expect(first.get_by_text(curate_texts.WAITING, exact=True)).to_be_visible()
            screenshot(first, "preparation-waiting")
            (asked,) = precompute_requests(store)
            second.get_by_role("button", name="Cancel").click()
            for page in (first, second):
                expect(page.get_by_role("button", name=widget_texts.COMPUTE)).to_be_visible()
            assert precompute_requests(store) == ()
            second.get_by_role("button", name=widget_texts.COMPUTE).click()
            expect(first.get_by_text(f"{title} · Waiting")).to_be_visible()
            assert [item.identifier for item in precompute_requests(store)] == [asked.identifier]
        # Who looks starts a worker where none lives, and sees what it has found without doing anything.
        for page in (first, second):
            found = page.get_by_text(f"flat index over {NUM_IMAGES:,} images")
            expect(found).to_be_visible(timeout=DONE_MILLISECONDS)
            expect(page.get_by_text(duplicates_texts.CLICK_TO_KEEP)).to_be_visible()
        screenshot(second, "preparation-done")
        assert precompute_requests(store) == ()
        # Nothing has these images' names.
        assert [error for tab in tabs for error in tab.errors if "/images/" not in error] == []
