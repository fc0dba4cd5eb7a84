"""Densities and cumulative shares, from bins."""

import numpy as np
import pytest
from scipy.stats import norm

from jepascore_core.views.distribution import HistogramOptions, histograms, samples_between
from jepascore_core.views.shapes import FINE_BINS, density, ecdf
from tests.conftest import add_backbone
from tests.views.test_distribution import scored_set


def test_a_normal_sample_has_a_normal_density(store):
    values = np.random.default_rng(0).normal(10, 3, 20_000)
    view = histograms(store, [scored_set(store, "d", values)], HistogramOptions(bins=FINE_BINS))
    (series,) = view.series
    edges = np.array(view.edges)
    found = density(view, series)
    assert np.sum(found) * (edges[1] - edges[0]) == pytest.approx(100, abs=0.1)
    np.testing.assert_allclose(found, 100 * norm.pdf((edges[:-1] + edges[1:]) / 2, 10, 3), atol=0.9)


def test_the_cumulative_share_is_that_of_the_samples(store):
    values = np.random.default_rng(0).normal(10, 3, 500)
    view = histograms(store, [scored_set(store, "d", values)], HistogramOptions(bins=FINE_BINS))
    found = ecdf(view.series[0])
    expected = [100 * np.mean(values <= edge) for edge in view.edges[1:-1]]
    np.testing.assert_allclose(found[:-1], expected)
    assert found[-1] == 100


def test_equal_scores_are_one_peak(store):
    view = histograms(store, [scored_set(store, "d", [2.0] * 9)], HistogramOptions(bins=11))
    found = density(view, view.series[0])
    assert np.argmax(found) == 5
    assert found.sum() * (view.edges[1] - view.edges[0]) == pytest.approx(100)


def test_scores_on_the_scale_of_a_reference(store):
    rng = np.random.default_rng(0)
    backbone, other = add_backbone(store), add_backbone(store, "timm:other")
    home = scored_set(store, "home", rng.normal(50, 4, 900), backbone=backbone)
    far = scored_set(store, "far", rng.normal(70, 4, 900), backbone=backbone)
    lost = scored_set(store, "lost", [1, 2, 3], backbone=other)
    view = histograms(store, [home, far, lost], HistogramOptions(reference=home.dataset_id, bins=40))
    assert (view.num_without_reference, view.unit) == (1, "robust z against home")
    one, two = view.series
    assert one.median == pytest.approx(0)
    assert one.upper_quartile - one.lower_quartile == pytest.approx(1.349, abs=1e-3)
    assert two.median == pytest.approx(5, abs=0.5)
    for place in range(40):
        low, high = view.edges[place], view.edges[place + 1]
        found = samples_between(
            store, far, low if place else None, high if place < 39 else None, limit=900, standard=two.standard
        )
        assert len(found) == two.counts[place]


def test_a_reference_without_spread_is_no_scale(store):
    flat = scored_set(store, "flat", [1, 1, 1])
    view = histograms(store, [flat], HistogramOptions(reference=flat.dataset_id))
    assert (view.series, view.num_without_reference) == ((), 1)
