"""Checkpoints of LeJEPA and VISReg, as their trainings save them: a backbone with its head, and a projector."""

import pytest
import timm
import torch
from torch import nn

from jepascore_core.backbones.build import load_backbone
from jepascore_core.errors import CheckpointError, UnknownNameError, WeightsUnavailableError
from tests.backbones.conftest import FEW, few_blocks, randomised
from tests.backbones.saving import STATED, assert_is, plain, prefixed, saved


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
    with pytest.raises(UnknownNameError, match="does not support pooling 'avg'"):
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


def test_visregs_rows_come_from_its_repository(hub):
    module = plain(width=768, heads=12, size=224, depth=FEW)
    hub("BooBooWu/visreg", "visreg-vit-b-inet1k.pth", module.state_dict())
    with few_blocks("vit_base_patch16_224"):
        backbone = load_backbone("visreg:vit_base_patch16_224.inet1k", device="cpu", offline=True)
    assert_is(backbone, module, 224)
    settings = backbone.info.preprocessing
    assert (settings.height, settings.resize, settings.interpolation) == (224, 256, "bicubic")
    assert (backbone.info.licence, backbone.info.is_jepa) == ("cc-by-nc-4.0 (non-commercial)", True)
