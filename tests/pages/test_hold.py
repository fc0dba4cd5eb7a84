"""The URL is the truth in every run: no widget begins from its own default where another was before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.storage.store import Store
from pages.ui.widgets import texts as widget_texts
from tests.conftest import SPEC
from tests.pages.reading import one
from tests.pages.situations import measure_again, put

DEFINITION = "tail"


@pytest.mark.parametrize("page", ["review", "curate", "trust", "compare", "duplicates", "distributions", "explore"])
def test_a_choice_goes_along_to_the_next_page(
    home_store: Store, no_worker: None, open_page: Callable[..., AppTest], page: str
) -> None:
    found = put(home_store, "finished")
    second = measure_again(home_store, found)
    chosen = SPEC.key(second.backbone_id).text
    app = open_page("pages/curate.py", dataset=found.dataset.dataset_id, backbone=chosen, definition=DEFINITION)
    assert one(app, "selectbox", "Backbone").value == chosen
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    assert one(app, "button_group", widget_texts.SCORE_VARIANT).value == DEFINITION
    if page in ("review", "trust", "duplicates"):
        assert one(app, "selectbox", "Backbone").value == chosen


def draw() -> None:
    """Widgets of the same parameters, which differ from one stage to the next in what makes them another widget."""
    import streamlit as st

    from pages.ui.widgets.url_widgets import (
        pick_count,
        pick_expander,
        pick_int,
        pick_many,
        pick_one,
        pick_range,
        pick_words,
    )

    late = st.session_state.get("late", False)
    found = [
        pick_int("Number", "n", 6, 1, 40 if late else 30),
        pick_range("Range", "keep", 0.0, 50.0 if late else 10.0, 0.5),
        pick_count("Count", "passes", 8, 1, 64 if late else 32),
        pick_words("Words", "q", "", longest=100 if late else 50),
        pick_one("Class", "class", {"all": "All 4 classes" if late else "All 12 classes", "a": "a"}),
        pick_many("Backbones", "backbones", {"x": "X, half" if late else "X, whole", "y": "Y"}, ("y",)),
        pick_expander("Failures (2)" if late else "Failures (1)", "failures").open,
    ]
    st.json([str(item) for item in found])


def test_another_widget_under_the_same_name_shows_what_the_url_says() -> None:
    app = AppTest.from_function(draw, default_timeout=30)
    said = {"n": "9", "keep": "3:5", "passes": "16", "q": "dog", "backbones": "x", "open": "failures"}
    app.query_params.update(said)
    app.run()
    before = app.json[0].value
    app.session_state["late"] = True
    app.run()
    assert not app.exception
    assert app.json[0].value == before
    assert [item.value for item in app.slider] == [9, (3.0, 5.0)]
    assert app.number_input[0].value == 16
    assert app.text_input[0].value == "dog"
    # What the browser is told: the new words, and that they are to be shown.
    words = app.selectbox[0].proto
    assert (words.set_value, words.raw_value) == (True, "All 4 classes")
    many = app.multiselect[0].proto
    assert (many.set_value, list(many.raw_values)) == (True, ["X, half"])


def test_nothing_is_sent_to_a_widget_that_somebody_is_typing_in() -> None:
    app = AppTest.from_function(draw, default_timeout=30).run().run()
    assert not app.text_input[0].proto.set_value
    assert not app.selectbox[0].proto.set_value


def draw_form() -> None:
    from pages.ui.app.address import begin_page
    from pages.ui.widgets.url_widgets import pick_expander, pick_one, pick_words

    begin_page("Form")
    pick_words("Mean", "mean", "")
    pick_words("Std", "std", "")
    pick_one("Pooling", "pooling", {"own": "own", "avg": "avg"})
    pick_expander("Details", "details")


def test_what_follows_fast_takes_nothing_back() -> None:
    """The browser sends its URL along, which does not know yet of what was done just before."""
    app = AppTest.from_function(draw_form, default_timeout=30).run()
    app.text_input[0].set_value("0.5").run()
    app.query_params.clear()
    app.selectbox[0].select("avg").run()
    app.query_params.clear()
    app.text_input[1].set_value("0.25").run()
    assert dict(app.query_params) == {"mean": "0.5", "pooling": "avg", "std": "0.25"}
    assert [field.value for field in app.text_input] == ["0.5", "0.25"]
    assert app.selectbox[0].value == "avg"


def test_an_address_that_was_never_there_counts() -> None:
    app = AppTest.from_function(draw_form, default_timeout=30).run()
    app.text_input[0].set_value("0.5").run()
    app.query_params.clear()
    app.query_params["std"] = "0.1"
    app.run()
    assert [field.value for field in app.text_input] == ["", "0.1"]
