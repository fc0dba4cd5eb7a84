"""Labels in a real browser: drop the most suspicious with a key, and take the rule to Curate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from jepascore_core.curation.decisions import current_decisions
from jepascore_core.storage.store import Store
from pages.ui.curate import texts as curate_texts
from pages.ui.labels import texts as labels_texts
from tests.browser.conftest import ROOT, Visit, at_rest, screenshot, serve
from tests.conftest import wait_until
from tests.embeddings.clumps import flipped, put_clumps

pytestmark = pytest.mark.browser


def test_a_person_drops_what_looks_mislabelled(visit: Callable[..., Visit], tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    scores = put_clumps(store, flipped((7, 12, 20)))
    with serve(ROOT / "app.py", store.home) as server:
        tab = visit(f"{server.url}/labels?cut=0.7&who=ada")
        tab.forgives = ("404",)  # no image of these exists
        page = tab.page
        expect(page.get_by_text(labels_texts.found(3, 60, 60).replace("*", ""))).to_be_visible()
        tiles = page.get_by_role("group", name=labels_texts.GALLERY).locator(".tile")
        expect(tiles).to_have_count(3)
        at_rest(page)
        first = tiles.first.get_attribute("data-key")
        tiles.first.focus()
        page.keyboard.press("d")
        wait_until(lambda: len(current_decisions(store, scores.dataset_id)) == 1)
        (decision,) = current_decisions(store, scores.dataset_id)
        assert (decision.sample_key, decision.verdict, decision.who) == (first, "drop", "ada")
        at_rest(page)
        screenshot(page, "labels-light")
        page.get_by_role("link", name=labels_texts.RULE).click()
        chip = page.get_by_role("button").filter(has_text=curate_texts.chip("label_issue < 0.7", 3))
        expect(chip).to_be_visible()
