"""Where a button leads that is not a link."""

from __future__ import annotations

import ast
from urllib.parse import parse_qs, urlsplit

import pytest

from pages.ui.widgets.navigate import url_of
from tests.test_architecture import PAGES, UI, relative


@pytest.mark.parametrize(("page", "path"), [("app.py", "."), ("pages/explore.py", "explore")])
def test_an_address_is_below_the_folder_of_the_app(page: str, path: str) -> None:
    assert url_of(page, {}) == path
    rules = 'not (key ~ "a&b*") and percentile >= 5'
    found = urlsplit(url_of(page, {"rules": rules, "dataset": "d"}))
    assert found.path == path
    assert parse_qs(found.query) == {"rules": [rules], "dataset": ["d"]}


def test_no_page_leaves_its_address_with_the_parameters_of_another() -> None:
    named = {
        relative(path)
        for path in [*PAGES, *UI]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "switch_page"
    }
    assert named == set(), "st.switch_page writes them into it: use pages.ui.widgets.navigate"
