"""The table of backbones against the installed libraries."""

import dataclasses
import subprocess
import sys

import open_clip
import pytest
import timm
from open_clip.pretrained import get_pretrained_cfg as clip_config
from timm.models import get_pretrained_cfg

from jepascore_core.backbones.open_clip_encoder import _preprocessing, _settings
from jepascore_core.backbones.registry import find_spec, list_specs, unknown_backbone
from jepascore_core.backbones.table import TABLE
from jepascore_core.backbones.timm_encoder import timm_preprocessing
from jepascore_core.records.backbones import BackboneRef

TIMM = [spec for spec in TABLE if spec.library == "timm"]
CLIP = [spec for spec in TABLE if spec.library == "open_clip"]
RELEASES = [spec for spec in TABLE if spec.library not in ("timm", "open_clip")]

#: Families that the issue asks for, with names that stand for their members.
WANTED = {
    "DINOv2": ["vit_small_patch14_dinov2", "vit_base_", "vit_large_", "vit_giant_", "reg4"],
    "DINOv3": ["vit_small_patch16_dinov3", "vit_7b_", "convnext_large", "sat493m"],
    "I-JEPA": ["vit_huge_patch14_gap_224.in1k", "in22k_ijepa", "vit_giant_patch16_gap_224", "in1k_target", "hf:"],
    "V-JEPA 2": ["vitl", "vith", "vitg"],
    "V-JEPA 2.1": ["vitb", "vitl", "vitg", "vitG"],
    "LeJEPA": ["lejepa:"],
    "VISReg": ["base", "large"],
    "DINO": ["small", "base"],
    "iBOT": ["small", "base", "large", "in22k"],
    "MetaCLIP": ["ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-H-14", "metaclip_400m", "metaclip_fullcc"],
    "MetaCLIP 2": ["ViT-H-14-worldwide", "ViT-bigG-14-worldwide"],
    "OpenAI CLIP": ["ViT-B-32", "ViT-B-16", "ViT-L-14"],
    "SigLIP": ["ViT-B-16", "ViT-L-16", "SO400M"],
    "SigLIP 2": ["ViT-B-16", "ViT-L-16", "SO400M", "gopt"],
    "MoCo v3": ["small", "base", "resnet50"],
    "MAE": ["base", "large", "huge"],
    "supervised ViT": ["tiny", "small", "base", "large"],
    "DeiT": ["tiny", "small", "base"],
    "ConvNeXt": ["tiny", "base"],
    "ResNet": ["resnet18", "resnet50"],
}


def names(specs):
    return [spec.name for spec in specs]


def test_no_name_vanished_from_the_installed_libraries():
    known = {f"timm:{name}" for name in timm.list_models(pretrained=True)}
    known |= {f"open_clip:{model}:{tag}" for model, tag in open_clip.list_pretrained()}
    assert [spec.name for spec in (*TIMM, *CLIP) if spec.name not in known] == []


@pytest.mark.parametrize(("family", "members"), WANTED.items())
def test_the_families_that_people_use_are_there(family, members):
    rows = [spec.name for spec in TABLE if spec.family == family]
    assert [member for member in members if not any(member in name for name in rows)] == []


def test_names_are_unique_and_found():
    specs = list_specs()
    assert len({spec.name for spec in specs}) == len(specs)
    assert all(find_spec(spec.name) == spec for spec in specs)
    assert {spec.library for spec in RELEASES} == {
        "hf",
        "ijepa",
        "vjepa2",
        "vjepa2_1",
        "lejepa",
        "visreg",
        "ibot",
        "mocov3",
    }


@pytest.mark.parametrize("spec", TIMM, ids=names(TIMM))
def test_timm_rows_agree_with_timm(spec):
    config = get_pretrained_cfg(spec.name.removeprefix("timm:"))
    assert spec.architecture == config.architecture
    assert spec.licence.split(" ")[0] == config.license
    assert spec.pooling in ("token", "avg")
    if config.hf_hub_id:
        assert spec.source.repository == config.hf_hub_id
    else:
        assert spec.source.url == config.url
    if spec.family == "DINOv2":
        assert (spec.image_size, config.input_size[-1]) == (224, 518)
    elif spec.family != "DINOv3":
        assert spec.image_size == config.input_size[-1]
    assert timm_preprocessing(config.to_dict(), spec, BackboneRef(spec.name)) == spec.preprocessing
    as_timm = timm_preprocessing(config.to_dict(), spec, BackboneRef(spec.name, preprocessing="timm"))
    assert (as_timm == spec.preprocessing) == (spec.family not in ("DINO", "DINOv2", "DINOv3", "MAE"))
    assert as_timm.resize == int(spec.image_size / config.crop_pct)
    assert (as_timm.interpolation, as_timm.mean) == (config.interpolation, config.mean)
    if as_timm == spec.preprocessing:
        # Ids of what did not change stay at every image size, also where rounding is another.
        larger, asked = BackboneRef(spec.name, image_size=2 * spec.image_size), config.to_dict()
        timms = BackboneRef(spec.name, image_size=2 * spec.image_size, preprocessing="timm")
        assert timm_preprocessing(asked, spec, larger) == timm_preprocessing(asked, spec, timms)


@pytest.mark.parametrize("spec", CLIP, ids=names(CLIP))
def test_open_clip_rows_agree_with_open_clip(spec):
    model, _, tag = spec.name.removeprefix("open_clip:").partition(":")
    config, weights = open_clip.get_model_config(model), clip_config(model, tag)
    assert spec.architecture == model
    assert spec.dimension == config["embed_dim"]
    assert spec.image_size == config["vision_cfg"]["image_size"]
    assert spec.pooling == "projection"
    assert spec.source.repository == weights["hf_hub"].rstrip("/")
    assert not weights.get("quick_gelu") or config.get("quick_gelu")
    assert _preprocessing(_settings(model, tag), spec.image_size, BackboneRef(spec.name)) == spec.preprocessing


def test_non_commercial_licences_say_so():
    for spec in TABLE:
        assert spec.is_non_commercial == ("-nc-" in spec.licence), spec.name


def test_only_self_supervised_joint_embeddings_count_as_jepa():
    jepa = {"DINO", "DINOv2", "DINOv3", "I-JEPA", "V-JEPA 2", "V-JEPA 2.1", "LeJEPA", "VISReg", "iBOT"}
    assert {spec.family for spec in TABLE if spec.is_jepa} == jepa
    for spec in TABLE:
        assert spec.is_jepa is not ("theory does not hold" in spec.note), spec.name


def test_every_row_has_all_columns_but_those_that_only_a_training_tells():
    for spec in TABLE:
        assert spec.shape is not None, spec.name
        if spec.family == "LeJEPA":
            assert (spec.dimension, spec.preprocessing, spec.flop) == (None, None, None)
        else:
            assert spec.preprocessing.height == spec.preprocessing.width == spec.image_size
            assert spec.flop > 0
            assert spec.source.repository or spec.source.url


def test_files_of_one_name_do_not_overwrite_each_other_in_the_cache():
    saved = [spec.source.saved_as or spec.source.url.rpartition("/")[2] for spec in TABLE if spec.source.url]
    urls = {spec.source.url for spec in TABLE if spec.source.url}
    assert len(set(saved)) == len(urls)


def test_rows_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TABLE[0].dimension = 1


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
    assert f'"{wrong}"' in message


def test_reading_the_table_loads_no_model_library():
    code = (
        "import sys; from jepascore_core.backbones.registry import find_spec;"
        "assert find_spec('timm:vit_small_patch14_dinov2.lvd142m').dimension == 384;"
        "assert not {'torch', 'timm', 'open_clip'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
