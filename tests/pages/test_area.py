"""Parts of a scatter in the URL: which points they hold, and what a hostile one does."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest


def show_inside() -> None:
    import numpy as np
    import streamlit as st

    from pages.ui.compare.lasso import is_in_area

    points = np.array([[10.0, 10.0], [50.0, 50.0], [50.0, 90.0], [90.0, 20.0]])
    st.json(is_in_area(points).tolist())


def inside(area: str) -> list[bool]:
    app = AppTest.from_function(show_inside, default_timeout=60)
    app.query_params["area"] = area
    app.run()
    assert not app.exception
    return list(json.loads(app.json[0].value))


@pytest.mark.parametrize(
    ("area", "expected"),
    [
        ("0:0_20:0_20:20_0:20", [True, False, False, False]),
        ("0:0_100:0_50.5:60", [True, True, False, False]),
        ("40:40_60:40_60:60_40:60!85:15_95:15_95:25_85:25", [False, True, False, True]),
        # Not convex: its notch holds the second point.
        ("0:0_100:0_100:100_55:100_55:20_45:20_45:100_0:100", [True, False, False, True]),
    ],
)
def test_points_within_polygons(area: str, expected: list[bool]) -> None:
    assert inside(area) == expected


@pytest.mark.parametrize("area", ["", "0:0_1:1", "a", "0:0_1e9:0_1:1", "1:1_2:2_3:nan", "_".join(["0:0"] * 200)])
def test_what_is_no_polygon_holds_nothing(area: str) -> None:
    assert inside(area) == [False] * 4
