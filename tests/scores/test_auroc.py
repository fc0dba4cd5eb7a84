"""AUROC and its interval, against scikit-learn, resampling and a known distribution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from jepascore_core.scores.auroc import auroc

VALUES = st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=30)


@given(VALUES, VALUES)
def test_the_auroc_is_that_of_scikit_learn_also_with_ties(clean: list[float], defects: list[float]) -> None:
    found = auroc(np.array(clean), np.array(defects))
    truth = roc_auc_score([0] * len(clean) + [1] * len(defects), [-value for value in clean + defects])
    assert found.value == pytest.approx(truth)
    assert 0 <= found.lower <= found.value <= found.upper <= 1


@given(VALUES, VALUES)
def test_reversing_a_score_reflects_the_interval(clean: list[float], defects: list[float]) -> None:
    found = auroc(np.array(clean), np.array(defects))
    turned = auroc(-np.array(clean), -np.array(defects))
    assert turned.value == pytest.approx(1 - found.value)
    assert (turned.lower, turned.upper) == pytest.approx((1 - found.upper, 1 - found.lower))


def test_the_interval_is_that_of_the_bootstrap() -> None:
    rng = np.random.default_rng(0)
    clean, defects = rng.standard_normal(200), rng.standard_normal(60) - 1.0
    found = auroc(clean, defects)
    draws = [auroc(rng.choice(clean, len(clean)), rng.choice(defects, len(defects))).value for _ in range(2000)]
    assert (found.lower, found.upper) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.015)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Two normals one standard deviation apart: the AUROC is Phi(1 / sqrt 2) = 0.7602."""
    rng, hits = np.random.default_rng(1), 0
    for _ in range(400):
        found = auroc(rng.standard_normal(100), rng.standard_normal(40) - 1.0)
        hits += found.lower <= 0.76025 <= found.upper
    assert 0.92 <= hits / 400 <= 0.98


def test_few_images_that_are_all_told_apart_leave_doubt() -> None:
    found = auroc(np.arange(20.0) + 100, np.arange(5.0))
    assert found.value == found.upper == 1.0
    assert 0.5 < found.lower < 0.99
    assert auroc(np.arange(200.0) + 100, np.arange(40.0)).lower > found.lower
    assert auroc(np.ones(20), np.ones(5)).value == 0.5


def test_one_of_either_is_refused() -> None:
    with pytest.raises(ValueError, match="not 1 and 5"):
        auroc(np.ones(1), np.ones(5))
