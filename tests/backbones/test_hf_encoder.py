"""Folders in transformers' format against what transformers itself computed with them (`golden/make.py`)."""

import copy
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from jepascore_core.backbones.build import load_backbone
from jepascore_core.errors import CheckpointError, PreprocessingError, UnknownNameError, WeightsUnavailableError
from jepascore_core.measuring.estimators import measure
from tests.backbones import golden
from tests.reference import listing_jacobian

#: Kind -> what is known of it: family, pooling, and whether the theory covers it.
KNOWN = {
    "vit": ("ViT", "token", None),
    "ijepa": ("I-JEPA", "avg", True),
    "mae": ("MAE", "token", False),
    "dinov2": ("DINOv2", "token", True),
    "dinov2_swiglu": ("DINOv2", "token", True),
    "dinov2_registers": ("DINOv2", "token", True),
    "dinov2_classifier": ("DINOv2", "token", None),
    "dinov3": ("DINOv3", "token", True),
    "dinov3_gated": ("DINOv3", "token", True),
    "vjepa2": ("V-JEPA 2", "avg", True),
    "clip": ("CLIP", "projection", False),
    "clip_vision": ("CLIP", "projection", False),
    "clip_unprojected": ("CLIP", "projection", False),
    "metaclip2": ("CLIP", "projection", False),
    "siglip": ("SigLIP", "native", False),
}

#: Names that transformers 5 uses in memory, as other programs save them.
NEW_NAMES = (
    ("encoder.layer.", "layers."),
    ("attention.attention.query", "attention.q_proj"),
    ("attention.attention.key", "attention.k_proj"),
    ("attention.attention.value", "attention.v_proj"),
    ("attention.output.dense", "attention.o_proj"),
    ("intermediate.dense", "mlp.fc1"),
    (".output.dense", ".mlp.fc2"),
)


@pytest.fixture
def folder(tmp_path):
    """Write the folder of a kind: `folder("vit")`."""
    return lambda kind: golden.write_folder(kind, tmp_path / kind)


def load(path, name="hf:mine/encoder", **options):
    return load_backbone(name, checkpoint=path, device="cpu", offline=True, **options)


def change(folder, function):
    """Rewrite the weights of a folder."""
    state = dict(load_file(folder / "model.safetensors"))
    function(state)
    save_file(state, folder / "model.safetensors")
    return folder


def test_every_golden_model_is_known():
    assert set(KNOWN) == set(golden.KINDS)


@pytest.mark.parametrize("kind", KNOWN)
def test_embeddings_are_those_of_transformers(kind, folder):
    backbone = load(folder(kind))
    expected = torch.tensor(golden.read(kind)["embedding"])
    torch.testing.assert_close(backbone.encode(golden.images(16)), expected, rtol=1e-4, atol=1e-5)
    info = backbone.info
    assert (info.library, info.dimension, info.licence) == ("hf", expected.shape[1], "unknown")
    assert (info.family, info.pooling, info.is_jepa) == KNOWN[kind]
    assert ("theory does not hold" in info.note) == (info.is_jepa is False)


@pytest.mark.parametrize("kind", KNOWN)
def test_images_become_inputs_as_the_processor_says(kind, folder):
    backbone = load(folder(kind))
    ours = backbone.preprocess(golden.photo())
    assert ours.shape == (3, 16, 16)
    # transformers resizes tensors, we resize pictures: a rounded grey level lies between, 1 / 255 / std.
    theirs = torch.tensor(golden.read(kind)["pixels"]).reshape(16, 16)
    tolerance = 1.5 / 255 / backbone.info.preprocessing.std[0]
    torch.testing.assert_close(ours[0], theirs, rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", ["vit", "ijepa"])
def test_the_names_of_newer_versions_load_too(kind, folder):
    def rename(state):
        for old in list(state):
            new = old
            for before, after in NEW_NAMES:
                new = new.replace(before, after)
            state[f"{kind}.{new}"] = state.pop(old)

    path = folder(kind)
    before = load(path).encode(golden.images(16))
    torch.testing.assert_close(load(change(path, rename)).encode(golden.images(16)), before)


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("dinov2", "layernorm.weight", r"1 weights are missing.*missing norm\.weight"),
        ("dinov2", "encoder.layer.1.attention.attention.key.weight", r"missing blocks\.1\.attn\.qkv\.weight"),
        ("clip", "visual_projection.weight", r"missing proj"),
        ("siglip", "vision_model.head.probe", r"missing attn_pool\.latent"),
        ("vjepa2", "encoder.embeddings.patch_embeddings.proj.weight", r"here it is missing"),
    ],
)
def test_a_missing_weight_is_an_error_that_names_it(kind, name, message, folder):
    with pytest.raises(CheckpointError, match=message):
        load(change(folder(kind), lambda state: state.pop(name)))


@pytest.mark.parametrize("kind", KNOWN)
def test_a_weight_too_many_is_an_error_that_names_it(kind, folder):
    path = change(folder(kind), lambda state: state.update({"stranger.weight": torch.ones(3)}))
    with pytest.raises(CheckpointError, match=r"1 not expected.*unexpected stranger\.weight \[3\]"):
        load(path)


def test_a_config_that_does_not_fit_its_weights_is_an_error(folder):
    path = folder("dinov2")
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, "hidden_size": 64}))
    with pytest.raises(CheckpointError, match="of another shape"):
        load(path)


def test_what_transformers_leaves_out_of_a_nested_config_has_its_default(folder):
    # MetaCLIP's own folder says no more of its image encoder than its type.
    path = folder("clip")
    config = json.loads((path / "config.json").read_text())
    config["vision_config"] = {"model_type": "clip_vision_model"}
    (path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"missing transformer\.resblocks\.10\..*\[768"):
        load(path, image_size=224)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "bert"}, "describes a 'bert'.*dinov2"),
        ({}, "describes a ''"),
        ({"model_type": "vit", "hidden_act": "swish9"}, "activation 'swish9'"),
        ({"model_type": "vit", "patch_size": [8, 4]}, "patch_size must be an integer"),
    ],
)
def test_configs_that_cannot_be_built_are_refused(config, message, folder):
    path = folder("vit")
    whole = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**whole, **config} if config else {"a": 1}))
    with pytest.raises(CheckpointError, match=message):
        load(path)


def test_a_folder_without_a_processor_needs_the_preprocessing_stated(folder):
    path = folder("dinov2")
    (path / "preprocessor_config.json").unlink()
    with pytest.raises(PreprocessingError, match=r"missing: --mean, --std, --image-size.*no preprocessor_config\.json"):
        load(path)
    info = load(path, mean=0.5, std=0.25, image_size=16).info
    assert (info.preprocessing.mean, info.preprocessing.resize) == ((0.5,) * 3, 16)


def test_another_image_size_resamples_positions_and_says_so(folder):
    for kind in ("dinov2", "dinov2_registers", "clip", "siglip", "ijepa"):
        backbone = load(folder(kind), image_size=24)
        assert backbone.encode(golden.images(24)).isfinite().all()
        assert "resampled from 16 to 24 pixels" in backbone.info.note
        assert backbone.info.preprocessing.height == 24


@pytest.mark.parametrize(
    ("kind", "size"), [(kind, int(size)) for kind in KNOWN for size in golden.read(kind)["resized"]]
)
def test_positions_are_resampled_as_transformers_does(kind, size, folder):
    expected = torch.tensor(golden.read(kind)["resized"][str(size)])
    found = load(folder(kind), image_size=size).encode(golden.images(size))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["dinov3", "vjepa2"])
def test_rotary_positions_take_any_size(kind, folder):
    path = folder(kind)
    native, larger = load(path), load(path, image_size=24)
    assert larger.encode(golden.images(24)).shape == native.encode(golden.images(16)).shape
    assert larger.info.weights_hash == native.info.weights_hash


def test_an_image_size_that_is_not_whole_patches_is_an_error(folder):
    with pytest.raises(PreprocessingError, match="multiple of 4"):
        load(folder("dinov2"), image_size=18)


def test_pooling_can_be_chosen_where_there_are_tokens(folder):
    path = folder("dinov2")
    assert load(path, pooling="avg").info.pooling == "avg"
    with pytest.raises(UnknownNameError, match="does not support pooling 'projection'"):
        load(path, pooling="projection")
    with pytest.raises(UnknownNameError, match="choose projection"):
        load(folder("clip"), pooling="token")


def test_a_file_of_the_folder_may_be_named_instead(folder):
    path = folder("dinov2")
    assert load(path / "model.safetensors").info == load(path).info
    shutil.move(path / "config.json", path / "other.json")
    for checkpoint in (path, path / "model.safetensors"):
        with pytest.raises(CheckpointError, match=r"no config\.json"):
            load(checkpoint)


def test_shards_are_read_together_and_never_from_elsewhere(folder):
    path = folder("dinov2")
    whole = load(path).info
    state = load_file(path / "model.safetensors")
    names = sorted(state)
    index = {}
    for number, part in enumerate((names[::2], names[1::2])):
        save_file({name: state[name] for name in part}, path / f"part-{number}.safetensors")
        index.update(dict.fromkeys(part, f"../{path.name}/part-{number}.safetensors"))
    (path / "model.safetensors").unlink()
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    assert load(path).info == whole
    (path / "part-1.safetensors").rename(path.parent / "part-1.safetensors")
    (path / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {names[0]: "part-0.safetensors", names[1]: "../part-1.safetensors"}})
    )
    with pytest.raises(CheckpointError, match="missing beside it"):
        load(path)


def test_other_libraries_point_to_hf(folder):
    with pytest.raises(CheckpointError, match=r"transformers' format \(model_type dinov2\).*hf:<any name>"):
        load_backbone("timm:vit_small_patch14_dinov2.lvd142m", folder("dinov2"), device="cpu")


def test_a_repository_of_the_cache_is_loaded_by_name(folder, hub_folder):
    path = folder("dinov2_registers")
    hub_folder("owner/dinov2-tiny", path)
    backbone = load_backbone("hf:owner/dinov2-tiny", device="cpu", offline=True)
    local = load(path)
    assert backbone.info.backbone_id == local.info.backbone_id
    assert (backbone.info.name, backbone.info.architecture) == (
        "hf:owner/dinov2-tiny",
        "vit_w32d2_patch4_dinov2_with_registers",
    )


@pytest.mark.usefixtures("hub")
def test_missing_repositories_and_wrong_names_are_one_sentence():
    with pytest.raises(WeightsUnavailableError, match=r"hf:facebook/ijepa_vith14_1k are not on this machine"):
        load_backbone("hf:facebook/ijepa_vith14_1k", device="cpu", offline=True)
    with pytest.raises(UnknownNameError, match='Unknown backbone "hf:dinov2"'):
        load_backbone("hf:dinov2", device="cpu", offline=True)


@pytest.mark.parametrize("kind", KNOWN)
def test_scores_are_those_of_the_papers_listing(kind, folder):
    # What transformers computes, differentiated by the engine that a run would use.
    backbone = load(folder(kind))
    images = golden.images(16).double()
    found = measure(backbone, images, precision="float64").singular_values
    jacobian = listing_jacobian(copy.deepcopy(backbone.encoder).double(), images)
    torch.testing.assert_close(found, torch.linalg.svdvals(jacobian), rtol=1e-6, atol=1e-9)
