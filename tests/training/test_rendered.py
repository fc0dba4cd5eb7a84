"""Encoders of rendered pictures: what they are trained on, that a seed repeats them, and what Muon does."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from jepascore_core.backbones import bundled_encoder
from jepascore_core.backbones.build import load_backbone
from jepascore_core.rendering.draw import SIDE, render_pixels
from jepascore_core.rendering.products import draw_latents
from jepascore_core.training.bundled import RENDERED_RECIPES
from jepascore_core.training.fit_rendered import fit_rendered
from jepascore_core.training.muon import Muon, orthogonalised
from jepascore_core.training.rendered import MEAN, STD, RenderedRecipe, train_on_rendered

QUICK = RenderedRecipe(
    dimension=6, hidden=(16, 12), epochs=2, steps_per_epoch=4, drawn_per_epoch=60, batch_size=16, directions=4
)


def inputs(count: int) -> torch.Tensor:
    pixels = torch.from_numpy(render_pixels(draw_latents(count, 9)[0])).permute(0, 3, 1, 2)
    return (pixels / 255 - MEAN) / STD


def test_embeddings_lie_on_the_sphere_and_the_seed_repeats_the_training():
    first, again = train_on_rendered(QUICK), train_on_rendered(QUICK)
    embeddings = first.encoder(inputs(5))
    assert_close(embeddings.norm(dim=1), torch.full((5,), 6**0.5))
    assert torch.equal(embeddings, again.encoder(inputs(5)))
    assert not torch.equal(embeddings, train_on_rendered(replace(QUICK, seed=1)).encoder(inputs(5)))
    assert [row.epoch for row in first.curve] == [1, 2]


def test_a_longer_training_lowers_the_loss():
    curve = train_on_rendered(replace(QUICK, epochs=4, steps_per_epoch=40, warmup_steps=10)).curve
    assert curve[-1].total < 0.8 * curve[0].total


def test_what_is_written_loads_as_a_backbone(tmp_path, monkeypatch):
    facts = fit_rendered(QUICK, tmp_path, "tiny")
    assert json.loads((tmp_path / "tiny.json").read_text()) == json.loads(json.dumps(facts))
    assert "onto the sphere; K = 6" in (tmp_path / "tiny.md").read_text()
    monkeypatch.setattr(bundled_encoder, "WEIGHTS_FOLDER", tmp_path)
    backbone = load_backbone(str(tmp_path / "tiny"), device="cpu")
    assert (backbone.info.dimension, backbone.info.preprocessing.height) == (6, SIDE)
    picture = Image.fromarray(render_pixels(draw_latents(5, 9)[0])[0])
    assert_close(backbone.preprocess(picture), inputs(5)[0])
    assert_close(backbone.encode(inputs(5)), train_on_rendered(QUICK).encoder(inputs(5)))


def test_the_bundled_ones_differ_in_the_seed_alone():
    recipes = list(RENDERED_RECIPES.values())
    assert len({recipe.seed for recipe in recipes}) == len(recipes) == 2
    assert len({replace(recipe, seed=0) for recipe in recipes}) == 1


@pytest.mark.parametrize("shape", [(8, 8), (5, 20), (20, 5)])
def test_orthogonalised_keeps_directions_and_evens_out_their_lengths(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    found = left.mT @ orthogonalised(matrix) @ right.mT  # diagonal, in the matrix's own directions
    lengths = found.diagonal()
    assert_close(found, torch.diag(lengths), rtol=0, atol=1e-4)
    assert ((lengths > 0.5) & (lengths < 1.3)).all()


def test_muon_goes_down_hill_and_leaves_what_has_no_gradient():
    matrix, other = torch.full((3, 3), 4.0, requires_grad=True), torch.ones(2, 2, requires_grad=True)
    optimiser = Muon([matrix, other], lr=0.1)
    for _ in range(20):
        optimiser.zero_grad()
        matrix.square().sum().backward()
        optimiser.step()
    assert matrix.square().sum() < 0.9 * 9 * 16
    assert torch.equal(other, torch.ones(2, 2))
    with pytest.raises(ValueError, match="closure"):
        optimiser.step(lambda: 0.0)
