"""View state in the URL: what is read from a hostile one, and what widgets write back."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def show_values() -> None:
    import streamlit as st

    from pages.ui.app import state

    st.json(
        {
            "id": state.read_id("a"),
            "ids": state.read_ids("b"),
            "text": state.read_text("c"),
            "int": state.read_int("d", 5, 1, 20),
            "number": state.read_number("f", 0.5, 0.1, 0.9),
            "flag": state.read_flag("g"),
            "texts": state.read_texts("h"),
            "choice": state.read_choice("e", ("rank", "paper"), "rank"),
            "carried": state.carried(),
        }
    )


def values_of(**parameters: str | list[str]) -> dict[str, object]:
    import json

    app = AppTest.from_function(show_values, default_timeout=30)
    app.query_params.update(parameters)
    app.run()
    assert not app.exception
    return dict(json.loads(app.json[0].value))


def test_values_come_from_the_url() -> None:
    found = values_of(
        a="01jd9z",
        b=["x", "y@z-1"],
        c="7/00 1.png",
        d="7",
        e="paper",
        dataset="01jd",
        sample="s",
        f="0.25",
        g="1",
        h=["hf:a/b", "./c d"],
    )
    assert found == {
        "id": "01jd9z",
        "ids": ["x", "y@z-1"],
        "text": "7/00 1.png",
        "int": 7,
        "number": 0.25,
        "flag": True,
        "texts": ["hf:a/b", "./c d"],
        "choice": "paper",
        "carried": {"dataset": "01jd"},
    }


def test_an_empty_url_gives_the_defaults() -> None:
    expected = {"id": None, "ids": [], "text": None, "int": 5, "number": 0.5, "flag": False, "texts": []}
    assert values_of() == expected | {"choice": "rank", "carried": {}}


@pytest.mark.parametrize("number, expected", [("-3", 1), ("999", 20), ("1e9", 5), ("٣", 5), ("9" * 5000, 5), ("", 5)])
def test_numbers_stay_in_their_limits(number: str, expected: int) -> None:
    assert values_of(d=number)["int"] == expected


@pytest.mark.parametrize("number, expected", [("-3", 0.1), ("7", 0.9), ("nan", 0.5), ("1e-1", 0.5), ("0.30", 0.3)])
def test_fractions_stay_in_their_limits(number: str, expected: float) -> None:
    assert values_of(f=number)["number"] == expected


@pytest.mark.parametrize("identifier", ["../x", "a b", "<b>", "a" * 201, "", "a\n", "a'"])
def test_what_is_no_identifier_is_not_there(identifier: str) -> None:
    found = values_of(a=identifier, b=[identifier, "ok"])
    assert (found["id"], found["ids"]) == (None, ["ok"])


def test_lists_and_texts_are_bounded() -> None:
    found = values_of(b=[f"i{number}" for number in range(100)] + ["i0"], c="x" * 4097, h=["", "x" * 4097, "y"])
    assert found["ids"] == [f"i{number}" for number in range(32)]
    assert found["text"] is None
    assert found["texts"] == ["y"]


def pick() -> None:
    import streamlit as st

    from pages.ui.app import state
    from pages.ui.widgets.url_widgets import pick_int, pick_many, pick_one

    options = {"one": "First", "two": "Second", "three": "Third"}
    st.json(
        [
            pick_one("Dataset", state.DATASET, options, resets=(state.SAMPLE,)),
            pick_one("Definition", state.DEFINITION, options, segments=True),
            pick_many("Backbones", state.BACKBONES, options, ("two", "gone")),
            pick_int("Number", state.PER_GROUP, 8, 1, 24),
            pick_one("Nothing", state.RUN, {}),
        ]
    )


def picked(app: AppTest) -> object:
    import json

    assert not app.exception
    return json.loads(app.json[0].value)


def test_what_was_never_chosen_is_not_in_the_url() -> None:
    app = AppTest.from_function(pick, default_timeout=30).run()
    assert picked(app) == ["one", "one", ["two"], 8, None]
    assert not app.query_params


def test_choices_are_taken_from_the_url_and_written_to_it() -> None:
    app = AppTest.from_function(pick, default_timeout=30)
    app.query_params.update({"dataset": "two", "n": "99", "backbones": ["three", "one", "evil"], "definition": "evil"})
    assert picked(app.run()) == ["two", "one", ["three", "one"], 24, None]
    app.selectbox[0].set_value("three").run()
    assert app.query_params["dataset"] == "three"
    app.slider[0].set_value(3).run()
    app.multiselect[0].set_value(["two"]).run()
    app.button_group[0].set_value("two").run()
    assert picked(app) == ["three", "two", ["two"], 3, None]
    expected = {"dataset": "three", "definition": "two", "backbones": "two", "n": "3"}
    assert dict(app.query_params) == expected


def test_the_url_wins_over_what_a_widget_held() -> None:
    app = AppTest.from_function(pick, default_timeout=30).run()
    app.selectbox[0].set_value("three").run()
    app.query_params["dataset"] = "two"
    assert picked(app.run())[0] == "two"  # type: ignore[index]


def test_a_choice_resets_what_depends_on_it() -> None:
    app = AppTest.from_function(pick, default_timeout=30)
    app.query_params.update({"sample": "a.png", "dataset": "one"})
    app.run().selectbox[0].set_value("two").run()
    assert dict(app.query_params) == {"dataset": "two"}
