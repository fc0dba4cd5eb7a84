"""Precision at a budget by hand; the mean AUROC and differences of it, against DeLong, resampling and the truth."""

from __future__ import annotations

import numpy as np
import pytest

from jepascore_core.scores.auroc import auroc
from jepascore_core.trust.planted.statistics import MeanAuroc, mean_aurocs, precision_at_budget


def test_precision_at_a_budget_by_hand() -> None:
    """19 clean images and one defect are 5 %: one image is reviewed."""
    clean = np.arange(19.0)
    assert precision_at_budget(clean, np.array([-1.0]), 0.05) == pytest.approx(1.0)
    assert precision_at_budget(clean, np.array([0.5]), 0.05) == pytest.approx(0.0)
    # Two defects, of which one is drawn: it is below all clean images every other time.
    assert precision_at_budget(clean, np.array([-1.0, 30.0]), 0.05) == pytest.approx(0.5 + 0.5 * 0.0)
    # 90 clean images and 10 defects are 10 %: of the ten lowest four are defects.
    clean, defects = np.arange(90.0) + 0.5, np.array([-1.0, -2.0, 1.0, 2.0, *[200.0] * 6])
    assert precision_at_budget(clean, defects, 0.1) == pytest.approx(0.4)


def test_a_score_that_says_nothing_finds_what_chance_finds() -> None:
    assert precision_at_budget(np.zeros(190), np.zeros(40), 0.05) == pytest.approx(0.05)


def put_defects(rng: np.random.Generator, kinds: int = 3, n: int = 60, m: int = 20):
    """Two scores of clean images and defects; originals that are hard for one kind are so for all."""
    names = [f"kind {kind}" for kind in range(kinds)]
    defects = [""] * n + [name for name in names for _ in range(m)]
    originals = [f"clean {i}" for i in range(n)] + [f"original {i}" for _ in names for i in range(m)]
    shared = np.concatenate([rng.standard_normal(n), np.tile(rng.standard_normal(m), kinds)])
    is_defect = np.array(defects) != ""
    good, poor = (shared + 0.5 * rng.standard_normal(len(defects)) - shift * is_defect for shift in (1.5, 1.0))
    return {"poor": poor, "good": good}, defects, originals, names


def test_one_kind_has_the_interval_of_delong() -> None:
    values, defects, originals, names = put_defects(np.random.default_rng(0), kinds=1)
    poor, good = mean_aurocs(values, defects, originals, names, values)
    for found, score in ((poor, values["poor"]), (good, values["good"])):
        is_clean = np.array(defects) == ""
        truth = auroc(score[is_clean], score[~is_clean])
        assert (found.mean, found.lower, found.upper) == pytest.approx(truth)
    assert (good.behind, good.behind_lower, good.behind_upper) == (0, 0, 0)
    assert poor.behind == pytest.approx(good.mean - poor.mean)


def test_the_best_is_one_of_the_eligible() -> None:
    values, defects, originals, names = put_defects(np.random.default_rng(0))
    poor, good = mean_aurocs(values, defects, originals, names, {"poor"})
    assert (poor.behind, good.behind < 0) == (0, True)


def test_intervals_hold_the_truth_as_often_as_they_say_although_defects_share_originals() -> None:
    """Differences of two normals: Phi(shift / sqrt(2 * 1.25)), the same for each kind."""
    from scipy.stats import norm

    truth = {name: norm.cdf(shift / np.sqrt(2.5)) for name, shift in (("poor", 1.0), ("good", 1.5))}
    rng, hits, apart = np.random.default_rng(3), 0, 0
    for _ in range(300):
        poor, _good = mean_aurocs(*put_defects(rng), {"good"})
        hits += poor.lower <= truth["poor"] <= poor.upper
        apart += poor.behind_lower <= truth["good"] - truth["poor"] <= poor.behind_upper
    assert 0.91 <= hits / 300 <= 0.985
    assert 0.91 <= apart / 300 <= 0.985


def test_equal_scores_are_not_apart_and_perfect_ones_leave_doubt() -> None:
    defects, originals = ["", "", "", "a", "a", "b", "b"], ["1", "2", "3", "4", "5", "4", "5"]
    score = np.array([5.0, 6.0, 7.0, 1.0, 2.0, 3.0, 4.0])
    first, second = mean_aurocs({"x": score, "y": 2 * score}, defects, originals, ["a", "b"], {"x", "y"})
    assert first == MeanAuroc("x", 1.0, pytest.approx(first.lower), 1.0, 0.0, 0.0, 0.0)
    assert first.lower < 0.9
    assert second.behind == second.behind_upper == 0.0


def test_an_unknown_value_is_left_out() -> None:
    values, defects, originals, names = put_defects(np.random.default_rng(4))
    holed = {"poor": values["poor"].copy(), "good": values["good"]}
    holed["poor"][[0, 70]] = np.nan
    keep = np.array([index not in (0, 70) for index in range(len(defects))])
    (found, _), (fewer, _) = (
        mean_aurocs(holed, defects, originals, names, values),
        mean_aurocs(
            {name: score[keep] for name, score in values.items()},
            [item for item, is_kept in zip(defects, keep, strict=True) if is_kept],
            [item for item, is_kept in zip(originals, keep, strict=True) if is_kept],
            names,
            values,
        ),
    )
    assert found.mean == pytest.approx(fewer.mean)
    assert (found.lower, found.upper) == pytest.approx((fewer.lower, fewer.upper), abs=2e-3)
