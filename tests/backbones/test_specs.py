"""The table of backbones against the installed libraries."""

import dataclasses
import subprocess
import sys

import open_clip
import pytest
import timm
import torch
from open_clip.pretrained import get_pretrained_cfg as clip_config
from timm.models import get_pretrained_cfg

from jepascore_core.backbones.specs import _TABLE, find_spec, list_specs, unknown_backbone

TIMM = [spec for spec in _TABLE if spec.library == "timm"]
CLIP = [spec for spec in _TABLE if spec.library == "open_clip"]


def names(specs):
    return [spec.name for spec in specs]


def test_names_are_unique_and_found():
    specs = list_specs()
    assert len({spec.name for spec in specs}) == len(specs)
    assert all(find_spec(spec.name) == spec for spec in specs)
    assert len(TIMM) + len(CLIP) == len(_TABLE)


@pytest.mark.parametrize("spec", TIMM, ids=names(TIMM))
def test_timm_rows_agree_with_timm(spec):
    model = spec.name.removeprefix("timm:")
    config = get_pretrained_cfg(model)
    assert timm.is_model_pretrained(model)
    assert spec.architecture == config.architecture
    assert spec.licence.split(" ")[0] == config.license
    assert spec.pooling in ("token", "avg")
    if spec.family == "DINOv2":
        assert (spec.image_size, config.input_size[-1]) == (224, 518)
    else:
        assert spec.image_size == config.input_size[-1]


@pytest.mark.slow
@pytest.mark.parametrize("spec", TIMM, ids=names(TIMM))
def test_dimension_is_that_of_timms_encoder(spec):
    with torch.device("meta"):
        encoder = timm.create_model(spec.architecture, num_classes=0)
    assert spec.dimension == encoder.num_features


@pytest.mark.parametrize("spec", CLIP, ids=names(CLIP))
def test_open_clip_rows_agree_with_open_clip(spec):
    model, _, tag = spec.name.removeprefix("open_clip:").partition(":")
    config = open_clip.get_model_config(model)
    assert (model, tag) in open_clip.list_pretrained()
    assert spec.architecture == model
    assert spec.dimension == config["embed_dim"]
    assert spec.image_size == config["vision_cfg"]["image_size"]
    assert spec.pooling == "projection"
    assert not clip_config(model, tag).get("quick_gelu") or config.get("quick_gelu")


def test_non_commercial_licences_say_so():
    for spec in _TABLE:
        assert ("non-commercial" in spec.licence) == ("-nc-" in spec.licence), spec.name


def test_only_self_supervised_joint_embeddings_count_as_jepa():
    assert {spec.family for spec in _TABLE if spec.is_jepa} == {"DINO", "DINOv2", "DINOv3", "I-JEPA"}
    assert all("theory does not hold" in spec.note for spec in _TABLE if not spec.is_jepa)


def test_rows_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        _TABLE[0].dimension = 1


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("timm:vit_smal_patch14_dinov2.lvd142m", "timm:vit_small_patch14_dinov2.lvd142m"),
        ("dinov3", "timm:vit_small_patch16_dinov3.lvd1689m"),
        ("open_clip:ViT-B-16-quickgelu:metaclip", "open_clip:ViT-B-16-quickgelu:metaclip_fullcc"),
    ],
)
def test_an_unknown_name_gets_near_matches_and_the_command_that_lists(wrong, near):
    message = str(unknown_backbone(wrong))
    assert near in message
    assert "jepascore backbones" in message
    assert repr(wrong) in message


def test_reading_the_table_loads_no_model_library():
    code = (
        "import sys; from jepascore_core.backbones.specs import find_spec;"
        "assert find_spec('timm:vit_small_patch14_dinov2.lvd142m').dimension == 384;"
        "assert not {'torch', 'timm', 'open_clip'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
