"""Maps kept with a dataset: computed once for what is measured, under an identity that is the same everywhere."""

import numpy as np
import pytest

from jepascore_core.curation.columns.layouts import (
    compute_layout,
    known_layout,
    last_layout,
    layout_need,
    place_columns,
    read_places,
)
from jepascore_core.curation.precompute.step import PrecomputeStep
from jepascore_core.curation.precompute.steps import pending_layout, precompute
from jepascore_core.errors import StoreError, TooFewImagesError
from jepascore_core.storage.store import Store
from tests.embeddings.clumps import measure_clumps, put_clumps

LABELS = ["cat", "dog"] * 20


@pytest.fixture
def scores(store):
    return put_clumps(store, LABELS, num_measured=30)


@pytest.mark.parametrize("kind", ["pca", "pacmap"])
def test_it_is_computed_once_until_more_is_measured(store, scores, kind):
    (work,) = pending_layout(store, scores, kind)
    assert (work.kind, work.size, work.is_quick) == (kind, 30, True)
    assert work.title == "Placing 30 images on a map"
    precompute(store, scores, work)
    assert list(pending_layout(store, scores, kind)) == []
    first = known_layout(store, scores, kind)
    assert first is not None
    assert (first.num_images, first.num_landmarks) == (30, 30)
    assert 0.5 < first.trustworthiness <= 1.0
    measure_clumps(store, scores.backbone_id, LABELS, rows=slice(30, 40))
    assert known_layout(store, scores, kind) is None
    assert last_layout(store, scores, kind) == first
    assert compute_layout(store, scores, kind).num_images == 40


def test_its_identity_is_that_of_its_images_wherever_they_lie(store, scores, tmp_path):
    elsewhere = Store(tmp_path / "elsewhere")
    there = put_clumps(elsewhere, LABELS, num_measured=30)
    assert layout_need(elsewhere, there, "pca").identity == layout_need(store, scores, "pca").identity
    assert layout_need(store, scores, "pacmap").identity != layout_need(store, scores, "pca").identity
    here, other = (compute_layout(*pair, "pacmap") for pair in ((store, scores), (elsewhere, there)))
    assert read_places(store, scores, here).equals(read_places(elsewhere, there, other))


def test_places_are_those_of_samples_in_order_of_their_keys(store, scores):
    layout = compute_layout(store, scores, "pca")
    rows = store.query(f"SELECT * FROM {place_columns(store, scores, layout)}")
    x, y = rows["x"].to_numpy(), rows["y"].to_numpy()
    assert len(x) == 40
    assert np.isnan(x[30:]).all()
    assert np.isfinite(y[:30]).all()
    assert (x[:30:2].max() < x[1:30:2].min()) or (x[:30:2].min() > x[1:30:2].max()), "two clumps lie apart"


def test_a_map_that_is_gone_says_so(store, scores):
    layout = compute_layout(store, scores, "pca")
    for path in store.dataset_folder(scores.dataset_id).glob("layouts/*/*.parquet"):
        path.unlink()
    with pytest.raises(StoreError, match="Reload"):
        read_places(store, scores, layout)
    assert last_layout(store, scores, "pca") is None


def test_too_few_images(store):
    scores = put_clumps(store, ["a", "b", "a", "b"])
    (work,) = pending_layout(store, scores, "pacmap")
    with pytest.raises(TooFewImagesError, match="at least 12"):
        precompute(store, scores, work)


def test_large_ones_are_asked_about():
    work = PrecomputeStep("pacmap", 100_000, seconds=50.0)
    assert not work.is_quick
    assert work.title == "Placing 100,000 images on a map (about 50 s on two cores)"
    assert work.short_title == "map by neighbours"
