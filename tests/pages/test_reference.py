"""Explore, against a reference: the least covered first, what both have, and the nearest beside each."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.curation.precompute import step
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from pages.ui.curate import texts as curate_texts
from pages.ui.explore import texts
from pages.ui.sample import texts as sample_texts
from pages.ui.widgets import texts as widget_texts
from tests.conftest import add_backbone, add_dataset, make_sample
from tests.curation.test_reference_rules import A, B, put
from tests.pages.reading import keys_of, links, one, said, sections

PAGE = "pages/explore.py"


@pytest.fixture
def scores(home_store: Store) -> ScoreSet:
    backbone = add_backbone(home_store)
    put(home_store, "A", A, backbone)
    return put(home_store, "B", B, backbone, measured=5)


@pytest.fixture
def open_view(open_page: Callable[..., AppTest], scores: ScoreSet) -> Callable[..., AppTest]:
    return lambda **more: open_page(PAGE, dataset=scores.dataset_id, view="reference", **more)


def test_the_least_covered_come_first(open_view: Callable[..., AppTest], home_store: Store) -> None:
    app = open_view()
    assert one(app, "selectbox", texts.REFERENCE).value == home_store.catalogue.dataset("A").dataset_id
    (section,) = sections(app, "farthest")
    assert keys_of(section) == ["B03.png", "B04.png", "B02.png", "B01.png", "B00.png"]
    first, *_, last = section["tiles"]
    assert (first["caption"], last["caption"]) == ("0.658", "0.000")
    assert first["percentile"] == 100.0
    words = said(app)
    assert "5 of 6 samples of B compared with 3 samples of A." in words
    assert "1 sample with the same bytes as an image of A" in words
    assert "(60.0" in words, "three of five are farther from A than its images are from each other"


def test_rules_to_copy_are_rules(open_view: Callable[..., AppTest]) -> None:
    codes = [item.value for item in open_view().code]
    assert codes[1:] == ['all | budget 3 farthest from "A"', 'all | budget 3 diverse from "A"']
    assert codes[0].startswith('reference_distance["A", 10] > 0.0')


def test_what_both_have_is_named(open_view: Callable[..., AppTest]) -> None:
    (section,) = sections(open_view(open="shared"), "in-both")
    assert section["title"] == texts.SAME_BYTES
    assert [(tile["sample_key"], tile["caption"]) for tile in section["tiles"]] == [("B00.png", "A00.png")]


def test_the_sample_window_shows_the_nearest_of_the_reference(
    open_view: Callable[..., AppTest], home_store: Store
) -> None:
    add_dataset(home_store, "0 bare", [make_sample("x.png")])  # not measured: not the first choice
    app = open_view(sample="B01.png")
    (section,) = sections(app, "detail-reference")
    assert section["title"] == sample_texts.nearest_in("A")
    assert keys_of(section) == ["A01.png", "A02.png", "A00.png"]
    assert [tile["caption"] for tile in section["tiles"]] == ["0.001", "0.010", "0.022"]


def test_a_reference_that_cannot_be_compared_says_why(open_view: Callable[..., AppTest], home_store: Store) -> None:
    bare = add_dataset(home_store, "bare", [make_sample("x.png")])
    app = open_view(reference=bare.dataset_id)
    assert "bare cannot be the reference" in said(app)
    assert not app.exception


def test_alone_there_is_nothing_to_compare_with(open_page: Callable[..., AppTest], home_store: Store) -> None:
    scores = put(home_store, "A", A, add_backbone(home_store))
    assert texts.NO_REFERENCE in said(open_page(PAGE, dataset=scores.dataset_id, view="reference"))


def test_large_comparisons_are_left_to_the_worker(
    open_view: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch, no_worker: None
) -> None:
    monkeypatch.setattr(step, "QUICK_IMAGES", 1)
    app = open_view()
    assert not app.get("bidi_component")
    button = one(app, "button", widget_texts.COMPUTE)
    button.click().run()
    assert "Finding the nearest of 3 images of A for 5 images" in said(app)


def test_curate_has_a_form_for_rules_and_budgets(open_page: Callable[..., AppTest], scores: ScoreSet) -> None:
    app = open_page("pages/curate.py", dataset=scores.dataset_id)
    app.button(key="add-reference").click().run()
    assert app.query_params["rules"] == 'reference_distance["A"] >= 0.1'
    one(app, "selectbox", curate_texts.DRAW).set_value(curate_texts.FARTHEST).run()
    one(app, "number_input", curate_texts.SAMPLES).set_value(2).run()
    app.button(key="add-budget").click().run()
    assert app.query_params["rules"] == 'reference_distance["A"] >= 0.1 | budget 2 farthest from "A"'
    assert not app.exception


def test_curate_says_what_is_missing_for_a_reference(open_page: Callable[..., AppTest], home_store: Store) -> None:
    alone = put(home_store, "A", A, add_backbone(home_store))
    app = open_page("pages/curate.py", dataset=alone.dataset_id)
    assert curate_texts.NO_REFERENCE in said(app)
    assert app.button(key="add-reference").disabled


def test_without_a_comparable_dataset_the_view_says_what_to_measure(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    backbone = add_backbone(home_store)
    scores = put(home_store, "B", B, backbone)
    assert texts.NO_REFERENCE in said(open_page(PAGE, view="reference"))
    put(home_store, "A", [("other", 0, 1)], add_backbone(home_store, "timm:resnet18.test"))
    for chosen in ({}, {"reference": home_store.catalogue.dataset("A").dataset_id}):
        app = open_page(PAGE, dataset=scores.dataset_id, backbone=scores.key.text, view="reference", **chosen)
        assert not app.error
        assert texts.none_comparable(["A"], "A") in said(app)
        assert f"jepascore score A -b {backbone.name}" in [item.value for item in app.code]
        query = dict(links(app))[texts.MEASURE_REFERENCE]
        assert f"dataset={home_store.catalogue.dataset('A').dataset_id}" in query
    put(home_store, "C", [("new", 5, 1), *B], backbone, measured=0)
    put(home_store, "D", A, backbone)
    app = open_page(PAGE, dataset=scores.dataset_id, backbone=scores.key.text, view="reference")
    assert one(app, "selectbox", texts.REFERENCE).options == ["D", "C"], "C shares images with B, but has one more"
