"""Accuracy against share kept: known orders, at random, and the same as single cuts by hand."""

import json

import numpy as np
import pytest

from jepascore_core.curation.cut_effect.compare import NUM_SEEDS
from jepascore_core.curation.cut_effect.curve import SHARES, CutCurve, trace_curve
from jepascore_core.curation.cut_effect.orders import LABEL_ISSUES, REVERSED, SCORE
from jepascore_core.curation.cut_effect.samples import labelled_samples
from jepascore_core.curation.cut_effect.stored import cut_curve, cut_curve_seconds, known_cut_curve
from jepascore_core.errors import RunCancelled

SPLITS = ["train", "train", "train", "test"]


@pytest.fixture
def noisy(make):
    """Wrong labels have low scores."""
    splits = [SPLITS[row // 4 % 4] for row in range(1200)]
    return make(wrong=0.4, splits=splits, score=lambda truth, labels, tails: (truth == labels) * 1.0)


def test_orders_whose_effect_is_known(noisy):
    curve = cut_curve(noisy.store, noisy.scores, noisy.scores)
    score, issues = curve.line(SCORE), curve.line(LABEL_ISSUES)
    assert (curve.held_out, curve.num_judged, curve.num_training) == ("test", 300, 900)
    assert [point.share for point in score.points] == list(SHARES)
    assert score.best.share in (0.7, 0.6, 0.5)
    assert score.worst is None
    assert score.sentence.startswith("JEPA-SCORE, lowest first beats random cuts, most where ")
    assert curve.line(REVERSED).worst is not None
    assert issues.best is not None
    assert curve.line("norm").best is None


def test_it_is_kept_until_something_changes(noisy):
    assert known_cut_curve(noisy.store, noisy.scores, noisy.scores) is None
    curve = cut_curve(noisy.store, noisy.scores, noisy.scores)
    assert known_cut_curve(noisy.store, noisy.scores, noisy.scores) == curve
    assert CutCurve.from_dict(json.loads(json.dumps(curve.to_dict()))) == curve
    assert cut_curve_seconds(noisy.store, noisy.scores, noisy.scores) > 0


def test_a_line_at_random_does_no_better_and_shares_are_of_each_class(make):
    known = make(n=400, wrong=0.2)
    samples = labelled_samples(known.store, known.scores)
    eligible = np.arange(400) % 10 > 0
    orders = {("chance", "Chance"): np.random.default_rng(9).random(400)}
    shares = []
    curve = trace_curve(samples, eligible, orders, ("a@b", "rank", "a@b"), shares.append)
    assert (curve.num_training, curve.num_judged) == (360, 400)
    line = curve.line("chance")
    assert line.sentence == "Chance does no better than random at any share."
    assert len(shares) == NUM_SEEDS + 1
    assert all(low <= value <= high for value, low, high in curve.random)
    assert curve.line("nothing") is None


def test_what_has_no_value_is_cut_last(make):
    known = make(n=400)
    samples = labelled_samples(known.store, known.scores)
    values = np.where(known.labels == known.truth, np.nan, 0.0)
    values[::2] = 1.0
    lowest = np.where(np.isnan(values), 2.0, values)
    both = {("a", "A"): values, ("b", "B"): lowest}
    curve = trace_curve(samples, np.ones(400, bool), both, ("a@b", "rank", "a@b"))
    assert curve.line("a").points == curve.line("b").points


def test_it_can_be_cancelled(noisy):
    def progress(share):
        if share > 0.7:
            raise RunCancelled

    with pytest.raises(RunCancelled):
        cut_curve(noisy.store, noisy.scores, noisy.scores, progress)
    assert known_cut_curve(noisy.store, noisy.scores, noisy.scores) is None
