"""Rendered pictures: one formula for NumPy and torch, smooth and one to one, and a density that is the true one."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch.func import jacfwd, vmap

from jepascore_core.rendering.density import log_density_of_pictures, renderer_jacobians
from jepascore_core.rendering.draw import SIDE, render, render_pixels
from jepascore_core.rendering.products import EXPONENT, LATENTS, PRODUCTS, draw_latents, log_density, mixture


def by_autograd(latents: np.ndarray) -> torch.Tensor:
    """Jacobians [N, 3 * S * S, D] of the renderer by torch's forward mode."""
    return vmap(jacfwd(lambda one: render(one[None], torch).flatten()))(torch.from_numpy(latents))


def test_numpy_and_torch_draw_the_same_pictures():
    latents, _ = draw_latents(50, seed=1)
    by_numpy, by_torch = render(latents), render(torch.from_numpy(latents), torch)
    assert by_numpy.shape == (50, 3, SIDE, SIDE)
    np.testing.assert_allclose(by_numpy, by_torch.numpy(), rtol=0, atol=1e-12)
    single = render(torch.from_numpy(latents).float(), torch)
    assert single.dtype == torch.float32
    np.testing.assert_allclose(by_numpy, single.numpy(), rtol=0, atol=1e-5)


def test_values_stay_within_the_range_that_is_stored():
    extreme = np.random.default_rng(0).normal(0, 5, size=(200, len(LATENTS)))
    pictures = render(extreme)
    assert 0 <= pictures.min() < pictures.max() <= 1
    pixels = render_pixels(extreme)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (200, SIDE, SIDE, 3))
    assert np.abs(pixels.transpose(0, 3, 1, 2) / 255 - pictures).max() <= 0.5 / 255 + 1e-9


def test_derivatives_are_those_of_autograd():
    latents, _ = draw_latents(6, seed=2)
    rows, reference = renderer_jacobians(latents), by_autograd(latents).mT.numpy()
    assert rows.shape == (6, len(LATENTS), 3 * SIDE * SIDE)
    np.testing.assert_allclose(rows, reference, rtol=1e-6, atol=1e-8)


def test_the_log_density_is_that_of_scipys_distributions_over_the_volume():
    latents, _ = draw_latents(6, seed=3)
    weights, means, deviations = mixture()
    widths = deviations / stats.gennorm(EXPONENT).std()
    parts = stats.gennorm.logpdf(latents[:, None, :], EXPONENT, means, widths).sum(axis=2)  # [N, P]
    expected = special.logsumexp(parts, b=weights, axis=1)
    np.testing.assert_allclose(log_density(latents), expected, rtol=1e-9)
    singular = torch.linalg.svdvals(by_autograd(latents)).log().sum(dim=1)
    np.testing.assert_allclose(log_density_of_pictures(latents), expected - singular.numpy(), rtol=0, atol=1e-6)


def test_latents_are_drawn_from_the_density_that_is_stated():
    latents, chosen = draw_latents(40_000, seed=6)
    _, means, deviations = mixture()
    standard = ((latents - means[chosen]) / deviations[chosen]).ravel()
    family = stats.gennorm(EXPONENT, scale=1 / stats.gennorm(EXPONENT).std())
    assert stats.kstest(standard, family.cdf).pvalue > 1e-4
    assert abs(np.corrcoef(latents.T - means[chosen].T)[np.triu_indices(len(LATENTS), 1)]).max() < 0.05


def test_every_latent_moves_the_picture_and_no_two_the_same_way():
    latents, _ = draw_latents(300, seed=4)
    rows = renderer_jacobians(latents)
    singular = np.linalg.svd(rows, compute_uv=False)
    assert (singular[:, -1] > 1e-3 * singular[:, 0]).all()


def test_products_are_as_frequent_as_they_say():
    _, chosen = draw_latents(100_000, seed=0)
    shares = np.bincount(chosen, minlength=len(PRODUCTS)) / len(chosen)
    weights = mixture()[0]
    assert np.abs(shares - weights).max() < 5 * np.sqrt(0.25 / len(chosen))
    assert weights.sum() == pytest.approx(1)
    assert (max(weights), min(weights)) == (pytest.approx(0.3, abs=0.01), pytest.approx(0.001, abs=1e-4))
    assert len({product.name for product in PRODUCTS}) == len(PRODUCTS)


def test_seeds_repeat_and_differ():
    first, again, other = (draw_latents(5, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_drawing_loads_no_torch():
    code = (
        "import sys, jepascore_core.datasets.rendered_demo; "
        "sys.exit('loaded' if {'torch', 'sklearn'} & set(sys.modules) else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
