"""Planted defects on Trust: offer, progress, cancelling, result; on real digits under a bundled encoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.storage.store import Store
from jepascore_core.trust.planted.evaluate import planted_result
from jepascore_core.trust.planted.requests import find_planted, request_planted
from pages.ui.trust import texts as trust_texts
from tests.pages.reading import figure, labels, one, said, sections
from tests.trust.planted.conftest import FEW, put_digits, work

PAGE = "pages/trust.py"


@pytest.mark.usefixtures("no_worker")
def test_from_the_offer_to_the_result(open_page: Callable[..., AppTest], home_store: Store, tmp_path: Path) -> None:
    scores = put_digits(home_store, tmp_path / "digits", count=130)
    app = open_page(PAGE)
    assert trust_texts.PLANTED_ABOUT in said(app)
    assert "15 kinds of defects, 8 of each, beside 40 clean images: 112 images to measure" in said(app)
    app = one(app, "button", trust_texts.PLANT).click().run()
    assert "Cancel" in labels(app, "button")
    app = one(app, "button", "Cancel").click().run()
    work(home_store)
    app = open_page(PAGE)
    assert "Resume" in labels(app, "button")

    planted = request_planted(home_store, scores, FEW)
    work(home_store)
    result = planted_result(home_store, scores, find_planted(home_store, scores, FEW))
    app = open_page(PAGE)
    text = said(app)
    assert result.summary in text
    assert "24 clean images, 6 defects of each kind, seed 0" in text
    assert "share of defects in a review of the lowest 5 %, where 5 % of" in text
    drawn = figure(app, "planted-defects")["data"][0]
    assert drawn["y"] == ["Foreign image", "Inverted colours", "Near duplicate", "Swapped label"]
    assert drawn["x"][0] == "JEPA-SCORE"
    cell = result.cell("inverted", "knn")
    assert drawn["text"][1][5] == f"{cell.auroc:.2f} ↓<br>{100 * cell.precision:.0f} %"
    codes = [item.value for item in app.code]
    assert result.rule in codes
    assert any(code.startswith("jepascore trust plant digits -b ") for code in codes)
    examples = sections(app, "planted-examples")
    assert [section["title"] for section in examples] == drawn["y"]
    assert all(len(section["tiles"]) == 6 for section in examples)
    assert planted.dataset is not None


@pytest.mark.usefixtures("no_worker")
def test_too_few_images_say_so(open_page: Callable[..., AppTest], home_store: Store, tmp_path: Path) -> None:
    put_digits(home_store, tmp_path / "digits", count=20)
    assert "20 images are too few to plant defects: at least " in said(open_page(PAGE))
