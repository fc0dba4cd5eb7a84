"""Search on Explore among the samples that rules drop, as the result card of Home opens it."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from jepascore_core.storage.store import Store
from pages.ui.app.text import plain
from pages.ui.explore import texts as explore_texts
from tests.pages.reading import keys_of, one, said, sections
from tests.pages.situations import put

PAGE = "pages/explore.py"


def found_keys(app: AppTest) -> list[str]:
    return keys_of(sections(app, "found")[0])


def test_search_among_what_rules_drop(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    keys = [sample.sample_key for sample in found.samples]
    app = open_page(PAGE, view="search", **{"dropped-by": "class_percentile >= 10"})
    assert found_keys(app) == [keys[0], keys[12], keys[24]]
    one(app, "text_input", explore_texts.SEARCH_TEXT).set_value("DOG/").run()
    assert found_keys(app) == [keys[12]]
    one(app, "button", plain(explore_texts.dropped_by("class_percentile >= 10"))).click().run()
    assert "dropped-by" not in app.query_params
    assert found_keys(app) == keys[12:24]


def test_rules_that_cannot_be_read_are_an_error(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    assert "Expected a number" in said(open_page(PAGE, view="search", **{"dropped-by": "class_percentile > "}))
