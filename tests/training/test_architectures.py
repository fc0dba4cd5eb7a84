"""Architectures: described by keyword arguments, repeatable, ready to be trained."""

import json

import pytest
import torch

from jepascore_core.backbones.small_vit import build_vit, initialise

TINY_GREY_VIT = {
    "img_size": 32,
    "patch_size": 16,
    "in_chans": 1,
    "num_classes": 32,
    "global_pool": "avg",
    "embed_dim": 96,
    "depth": 2,
    "num_heads": 3,
    "mlp_ratio": 2.0,
    "class_token": False,
    "fc_norm": False,
}


def test_a_description_survives_json_and_gives_the_stated_shape():
    encoder = build_vit(json.loads(json.dumps(TINY_GREY_VIT)))
    assert encoder(torch.zeros(2, 1, 32, 32)).shape == (2, TINY_GREY_VIT["num_classes"])


def test_initialisation_is_repeatable_and_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again, other = (initialise(build_vit(TINY_GREY_VIT), seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_outputs_start_at_about_unit_scale_and_differ_between_images():
    encoder = initialise(build_vit(TINY_GREY_VIT), seed=0)
    with torch.no_grad():
        outputs = encoder(torch.randn(64, 1, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert 0.2 < outputs.std() < 3
    assert outputs.std(dim=0).min() > 0.01


def test_a_description_that_timm_does_not_know_is_refused():
    with pytest.raises(TypeError):
        build_vit({**TINY_GREY_VIT, "colour": "grey"})
