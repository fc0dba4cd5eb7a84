"""Confounds: rank correlations against another implementation, and what is said of strong ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from jepascore_core.errors import TooFewImagesError
from jepascore_core.formatting import rho_text
from jepascore_core.records.quality import ImageQuality
from jepascore_core.trust.confounds import (
    PROPERTY_TITLES,
    confound_sentence,
    confounds,
    correlation_ratio,
    rank_correlation,
)
from tests.conftest import add_backbone, add_dataset, add_measurements, make_samples

QUALITY = ImageQuality(0.5, 0.1, 0.9, 0.2, 7.0, 40.0, 500.0, 0.1, 0.0, 1)


def put_measured(store, count=200, has_quality=True):
    """Scores that fall with brightness, rise weakly with contrast, and know nothing of the rest."""
    rng = np.random.default_rng(3)
    brightness, noise, contrast = rng.random((3, count))
    samples = [
        replace(
            sample,
            sample_key=sample.sample_key if number % 2 else sample.sample_key.replace(".png", ".JPG"),
            quality=replace(QUALITY, brightness=float(brightness[number]), contrast=float(contrast[number]))
            if has_quality
            else None,
        )
        for number, sample in enumerate(make_samples(["a"] * count))
    ]
    values = -brightness + 0.1 * noise + 0.3 * contrast
    scores = {sample.sample_key: float(value) for sample, value in zip(samples, values, strict=True)}
    dataset = add_dataset(store, "toy", samples)
    found = add_measurements(store, dataset, add_backbone(store), scores, samples=samples)
    return found, brightness, contrast, values


def test_spearman_is_scipys():
    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = rng.integers(0, 9, (2, 40)).astype(float)
        assert rank_correlation(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)
    assert rank_correlation(np.ones(9), np.arange(9.0)) is None


def test_correlation_ratio():
    assert correlation_ratio(["a", "a", "b", "b"], np.array([1.0, 1.0, 2.0, 2.0])) == pytest.approx(1)
    assert correlation_ratio(["a", "b", "a", "b"], np.array([1.0, 1.0, 2.0, 2.0])) == pytest.approx(0)
    assert correlation_ratio(["a", "a"], np.array([1.0, 2.0])) is None
    rng = np.random.default_rng(0)
    values, kinds = rng.random(300), rng.integers(0, 3, 300)
    ranks = stats.rankdata(values)
    between = sum((kinds == kind).sum() * (ranks[kinds == kind].mean() - ranks.mean()) ** 2 for kind in range(3))
    assert correlation_ratio(list(map(str, kinds)), values) == pytest.approx((between / (300 * ranks.var())) ** 0.5)


def test_a_score_that_orders_by_brightness_is_called_that(store):
    scores, brightness, contrast, values = put_measured(store)
    found = confounds(store, scores)
    of_score = {row.image_property: row for row in found.rows if row.score == "JEPA-SCORE"}
    assert list(of_score) == list(PROPERTY_TITLES)
    expected = stats.spearmanr(values, brightness).statistic
    assert of_score["brightness"].spearman == pytest.approx(expected, abs=1e-3)
    assert of_score["contrast"].spearman == pytest.approx(stats.spearmanr(values, contrast).statistic, abs=1e-3)
    assert of_score["format"].spearman < 0.2
    assert of_score["sharpness"].spearman is None  # the same for all
    (warning,) = found.warnings
    assert confound_sentence(warning) == (
        f"This score mostly orders your images by brightness (rho = {rho_text(expected)}, "
        "95 % interval −0.96 to −0.93, n = 200)."
    )


def test_an_index_of_an_earlier_release_says_what_is_missing(store):
    scores, *_ = put_measured(store, has_quality=False)
    found = confounds(store, scores)
    assert (found.num_images, found.num_unmeasured) == (200, 200)
    by_name = {row.image_property: row for row in found.rows}
    assert by_name["brightness"].spearman is None
    assert by_name["brightness"].num_images == 0


def test_too_few_images(store):
    with pytest.raises(TooFewImagesError, match="at least 30"):
        confounds(store, put_measured(store, 20)[0])
