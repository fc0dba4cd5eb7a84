"""Mixtures with a known density, encoders trained on them, and the score that should tell it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from jepascore_core.density_check.experiment import (
    PointEncoder,
    cell_key,
    measure_cell,
    point_scores,
    recipe_for,
    train_on_points,
    walk,
)
from jepascore_core.density_check.mixtures import COMPONENTS, Mixture, make_mixture
from jepascore_core.jacobian.gram import singular_values

QUICK = replace(recipe_for(2, 300), steps=12, batch_size=64, width=32, directions=8, embedding_dimension=8)


@pytest.mark.parametrize("dimension", [2, 5])
def test_the_log_density_is_that_of_torchs_own_mixture(dimension):
    mixture = make_mixture(dimension, seed=3)
    points, component = mixture.sample(50, seed=0)
    components = torch.distributions.Independent(
        torch.distributions.Normal(mixture.centres.double(), mixture.widths.double()[:, None]), 1
    )
    weights = torch.distributions.Categorical(torch.full((COMPONENTS,), 1 / COMPONENTS, dtype=torch.float64))
    truth = torch.distributions.MixtureSameFamily(weights, components).log_prob(points.double())
    assert_close(mixture.log_density(points), truth, rtol=1e-9, atol=1e-9)
    assert set(component.tolist()) <= set(range(COMPONENTS))


def test_samples_follow_their_component():
    mixture = Mixture(torch.tensor([[0.0, 0.0], [100.0, 0.0]]), torch.tensor([1.0, 3.0]))
    points, component = mixture.sample(4000, seed=0)
    far = points[component == 1]
    assert_close(far.mean(dim=0), torch.tensor([100.0, 0.0]), rtol=0, atol=0.3)
    assert_close(far.std(dim=0), torch.tensor([3.0, 3.0]), rtol=0.1, atol=0)
    assert torch.equal(points, mixture.sample(4000, seed=0)[0])


def test_the_score_of_points_is_the_sum_of_the_log_singular_values():
    encoder = PointEncoder(3, QUICK).double().eval().requires_grad_(False)
    points = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows = torch.stack([torch.autograd.functional.jacobian(encoder, point[None])[0, :, 0] for point in points])
    spectra = singular_values(rows)  # [B, K] with K - D null values
    assert_close(point_scores(encoder, points), spectra[:, :3].log().sum(dim=1))
    assert_close(spectra[:, 3:], torch.zeros(5, 5, dtype=torch.float64))


def test_a_linear_map_has_the_same_score_everywhere():
    matrix = torch.diag(torch.tensor([2.0, 3.0]))
    linear = torch.nn.Linear(2, 2, bias=False)
    linear.weight.data = matrix
    scores = point_scores(linear, torch.randn(4, 2))
    assert_close(scores, torch.full((4,), math.log(6.0), dtype=torch.float64), rtol=1e-6, atol=0)


def test_embeddings_lie_on_the_sphere_and_the_seed_repeats_the_training():
    points = make_mixture(2).sample(200, seed=1)[0]
    first, again = train_on_points(points, QUICK), train_on_points(points, QUICK)
    assert_close(first(points).norm(dim=1), torch.full((200,), math.sqrt(8)), rtol=1e-5, atol=0)
    assert torch.equal(first(points), again(points))
    assert not torch.equal(first(points), train_on_points(points, replace(QUICK, seed=1))(points))


def test_a_cell_reports_what_it_is_and_its_progress():
    steps: list[int] = []
    cell = measure_cell(2, 300, QUICK, steps.append)
    assert steps == list(range(1, QUICK.steps + 1))
    assert cell.key == cell_key(2, 300, QUICK)
    assert not cell.is_control
    assert -1 <= cell.pearson <= 1


def test_walkers_stay_in_the_field_and_frames_are_spread_over_the_walk():
    found = walk(300, QUICK, num_walkers=20, num_steps=30, num_frames=5)
    assert (found.steps[0], found.steps[-1]) == (0, 30)
    assert len(found.frames) == len(found.steps) == len(found.frame_log_density)
    limit = found.axis[-1] + 0.01
    assert all(abs(value) <= limit for frame in found.frames for point in frame for value in point)
    assert max(max(row) for row in found.log_density) - min(min(row) for row in found.log_density) <= 12.01


@pytest.mark.slow
def test_the_score_tells_the_density_and_without_the_gaussianity_term_it_does_not():
    steps = 200
    trained = measure_cell(16, 5000, recipe_for(16, 5000, steps=steps))
    control = measure_cell(16, 5000, recipe_for(16, 5000, control=True, steps=steps))
    assert trained.pearson > 0.8
    assert trained.spearman > 0.8
    assert control.pearson is None or control.pearson < 0.5
