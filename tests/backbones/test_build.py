"""The entrance: refs, wrapped modules, bundled encoders, and what is refused."""

import dataclasses
import json

import pytest
import torch
from PIL import Image
from torch import nn

from jepascore_core.backbones.build import load_backbone, load_ref, wrap_encoder
from jepascore_core.errors import EncoderError, PreprocessingError, UnknownNameError
from jepascore_core.records.backbones import BackboneInfo, BackboneRef, Preprocessing
from tests.backbones.conftest import TINY


class Encoder(nn.Module):
    """[B, C, 8, 8] -> [B, 5], with dropout and batch statistics that only evaluation mode ignores."""

    def __init__(self, channels=3, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.body = nn.Sequential(
            nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(144, 5)
        )

    def forward(self, images):
        return self.body(images)


class Returns(nn.Module):
    """Returns what a function makes of the images."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images):
        return self.function(images * self.weight)


def test_a_ref_loads_the_same_backbone_as_its_values(vit_file):
    ref = BackboneRef(f"timm:{TINY}", str(vit_file), "avg", 32, (0.5,) * 3, (0.25,) * 3)
    through_json = BackboneRef.from_dict(json.loads(json.dumps(ref.to_dict())))
    backbone = load_backbone(f"timm:{TINY}", vit_file, "cpu", "avg", 32, 0.5, [0.25, 0.25, 0.25])
    assert load_ref(through_json, "cpu").info == backbone.info
    assert BackboneInfo.from_dict(json.loads(json.dumps(backbone.info.to_dict()))) == backbone.info


def test_wrapping_makes_a_module_ready():
    module = Encoder().train()
    backbone = wrap_encoder(module, name="mine", image_size=8)
    assert backbone.encoder is module
    assert not module.training
    assert not any(value.requires_grad for value in module.parameters())
    assert (backbone.info.name, backbone.info.library, backbone.info.dimension) == ("mine", "custom", 5)
    assert backbone.device == torch.device("cpu")
    images = torch.randn(3, 3, 8, 8)
    torch.testing.assert_close(backbone.encode(images), module(images))
    torch.testing.assert_close(backbone.encode(images[:1]), module(images)[:1])


def test_a_module_without_a_size_is_measured_with_what_it_is_given():
    backbone = wrap_encoder(Encoder(channels=2), "mine")
    assert backbone.info.dimension == 0
    assert backbone.encode(torch.randn(2, 2, 8, 8)).shape == (2, 5)
    with pytest.raises(PreprocessingError, match="mine is unknown"):
        backbone.preprocess(Image.new("RGB", (8, 8)))


def test_wrapping_with_preprocessing_reads_images():
    whole = wrap_encoder(Encoder(), "mine", preprocessing=Preprocessing(8, 8, (0.5,) * 3, (0.25,) * 3))
    short = wrap_encoder(Encoder(), "mine", image_size=8, mean=0.5, std=(0.25, 0.25, 0.25))
    assert whole.info == short.info
    tensor = short.preprocess(Image.new("RGB", (20, 10), "white"))
    torch.testing.assert_close(tensor, torch.full((3, 8, 8), 2.0))
    assert short.encode(tensor[None]).shape == (1, 5)


def test_a_greyscale_module():
    backbone = wrap_encoder(Encoder(channels=1), "grey", image_size=8, channels=1, mean=0.5, std=0.5)
    assert backbone.preprocess(Image.new("RGB", (20, 10))).shape == (1, 8, 8)
    assert backbone.info.dimension == 5


def test_double_precision_stays():
    backbone = wrap_encoder(Encoder().double(), "mine", image_size=8)
    assert backbone.encode(torch.randn(2, 3, 8, 8)).dtype == torch.float64


def test_the_id_of_a_wrapped_module_comes_from_name_weights_and_preprocessing():
    def identify(seed=0, name="mine", **options):
        return wrap_encoder(Encoder(seed=seed), name, **options).info.backbone_id

    assert identify() == identify() == identify(image_size=8)
    settings = {"image_size": 8, "mean": 0.5, "std": 0.5}
    distinct = [
        identify(),
        identify(1),
        identify(name="other"),
        identify(**settings),
        identify(**settings | {"std": 1}),
    ]
    assert len(set(distinct)) == len(distinct)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x, r"returns \[2, 3, 8, 8\]"),
        (lambda x: x.flatten(1).mean(1), r"returns \[2\]"),
        (lambda x: x.flatten(1).mean(0, keepdim=True), r"returns \[1, 192\]"),
        (lambda x: x.flatten(1)[:, :0], r"returns \[2, 0\]"),
        (lambda x: (x.flatten(1), x), "tuple"),
        (lambda x: x.flatten(1) / 0, "not finite"),
        (lambda x: x.flatten(1).detach(), "not differentiable"),
        (lambda x: x.reshape(7, -1), r"fails on images \[2, 3, 8, 8\]"),
    ],
    ids=["map", "scalar", "one row", "empty", "tuple", "infinite", "detached", "raises"],
)
def test_a_module_that_breaks_the_contract_is_told_what_was_seen(function, message):
    with pytest.raises(EncoderError, match=message):
        wrap_encoder(Returns(function), "mine", image_size=8)


@pytest.mark.parametrize(
    "options",
    [
        {"mean": 0.5, "std": 0.5},
        {"mean": 0.5, "image_size": 8},
        {"std": 0.5, "image_size": 8},
        {"image_size": 8, "mean": 0.5, "std": 0.0},
        {"image_size": 8, "mean": (0.5, 0.5), "std": (0.5, 0.5)},
        {"image_size": 8, "mean": (0.5,), "std": 0.5},
        {"image_size": 8, "mean": float("nan"), "std": 0.5},
        {"image_size": 0},
        {"image_size": 8, "preprocessing": Preprocessing(8, 8, (0.5,), (0.5,))},
        {"preprocessing": Preprocessing(8, 8, (0.5,) * 3, (0.5,) * 3, fit="zoom")},
    ],
)
def test_half_a_preprocessing_is_refused(options):
    with pytest.raises(PreprocessingError):
        wrap_encoder(Encoder(), "mine", **options)


def test_half_a_preprocessing_is_refused_for_names_too(vit_file):
    stated = {"checkpoint": vit_file, "device": "cpu", "image_size": 32}
    for mean, std in (([0.5], 0.5), (0.5, -1.0), ([0.5, 0.5], [1, 1])):
        with pytest.raises(PreprocessingError):
            load_backbone(f"timm:{TINY}", mean=mean, std=std, **stated)


@pytest.mark.parametrize("name", ["", "resnet50", "torchvision:resnet50", "bundled:nobody"])
def test_a_name_of_no_library_is_unknown(name):
    with pytest.raises(UnknownNameError, match="jepascore backbones"):
        load_backbone(name, device="cpu")


def test_the_device_is_checked_first():
    with pytest.raises(UnknownNameError, match="device"):
        load_backbone("timm:nobody", device="abacus")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_the_device_changes_nothing_but_the_place(vit_file):
    stated = {"checkpoint": vit_file, "mean": 0.5, "std": 0.5, "image_size": 32}
    here = load_backbone(f"timm:{TINY}", device="cpu", **stated)
    there = load_backbone(f"timm:{TINY}", device="cuda", **stated)
    assert there.info == here.info
    images = torch.randn(2, 3, 32, 32)
    assert there.encode(images).device.type == "cuda"
    torch.testing.assert_close(there.encode(images).cpu(), here.encode(images), rtol=1e-2, atol=1e-2)


def bundled():
    return pytest.importorskip("jepascore_core.backbones.bundled_encoder").list_bundled()


def test_bundled_encoders_load_as_their_rows_say():
    for spec in bundled():
        info = load_backbone(spec.name, device="cpu", offline=True).info
        assert (info.name, info.library, info.pooling) == (spec.name, "bundled", spec.pooling)
        assert (info.dimension, info.preprocessing.height) == (spec.dimension, spec.image_size)
        assert (info.licence, info.is_jepa) == (spec.licence, spec.is_jepa)


def test_bundled_encoders_have_no_options():
    for spec in bundled():
        for change in ({"checkpoint": "a.pth"}, {"mean": (0.5,)}, {"image_size": 64}):
            with pytest.raises(PreprocessingError, match="its own weights"):
                load_ref(dataclasses.replace(BackboneRef(spec.name), **change), "cpu")
        with pytest.raises(UnknownNameError, match="choose"):
            load_backbone(spec.name, device="cpu", pooling="sum")


def test_a_function_is_no_module():
    with pytest.raises(EncoderError, match=r"torch\.nn\.Module, not a function"):
        wrap_encoder(lambda images: images.flatten(1), "mine", image_size=8)
