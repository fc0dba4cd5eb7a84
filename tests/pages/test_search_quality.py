"""Search by rules, and in order of image quality or label issues."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.storage.store import Store
from jepascore_core.views.search import SORTED_BY
from pages.ui.explore import texts as explore_texts
from pages.ui.widgets import texts as widget_texts
from tests.embeddings.clumps import flipped, put_clumps
from tests.pages.reading import keys_of, one, said, sections
from tests.pages.situations import put

PAGE = "pages/explore.py"


def found(app: AppTest) -> list[str]:
    return [key for section in sections(app, "found") for key in keys_of(section)]


def test_every_number_has_a_title() -> None:
    assert tuple(explore_texts.NUMBER_TITLES) == SORTED_BY


def test_the_most_suspicious_label_first(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_clumps(home_store, flipped([7, 12]))
    app = open_page(PAGE, view="search", across="label_issue-down")
    assert set(found(app)[:2]) == {"07.png", "12.png"}
    notes = [tile["note"] for tile in sections(app, "found")[0]["tiles"]]
    assert notes[0].startswith("label issue 0.9")
    one(app, "text_input", explore_texts.RULES).set_value('likely_label = "dog" and label_issue > 0.5').run()
    assert found(app) == ["07.png"]
    assert app.query_params["filter"] == 'likely_label = "dog" and label_issue > 0.5'


def test_without_classes_search_says_so(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_clumps(home_store, [None] * 10)
    assert "need at least two classes" in said(open_page(PAGE, view="search", across="label_issue-down"))


def test_a_mistyped_rule_is_pointed_at_and_everything_is_shown(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    put(home_store, "finished")
    app = open_page(PAGE, view="search", filter="sharpnes < 50")
    assert "sharpness" in app.error[0].value
    assert app.code[0].value.startswith("sharpnes < 50\n")
    assert len(found(app)) == 36
    app = open_page(PAGE, view="search", filter='width = 64 and label = "cat"', across="sharpness-up")
    assert len(found(app)) == 12
    assert {tile["note"] for tile in sections(app, "found")[0]["tiles"]} == {"sharpness –"}


@pytest.mark.usefixtures("no_worker")
def test_slow_work_is_offered(
    open_page: Callable[..., AppTest], home_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jepascore_core.curation.precompute.step.QUICK_IMAGES", 5)
    put_clumps(home_store, flipped([7]))
    app = open_page(PAGE, view="search", across="label_issue-down")
    assert "Judging the labels of 60 images of 2 classes" in said(app)
    assert app.button(key="precompute-search").label == widget_texts.RUN_IN_BACKGROUND
    assert not app.get("bidi_component"), "no images before they can be sorted"
