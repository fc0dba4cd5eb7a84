"""Checkpoints of V-JEPA 2 and 2.1: an image is a clip of equal frames, or has layers of its own."""

import json

import pytest
import torch
from safetensors.torch import save_file

from jepascore_core.backbones.build import load_backbone
from jepascore_core.errors import CheckpointError
from tests.backbones import plain_vjepa2_1 as vjepa2_1
from tests.backbones.conftest import randomised
from tests.backbones.saving import STATED, assert_is, images, plain, prefixed, saved


@pytest.mark.parametrize(("entry", "side"), [("ema_encoder", 64), ("target_encoder", 96)])
def test_vjepa2_1_sees_an_image_through_its_layers_for_images(entry, side, tmp_path):
    module = randomised(vjepa2_1.Encoder())
    with torch.no_grad():
        for block in module.blocks:
            block.attn.qkv.weight.mul_(10)
    others = {"encoder": prefixed("module.backbone.", randomised(vjepa2_1.Encoder(), 1)), "predictor": {}, "epoch": 1}
    path = saved({**others, entry: prefixed("module.backbone.", module)}, tmp_path)
    backbone = load_backbone("vjepa2_1:vit_tiny_patch16_384", path, **{**STATED, "image_size": side})
    assert_is(backbone, module, side)
    info = backbone.info
    assert (info.family, info.pooling, info.dimension, info.library) == ("V-JEPA 2.1", "avg", 192, "vjepa2_1")


def test_vjepa2_1_is_strict_too(tmp_path):
    state = randomised(vjepa2_1.Encoder()).state_dict()
    for change, message in (
        ({"patch_embed_img.proj.weight": None}, r"patch_embed_img\.proj\.weight, which are missing"),
        (
            {"patch_embed_img.proj.weight": state["patch_embed.proj.weight"]},
            r"\[width, channels, 1, patch, patch\], not",
        ),
        ({"blocks.3.norm1.weight": None}, r"missing blocks\.3\.norm1\.weight"),
        ({"stranger": torch.ones(2)}, r"unexpected stranger \[2\]"),
    ):
        changed = {name: value for name, value in {**state, **change}.items() if value is not None}
        with pytest.raises(CheckpointError, match=message):
            load_backbone("vjepa2_1:vit_tiny_patch16_384", saved({"ema_encoder": changed}, tmp_path), **STATED)


def vjepa2_state(seed=0, width=192, frames=2):
    """Weights of V-JEPA 2's encoder of the size "tiny", under its names."""
    module = plain(seed, width=width, class_token=False)
    state = dict(module.state_dict())
    del state["pos_embed"]
    generator = torch.Generator().manual_seed(seed)
    state["patch_embed.proj.weight"] = 0.05 * torch.randn(width, 3, frames, 16, 16, generator=generator)
    return state


def as_transformers(state, folder):
    """The same weights as a folder that transformers reads, which `test_hf_encoder` compares with transformers."""
    renamed = {}
    for name, value in state.items():
        if ".attn.qkv." in name:
            for part, third in zip(("query", "key", "value"), value.chunk(3), strict=True):
                renamed[name.replace("blocks.", "encoder.layer.").replace("attn.qkv", f"attention.{part}")] = third
        elif name.startswith("blocks."):
            renamed[name.replace("blocks.", "encoder.layer.").replace(".attn.", ".attention.")] = value
        elif name.startswith("norm."):
            renamed[name.replace("norm.", "encoder.layernorm.")] = value
        else:
            renamed[name.replace("patch_embed.", "encoder.embeddings.patch_embeddings.")] = value
    folder.mkdir()
    config = {"model_type": "vjepa2", "hidden_size": 192, "num_hidden_layers": 12, "num_attention_heads": 3}
    (folder / "config.json").write_text(json.dumps({**config, "crop_size": 32, "architectures": ["VJEPA2Model"]}))
    save_file({name: value.contiguous() for name, value in renamed.items()}, folder / "model.safetensors")
    return folder


def test_vjepa2s_own_files_and_transformers_folders_hold_the_same_encoder(tmp_path):
    state = vjepa2_state()
    checkpoint = {
        "encoder": {f"module.backbone.{name}": value for name, value in vjepa2_state(1).items()},
        "predictor": {"module.backbone.predictor_embed.weight": torch.ones(2, 2)},
        "target_encoder": {
            **{f"module.backbone.{name}": value for name, value in state.items()},
            "module.backbone.pos_embed": torch.ones(1, 4, 192),
        },
        "epoch": 1,
    }
    original = load_backbone("vjepa2:vit_tiny_patch16_256", saved(checkpoint, tmp_path, "vitt.pt"), **STATED)
    folder = load_backbone("hf:mine/vjepa2", as_transformers(state, tmp_path / "hf"), **STATED)
    torch.testing.assert_close(original.encode(images()), folder.encode(images()))
    assert original.info.weights_hash == folder.info.weights_hash
    assert (original.info.family, original.info.dimension, original.info.pooling) == ("V-JEPA 2", 192, "avg")


def test_an_image_is_a_clip_of_equal_frames(tmp_path):
    state = vjepa2_state()
    swapped = {**state, "patch_embed.proj.weight": state["patch_embed.proj.weight"].flip(2)}
    first, second = (
        load_backbone("vjepa2:vit_tiny_patch16_256", saved(one, tmp_path), **STATED) for one in (state, swapped)
    )
    torch.testing.assert_close(first.encode(images()), second.encode(images()))
    with pytest.raises(CheckpointError, match=r"\[width, channels, frames, patch, patch\], here it is \[192, 3, 16"):
        flat = {**state, "patch_embed.proj.weight": state["patch_embed.proj.weight"][:, :, 0]}
        load_backbone("vjepa2:vit_tiny_patch16_256", saved(flat, tmp_path), **STATED)


def test_vjepa2_is_strict_too(tmp_path):
    state = vjepa2_state()
    del state["norm.bias"]
    with pytest.raises(CheckpointError, match=r"missing norm\.bias"):
        load_backbone("vjepa2:vit_tiny_patch16_256", saved({"target_encoder": state}, tmp_path), **STATED)
