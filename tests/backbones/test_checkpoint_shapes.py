"""Architectures are recognised by shapes, as timm makes them; what is none of them, or no checkpoint, is said."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from jepascore_core.backbones.checkpoint_shapes import CHANNEL_PRESETS, checkpoint_shapes, recognise
from jepascore_core.errors import CheckpointError

#: Names of timm, and what is to be recognised; weights are made on the meta device, which has shapes only.
ARCHITECTURES = {
    "vit_tiny_patch16_224": ("timm:vit_tiny_patch16_224", 192, 224),
    "vit_small_patch16_384": ("timm:vit_small_patch16_224", 384, 384),
    "vit_base_patch32_224": ("timm:vit_base_patch32_224", 768, 224),
    "vit_small_patch14_dinov2": ("timm:vit_small_patch14_dinov2", 384, 518),
    "vit_base_patch14_reg4_dinov2": ("timm:vit_base_patch14_reg4_dinov2", 768, 518),
    "resnet18": ("timm:resnet18", 512, None),
    "resnet50": ("timm:resnet50", 2048, None),
    "convnext_tiny": ("timm:convnext_tiny", 768, None),
}


def shapes_of(name: str) -> dict[str, tuple[int, ...]]:
    import timm

    with torch.device("meta"):
        return {key: tuple(value.shape) for key, value in timm.create_model(name).state_dict().items()}


@pytest.mark.parametrize(("name", "wanted"), ARCHITECTURES.items())
@pytest.mark.parametrize("prefix", ["", "module.backbone."])
def test_what_timm_makes_is_recognised(name: str, wanted: tuple[str, int, int | None], prefix: str) -> None:
    found = recognise({f"{prefix}{key}": shape for key, shape in shapes_of(name).items()})
    assert found is not None
    assert (found.backbone, found.dimension, found.image_size) == wanted


@pytest.mark.parametrize("name", ["vit_medium_patch16_gap_240", "efficientnet_b0", "resnet26"])
def test_anything_else_is_not(name: str) -> None:
    assert recognise(shapes_of(name)) is None


def test_shapes_are_read_from_the_header(tmp_path) -> None:
    weights = {"a.weight": torch.zeros(2, 3), "b": torch.zeros(4)}
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    wanted = {"a.weight": (2, 3), "b": (4,)}
    assert checkpoint_shapes(tmp_path / "model.safetensors") == wanted
    assert checkpoint_shapes(tmp_path) == wanted
    (tmp_path / "many.index.json").write_text(json.dumps({"weight_map": {"a.weight": "model.safetensors"}}))
    assert checkpoint_shapes(tmp_path / "many.index.json") == wanted
    (tmp_path / "other.pth").write_bytes(b"")
    assert checkpoint_shapes(tmp_path / "other.pth") is None


@given(st.binary(max_size=60))
def test_what_is_damaged_is_said(tmp_path_factory, content) -> None:
    path = tmp_path_factory.mktemp("damaged") / "model.safetensors"
    path.write_bytes(content)
    try:
        assert checkpoint_shapes(path) is not None
    except CheckpointError as error:
        assert "cannot be read as safetensors" in str(error)


def test_what_is_not_there_is_said(tmp_path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        checkpoint_shapes(tmp_path / "none.safetensors")


@pytest.mark.parametrize(("mean", "std"), CHANNEL_PRESETS.values())
def test_presets_are_three_channels(mean, std) -> None:
    assert len(mean) == len(std) == 3
    assert all(value > 0 for value in std)
