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
    expected_score,
    jepa_score,
    log_spectrum,
    measured_rank,
    numerical_rank,
    score_of_log_spectrum,
    view_spread,
)

SPECTRUM = [math.e**3, math.e, 1.0, 1e-9]


def test_rank_definition_leaves_null_directions_out():
    assert numerical_rank(SPECTRUM) == 3
    assert jepa_score(SPECTRUM) == pytest.approx(4.0)


def test_paper_definition_clips_them():
    assert jepa_score(SPECTRUM, "paper") == pytest.approx(4.0 + math.log(1e-6))


def test_the_tolerance_follows_the_precision():
    assert numerical_rank([1.0, 1e-3, 7e-5, 6e-6, 1e-7], "bfloat16") == 2
    assert numerical_rank([1.0, 1e-3, 7e-5, 6e-6, 1e-7], "tf32") == 3
    assert numerical_rank([1.0, 1e-3, 7e-5, 6e-6, 1e-7]) == 4
    assert numerical_rank([1.0, 1e-3, 7e-5, 6e-6, 1e-7], "float64") == 4, (
        "a reference for float32 counts what it counts"
    )


def test_the_structure_bounds_the_measured_rank_and_tells_the_noise():
    values = [1.0, 1e-3, 1e-4, 1e-5, 1e-7]
    assert measured_rank(values) == 4
    assert measured_rank(values, 3) == 3
    assert measured_rank(values, 5) == 4
    # Two directions are null for certain: what they came out with is noise.
    assert measured_rank([1.0, 1e-3, 1e-4, 9e-5, 2e-5], 3) == 2
    assert measured_rank([1.0, 1e-3, 1e-4, 9e-5, 2e-5], 3, is_coarse=True) == 3
    assert measured_rank([0.0, 0.0, 0.0], 1) == 0


def test_accepts_tensors_with_gradients_and_batches():
    values = torch.tensor([SPECTRUM, SPECTRUM], requires_grad=True)
    np.testing.assert_allclose(jepa_score(values), [4.0, 4.0], rtol=1e-6)


def test_a_zero_jacobian_has_rank_zero():
    assert numerical_rank([0.0, 0.0]) == 0


def test_unknown_definition_names_the_known_ones():
    with pytest.raises(ValueError, match="rank, paper, tail, top"):
        jepa_score(SPECTRUM, "head")  # type: ignore[arg-type]


@pytest.mark.parametrize("definition", DEFINITIONS)
@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([3.0, math.nan], "finite"),
        ([math.inf, 1.0], "finite"),
        ([3.0, -2.0], "negative"),
        ([1e-9, 3.0], "descending order.*Sort them"),
        ([[3.0, 2.0], [2.0, 3.0]], "descending order"),
        (3.0, r"K of at least 1, not of shape \[\]"),
        ([], r"K of at least 1, not of shape \[0\]"),
        (torch.tensor(1.0), "K of at least 1"),
    ],
)
def test_what_is_no_spectrum_has_no_score(definition, values, says):
    with pytest.raises(ValueError, match=says):
        jepa_score(values, definition)


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_an_unknown_precision_names_the_known_ones(definition):
    with pytest.raises(ValueError, match=r'Unknown precision "float16".*float32'):
        jepa_score(SPECTRUM, definition, precision="float16")


@pytest.mark.parametrize(
    ("rank", "says"), [(5, "from 0 to .* 4"), (-1, "whole"), (1.5, "whole"), ([1, 2], "one for each")]
)
def test_a_rank_fits_its_spectrum(rank, says):
    with pytest.raises(ValueError, match=says):
        jepa_score(SPECTRUM, rank=rank)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_floating_type_has_a_score(dtype):
    values = torch.tensor([8.0, 2.0, 0.5, 0.0], dtype=dtype)
    assert jepa_score(values) == pytest.approx(math.log(8))
    assert jepa_score(values.to(torch.float64).numpy().astype(np.float16), "paper") == pytest.approx(math.log(8e-6))


def test_tiny_outputs_keep_their_spectrum():
    """An encoder whose head is scaled by 1e-12: the score moves by log 1e-12 for each direction, floor or not."""
    values = np.geomspace(20, 0.02, 24)
    assert jepa_score(values * 1e-12) == pytest.approx(jepa_score(values) + 24 * math.log(1e-12))
    assert log_spectrum([1e-12, 0.0])[1] == pytest.approx(2 * math.log(1e-12))


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
    assert logs.min() >= math.log(LOG_FLOOR) + min(0.0, math.log(max(values[0], 1e-290)) if values[0] else 0.0) - 1e-9
    rank = numerical_rank(values)
    for definition in DEFINITIONS:
        assert score_of_log_spectrum(logs, rank, definition) == pytest.approx(jepa_score(values, definition))


VIEW_SCORES = st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=20)


@given(VIEW_SCORES, st.floats(-1e4, 1e4))
def test_the_expectation_over_views_lies_between_the_least_score_and_the_mean(scores, shift):
    found = float(expected_score(scores))
    slack = 1e-9 * (1 + max(map(abs, scores)))
    assert min(scores) - slack <= found <= min(min(scores) + np.log(len(scores)), np.mean(scores)) + slack
    assert expected_score(np.add(scores, shift)) == pytest.approx(
        found + shift, abs=1e-8 * (1 + abs(found) + abs(shift))
    )
    assert found == pytest.approx(float(expected_score(scores[::-1])), abs=slack)


def test_the_expectation_over_views_is_the_mean_of_the_inverse_products():
    products = np.array([[2.0, 4.0, 8.0], [1.0, 1.0, 1.0]])
    np.testing.assert_allclose(np.exp(expected_score(np.log(products))), 1 / (1 / products).mean(axis=1))
    np.testing.assert_allclose(view_spread([[1.0, 3.0], [2.0, 2.0]]), [np.sqrt(2), 0])
    assert np.isnan(view_spread([1.0]))


@pytest.mark.parametrize("scores", [[], 3.0, [1.0, np.nan], [np.inf]])
def test_scores_of_views_that_cannot_be_combined_are_refused(scores):
    for combine in (expected_score, view_spread):
        with pytest.raises(ValueError, match="Scores of views"):
            combine(scores)
