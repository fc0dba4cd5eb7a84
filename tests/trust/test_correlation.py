"""The interval of a rank correlation, against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from jepascore_core.trust.correlation import rank_interval


def test_it_holds_the_truth_as_often_as_it_says() -> None:
    """Of a binormal with r = 0.8 Spearman's correlation is 6/pi asin(r / 2)."""
    truth = 6 / np.pi * np.arcsin(0.4)
    rng, hits = np.random.default_rng(0), 0
    for _ in range(400):
        first = rng.standard_normal(60)
        second = 0.8 * first + 0.6 * rng.standard_normal(60)
        low, high = rank_interval(float(spearmanr(first, second).statistic), 60)
        hits += low <= truth <= high
    assert 0.91 <= hits / 400 <= 0.985


def test_it_is_symmetric_shrinks_and_stays_within_one() -> None:
    low, high = rank_interval(0.5, 100)
    assert rank_interval(-0.5, 100) == pytest.approx((-high, -low))
    assert rank_interval(0.5, 1000)[0] > low
    assert 0.99 < rank_interval(1.0, 10)[0] <= rank_interval(1.0, 10)[1] <= 1.0
    with pytest.raises(ValueError, match="four images"):
        rank_interval(0.5, 3)
