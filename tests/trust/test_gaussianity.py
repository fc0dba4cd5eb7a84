"""The diagnostic on shapes that are known: Gaussian under any linear map, and several that are not."""

from __future__ import annotations

import numpy as np
import pytest

from jepascore_core.errors import TooFewImagesError
from jepascore_core.storage.store import Store
from jepascore_core.trust.gaussianity import (
    IMAGES_PER_DIRECTION,
    MAX_IMAGES,
    dataset_gaussianity,
    gaussianity,
    normal_distances,
    whiten,
)
from tests.trust.conftest import put_embeddings

RNG = np.random.default_rng(0)
NORMAL = RNG.standard_normal((1200, 24))


def test_a_gaussian_is_near_and_as_near_as_the_reference():
    view = gaussianity(NORMAL)
    assert view.verdict == "near"
    assert view.distance == pytest.approx(view.normal_distance, abs=0.004)
    assert view.spread == pytest.approx(view.normal_spread, rel=0.1)
    assert (view.num_images, view.dimension, view.num_directions) == (1200, 24, 24)
    assert view.isotropy > 0.9


def test_a_linear_change_of_the_embedding_changes_only_the_isotropy():
    turned = NORMAL @ RNG.standard_normal((24, 24)) * np.exp(RNG.standard_normal(24)) + 5
    first, second = gaussianity(NORMAL), gaussianity(turned)
    assert second.verdict == "near"
    assert second.spread == pytest.approx(first.spread, rel=1e-6)
    assert second.isotropy < 0.5 * first.isotropy


@pytest.mark.parametrize(
    "embeddings",
    [
        pytest.param(NORMAL * RNG.exponential(size=(1200, 1)), id="lengths vary"),
        pytest.param(4 * RNG.standard_normal((3, 24))[RNG.integers(3, size=1200)] + NORMAL, id="clusters"),
        pytest.param(RNG.standard_t(2, size=(1200, 24)), id="heavy tails"),
    ],
)
def test_other_shapes_are_not_near(embeddings):
    assert gaussianity(embeddings).verdict != "near"


@pytest.mark.parametrize(("count", "dimension"), [(64, 24), (256, 192), (1000, 32)])
def test_true_gaussians_are_near_whatever_the_seed(count, dimension):
    for seed in range(5):
        sample = np.random.default_rng(100 + seed).standard_normal((count, dimension))
        assert gaussianity(sample).verdict == "near"


def test_lengths_that_vary_a_little_are_noticed():
    rng = np.random.default_rng(100)
    lengths = np.sqrt(rng.chisquare(10, (1000, 1)) / 10)
    assert gaussianity(rng.standard_normal((1000, 32)) / lengths).verdict == "some way off"


def test_null_directions_do_not_count():
    flat = np.concatenate([NORMAL, NORMAL[:, :2] + NORMAL[:, 2:4]], axis=1)
    view = gaussianity(flat.astype(np.float16))
    assert view.num_directions == 24
    assert view.verdict == "near"


def test_few_images_are_looked_at_in_few_directions():
    view = gaussianity(NORMAL[:80])
    assert view.num_directions == 80 // IMAGES_PER_DIRECTION
    assert view.verdict == "near"


def test_many_images_are_sampled():
    assert gaussianity(RNG.standard_normal((MAX_IMAGES + 500, 4))).num_images == MAX_IMAGES


def test_rows_that_are_not_finite_are_left_out_and_too_few_are_refused():
    holes = NORMAL[:100].copy()
    holes[::10, 0] = np.nan
    assert gaussianity(holes).num_images == 90
    with pytest.raises(TooFewImagesError, match="50 so far"):
        gaussianity(NORMAL[:50])
    with pytest.raises(TooFewImagesError, match="the same"):
        gaussianity(np.ones((100, 4)))


def test_whitening_gives_variance_one_and_the_variances_before():
    white, variances = whiten(NORMAL * np.arange(1, 25), 10)
    assert white.shape == (1200, 10)
    np.testing.assert_allclose(white.std(axis=0), 1)
    assert (np.diff(variances) <= 0).all()
    assert len(variances) == 24


def test_distances_are_those_of_scipys_test():
    from scipy.stats import kstest

    samples = RNG.standard_t(3, size=(70, 4))
    truth = [kstest(column, "norm").statistic for column in samples.T]
    np.testing.assert_allclose(normal_distances(samples), truth, rtol=1e-12)


def test_histograms_are_densities_and_shares():
    view = gaussianity(NORMAL)
    width = view.edges[1] - view.edges[0]
    assert sum(view.densities[1]) * width == pytest.approx(1, abs=0.05)
    assert sum(view.lengths) == pytest.approx(100)
    assert sum(view.normal_lengths) == pytest.approx(100)


def test_of_a_dataset_it_is_that_of_its_stored_embeddings(store: Store):
    scores, embeddings = put_embeddings(store, ["a", "b"] * 50)
    view = dataset_gaussianity(store, scores)
    assert view.num_images == 100
    assert view.spread == pytest.approx(gaussianity(embeddings).spread, rel=1e-3)
