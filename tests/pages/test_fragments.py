"""Parts of a page that are drawn again alone, and never one inside another."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from tests.rooms import ROOT


def test_only_one_module_makes_fragments():
    found = [path.name for path in (ROOT / "pages").rglob("*.py") if "st.fragment" in path.read_text(encoding="utf-8")]
    assert found == ["fragments.py"]


def nested() -> None:
    import streamlit as st

    from pages.ui.app.fragments import fragment, inside_a_fragment

    made = []
    original = st.fragment
    st.fragment = lambda draw, **_: made.append(draw) or original(draw)

    def inner() -> None:
        st.write("inner")

    def outer() -> None:
        fragment(inner)
        fragment(inner, 1.0)

    try:
        fragment(outer)
        fragment(inner)
        st.write(f"{len(made)} for two beside each other")
        with inside_a_fragment():
            outer()
        st.write(f"{len(made)} within a dialog")
        with inside_a_fragment():
            fragment(inner, 1.0, lambda: 1)
        st.write(f"{len(made)} with something to look at")
    finally:
        st.fragment = original


def test_inside_a_fragment_a_part_is_drawn_without_one():
    app = AppTest.from_function(nested).run()
    assert not app.exception
    words = [item.value for item in app.markdown]
    assert [word for word in words if word != "inner"] == [
        "2 for two beside each other",
        "2 within a dialog",
        "3 with something to look at",
    ]
    assert words.count("inner") == 6


def watching() -> None:
    import streamlit as st

    from pages.ui.app.fragments import watch

    seen = st.session_state.setdefault("seen", [0])
    st.write(f"seen {seen[0]}")
    st.session_state["runs"] = st.session_state.get("runs", 0) + 1

    def look() -> int:
        if st.session_state["runs"] == 1 and st.session_state.setdefault("looks", 0) == 1:
            seen[0] = 1
        st.session_state["looks"] = st.session_state.get("looks", 0) + 1
        return seen[0]

    watch(look, 0.1)


def test_a_watch_runs_the_page_again_once_something_changed():
    app = AppTest.from_function(watching).run()
    assert [item.value for item in app.markdown] == ["seen 1"]
    assert app.session_state["runs"] == 2


def failing() -> None:
    from jepascore_core.errors import JepaScoreError
    from pages.ui.app.fragments import fragment

    def draw() -> None:
        raise JepaScoreError("The disk is full")

    fragment(draw)


def test_an_error_is_shown_as_its_sentence():
    app = AppTest.from_function(failing).run()
    assert [item.value for item in app.error] == ["The disk is full"]
    assert not app.exception
