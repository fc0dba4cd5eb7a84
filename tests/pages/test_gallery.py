"""The Python side of the gallery; tests/browser has the other one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui.deciding import GalleryAction, new_actions
from pages.ui.gallery import GalleryEvent, Section, Tile, _event
from pages.ui.picture import picture_html

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

    from pages.ui.gallery import Section, Tile, gallery

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
        "dataset": None,
        "marks": {},
        "can_decide": False,
        "collects": False,
        "done": 0,
        "opens": False,
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


def test_a_picture_escapes_what_comes_from_outside() -> None:
    markup = picture_html("a/../b", 'c"', '"><script>', 10, 20)
    assert "<script>" not in markup
    assert "images/view/a%2F..%2Fb/c%22" in markup


@pytest.mark.parametrize("size, shown", [((28, 28), (364, 364)), ((8, 16), (192, 384)), ((2000, 1000), (2000, 1000))])
def test_tiny_pictures_are_enlarged_by_whole_factors(size: tuple[int, int], shown: tuple[int, int]) -> None:
    markup = picture_html("d", "c", "name", *size)
    assert f'width="{shown[0]}" height="{shown[1]}"' in markup
    assert ("pixelated" in markup) == (size != shown)


KNOWN = {"a.png": "0" * 32, "b.png": "1" * 32}


@pytest.mark.parametrize(
    "reported, expected",
    [
        (None, []),
        ("keep", []),
        ([{"id": 5, "kind": "keep", "keys": ["a.png"]}], []),
        ([{"id": 6, "kind": "keep", "keys": ["a.png"]}], [GalleryAction(6, "keep", (("a.png", "0" * 32),))]),
        ([{"id": 6, "kind": "drop", "keys": ["other.png", 3]}], [GalleryAction(6, "drop", ())]),
        ([{"id": 6, "kind": "delete", "keys": ["a.png"]}], []),
        ([{"id": "6", "kind": "keep", "keys": ["a.png"]}], []),
        (
            [{"id": 4, "kind": "undo", "keys": []}, {"id": 9, "kind": "undo", "keys": []}],
            [GalleryAction(9, "undo", ())],
        ),
    ],
)
def test_an_action_counts_once_and_only_about_what_is_there(reported: Any, expected: list[GalleryAction]) -> None:
    assert list(new_actions(reported, KNOWN, 5)) == expected
