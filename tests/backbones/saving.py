"""Checkpoints as projects save them, and the plain modules that they are compared with."""

import torch

from tests.backbones.conftest import randomised
from tests.backbones.plain_vit import PlainVit

STATED = {"mean": 0.5, "std": 0.25, "image_size": 32, "device": "cpu", "offline": True}
HEAD = {"head.mlp.0.weight": torch.ones(4, 4), "head.last_layer.weight_g": torch.ones(4, 1)}


def images(side=32):
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


def plain(seed=0, **options):
    """A plain transformer whose attention is far from uniform, so that its heads matter."""
    module = randomised(PlainVit(**options), seed)
    with torch.no_grad():
        for block in module.blocks:
            block.attn.qkv.weight.mul_(10)
    return module


def embedding_of(module, batch):
    with torch.no_grad():
        return module(batch)


def prefixed(prefix, module):
    return {prefix + name: value for name, value in module.state_dict().items()}


def saved(checkpoint, tmp_path, name="checkpoint.pth.tar"):
    torch.save(checkpoint, tmp_path / name)
    return tmp_path / name


def assert_is(backbone, module, side=32):
    torch.testing.assert_close(backbone.encode(images(side)), embedding_of(module, images(side)), rtol=1e-4, atol=1e-5)
