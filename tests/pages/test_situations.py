"""Every page in every situation: it comes up whole, and says in words what there is and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import get_args

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.storage.store import Store
from pages.ui.app.frame import ROOT
from pages.ui.app.texts import PURPOSES
from pages.ui.curate import texts as curate_texts
from pages.ui.distributions import texts as distributions_texts
from pages.ui.duplicates import texts as duplicates_texts
from pages.ui.home import texts as home_texts
from pages.ui.labels import texts as labels_texts
from pages.ui.runs import texts as runs_texts
from pages.ui.widgets import texts as widget_texts
from tests.pages.reading import dataset_rows, links, said
from tests.pages.situations import BACKBONE, MESSAGE, Situation, estimate, put

PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "pages").glob("*.py"))
#: Pages that show the scores of one dataset, and what they say while there is none.
SCORE_PAGES = ("pages/explore.py", "pages/curate.py")
LABELS = "pages/labels.py"
SENTENCES = {
    "indexing": "digits is being indexed.",
    "index failed": widget_texts.not_indexed("digits", "failed"),
    "waiting": widget_texts.no_scores_yet("digits", is_running=True),
    "failed": widget_texts.no_scores_yet("digits", is_running=False),
}

NO_DATASET, NO_SCORES = widget_texts.NO_DATASET, widget_texts.no_scores_yet("digits", is_running=False)
UNDER_WAY = "digits, ViT-Ti/16 (timm) · 3.0 s left"
#: What each page says when there is nothing, while a run goes on, when it is finished and when it failed.
STATES: dict[str | None, tuple[str, str, str, str]] = {
    None: (home_texts.EMPTY_TITLE, "27 of 36 images measured · 3.0 s left", '"text": "100 %"', '"lines": []'),
    "pages/compare.py": (NO_DATASET, UNDER_WAY, widget_texts.too_few_measured("digits", 1, 2), NO_SCORES),
    "pages/curate.py": (NO_DATASET, UNDER_WAY, curate_texts.NOTHING_DROPPED, NO_SCORES),
    "pages/distributions.py": (
        NO_DATASET,
        "27 of 36 images scored",
        "Click a bar",
        distributions_texts.NOTHING_MEASURED,
    ),
    "pages/duplicates.py": (NO_DATASET, UNDER_WAY, duplicates_texts.NONE_FOUND, duplicates_texts.NONE_FOUND),
    "pages/explore.py": (NO_DATASET, UNDER_WAY, PURPOSES["Explore"], NO_SCORES),
    LABELS: (NO_DATASET, UNDER_WAY, labels_texts.NONE_FOUND, NO_SCORES),
    "pages/map.py": (NO_DATASET, UNDER_WAY, "PCA of 36 images", NO_SCORES),
    "pages/review.py": (NO_DATASET, UNDER_WAY, "Rules (from the Curate page): none yet", NO_SCORES),
    "pages/runs.py": (runs_texts.OPTIONS_ABOUT, "27 of 36 images measured", "36 of 36 images measured", MESSAGE),
    "pages/trust.py": (NO_DATASET, "27 so far", "36 so far", NO_SCORES),
}
FAILED = f"The last run, {BACKBONE}, failed: {MESSAGE}"
NEED_SCORES = [page for page in STATES if page not in (None, "pages/runs.py")]
EVERY = [(page, situation) for page in STATES for situation in (None, *get_args(Situation))]


def sentences(page: str | None, situation: Situation | None) -> list[str]:
    """What a page says in a situation."""
    stands = dict(zip((None, "running", "finished", "failed"), STATES[page], strict=True))
    expected = [stands[situation]] if situation in stands else []
    if page in SCORE_PAGES and situation in SENTENCES:
        expected.append(SENTENCES[situation])
    # Exact copies and look-alikes need no run.
    if page in NEED_SCORES and page != "pages/duplicates.py" and situation == "failed":
        expected.append(FAILED)
    return expected


def test_every_page_is_in_the_table() -> None:
    assert set(STATES) == {None, *PAGES}


@pytest.mark.parametrize(("page", "situation"), EVERY)
def test_every_page_comes_up_and_says_where_things_stand(
    open_page: Callable[..., AppTest], home_store: Store, page: str | None, situation: Situation | None
) -> None:
    if situation is not None:
        put(home_store, situation)
    app = open_page(page)
    assert len(app.title) == 1
    assert [link.value for link in app.sidebar.get("page_link")][:2] == ["Home", "Runs"]
    shown = said(app)
    assert shown
    if page is None and situation is not None:
        shown += json.dumps(dataset_rows(app), ensure_ascii=False)
    for sentence in sentences(page, situation):
        assert sentence in shown
    if page in SCORE_PAGES and situation in SENTENCES:
        assert links(app) == [("Go to Runs", "")], "the way out"


def test_near_duplicates_need_a_run_and_say_why_the_last_one_failed(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    put(home_store, "failed")
    shown = said(open_page("pages/duplicates.py", level="near"))
    assert duplicates_texts.NEAR_NEEDS_RUN in shown
    assert FAILED in shown


@pytest.mark.parametrize("definition, title", [("tail", "Tail 90 %"), ("top", "Top 32")])
@pytest.mark.parametrize("page", [page for page in NEED_SCORES if page != LABELS])
def test_every_page_says_what_estimates_cannot_tell(
    open_page: Callable[..., AppTest], home_store: Store, page: str, definition: str, title: str
) -> None:
    found = put(home_store, "finished")
    scores = estimate(home_store, found)
    estimated = scores.key.text
    chosen = {"backbone": estimated, "backbones": [found.measured, estimated] if "compare" in page else [estimated]}
    app = open_page(page, definition=definition, **chosen)
    assert widget_texts.spectrum_missing(title, 0, 36) in said(app)
    app.query_params["definition"] = "paper"
    assert widget_texts.spectrum_missing(title, 0, 36) not in said(app.run())
    assert "36 of 36 scores are estimates" in said(app)


def test_a_sample_without_a_spectrum_says_why_it_has_no_score(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    scores = estimate(home_store, put(home_store, "finished"))
    chosen = {"backbones": scores.key.text, "sample": "cat/0000.png", "definition": "top"}
    assert "was not measured exactly, so it has no Top 32" in said(open_page("pages/explore.py", **chosen))
