"""Real weights on real photographs, through every door that one file can take. Skipped without the development data."""

import json
import re

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from jepascore_core.backbones.build import load_backbone
from jepascore_core.backbones.identity import backbone_id
from tests.backbones.conftest import TINY

NAME = f"timm:{TINY}.augreg_in21k_ft_in1k"
NUM_PHOTOGRAPHS = 40


@pytest.fixture(scope="module")
def weights(dev_data):
    path = dev_data / "weights" / f"{TINY}.safetensors"
    if not path.is_file():
        pytest.skip(f"{path.name} is not there")
    return path


@pytest.fixture(scope="module")
def photographs(dev_data):
    """Every 25th of the ImageNet classes: (class index, picture)."""
    files = sorted((dev_data / "imagenet_samples").glob("*.jpg"))
    if len(files) != 1000:
        pytest.skip("the thousand ImageNet photographs are not there")
    return [(index, Image.open(files[index]).convert("RGB")) for index in range(0, 1000, 1000 // NUM_PHOTOGRAPHS)]


def embed(backbone, photographs):
    return backbone.encode(torch.stack([backbone.preprocess(picture) for _, picture in photographs]))


def as_transformers(weights, folder):
    """The same weights as transformers' ViT saves them, with the processor that belongs to them."""
    state = {}
    for name, value in load_file(weights).items():
        new = re.sub(r"^blocks\.(\d+)\.", r"encoder.layer.\1.", name)
        for old, now in (
            ("cls_token", "embeddings.cls_token"),
            ("pos_embed", "embeddings.position_embeddings"),
            ("patch_embed.proj.", "embeddings.patch_embeddings.projection."),
            (".norm1.", ".layernorm_before."),
            (".norm2.", ".layernorm_after."),
            (".attn.proj.", ".attention.output.dense."),
            (".mlp.fc1.", ".intermediate.dense."),
            (".mlp.fc2.", ".output.dense."),
        ):
            new = new.replace(old, now)
        if ".attn.qkv." in new:
            for part, third in zip(("query", "key", "value"), value.chunk(3), strict=True):
                state[new.replace("attn.qkv", f"attention.attention.{part}")] = third.contiguous()
        elif not name.startswith("head."):
            state[re.sub(r"^norm\.", "layernorm.", new)] = value
    config = {"model_type": "vit", "hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768}
    processor = {
        "size": {"shortest_edge": 248},
        "crop_size": {"height": 224, "width": 224},
        "do_center_crop": True,
        "resample": 3,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (folder / "config.json").write_text(json.dumps({**config, "layer_norm_eps": 1e-6}))
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    save_file(state, folder / "model.safetensors")
    return folder


def test_weights_and_preprocessing_together_recognise_photographs(weights, photographs):
    backbone = load_backbone(NAME, weights, device="cpu", offline=True)
    head = load_file(weights)
    found = (embed(backbone, photographs) @ head["head.weight"].T + head["head.bias"]).argmax(1)
    correct = [int(guess) == index for guess, (index, _) in zip(found, photographs, strict=True)]
    # 75.4 % of all thousand; three standard errors of 40 below it.
    assert sum(correct) / len(correct) > 0.55


def test_the_hub_cache_holds_the_same_backbone_as_a_copy(weights, hub):
    hub(f"timm/{NAME.removeprefix('timm:')}", "model.safetensors", load_file(weights))
    assert load_backbone(NAME, device="cpu", offline=True).info == load_backbone(NAME, weights, device="cpu").info


def test_formats_of_other_programs_hold_the_same_embeddings(weights, photographs, tmp_path):
    expected = embed(load_backbone(NAME, weights, device="cpu"), photographs[:4])
    state = {name: value for name, value in load_file(weights).items() if not name.startswith("head.")}
    stated = {"device": "cpu", "mean": 0.5, "std": 0.5, "image_size": 224}
    torch.save({"teacher": {f"backbone.{name}": value for name, value in state.items()}}, tmp_path / "dino.pth")
    torch.save(
        {"state_dict": {f"module.base_encoder.{name}": value for name, value in state.items()}}, tmp_path / "moco.pth"
    )
    torch.save({f"backbone.{name}": value for name, value in state.items()}, tmp_path / "lejepa.pth")
    for name, file in (("timm", "dino"), ("ibot", "dino"), ("mocov3", "moco"), ("lejepa", "lejepa")):
        backbone = load_backbone(f"{name}:{TINY}", tmp_path / f"{file}.pth", **stated)
        # A release resizes to the input; timm leaves a margin before the crop.
        batch = torch.stack([backbone.preprocess(picture) for _, picture in photographs[:4]])
        reference = load_backbone(NAME, weights, device="cpu").encode(batch)
        torch.testing.assert_close(backbone.encode(batch), reference, rtol=1e-4, atol=1e-4)
    folder = load_backbone("hf:vit", as_transformers(weights, tmp_path), device="cpu")
    torch.testing.assert_close(embed(folder, photographs[:4]), expected, rtol=1e-4, atol=1e-4)


def test_the_identity_of_real_weights_stays_what_it_was(weights):
    # Measurements of earlier versions are found by it: change it only with a migration.
    info = load_backbone(NAME, weights, device="cpu").info
    parts = (info.library, info.architecture, info.weights_hash, info.pooling, info.preprocessing)
    assert info.backbone_id == backbone_id(*parts) == "timm-vit_tiny_patch16_224-12959db94bce"
