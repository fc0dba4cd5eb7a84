"""Our transforms against timm's and open_clip's own, on every configuration that their weights use."""

import numpy as np
import open_clip
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.pretrained import get_pretrained_cfg as clip_config
from open_clip.transform import PreprocessCfg, image_transform_v2, merge_preprocess_dict
from PIL import Image
from timm.data import create_transform, resolve_data_config
from timm.models import get_pretrained_cfg

from jepascore_core.backbones.open_clip_encoder import _preprocessing
from jepascore_core.backbones.timm_encoder import timm_preprocessing
from jepascore_core.backbones.transforms import build_transform
from jepascore_core.errors import PreprocessingError, SampleError
from jepascore_core.records.backbones import BackboneRef, Preprocessing

SIZES = [(97, 61), (40, 83), (64, 64)]
GREY = {"mean": (0.5,), "std": (0.25,)}


def noise(width, height, mode="RGB"):
    shape = (height, width) if mode == "L" else (height, width, 3)
    return Image.fromarray(np.random.default_rng(width * height).integers(0, 256, shape, dtype=np.uint8))


def assert_same(ours, theirs, sizes=SIZES):
    for size in sizes:
        torch.testing.assert_close(ours(noise(*size)), theirs(noise(*size)), rtol=0, atol=0)


def timm_configs():
    """One model of each distinct evaluation configuration among timm's weights, large inputs apart."""
    distinct = {}
    for model in timm.list_models(pretrained=True):
        config = get_pretrained_cfg(model).to_dict()
        data = resolve_data_config(pretrained_cfg=config)
        if max(data["input_size"]) <= 256 or data["crop_mode"] == "border":
            key = (*data["input_size"], data["interpolation"], data["crop_pct"], data["crop_mode"], data["mean"])
            distinct[key] = (model, config, data)
    return list(distinct.values())


class AnySpec:
    name = "timm:any"
    image_size = None
    preprocessing = None


def test_equals_timm_on_every_configuration():
    configs = timm_configs()
    assert {data["crop_mode"] for _, _, data in configs} == {"center", "squash", "border"}
    assert len(configs) > 50
    for model, config, data in configs:
        ours = build_transform(timm_preprocessing(config, AnySpec, BackboneRef(f"timm:{model}")))
        assert_same(ours, create_transform(**data, is_training=False))


def test_equals_timm_on_inputs_that_are_not_square():
    config = get_pretrained_cfg("vit_base_patch16_sapiens2.fb").to_dict()
    data = resolve_data_config(pretrained_cfg=config)
    assert data["input_size"][1] != data["input_size"][2]
    ours = build_transform(timm_preprocessing(config, AnySpec, BackboneRef("timm:sapiens")))
    assert_same(ours, create_transform(**data, is_training=False), SIZES[:1])


@pytest.mark.parametrize("mode", ["center", "border"])
def test_equals_timm_for_a_tall_input(mode):
    mean, std = (0.2, 0.5, 0.9), (0.3, 0.2, 0.1)
    theirs = create_transform((3, 48, 32), mean=mean, std=std, crop_pct=1.0, crop_mode=mode, interpolation="bilinear")
    fit = {"center": "crop", "border": "pad"}[mode]
    ours = build_transform(Preprocessing(48, 32, mean, std, 32, "bilinear", fit))
    assert_same(ours, theirs)


def test_equals_open_clip_on_every_configuration():
    distinct = {}
    for model, tag in open_clip.list_pretrained():
        settings_of_tag = merge_preprocess_dict(PreprocessCfg(), clip_config(model, tag))
        settings_of_tag["size"] = open_clip.get_model_config(model)["vision_cfg"]["image_size"]
        if settings_of_tag["size"] <= 256:
            distinct[repr(sorted(settings_of_tag.items()))] = settings_of_tag
    assert {config["resize_mode"] for config in distinct.values()} == {"shortest", "squash"}
    for config in distinct.values():
        ours = build_transform(_preprocessing(config, config["size"], BackboneRef("open_clip:any")))
        theirs = image_transform_v2(PreprocessCfg(**config), is_train=False)
        assert_same(ours, theirs)


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    fit=st.sampled_from(["crop", "squash", "pad"]),
    resize=st.sampled_from([None, 20, 32, 45]),
    channels=st.sampled_from([1, 3]),
)
def test_every_image_becomes_an_input_of_the_stated_shape(width, height, fit, resize, channels):
    transform = build_transform(Preprocessing(32, 32, (0.5,) * channels, (0.25,) * channels, resize, fit=fit))
    tensor = transform(noise(width, height))
    assert tensor.shape == (channels, 32, 32)
    assert tensor.dtype == torch.float32
    assert tensor.isfinite().all()


def test_one_channel_is_the_luma_of_the_image():
    image = noise(40, 30)
    transform = build_transform(Preprocessing(24, 24, **GREY))
    torch.testing.assert_close(transform(image), transform(image.convert("L")))
    white = transform(Image.new("RGB", (40, 30), "white"))
    torch.testing.assert_close(white, torch.full((1, 24, 24), (1 - 0.5) / 0.25))


def test_padding_has_the_mean_colour():
    transform = build_transform(Preprocessing(20, 20, (0.0, 0.4, 1.0), (1.0, 1.0, 1.0), fit="pad"))
    tensor = transform(Image.new("RGB", (40, 20), "white"))
    torch.testing.assert_close(tensor[:, 0], torch.zeros(3, 20))
    torch.testing.assert_close(tensor[:, 10], torch.tensor([[1.0], [0.6], [0.0]]).expand(3, 20))


@pytest.mark.parametrize(
    "change", [{"fit": "zoom"}, {"interpolation": "random"}, {"mean": (0.5, 0.5), "std": (1, 1)}, {"std": (1.0,) * 3}]
)
def test_unknown_settings_are_refused(change):
    with pytest.raises(PreprocessingError):
        build_transform(Preprocessing(**{"height": 8, "width": 8, **GREY, **change}))


def test_an_elongated_image_is_a_failure_of_that_image():
    transform = build_transform(Preprocessing(224, 224, **GREY))
    with pytest.raises(SampleError, match="elongated") as caught:
        transform(Image.new("RGB", (60000, 1)))
    assert caught.value.stage == "preprocess"
