"""Definitions of the score against hand-made spectra."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jepascore_core.score import (
    DEFINITIONS,
    LOG_FLOOR,
    jepa_score,
    log_spectrum,
    numerical_rank,
    score_of_log_spectrum,
)

SPECTRUM = [math.e**3, math.e, 1.0, 1e-9]


def test_rank_definition_leaves_null_directions_out():
    assert numerical_rank(SPECTRUM) == 3
    assert jepa_score(SPECTRUM) == pytest.approx(4.0)


def test_paper_definition_clips_them():
    assert jepa_score(SPECTRUM, "paper") == pytest.approx(4.0 + math.log(1e-6))


def test_the_tolerance_follows_the_precision():
    assert numerical_rank([1.0, 1e-8]) == 1
    assert numerical_rank([1.0, 1e-8], "float64") == 2


def test_accepts_tensors_with_gradients_and_batches():
    values = torch.tensor([SPECTRUM, SPECTRUM], requires_grad=True)
    np.testing.assert_allclose(jepa_score(values), [4.0, 4.0], rtol=1e-6)


def test_a_zero_jacobian_has_rank_zero():
    assert numerical_rank([0.0, 0.0]) == 0


def test_unknown_definition_names_the_known_ones():
    with pytest.raises(ValueError, match="rank, paper, tail, top"):
        jepa_score(SPECTRUM, "head")  # type: ignore[arg-type]


@pytest.mark.parametrize("values", [[3.0, math.nan], [3.0, -2.0], [1e-9, 3.0], [[3.0, 2.0], [2.0, 3.0]]])
def test_what_is_no_spectrum_has_no_score(values):
    with pytest.raises(ValueError, match="numbers from 0, in descending order"):
        jepa_score(values)


def test_tail_leaves_out_the_largest_tenth_and_top_keeps_the_largest():
    logs = np.linspace(5, 1, 41)
    assert score_of_log_spectrum(logs, 40, "tail") == pytest.approx(logs[4:40].sum())
    assert score_of_log_spectrum(logs, 31, "tail") == pytest.approx(logs[4:31].sum()), "a tenth is rounded up"
    assert score_of_log_spectrum(logs, 40, "top") == pytest.approx(logs[:32].sum())
    assert score_of_log_spectrum(logs, 7, "top") == pytest.approx(logs[:7].sum())
    np.testing.assert_array_equal(score_of_log_spectrum([logs, logs], [1, 0], "tail"), [0, 0])


spectra = arrays(np.float64, 6, elements=st.floats(1e-3, 1e3)).map(lambda values: np.sort(values)[::-1])


@given(values=spectra, factor=st.floats(0.1, 10))
def test_scaling_the_encoder_adds_rank_times_log(values, factor):
    rank = numerical_rank(values, "float64")
    assert jepa_score(values * factor, precision="float64") == pytest.approx(
        jepa_score(values, precision="float64") + rank * math.log(factor)
    )


@given(values=spectra)
def test_both_definitions_agree_at_full_rank(values):
    assert jepa_score(values, "paper") == pytest.approx(jepa_score(values, rank=6))


@given(values=arrays(np.float64, 5, elements=st.floats(0, 1e6)).map(lambda values: np.sort(values)[::-1]))
def test_a_stored_spectrum_gives_the_same_scores(values):
    logs = log_spectrum(values)
    assert np.isfinite(logs).all()
    assert logs.min() >= math.log(LOG_FLOOR) - 1e-9
    rank = numerical_rank(values)
    for definition in DEFINITIONS:
        assert score_of_log_spectrum(logs, rank, definition) == pytest.approx(jepa_score(values, definition))
