"""Verdicts on how familiar an encoder is with a dataset: closed forms, limits, caveats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from jepascore_core.views.readiness import (
    MIN_SAMPLES,
    overlap_coefficient,
    readiness,
    readiness_rows,
)
from tests.conftest import add_backbone
from tests.views.test_distribution import scored_set

VALUES = arrays(np.float64, st.integers(1, 40), elements=st.integers(-5, 5).map(float))


@given(VALUES, VALUES, st.floats(0.1, 10), st.floats(-5, 5))
def test_overlap_is_symmetric_bounded_and_knows_no_unit(values, reference, scale, shift):
    found = overlap_coefficient(values, reference)
    assert 0 <= found <= 1
    assert overlap_coefficient(reference, values) == pytest.approx(found)
    assert overlap_coefficient(values, values) == pytest.approx(1)


def test_two_normal_distributions_have_the_numbers_of_the_textbook():
    rng = np.random.default_rng(0)
    values, reference = rng.normal(0, 1, 200_000), rng.normal(1, 1, 200_000)
    assert overlap_coefficient(values, reference) == pytest.approx(2 * norm.cdf(-0.5), abs=0.01)


def judged(store, offset, count=300, **changes):
    rng = np.random.default_rng(2)
    backbone = add_backbone(store, "timm:vit_small_patch14_dinov2.lvd142m", is_jepa=True, family="DINOv2")
    home = scored_set(store, "home", rng.normal(100, 10, 300), backbone=backbone)
    other = scored_set(store, "other", rng.normal(100 + offset, 10, count), backbone=backbone, **changes)
    return readiness(store, [home, other], home.dataset_id)


@pytest.mark.parametrize(
    ("offset", "level", "words"),
    [
        (0, "familiar", "This encoder scores it like home"),
        (-8, "less", "finds it less likely than home"),
        (-30, "foreign", "out of distribution"),
        (12, "higher", "plain or smooth images often score high"),
    ],
)
def test_verdicts(store, offset, level, words):
    home, other = judged(store, offset)
    assert (home.level, home.auroc, home.headline) == ("reference", None, "Reference")
    assert other.level == level
    assert words in other.verdict
    assert other.caveats == ()
    assert other.interval[0] < other.auroc < other.interval[1] or abs(offset) == 30
    assert (other.auroc > 0.5) == (offset < 0) or offset == 0
    rows = readiness_rows([home, other])
    assert [row["Dataset"] for row in rows] == ["home", "other"]
    assert rows[1]["AUROC against the reference"] == other.auroc


def test_few_samples_get_no_verdict_or_a_warning(store):
    _, other = judged(store, -30, count=MIN_SAMPLES - 1)
    assert (other.level, other.auroc) == ("unclear", None)
    assert (
        "29 samples of other and 300 of home are scored under this encoder; a verdict needs at least 30"
        in other.verdict
    )


def test_caveats_name_what_is_wrong(store):
    _, other = judged(store, -30, count=100, ranks=[6] * 99 + [5])
    assert any("numerical rank differs" in caveat for caveat in other.caveats)
    assert any("Fewer than 200 samples" in caveat for caveat in other.caveats)


def test_an_encoder_that_the_theory_does_not_cover_says_so(store):
    scores = scored_set(store, "home", range(40), backbone=add_backbone(store, "timm:resnet18", is_jepa=False))
    (found,) = readiness(store, [scores], scores.dataset_id)
    assert len(found.caveats) == 1
