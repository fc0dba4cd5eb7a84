"""timm encoders: checkpoints in the formats people have, hub weights from a cache, pooling, image size."""

import dataclasses
import shutil

import pytest
import timm
import torch
from safetensors.torch import save_file

from jepascore_core.backbones.build import load_backbone
from jepascore_core.errors import CheckpointError, PreprocessingError, UnknownNameError, WeightsUnavailableError
from tests.backbones.conftest import TINY, randomised

STATED = {"mean": 0.5, "std": 0.25, "image_size": 32, "device": "cpu"}
HUB_NAME = f"timm:{TINY}.augreg_in21k_ft_in1k"
HUB_REPOSITORY = f"timm/{TINY}.augreg_in21k_ft_in1k"


def images(side=32, channels=3):
    return torch.randn(2, channels, side, side, generator=torch.Generator().manual_seed(1))


def features_of(model, batch, pooling="token"):
    with torch.no_grad():
        tokens = model.forward_features(batch)
    return tokens[:, 0] if pooling == "token" else tokens[:, 1:].mean(1)


def load(path, **options):
    return load_backbone(f"timm:{TINY}", checkpoint=path, **{**STATED, **options})


def test_a_safetensors_checkpoint_gives_the_models_embeddings(tiny_vit, vit_file):
    backbone = load(vit_file)
    torch.testing.assert_close(backbone.encode(images()), features_of(tiny_vit, images()))
    info = backbone.info
    assert (info.library, info.architecture, info.pooling, info.dimension) == ("timm", TINY, "token", 192)
    assert (info.preprocessing.height, info.preprocessing.width, info.preprocessing.channels) == (32, 32, 3)
    assert (info.preprocessing.mean, info.preprocessing.std) == ((0.5,) * 3, (0.25,) * 3)
    assert info.num_parameters == sum(value.numel() for value in backbone.encoder.parameters())
    assert not backbone.encoder.training
    assert not any(value.requires_grad for value in backbone.encoder.parameters())


def test_weights_of_ones_own_are_not_called_published(vit_file):
    info = load(vit_file).info
    assert (info.name, info.licence, info.is_jepa) == (f"timm:{TINY}", "unknown", None)
    named = load_backbone(HUB_NAME, checkpoint=vit_file, **STATED).info
    assert (named.name, named.licence, named.is_jepa) == (HUB_NAME, "apache-2.0", False)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 2},
        lambda state: {"model": {f"module.{name}": value for name, value in state.items()}},
        lambda state: {"teacher": {f"backbone.{name}": value for name, value in state.items() if "head" not in name}},
        lambda state: {name: value for name, value in state.items() if not name.startswith("head.")},
    ],
    ids=["bare", "state_dict", "module", "teacher", "without head"],
)
def test_the_same_weights_have_the_same_id_whatever_the_file(wrap, tiny_vit, vit_file, tmp_path):
    path = tmp_path / "other name.pth"
    torch.save(wrap(tiny_vit.state_dict()), path)
    first, second = load(vit_file), load(path)
    assert first.info == second.info
    torch.testing.assert_close(first.encode(images()), second.encode(images()))


def test_the_id_changes_with_weights_pooling_and_preprocessing(tiny_vit, vit_file, tmp_path):
    state = {name: value.clone() for name, value in tiny_vit.state_dict().items()}
    state["blocks.3.mlp.fc1.bias"][5] += 1e-6
    save_file(state, tmp_path / "changed.safetensors")
    ids = [
        load(path, **options).info.backbone_id
        for path, options in [
            (vit_file, {}),
            (tmp_path / "changed.safetensors", {}),
            (vit_file, {"pooling": "avg"}),
            (vit_file, {"mean": 0.4}),
            (vit_file, {"std": 0.3}),
            (vit_file, {"image_size": 48}),
        ]
    ]
    assert len(set(ids)) == len(ids)


def test_pooling_can_be_chosen(tiny_vit, vit_file):
    average = load(vit_file, pooling="avg")
    torch.testing.assert_close(average.encode(images()), features_of(tiny_vit, images(), "avg"))
    assert average.info.pooling == "avg"
    assert load(vit_file, pooling="native").info == load(vit_file, pooling="token").info == load(vit_file).info


def test_a_pooling_that_the_encoder_cannot_do_names_those_it_can(vit_file, tmp_path):
    with pytest.raises(UnknownNameError, match="avg, native, token"):
        load(vit_file, pooling="projection")
    save_file(timm.create_model("resnet10t").state_dict(), tmp_path / "resnet.safetensors")
    with pytest.raises(UnknownNameError, match=r"choose one of avg, native\."):
        load_backbone("timm:resnet10t", tmp_path / "resnet.safetensors", pooling="token", **STATED)


def test_another_image_size_resamples_positions_as_timm_does_and_says_so(tiny_vit, vit_file):
    backbone = load(vit_file, image_size=64)
    expected = timm.create_model(TINY, img_size=32, num_classes=10)
    expected.load_state_dict(tiny_vit.state_dict())
    expected.set_input_size(64)
    torch.testing.assert_close(backbone.encode(images(64)), features_of(expected.eval(), images(64)))
    assert backbone.info.note == "Position embedding resampled from 5 to 17 tokens."


def test_a_convolutional_network_takes_any_size_and_pools_its_map(tmp_path):
    model = timm.create_model("resnet10t", num_classes=7).eval()
    path = tmp_path / "resnet.pth"
    torch.save({"state_dict": model.state_dict()}, path)
    backbone = load_backbone("timm:resnet10t", path, **{**STATED, "image_size": 40})
    with torch.no_grad():
        expected = model.forward_features(images(40)).mean((2, 3))
    torch.testing.assert_close(backbone.encode(images(40)), expected)
    assert (backbone.info.pooling, backbone.info.dimension) == ("avg", 512)


def test_a_greyscale_encoder_has_one_mean(tmp_path):
    path = tmp_path / "grey.safetensors"
    save_file(randomised(timm.create_model(TINY, img_size=32, in_chans=1)).state_dict(), path)
    backbone = load(path, mean=[0.5], std=[0.5])
    assert backbone.info.preprocessing.channels == 1
    assert backbone.encode(images(channels=1)).shape == (2, 192)
    with pytest.raises(CheckpointError, match=r"patch_embed\.proj\.weight is \[192, 1, 16, 16\], needs \[192, 3"):
        load(path)


def test_channels_are_never_summed_silently(vit_file):
    with pytest.raises(CheckpointError, match=r"patch_embed\.proj\.weight is \[192, 3, 16, 16\], needs \[192, 1"):
        load(vit_file, mean=[0.5], std=[0.5])
    with pytest.raises(CheckpointError, match="patch_embed"):
        load(vit_file, mean=[0.5], std=[0.5], image_size=64)


def test_foreign_names_are_converted_as_timm_does_but_channels_never(tiny_vit, tmp_path):
    # The names that open_clip gives an image tower from timm.
    state = {f"visual.trunk.{name}": value for name, value in tiny_vit.state_dict().items() if "head" not in name}
    path = tmp_path / "tower.safetensors"
    save_file(state, path)
    torch.testing.assert_close(load(path).encode(images()), features_of(tiny_vit, images()))
    with pytest.raises(CheckpointError, match=r"weights are missing.*missing blocks\.0\."):
        load(path, mean=[0.5], std=[0.5])


def test_patches_are_never_resampled_silently(tmp_path):
    path = tmp_path / "vit.safetensors"
    save_file(timm.create_model("vit_small_patch32_224", img_size=32).state_dict(), path)
    with pytest.raises(CheckpointError, match="patch_embed"):
        load_backbone("timm:vit_small_patch16_224", path, **STATED)


@pytest.mark.parametrize("lost", ["norm.weight", "blocks.11.attn.qkv.bias", "pos_embed", "cls_token"])
def test_a_missing_weight_is_an_error(lost, tiny_vit, tmp_path):
    state = {name: value for name, value in tiny_vit.state_dict().items() if name != lost}
    save_file(state, tmp_path / "partial.safetensors")
    with pytest.raises(CheckpointError, match=f"1 weights are missing.*missing {lost}"):
        load(tmp_path / "partial.safetensors")


def test_a_weight_too_many_is_an_error(tiny_vit, tmp_path):
    save_file({**tiny_vit.state_dict(), "blocks.12.norm1.weight": torch.ones(192)}, tmp_path / "more.safetensors")
    with pytest.raises(CheckpointError, match=r"1 not expected.*unexpected blocks\.12\.norm1\.weight \[192\]"):
        load(tmp_path / "more.safetensors")


def test_weights_of_another_architecture_are_an_error(vit_file):
    with pytest.raises(CheckpointError, match="of another shape"):
        load_backbone("timm:vit_small_patch16_224", vit_file, **STATED)


def test_a_checkpoint_without_preprocessing_is_an_error_with_timms_values_as_hint(vit_file):
    with pytest.raises(
        PreprocessingError,
        match=r"under Advanced.*missing: --mean.*mean 0\.5 0\.5 0\.5.*image size 224",
    ):
        load_backbone(f"timm:{TINY}", vit_file, image_size=32, device="cpu")


def test_an_image_size_that_is_not_whole_patches_is_an_error(vit_file):
    with pytest.raises(PreprocessingError, match="multiple of 16"):
        load(vit_file, image_size=40)


def test_weights_with_nothing_finite_are_an_error(tiny_vit, tmp_path):
    state = {**tiny_vit.state_dict(), "norm.bias": torch.full((192,), torch.nan)}
    save_file(state, tmp_path / "nan.safetensors")
    with pytest.raises(Exception, match="not finite"):
        load(tmp_path / "nan.safetensors")


@pytest.mark.parametrize(("filename", "offline"), [("model.safetensors", True), ("pytorch_model.bin", False)])
def test_hub_weights_come_from_the_cache(hub, filename, offline):
    model = randomised(timm.create_model(TINY))
    hub(HUB_REPOSITORY, filename, model.state_dict())
    backbone = load_backbone(f"timm:{TINY}", device="cpu", offline=offline)
    torch.testing.assert_close(backbone.encode(images(224)), features_of(model, images(224)))
    settings = backbone.info.preprocessing
    assert (settings.height, settings.resize, settings.mean, settings.fit) == (224, 248, (0.5,) * 3, "crop")
    assert (backbone.info.name, backbone.info.family) == (HUB_NAME, "supervised ViT")
    assert load_backbone(HUB_NAME, device="cpu").info == backbone.info


def test_hub_weights_can_run_at_another_size(hub):
    hub(HUB_REPOSITORY, "model.safetensors", randomised(timm.create_model(TINY)).state_dict())
    info = load_backbone(HUB_NAME, device="cpu", image_size=96).info
    assert (info.preprocessing.height, info.preprocessing.resize) == (96, 106)
    assert "resampled from 197 to 37 tokens" in info.note


def test_a_copy_of_published_weights_brings_its_preprocessing(hub, tmp_path):
    model = randomised(timm.create_model(TINY))
    save_file(model.state_dict(), tmp_path / "copy.safetensors")
    hub(HUB_REPOSITORY, "model.safetensors", model.state_dict())
    copy = load_backbone(HUB_NAME, checkpoint=tmp_path / "copy.safetensors", device="cpu", offline=True)
    assert copy.info == load_backbone(HUB_NAME, device="cpu", offline=True).info


def test_a_folder_stands_for_the_weights_in_it(vit_file, tmp_path):
    # As the hub's client downloads one of timm's repositories into a local folder.
    shutil.copy(vit_file, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"architecture": "vit_tiny_patch16_224", "num_classes": 10}')
    assert load(tmp_path).info == load(vit_file).info
    with pytest.raises(CheckpointError, match=r"contains none of model\.safetensors"):
        load(tmp_path.parent)


@pytest.mark.slow
def test_dinov2_runs_at_224_under_either_spelling(hub):
    # A file of the native 518 pixels, as the hub has it.
    model = randomised(timm.create_model("vit_small_patch14_dinov2"))
    hub("timm/vit_small_patch14_dinov2.lvd142m", "model.safetensors", model.state_dict())
    backbone = load_backbone("timm:vit_small_patch14_dinov2", device="cpu")
    assert (backbone.info.preprocessing.height, backbone.info.preprocessing.resize) == (224, 256)
    assert (backbone.info.family, backbone.info.is_jepa) == ("DINOv2", True)
    assert "resampled from 1370 to 257 tokens, as its authors do." in backbone.info.note
    as_timm = load_backbone("timm:vit_small_patch14_dinov2", device="cpu", preprocessing="timm")
    assert (as_timm.info.preprocessing.height, as_timm.info.preprocessing.resize) == (224, 224)
    model.set_input_size(224)
    torch.testing.assert_close(as_timm.encode(images(224)), features_of(model, images(224)))


@pytest.mark.slow
def test_dinov3_pools_its_class_token(hub):
    model = randomised(timm.create_model("vit_small_patch16_dinov3"))
    hub("timm/vit_small_patch16_dinov3.lvd1689m", "model.safetensors", model.state_dict())
    backbone = load_backbone("timm:vit_small_patch16_dinov3.lvd1689m", device="cpu")
    assert (model.global_pool, backbone.info.pooling) == ("avg", "token")
    torch.testing.assert_close(backbone.encode(images(256)), features_of(model, images(256)))


@pytest.mark.usefixtures("hub")
def test_missing_hub_weights_are_one_clear_sentence():
    with pytest.raises(WeightsUnavailableError, match=r"augreg_in21k_ft_in1k are not on this machine.*--checkpoint"):
        load_backbone(f"timm:{TINY}", device="cpu", offline=True)


@pytest.mark.parametrize("name", ["timm:vit_tiny_patch16_225", "timm:vit_tiny_patch16_224.nobody"])
def test_an_unknown_name_gets_near_matches(name):
    with pytest.raises(UnknownNameError, match=r"Did you mean .*timm:vit_tiny_patch16_224"):
        load_backbone(name, device="cpu")


def test_an_architecture_without_weights_says_so():
    without = next(
        name
        for name in timm.list_models()
        if name not in timm.list_pretrained()
        and not any(known.startswith(f"{name}.") for known in timm.list_pretrained())
    )
    with pytest.raises(WeightsUnavailableError, match="has no weights"):
        load_backbone(f"timm:{without}", device="cpu")


def test_the_real_vit_tiny_loads_strictly(dev_data):
    path = dev_data / "weights" / f"{TINY}.safetensors"
    if not path.is_file():
        pytest.skip(f"{path.name} is not there")
    backbone = load_backbone(f"timm:{TINY}", path, device="cpu", mean=0.5, std=0.5, image_size=224)
    settings = backbone.info.preprocessing
    assert dataclasses.astuple(settings) == (224, 224, (0.5,) * 3, (0.5,) * 3, 248, "bicubic", "crop")
    assert (backbone.info.dimension, backbone.info.note) == (192, "")
    assert backbone.info.num_parameters == 5_524_416
