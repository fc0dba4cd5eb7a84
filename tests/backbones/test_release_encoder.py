"""Original checkpoints, saved as their projects save them, against plain modules with the projects' own names."""

import argparse
import json
import re

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from jepascore_core.backbones.build import load_backbone
from jepascore_core.backbones.releases import RELEASES, entries_of
from jepascore_core.backbones.table import TABLE
from jepascore_core.errors import CheckpointError, PreprocessingError, UnknownNameError, WeightsUnavailableError
from tests.backbones import plain_vjepa2_1 as vjepa2_1
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


@pytest.mark.slow
def test_ibot_of_imagenet_22k_is_the_student_with_its_mask_token(tmp_path):
    assert entries_of("ibot", "in22k")[0] == "student"
    module = plain(width=768, heads=12, size=224)
    student = {**module.state_dict(), "masked_embed": torch.ones(1, 768)}
    path = saved({"student": student, "teacher": prefixed("backbone.", plain())}, tmp_path)
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


def test_mocov3_small_has_twelve_heads(tmp_path):
    module = plain(width=384, heads=12)
    path = saved(moco_checkpoint(module), tmp_path)
    backbone = load_backbone("mocov3:vit_small_patch16_224", path, **STATED)
    assert_is(backbone, module)
    assert (backbone.info.pooling, backbone.info.is_jepa) == ("token", False)
    assert "theory does not hold" in backbone.info.note
    other = plain(width=384, heads=6)
    other.load_state_dict(module.state_dict())
    assert not torch.allclose(backbone.encode(images()), embedding_of(other, images()), atol=1e-3)


def test_a_row_brings_its_own_preprocessing(tmp_path):
    module = plain(width=384, heads=12, size=224)
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


class LeJepa(nn.Module):
    """The module of LeJEPA's minimal example: a timm backbone with a linear head, and a projector."""

    def __init__(self):
        super().__init__()
        self.backbone = timm.create_model("vit_tiny_patch16_224", img_size=32, num_classes=24)
        self.proj = nn.Sequential(nn.Linear(24, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda net: net.state_dict(),
        lambda net: {"net": {f"_orig_mod.{name}": value for name, value in net.state_dict().items()}, "epoch": 3},
        lambda net: {
            "state_dict": {
                **prefixed("backbone.", net.backbone),
                "projector.0.weight": torch.ones(2, 2),
                "callbacks_modules.probe.weight": torch.ones(2, 2),
            },
            "hyper_parameters": {"lr": 0.1},
            "pytorch-lightning_version": "2.5",
        },
        lambda net: {**net.backbone.state_dict(), "proj.0.weight": torch.ones(2, 2)},
        lambda net: {"state_dict": {**prefixed("net.", net), "online_probe.weight": torch.ones(2, 2)}},
        lambda net: {"state_dict": {**prefixed("net.", net.backbone), "proj.0.weight": torch.ones(2, 2)}},
    ],
    ids=["minimal", "compiled", "lightning", "backbone", "lightning net", "lightning net alone"],
)
def test_lejepa_is_the_backbone_with_its_linear_head(wrap, tmp_path):
    net = randomised(LeJepa())
    backbone = load_backbone("lejepa:vit_tiny_patch16_224", saved(wrap(net), tmp_path), **STATED)
    assert_is(backbone, net.backbone)
    info = backbone.info
    assert (info.dimension, info.family, info.is_jepa) == (24, "LeJEPA", True)


def test_lejepas_file_is_refused_where_the_encoder_is_not_clear_or_something_would_be_dropped(tmp_path):
    net = randomised(LeJepa())
    two = {"state_dict": {**prefixed("net.", net), **prefixed("model.", net)}}
    with pytest.raises(CheckpointError, match=r"several encoders \(model\.backbone\., net\.backbone\.\)"):
        load_backbone("lejepa:vit_tiny_patch16_224", saved(two, tmp_path), **STATED)
    beside = {"state_dict": {**prefixed("net.", net), "head.weight": torch.ones(2, 2)}}
    with pytest.raises(CheckpointError, match=r"would be dropped \(head\.weight \[2, 2\]\)"):
        load_backbone("lejepa:vit_tiny_patch16_224", saved(beside, tmp_path), **STATED)


def test_lejepa_without_a_head_is_the_backbone_alone(tmp_path):
    module = randomised(timm.create_model("resnet10t", num_classes=0)).eval()
    path = saved(prefixed("backbone.", module), tmp_path)
    assert_is(load_backbone("lejepa:resnet10t", path, **STATED), module)


def test_lejepas_head_belongs_to_its_pooling(tmp_path):
    path = saved(randomised(LeJepa()).state_dict(), tmp_path)
    with pytest.raises(UnknownNameError, match="cannot pool by 'avg'"):
        load_backbone("lejepa:vit_tiny_patch16_224", path, pooling="avg", **STATED)


def test_lejepa_has_no_published_weights():
    with pytest.raises(WeightsUnavailableError, match="No weights of lejepa:resnet50 are published"):
        load_backbone("lejepa:resnet50", device="cpu", offline=True)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda module, proj: module.state_dict(),
        lambda module, proj: {**module.state_dict(), **prefixed("proj.", proj)},
        lambda module, proj: {**module.state_dict(), "head.weight": torch.ones(10, 192), "head.bias": torch.ones(10)},
        lambda module, proj: {
            "net_state_dict": {**prefixed("module.backbone.", module), **prefixed("module.proj.", proj)},
            "epoch": 391,
        },
    ],
    ids=["published", "with projector", "with timm's classifier", "training"],
)
def test_visreg_is_the_class_token_of_its_backbone(wrap, tmp_path):
    module, proj = plain(), randomised(nn.Sequential(nn.Linear(192, 8), nn.BatchNorm1d(8)))
    backbone = load_backbone("visreg:vit_tiny_patch16_224", saved(wrap(module, proj), tmp_path), **STATED)
    assert_is(backbone, module)
    assert (backbone.info.family, backbone.info.pooling, backbone.info.is_jepa) == ("VISReg", "token", True)


@pytest.mark.slow
def test_visregs_rows_come_from_its_repository(hub):
    module = plain(width=768, heads=12, size=224)
    hub("BooBooWu/visreg", "visreg-vit-b-inet1k.pth", module.state_dict())
    backbone = load_backbone("visreg:vit_base_patch16_224.inet1k", device="cpu", offline=True)
    assert_is(backbone, module, 224)
    settings = backbone.info.preprocessing
    assert (settings.height, settings.resize, settings.interpolation) == (224, 256, "bicubic")
    assert (backbone.info.licence, backbone.info.is_jepa) == ("cc-by-nc-4.0 (non-commercial)", True)


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
        ({"patch_embed_img.proj.weight": None}, r"patch_embed_img\.proj\.weight, which are not there"),
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


def test_vjepa2_is_strict_too(tmp_path):
    state = vjepa2_state()
    del state["norm.bias"]
    with pytest.raises(CheckpointError, match=r"missing norm\.bias"):
        load_backbone("vjepa2:vit_tiny_patch16_256", saved({"target_encoder": state}, tmp_path), **STATED)


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


def test_a_file_in_torchs_cache_is_taken_by_its_own_name(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    module = plain(width=384, heads=6, size=224)
    torch.save({"state_dict": module.state_dict()}, tmp_path / "checkpoints" / "ibot_vit_small_patch16_224.in1k.pth")
    assert_is(load_backbone("ibot:vit_small_patch16_224.in1k", device="cpu", offline=True), module, 224)
