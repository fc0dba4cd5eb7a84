"""Linear probes against scikit-learn's, which starts elsewhere and in other coordinates."""

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from jepascore_core.embeddings.linear_probe import fit_least_squares, fit_logistic, gram_matrix, probe_space

STRENGTH = 0.01


@pytest.fixture
def images():
    """Correlated embeddings of very different scales, one dimension constant, and classes."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, 600)
    values = rng.standard_normal((600, 12)) + 1.5 * rng.standard_normal((4, 12))[codes]
    values = values @ rng.standard_normal((12, 12)) * np.logspace(-1, 1, 12)
    values[:, 5] = 3.0
    return values.astype(np.float16), codes


def standardised(values):
    return StandardScaler().fit_transform(values.astype(np.float64))


def test_a_logistic_probe_is_that_of_scikit_learn(images):
    values, codes = images
    space = probe_space(values, 500, 4, STRENGTH)
    found = fit_logistic(space, np.arange(500), codes[:500], 4, STRENGTH)
    # The scaler sees all images here, too: labels play no part in it.
    scaled = standardised(values)
    expected = LogisticRegression(C=STRENGTH, tol=1e-8, max_iter=5000).fit(scaled[:500], codes[:500])
    probabilities = found.log_probabilities(space.values)
    np.testing.assert_allclose(probabilities, expected.predict_log_proba(scaled), atol=5e-3)
    assert (found.predict(space.values) == expected.predict(scaled)).mean() > 0.995


def test_a_start_nearby_leads_to_the_same_probe(images):
    values, codes = images
    space = probe_space(values, 500, 4, STRENGTH)
    start = fit_logistic(space, np.arange(600), codes, 4, STRENGTH)
    rows = np.arange(0, 600, 2)
    cold = fit_logistic(space, rows, codes[rows], 4, STRENGTH)
    warm = fit_logistic(space, rows, codes[rows], 4, STRENGTH, start=start)
    np.testing.assert_allclose(cold.log_probabilities(space.values), warm.log_probabilities(space.values), atol=5e-3)


def test_a_class_that_was_not_seen_is_never_predicted(images):
    values, codes = images
    space, rows = probe_space(values, 500, 4, STRENGTH), np.flatnonzero(codes != 2)
    probe = fit_logistic(space, rows, codes[rows], 4, STRENGTH)
    assert set(probe.predict(space.values)) == {0, 1, 3}
    expected = LogisticRegression(C=STRENGTH, tol=1e-8, max_iter=5000).fit(standardised(values)[rows], codes[rows])
    found = log_softmax(probe.log_probabilities(space.values)[:, [0, 1, 3]], axis=1)
    np.testing.assert_allclose(found, expected.predict_log_proba(standardised(values)), atol=5e-3)


def test_least_squares_is_ridge_regression_on_indicators(images):
    values, codes = images
    space = probe_space(values, 500, 4, STRENGTH)
    rows, targets = space.values[:500].astype(np.float64), np.eye(4)[codes[:500]]
    found = fit_least_squares(
        gram_matrix(space.values[:500]),
        rows.T @ targets,
        targets.sum(axis=0),
        space.penalty,
        STRENGTH,
    )
    scaled = standardised(values)
    expected = Ridge(alpha=4 / STRENGTH).fit(scaled[:500], targets).predict(scaled)
    np.testing.assert_allclose(space.values @ found.weights + found.biases, expected, atol=2e-3)


def test_a_fit_can_be_ended(images):
    values, codes = images
    space = probe_space(values, 600, 4, STRENGTH)

    def stop():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fit_logistic(space, np.arange(600), codes, 4, STRENGTH, check=stop)
