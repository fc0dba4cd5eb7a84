"""open_clip's image towers: whole checkpoints, towers alone, hub weights from a cache."""

import open_clip
import pytest
import torch
from open_clip.pretrained import _PRETRAINED
from safetensors.torch import save_file

from jepascore_core.backbones.build import load_backbone
from jepascore_core.errors import CheckpointError, PreprocessingError, UnknownNameError, WeightsUnavailableError
from tests.backbones.conftest import TINY_CLIP, randomised

STATED = {"mean": 0.5, "std": 0.25, "image_size": 32, "device": "cpu"}


def images(side=32):
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def clip_file(tiny_clip, tmp_path):
    path = tmp_path / "clip.safetensors"
    save_file(tiny_clip.state_dict(), path)
    return path


def load(path, **options):
    return load_backbone(f"open_clip:{TINY_CLIP}", checkpoint=path, **{**STATED, **options})


def test_a_whole_checkpoint_gives_the_unnormalised_projection(tiny_clip, clip_file):
    backbone = load(clip_file)
    with torch.no_grad():
        expected = tiny_clip.encode_image(images(), normalize=False)
    torch.testing.assert_close(backbone.encode(images()), expected)
    info = backbone.info
    assert (info.library, info.architecture, info.pooling, info.dimension) == ("open_clip", TINY_CLIP, "projection", 16)
    assert (info.preprocessing.height, info.preprocessing.mean) == (32, (0.5,) * 3)


def test_the_text_tower_is_not_kept(tiny_clip, clip_file):
    backbone = load(clip_file)
    assert backbone.info.num_parameters == sum(value.numel() for value in tiny_clip.visual.parameters())


@pytest.mark.parametrize(
    "wrap",
    [
        lambda clip: clip.state_dict(),
        lambda clip: {"state_dict": {f"module.{name}": value for name, value in clip.state_dict().items()}, "epoch": 1},
        lambda clip: clip.visual.state_dict(),
    ],
    ids=["whole", "training checkpoint", "tower alone"],
)
def test_the_same_tower_has_the_same_id_whatever_the_file(wrap, tiny_clip, clip_file, tmp_path):
    path = tmp_path / "other.pt"
    torch.save(wrap(tiny_clip), path)
    assert load(path).info == load(clip_file).info


def test_another_image_size_resamples_positions_and_says_so(tiny_clip, clip_file, tmp_path):
    backbone = load(clip_file, image_size=64)
    torch.save(tiny_clip.state_dict(), tmp_path / "clip.pt")
    expected = open_clip.create_model(TINY_CLIP, pretrained=str(tmp_path / "clip.pt"), force_image_size=64).eval()
    with torch.no_grad():
        torch.testing.assert_close(backbone.encode(images(64)), expected.encode_image(images(64)))
    assert backbone.info.note == "Position embedding resampled from 17 to 65 tokens."
    assert backbone.info.backbone_id != load(clip_file).info.backbone_id


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("visual.proj"), r"1 weights are missing.*missing proj \[32, 16\]"),
        (lambda state: state.update({"visual.more": torch.ones(1)}), r"1 not expected.*more \[1\]"),
        (lambda state: state.update({"stranger": torch.ones(1)}), r"1 not expected.*stranger \[1\]"),
        (lambda state: state.update({"visual.proj": torch.ones(32, 8)}), r"proj is \[32, 8\], needs \[32, 16\]"),
    ],
    ids=["missing", "unexpected", "stranger", "shape"],
)
def test_every_weight_of_the_tower_must_fit(change, message, tiny_clip, tmp_path):
    state = dict(tiny_clip.state_dict())
    change(state)
    save_file(state, tmp_path / "changed.safetensors")
    with pytest.raises(CheckpointError, match=message):
        load(tmp_path / "changed.safetensors")


def test_a_checkpoint_without_preprocessing_is_an_error(clip_file):
    with pytest.raises(PreprocessingError, match=r"missing: --std.*open_clip's own"):
        load(clip_file, std=None)


def test_only_the_projection_can_be_chosen(clip_file):
    assert load(clip_file, pooling="projection").info == load(clip_file).info
    with pytest.raises(UnknownNameError, match="choose projection"):
        load(clip_file, pooling="token")


@pytest.mark.parametrize("filename", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"])
def test_hub_weights_come_from_the_cache_with_their_preprocessing(filename, tiny_clip, hub, monkeypatch):
    tag = {"hf_hub": "owner/tiny/", "mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "resize_mode": "squash"}
    monkeypatch.setitem(_PRETRAINED, TINY_CLIP, {"tag": {**tag, "interpolation": "bilinear"}})
    hub("owner/tiny", filename, tiny_clip.state_dict())
    backbone = load_backbone(f"open_clip:{TINY_CLIP}:Tag", device="cpu", offline=True)
    with torch.no_grad():
        torch.testing.assert_close(backbone.encode(images()), tiny_clip.encode_image(images()))
    settings = backbone.info.preprocessing
    assert (settings.mean, settings.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert (settings.fit, settings.interpolation, settings.height) == ("squash", "bilinear", 32)
    assert (backbone.info.name, backbone.info.is_jepa) == (f"open_clip:{TINY_CLIP}:tag", False)


def test_a_copy_or_folder_of_published_weights_brings_its_preprocessing(tiny_clip, hub, tmp_path, monkeypatch):
    tag = {"hf_hub": "owner/tiny/", "mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "resize_mode": "squash"}
    monkeypatch.setitem(_PRETRAINED, TINY_CLIP, {"tag": tag})
    hub("owner/tiny", "open_clip_model.safetensors", tiny_clip.state_dict())
    (tmp_path / "copy").mkdir()
    torch.save(tiny_clip.state_dict(), tmp_path / "copy" / "open_clip_pytorch_model.bin")
    name = f"open_clip:{TINY_CLIP}:tag"
    published = load_backbone(name, device="cpu", offline=True).info
    for checkpoint in (tmp_path / "copy", tmp_path / "copy" / "open_clip_pytorch_model.bin"):
        assert load_backbone(name, checkpoint, device="cpu", offline=True).info == published


def test_a_tower_from_timm_can_be_resized(tmp_path, monkeypatch):
    name = "jepascore-test-timm"
    config = {
        "embed_dim": 192,
        "vision_cfg": {"timm_model_name": "vit_tiny_patch16_224", "timm_pool": "", "timm_proj": "linear"},
        "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1},
        "custom_text": True,
    }
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, name, config)
    clip = randomised(open_clip.create_model(name))
    save_file(clip.state_dict(), tmp_path / "clip.safetensors")
    backbone = load_backbone(f"open_clip:{name}", tmp_path / "clip.safetensors", **STATED)
    clip.visual.set_input_size(32)
    with torch.no_grad():
        torch.testing.assert_close(backbone.encode(images()), clip.encode_image(images()))
    assert backbone.info.preprocessing.height == 32


def test_a_tower_that_also_returns_tokens_is_reduced_to_its_embedding(tmp_path, monkeypatch, tiny_clip):
    config = open_clip.get_model_config(TINY_CLIP)
    config["vision_cfg"]["output_tokens"] = True
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "jepascore-test-tokens", config)
    save_file(tiny_clip.state_dict(), tmp_path / "clip.safetensors")
    backbone = load_backbone("open_clip:jepascore-test-tokens", tmp_path / "clip.safetensors", **STATED)
    with torch.no_grad():
        torch.testing.assert_close(backbone.encode(images()), tiny_clip.encode_image(images()))


def test_weights_trained_with_another_activation_are_refused():
    with pytest.raises(UnknownNameError, match=r"QuickGELU.*open_clip:ViT-B-32-quickgelu:openai"):
        load_backbone("open_clip:ViT-B-32:openai", device="cpu")


@pytest.mark.usefixtures("hub")
def test_missing_hub_weights_are_one_clear_sentence():
    with pytest.raises(WeightsUnavailableError, match=r"ViT-B-16-quickgelu:metaclip_fullcc are not on this machine"):
        load_backbone("open_clip:ViT-B-16-quickgelu:metaclip_fullcc", device="cpu", offline=True)


@pytest.mark.parametrize("name", ["open_clip:ViT-B-33:openai", "open_clip:ViT-B-32:nobody", "open_clip:ViT-B-32"])
def test_an_unknown_name_gets_near_matches(name):
    with pytest.raises(UnknownNameError, match=r"Did you mean .*open_clip:ViT-B-32"):
        load_backbone(name, device="cpu")
