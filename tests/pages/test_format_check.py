"""The format check on Trust: offer, progress, cancelling, result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.storage.store import Store
from jepascore_core.trust.format_check import format_check, format_check_sentence, format_options
from jepascore_core.trust.planted.requests import find_planted
from pages.ui.trust import texts as trust_texts
from tests.pages.reading import labels, one, said
from tests.trust.planted.conftest import put_digits, work

PAGE = "pages/trust.py"


@pytest.mark.slow
@pytest.mark.usefixtures("no_worker")
def test_from_the_offer_to_the_result(open_page: Callable[..., AppTest], home_store: Store, tmp_path: Path) -> None:
    scores = put_digits(home_store, tmp_path / "digits")
    app = open_page(PAGE)
    assert "45 copies to measure" in said(app)
    one(app, "button", trust_texts.CHECK_FORMATS).click().run()
    assert "Cancel" in labels(app, "button")
    one(app, "button", "Cancel").click().run()
    work(home_store)
    one(open_page(PAGE), "button", "Resume").click().run()
    work(home_store)
    app = open_page(PAGE)
    found = format_check(home_store, scores, find_planted(home_store, scores, format_options(90)))
    assert format_check_sentence(found) in said(app)
    rows = [frame.value.to_dict("records") for frame in app.table]
    assert [row[trust_texts.SAVED_AS] for row in next(row for row in rows if trust_texts.SAVED_AS in row[0])] == [
        "JPEG, quality 90",
        "JPEG, quality 75",
    ]
    assert trust_texts.PLANT in labels(app, "button"), "no defects were planted"
