"""`jepascore backbones`: searchable, with licence, cost on this machine, and whether the weights are here."""

import json
import platform
import socket

import huggingface_hub.constants
import pytest

from tests.cli.conftest import Cli

DINO = "timm:vit_small_patch14_dinov2.lvd142m"


@pytest.fixture
def no_weights(tmp_path, monkeypatch):
    """Empty caches, and a network that nobody may touch."""

    def refuse(*_):
        raise AssertionError("listing tried the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "hub"


def put_weights(cache, repository):
    folder = cache / f"models--{repository.replace('/', '--')}"
    files = folder / "snapshots" / ("0" * 40)
    files.mkdir(parents=True)
    (files / "model.safetensors").write_bytes(b"weights")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)


@pytest.mark.usefixtures("no_weights")
def test_an_entry_says_what_a_choice_rests_on(cli: Cli):
    (found,) = cli("backbones", "small", "patch14", "lvd142m", "reg4", "--json").json
    assert (found["family"], found["dimension"], found["image_size"], found["pooling"]) == ("DINOv2", 384, 224, "token")
    assert (found["licence"], found["is_jepa"], found["weights"]) == ("apache-2.0", True, "to fetch")
    assert found["tflop"] == pytest.approx(5.28, abs=0.01)
    assert found["seconds"] > 0
    assert found["cost"] in ("instant", "fast", "moderate", "slow", "very slow")
    assert found["preprocessing"]["mean"] == [0.485, 0.456, 0.406]


@pytest.mark.usefixtures("no_weights")
def test_search_takes_every_word_in_any_order_and_reaches_licences(cli: Cli):
    def names(*words):
        return {option["name"] for option in cli("backbones", *words, "--json").json}

    assert names("giant", "dinov2") == names("DINOv2 giant") != set()
    assert all("metaclip" in name for name in names("non-commercial", "metaclip")) and names("non-commercial")
    assert names("zebra") == set()


def test_weights_that_are_here_are_found(cli: Cli, no_weights):
    assert [option["name"] for option in cli("backbones", "vit_small", "--here", "--json").json] == []
    put_weights(no_weights, DINO.replace("timm:", "timm/"))
    assert [option["name"] for option in cli("backbones", "vit_small", "--here", "--json").json] == [DINO]


@pytest.mark.usefixtures("no_weights")
def test_only_those_that_the_theory_covers(cli: Cli):
    assert all(option["is_jepa"] for option in cli("backbones", "--jepa", "--json").json)
    others = [option for option in cli("backbones", "--json").json if not option["is_jepa"]]
    assert others
    assert all("theory does not hold" in option["cautions"][0] for option in others)


@pytest.mark.usefixtures("no_weights")
def test_the_table_names_licence_cost_and_theory(cli: Cli):
    answer = cli("backbones", "metaclip_400m")
    for word in ("cc-by-nc-4.0 (non-commercial)", "to fetch", "MetaCLIP", "projection", "130"):
        assert word in answer.out
    assert "theory does not hold" in answer.err
    assert "3 backbones. Estimated time for exact scores on cpu" in answer.err
    assert "theory" not in cli("backbones", "dinov2").err


@pytest.mark.usefixtures("no_weights")
def test_a_narrow_terminal_keeps_what_matters(cli: Cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")
    out = cli("backbones", "metaclip_400m").out
    assert "open_clip:ViT-B-32-quickgelu:metaclip_400m" in out
    assert "non-commercial" in out
    assert "projection" not in out
    assert max(map(len, out.splitlines())) <= 110


@pytest.mark.usefixtures("no_weights")
def test_a_recorded_pace_is_used(cli: Cli):
    cli.home.mkdir(exist_ok=True)
    speed = {platform.node(): {"cuda:0": {"flop_per_second": 1e14, "is_measured": True}}}
    (cli.home / "speed.json").write_text(json.dumps(speed))
    answer = cli("backbones", "vit_small_patch14_dinov2")
    assert "instant, 0.1 s" in answer.out
    assert "on cuda:0, measured by runs on this machine" in answer.err
