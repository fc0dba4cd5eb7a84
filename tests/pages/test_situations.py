"""Every page in every situation: it comes up whole, and says in words what there is and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.store import Store
from pages.ui.frame import ROOT
from tests.pages.reading import links, said
from tests.pages.situations import Situation, put

PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "pages").glob("*.py"))
#: Pages that show the scores of one dataset, and what they say while there is none.
SCORE_PAGES = ("pages/explore.py", "pages/curate.py")
SENTENCES = {
    "indexing": "digits is being indexed.",
    "index failed": "digits has no index (failed). Resume it on the Runs page.",
    "waiting": "digits has no scores yet. A run is under way; this page fills as it goes on.",
    "failed": "digits has no scores yet. Start a run on the Runs page; this page fills as it goes on.",
}


@pytest.mark.parametrize("situation", [None, *get_args(Situation)])
@pytest.mark.parametrize("page", PAGES)
def test_every_page_comes_up(
    open_page: Callable[..., AppTest], home_store: Store, page: str, situation: Situation | None
) -> None:
    if situation is not None:
        put(home_store, situation)
    app = open_page(page)
    assert said(app)
    assert len(app.title) == 1
    assert [link.value for link in app.sidebar.get("page_link")][:2] == ["Home", "Runs"]


@pytest.mark.parametrize("situation", SENTENCES)
@pytest.mark.parametrize("page", SCORE_PAGES)
def test_without_scores_a_page_says_so_and_shows_the_way_out(
    open_page: Callable[..., AppTest], home_store: Store, page: str, situation: Situation
) -> None:
    put(home_store, situation)
    app = open_page(page)
    assert SENTENCES[situation] in said(app)
    assert links(app) == [("Go to Runs", "")]
