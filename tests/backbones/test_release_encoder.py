"""Original checkpoints, saved as their projects save them, against plain modules with the projects' own names."""

import argparse
import re

import pytest
import timm
import torch

from jepascore_core.backbones.build import load_backbone
from jepascore_core.backbones.releases import RELEASES, entries_of
from jepascore_core.backbones.table import TABLE
from jepascore_core.errors import CheckpointError, PreprocessingError, UnknownNameError, WeightsUnavailableError
from tests.backbones.conftest import FEW, few_blocks
from tests.backbones.saving import HEAD, STATED, assert_is, embedding_of, images, plain, prefixed, saved


def ijepa_checkpoint(target, context):
    """What I-JEPA's training saves, DistributedDataParallel's names and all."""
    return {
        "encoder": prefixed("module.", context),
        "predictor": {"module.predictor_embed.weight": torch.ones(2, 2)},
        "opt": {"state": {}, "param_groups": [{"lr": 0.1}]},
        "scaler": {"scale": 1.0},
        "target_encoder": prefixed("module.", target),
        "epoch": 300,
        "loss": 0.2,
        "lr": 1e-6,
    }


def test_ijepa_is_the_target_encoder_and_the_average_of_its_normalised_tokens(tmp_path):
    target, context = (plain(seed, class_token=False) for seed in (0, 1))
    path = saved(ijepa_checkpoint(target, context), tmp_path)
    backbone = load_backbone("ijepa:vit_tiny_patch16_224", path, **STATED)
    assert_is(backbone, target)
    info = backbone.info
    assert (info.family, info.pooling, info.dimension, info.is_jepa) == ("I-JEPA", "avg", 192, True)
    assert (info.name, info.licence) == ("ijepa:vit_tiny_patch16_224", "unknown")


def test_timm_reads_the_context_encoder_of_the_same_file(tmp_path):
    # timm has no small architecture without a class token: the file's entry is told by what timm cannot find.
    target, context = plain(0), plain(1)
    path = saved(ijepa_checkpoint(target, context), tmp_path)
    assert_is(load_backbone("timm:vit_tiny_patch16_224", path, **STATED), context)


def test_ijepa_without_a_target_encoder_says_what_the_file_has(tmp_path):
    checkpoint = ijepa_checkpoint(plain(), plain())
    del checkpoint["target_encoder"]
    with pytest.raises(CheckpointError, match=r"has no entry target_encoder \(entries: encoder, epoch, loss"):
        load_backbone("ijepa:vit_tiny_patch16_224", saved(checkpoint, tmp_path), **STATED)


@pytest.mark.parametrize(
    "wrap",
    [
        # The extracted backbone, and the whole training.
        lambda module: {"state_dict": module.state_dict()},
        lambda module: {
            "student": {**prefixed("module.backbone.", plain(5)), "module.head.mlp.0.weight": torch.ones(4, 4)},
            "teacher": {**prefixed("backbone.", module), **HEAD},
            "optimizer": {"state": {}},
            "epoch": 800,
            "args": argparse.Namespace(arch="vit_tiny", lr=0.1),
            "fp16_scaler": None,
            "ibot_loss": {"center": torch.zeros(1, 8)},
        },
        lambda module: module.state_dict(),
    ],
    ids=["extracted", "training", "bare"],
)
def test_ibot_is_the_teacher_and_its_class_token(wrap, tmp_path):
    module = plain()
    backbone = load_backbone("ibot:vit_tiny_patch16_224", saved(wrap(module), tmp_path), **STATED)
    assert_is(backbone, module)
    assert (backbone.info.family, backbone.info.pooling) == ("iBOT", "token")


@pytest.fixture
def few():
    """Large encoders with few blocks."""
    with few_blocks("vit_small_patch16_224", "vit_base_patch16_224"):
        yield


def test_ibot_of_imagenet_22k_is_the_student_with_its_mask_token(few, tmp_path):
    assert entries_of("ibot", "in22k")[0] == "student"
    module = plain(width=768, heads=12, size=224, depth=FEW)
    student = {**module.state_dict(), "masked_embed": torch.ones(1, 768)}
    path = saved({"student": student, "teacher": prefixed("backbone.", plain(depth=FEW))}, tmp_path)
    backbone = load_backbone("ibot:vit_base_patch16_224.in22k", path, device="cpu")
    assert_is(backbone, module, 224)
    settings = backbone.info.preprocessing
    assert (settings.height, settings.resize, settings.interpolation) == (224, 256, "bicubic")
    assert backbone.info.licence == "apache-2.0"


def moco_checkpoint(module, head="head.0.weight"):
    """What MoCo v3's training saves: the encoder, its momentum copy, their heads, and the predictor."""
    return {
        "epoch": 300,
        "arch": "vit_small",
        "state_dict": {
            **prefixed("module.base_encoder.", module),
            f"module.base_encoder.{head}": torch.ones(8, 8),
            **prefixed("module.momentum_encoder.", module),
            f"module.momentum_encoder.{head}": torch.ones(8, 8),
            "module.predictor.0.weight": torch.ones(8, 8),
        },
        "optimizer": {"state": {}},
        "scaler": {"scale": 1.0},
    }


def test_mocov3_small_has_twelve_heads(few, tmp_path):
    module = plain(width=384, heads=12, depth=FEW)
    path = saved(moco_checkpoint(module), tmp_path)
    backbone = load_backbone("mocov3:vit_small_patch16_224", path, **STATED)
    assert_is(backbone, module)
    assert (backbone.info.pooling, backbone.info.is_jepa) == ("token", False)
    assert "theory does not hold" in backbone.info.note
    other = plain(width=384, heads=6, depth=FEW)
    other.load_state_dict(module.state_dict())
    assert not torch.allclose(backbone.encode(images()), embedding_of(other, images()), atol=1e-3)


def test_a_row_brings_its_own_preprocessing(few, tmp_path):
    module = plain(width=384, heads=12, size=224, depth=FEW)
    path = saved(moco_checkpoint(module), tmp_path)
    info = load_backbone("mocov3:vit_small_patch16_224.300ep", path, device="cpu").info
    settings = info.preprocessing
    assert (settings.height, settings.resize, settings.interpolation) == (224, 256, "bilinear")
    assert (info.licence, info.family) == ("cc-by-nc-4.0 (non-commercial)", "MoCo v3")
    smaller = load_backbone("mocov3:vit_small_patch16_224.300ep", path, device="cpu", image_size=112).info
    assert (smaller.preprocessing.height, smaller.preprocessing.resize) == (112, 128)
    assert "resampled from 197 to 50 tokens" in smaller.note


def test_mocov3_of_a_resnet_pools_its_map(tmp_path):
    module = timm.create_model("resnet50", num_classes=0).eval()
    path = saved(moco_checkpoint(module, "fc.0.weight"), tmp_path)
    backbone = load_backbone("mocov3:resnet50.1000ep", path, device="cpu", image_size=64)
    assert_is(backbone, module, 64)
    assert (backbone.info.pooling, backbone.info.dimension) == ("avg", 2048)


@pytest.mark.parametrize(
    ("name", "module", "checkpoint"),
    [
        ("ijepa", {"class_token": False}, lambda state: {"target_encoder": state}),
        ("ibot", {}, lambda state: {"teacher": {f"backbone.{name}": value for name, value in state.items()}}),
        (
            "mocov3",
            {},
            lambda state: {"state_dict": {f"module.base_encoder.{name}": value for name, value in state.items()}},
        ),
        ("lejepa", {}, lambda state: {f"backbone.{name}": value for name, value in state.items()}),
    ],
)
def test_a_weight_missing_or_too_many_is_an_error_that_names_it(name, module, checkpoint, tmp_path):
    state = plain(**module).state_dict()
    less = {key: value for key, value in state.items() if key != "blocks.3.attn.qkv.bias"}
    with pytest.raises(CheckpointError, match=r"1 weights are missing, 0 not.*missing blocks\.3\.attn\.qkv\.bias"):
        load_backbone(f"{name}:vit_tiny_patch16_224", saved(checkpoint(less), tmp_path), **STATED)
    more = {**state, "blocks.3.stranger": torch.ones(2)}
    with pytest.raises(CheckpointError, match=r"1 not expected.*unexpected blocks\.3\.stranger \[2\]"):
        load_backbone(f"{name}:vit_tiny_patch16_224", saved(checkpoint(more), tmp_path), **STATED)


@pytest.mark.parametrize("library", RELEASES)
def test_names_that_nobody_knows_get_near_matches(library, tmp_path):
    path = saved(plain().state_dict(), tmp_path)
    for name in (f"{library}:vit_small_patchwork_224", f"{library}:vit_tiny_patch16_224.nobody"):
        with pytest.raises(UnknownNameError, match="jepascore backbones"):
            load_backbone(name, path, **STATED)
    with pytest.raises(UnknownNameError, match="jepascore backbones"):
        load_backbone(f"{library}:vit_tiny_patch16_224", device="cpu", offline=True)


def test_weights_of_ones_own_need_their_preprocessing_stated(tmp_path):
    path = saved(plain().state_dict(), tmp_path)
    with pytest.raises(PreprocessingError, match="missing: --mean"):
        load_backbone("ibot:vit_tiny_patch16_224", path, std=0.5, image_size=32, device="cpu")


def test_missing_files_name_where_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    for spec in TABLE:
        if spec.library in RELEASES and spec.source.url:
            with pytest.raises(WeightsUnavailableError, match=re.escape(spec.source.url)):
                load_backbone(spec.name, device="cpu", offline=True)


def test_a_file_in_torchs_cache_is_taken_by_its_own_name(few, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    module = plain(width=384, heads=6, size=224, depth=FEW)
    torch.save({"state_dict": module.state_dict()}, tmp_path / "checkpoints" / "ibot_vit_small_patch16_224.in1k.pth")
    assert_is(load_backbone("ibot:vit_small_patch16_224.in1k", device="cpu", offline=True), module, 224)
