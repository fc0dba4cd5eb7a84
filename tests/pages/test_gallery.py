"""The Python side of the gallery; tests/browser has the other one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui.widgets.decisions import ReportedAction, read_actions
from pages.ui.widgets.gallery import GalleryEvent, Section, Tile, _event
from pages.ui.widgets.keys import KEYS

SECTIONS = [Section([Tile("a.png", "0" * 32)]), Section([Tile("b.png", "1" * 32), Tile("a.png", "0" * 32)], "second")]


@pytest.mark.parametrize(
    "picked, expected",
    [
        (None, None),
        ({"section": 1, "sample_key": "a.png"}, GalleryEvent("a.png", 1)),
        ({"section": 0, "sample_key": "a.png"}, GalleryEvent("a.png", 0)),
        ({"section": 0, "sample_key": "b.png"}, None),
        ({"section": 2, "sample_key": "a.png"}, None),
        ({"section": -1, "sample_key": "a.png"}, None),
        ({"section": "0", "sample_key": "a.png"}, None),
        ({"section": 0, "sample_key": ["a.png"]}, None),
        ({"section": 0}, None),
        ("a.png", None),
    ],
)
def test_only_tiles_that_are_there_can_be_chosen(picked: Any, expected: GalleryEvent | None) -> None:
    assert _event(picked, SECTIONS) == expected


def draw() -> None:
    import streamlit as st

    from pages.ui.widgets.gallery import Section, Tile, gallery

    tile = Tile("a.png", "0" * 32, "1.5", "3 %", 3.0, "least", "tip")
    st.text(repr(gallery([Section([tile], "class a", "1 image")], "g", size=90, selected="a.png")))
    gallery([], "empty")


def test_the_component_gets_everything_it_shows() -> None:
    app = AppTest.from_function(draw, default_timeout=30).run()
    assert not app.exception
    assert app.text[0].value == "None"
    component = app.get("bidi_component")[0].proto
    assert json.loads(component.json) == {
        "label": "Images",
        "size": 90,
        "can_fit": False,
        "layout": "grid",
        "selected": "a.png",
        "tools": ["size"],
        "show": ["score", "percentile", "bar"],
        "collects": False,
        "inspects": False,
        "opens": False,
        "dataset": None,
        "who": None,
        "can_decide": False,
        "marks": {},
        "tags": [],
        "tagged": {},
        "turns": {"num_undo": 0, "num_redo": 0, "next_undo": [], "next_redo": []},
        "done": [],
        "keys": KEYS,
        "sections": [
            {
                "tiles": [
                    {
                        "sample_key": "a.png",
                        "content_id": "0" * 32,
                        "caption": "1.5",
                        "badge": "3 %",
                        "percentile": 3.0,
                        "tone": "least",
                        "tooltip": "tip",
                        "label": "",
                        "note": "",
                    }
                ],
                "title": "class a",
                "subtitle": "1 image",
                "row": "",
                "box": None,
            }
        ],
    }


TOKEN, CONTENT = "0a" * 16, "0" * 32


def action(**changes: Any) -> dict[str, Any]:
    return {"token": TOKEN, "kind": "keep", "samples": [["a.png", CONTENT]], "who": "ada", **changes}


@pytest.mark.parametrize(
    "reported, expected",
    [
        (None, []),
        ("keep", []),
        ([action()], [ReportedAction(TOKEN, "keep", (("a.png", CONTENT),), "ada")]),
        ([action(why="odd")], [ReportedAction(TOKEN, "keep", (("a.png", CONTENT),), "ada", "odd")]),
        ([action(kind="tag", tag="dark")], [ReportedAction(TOKEN, "tag", (("a.png", CONTENT),), "ada", tag="dark")]),
        ([action(kind="untag", tag=3)], [ReportedAction(TOKEN, "untag", (("a.png", CONTENT),), "ada")]),
        ([action(kind="undo", samples=[])], [ReportedAction(TOKEN, "undo", (), "ada")]),
        ([action(kind="delete")], []),
        ([action(token="6")], []),
        ([action(token=6)], []),
        ([action(who=" ")], []),
        ([action(who="x" * 61)], []),
        ([action(samples=[["a.png", 3], ["a.png"], ["a.png", "x"]])], [ReportedAction(TOKEN, "keep", (), "ada")]),
        ([action(why=3), "x"], [ReportedAction(TOKEN, "keep", (("a.png", CONTENT),), "ada")]),
    ],
)
def test_anything_could_come_in_over_the_socket(reported: Any, expected: list[ReportedAction]) -> None:
    assert list(read_actions(reported)) == expected
