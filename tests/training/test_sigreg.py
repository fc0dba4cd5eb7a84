"""SIGReg against closed forms: the statistic, its mean under the null, and what it must notice."""

import math

import pytest
import torch
from torch.testing import assert_close

from jepascore_core.training.sigreg import (
    EXPECTED_STATISTIC,
    epps_pulley,
    orthogonal_directions,
    random_directions,
    sigreg,
)


def closed_form(samples: torch.Tensor, frequency: float = 1.0) -> torch.Tensor:
    """The Epps-Pulley integral without quadrature: each term of the square is a Gaussian integral. [N] -> scalar."""
    pairs, square = (samples[:, None] - samples[None, :]).square(), frequency**2
    first = math.sqrt(2 * math.pi) * torch.exp(-square * pairs / 2).mean()
    width = 1 + square
    second = 2 * math.sqrt(2 * math.pi / width) * torch.exp(-square * samples.square() / (2 * width)).mean()
    return len(samples) * (first - second + math.sqrt(2 * math.pi / (1 + 2 * square)))


def normal(count: int, columns: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, columns, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_equals_the_closed_form(scale, shift):
    samples = normal(50, 3) * scale + shift
    expected = torch.stack([closed_form(column) for column in samples.T])
    assert_close(epps_pulley(samples), expected, rtol=2e-4, atol=2e-4)
    assert_close(epps_pulley(samples, knots=101), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("frequency", [0.5, 2.0, 3.0])
def test_finer_comparison_equals_the_closed_form_too(frequency):
    samples = 1.3 * normal(50, 3)
    expected = torch.stack([closed_form(column, frequency) for column in samples.T])
    assert_close(epps_pulley(samples, knots=101, frequency=frequency), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("count", [16, 500])
def test_mean_under_the_null_does_not_depend_on_the_number_of_samples(count):
    mean = epps_pulley(normal(count, 4000)).mean()
    assert mean == pytest.approx(EXPECTED_STATISTIC, rel=0.05)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x + 0.5,
        lambda x: 1.5 * x,
        lambda x: 0.6 * x,
        lambda x: torch.special.ndtr(x) * math.sqrt(12) - math.sqrt(3),  # uniform of unit variance
        lambda x: x.sign(),
        lambda x: torch.zeros_like(x),
    ],
    ids=["shifted", "wide", "narrow", "uniform", "two points", "collapsed"],
)
def test_is_large_for_anything_else(change):
    assert (epps_pulley(change(normal(1000, 8))) > 5 * EXPECTED_STATISTIC).all()


def test_the_sign_of_a_direction_does_not_matter():
    embeddings, directions = normal(64, 6) + 0.3, random_directions(6, 10).double()
    assert_close(sigreg(embeddings, directions), sigreg(embeddings, -directions))
    assert_close(sigreg(embeddings, directions), sigreg(-embeddings, directions))


def test_rotating_embeddings_and_directions_together_changes_nothing():
    embeddings, directions = normal(64, 6) * torch.arange(1.0, 7.0), random_directions(6, 10).double()
    rotation = torch.linalg.qr(normal(6, 6, seed=1)).Q
    assert_close(sigreg(embeddings @ rotation, rotation.T @ directions), sigreg(embeddings, directions))


def test_gradient_is_right_and_pulls_towards_the_normal():
    embeddings = normal(12, 4).requires_grad_()
    directions = random_directions(4, 5).double()
    assert torch.autograd.gradcheck(lambda values: sigreg(values, directions), embeddings)

    collapsed = (0.1 * normal(128, 4) + 1.0).requires_grad_()
    directions = random_directions(4, 32, torch.Generator().manual_seed(0)).double()
    optimiser = torch.optim.Adam([collapsed], lr=0.05)
    for _ in range(100):
        optimiser.zero_grad()
        sigreg(collapsed, directions).backward()
        optimiser.step()
    assert_close(collapsed.detach().mean(dim=0), torch.zeros(4, dtype=torch.float64), rtol=0, atol=0.15)
    assert_close(torch.cov(collapsed.detach().T), torch.eye(4, dtype=torch.float64), rtol=0, atol=0.3)


def test_directions_are_unit_vectors_all_around():
    directions = random_directions(8, 5000, torch.Generator().manual_seed(0))
    assert_close(directions.norm(dim=0), torch.ones(5000))
    assert_close(directions @ directions.T / 5000, torch.eye(8) / 8, rtol=0, atol=0.01)


@pytest.mark.parametrize("count", [3, 4, 10])
def test_orthogonal_directions_are_columns_of_rotations(count):
    directions = orthogonal_directions(4, count, torch.Generator().manual_seed(0)).double()
    assert directions.shape == (4, count)
    for start in range(0, count, 4):
        block = directions[:, start : start + 4]
        torch.testing.assert_close(block.T @ block, torch.eye(block.shape[1]).double(), rtol=0, atol=1e-6)


def test_orthogonal_directions_vary_less_than_independent_ones():
    embeddings = normal(64, 6) * torch.arange(1.0, 7.0)
    generator = torch.Generator().manual_seed(0)

    def spread(draw):
        found = [sigreg(embeddings, draw(6, 6, generator).to(embeddings.dtype)) for _ in range(200)]
        return torch.stack(found).std()

    assert spread(orthogonal_directions) < 0.9 * spread(random_directions)
