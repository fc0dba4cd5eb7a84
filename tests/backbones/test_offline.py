"""Told to stay offline, nothing tries the network: with and without the weights, for every library."""

import socket

import pytest
import timm
import torch
from open_clip.pretrained import _PRETRAINED

from jepascore_core.backbones.build import load_backbone
from jepascore_core.errors import WeightsUnavailableError
from tests.backbones import golden
from tests.backbones.conftest import TINY, TINY_CLIP, randomised
from tests.backbones.plain_vit import PlainVit


@pytest.fixture
def attempts(monkeypatch):
    """Every attempt to reach another machine; each is refused."""
    found = []

    def refuse(*args, **kwargs):
        found.append(args)
        raise OSError("the network is blocked by this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    return found


MISSING = [
    f"timm:{TINY}.augreg_in21k_ft_in1k",
    "timm:vit_huge_patch14_gap_224.in1k_ijepa",
    "open_clip:ViT-B-32-quickgelu:openai",
    "hf:facebook/ijepa_vith14_1k",
    "ijepa:vit_huge_patch14_224.in1k_target",
    "vjepa2:vit_large_patch16_256.vitl",
    "vjepa2_1:vit_base_patch16_384.vitb",
    "ibot:vit_small_patch16_224.in1k",
    "visreg:vit_base_patch16_224.inet1k",
    "mocov3:vit_small_patch16_224.300ep",
    "lejepa:vit_small_patch8_224",
]


@pytest.mark.usefixtures("hub_cache")
@pytest.mark.parametrize("name", MISSING)
def test_missing_weights_are_an_error_without_any_attempt(name, attempts, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    with pytest.raises(WeightsUnavailableError, match=f"{name} are"):
        load_backbone(name, device="cpu", offline=True)
    assert attempts == []


@pytest.mark.usefixtures("hub_cache")
def test_the_block_catches_who_may_try(attempts, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    for name in (MISSING[0], MISSING[4]):
        with pytest.raises(WeightsUnavailableError, match="cannot be reached"):
            load_backbone(name, device="cpu", offline=False)
    assert attempts


def test_timm_loads_from_the_hub_cache(hub, attempts):
    hub(f"timm/{TINY}.augreg_in21k_ft_in1k", "model.safetensors", randomised(timm.create_model(TINY)).state_dict())
    load_backbone(f"timm:{TINY}", device="cpu", offline=True)
    assert attempts == []


def test_open_clip_loads_from_the_hub_cache(tiny_clip, hub, attempts, monkeypatch):
    monkeypatch.setitem(_PRETRAINED, TINY_CLIP, {"tag": {"hf_hub": "owner/tiny/"}})
    hub("owner/tiny", "open_clip_model.safetensors", tiny_clip.state_dict())
    load_backbone(f"open_clip:{TINY_CLIP}:tag", device="cpu", offline=True)
    assert attempts == []


def test_transformers_repositories_load_from_the_hub_cache(hub_folder, attempts, tmp_path):
    hub_folder("owner/tiny", golden.write_folder("dinov2", tmp_path / "files"))
    load_backbone("hf:owner/tiny", device="cpu", offline=True)
    assert attempts == []


def test_releases_load_from_torchs_cache(attempts, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    state = randomised(PlainVit(width=384, heads=12, size=224)).state_dict()
    torch.save({"state_dict": state}, tmp_path / "checkpoints" / "vit-s-300ep.pth.tar")
    load_backbone("mocov3:vit_small_patch16_224.300ep", device="cpu", offline=True)
    assert attempts == []


def test_local_folders_and_bundled_encoders_need_no_network(attempts, tmp_path):
    load_backbone("hf:mine", golden.write_folder("clip", tmp_path / "clip"), device="cpu", offline=True)
    load_backbone("bundled:digits-vit", device="cpu", offline=True)
    assert attempts == []
