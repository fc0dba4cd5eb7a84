"""The objective: its two terms, and that collapse does not pay."""

import pytest
import torch
from torch.testing import assert_close

from jepascore_core.training.objective import invariance, lejepa_loss
from jepascore_core.training.sigreg import EXPECTED_STATISTIC, random_directions


@pytest.fixture()
def directions() -> torch.Tensor:
    return random_directions(8, 64, torch.Generator().manual_seed(0))


def test_invariance_is_the_mean_squared_distance_to_the_mean_view():
    embeddings = torch.tensor([[[0.0, 0.0], [1.0, 1.0]], [[2.0, 0.0], [1.0, 5.0]]])  # [V = 2, B = 2, K = 2]
    assert invariance(embeddings) == pytest.approx((1 + 1 + 0 + 0 + 0 + 0 + 4 + 4) / 8)
    assert invariance(embeddings[:1].expand(3, 2, 2)) == 0


def test_terms_are_weighted(directions):
    embeddings = torch.randn(2, 32, 8, generator=torch.Generator().manual_seed(1))
    terms = lejepa_loss(embeddings, directions, 0.25)
    assert_close(terms.total, 0.75 * terms.invariance + 0.25 * terms.gaussianity)


def test_normal_embeddings_that_agree_are_better_than_a_collapse_or_a_disagreement(directions):
    noise = torch.randn(2, 256, 8, generator=torch.Generator().manual_seed(2))
    agreeing = noise[:1].expand(2, 256, 8)
    good = lejepa_loss(agreeing, directions, 0.05)
    assert good.gaussianity == pytest.approx(EXPECTED_STATISTIC, rel=0.3)
    assert good.total < lejepa_loss(noise, directions, 0.05).total
    assert good.total < lejepa_loss(torch.zeros_like(noise), directions, 0.05).total


def test_each_view_is_compared_with_the_normal_by_itself(directions):
    # Shifted in opposite ways: together they look centred, by themselves they do not.
    noise = 0.3 * torch.randn(2, 256, 8, generator=torch.Generator().manual_seed(3))
    offset = torch.tensor([1.0, -1.0]).view(2, 1, 1)
    apart = lejepa_loss(noise + offset, directions, 0.5).gaussianity
    mixed = torch.cat([(noise + offset)[:, :128], (noise - offset)[:, 128:]], dim=1)
    assert apart > lejepa_loss(mixed, directions, 0.5).gaussianity
