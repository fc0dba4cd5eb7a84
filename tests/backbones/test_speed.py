"""How fast this machine is: what runs have shown, else a guess; kept for the web process."""

import dataclasses
import platform
import subprocess
import sys

import pytest
import torch

from jepascore_core.backbones.build import load_backbone, wrap_encoder
from jepascore_core.backbones.registry import find_spec
from jepascore_core.backbones.speed import MachineSpeed, machine_speed, record_speed

CPU = torch.device("cpu")
NAME = "timm:vit_tiny_patch16_224.augreg_in21k_ft_in1k"


@pytest.fixture
def info():
    """A small bundled encoder, said to be a ViT of the table."""
    spec = find_spec(NAME)
    bundled = load_backbone("bundled:digits-vit", device="cpu").info
    return dataclasses.replace(bundled, name=NAME, dimension=spec.dimension, preprocessing=spec.preprocessing)


def test_without_a_record_the_processor_is_guessed(tmp_path):
    speed = machine_speed(tmp_path)
    assert (speed.device, speed.is_measured) == ("cpu", False)
    assert 1e8 < speed.flop_per_second < 1e14
    assert machine_speed(tmp_path) == speed
    assert list(tmp_path.iterdir()) == []


def test_a_run_shows_the_pace(tmp_path, info):
    record_speed(tmp_path, info, CPU, None, 100, 50.0)
    assert machine_speed(tmp_path) == MachineSpeed("cpu", pytest.approx(find_spec(NAME).flop * 2), is_measured=True)
    record_speed(tmp_path, info, CPU, None, 100, 25.0)
    assert machine_speed(tmp_path).flop_per_second == pytest.approx(find_spec(NAME).flop * 4)


def test_a_sketch_counts_its_probes(tmp_path, info):
    record_speed(tmp_path, info, CPU, 64, 100, 50.0)
    passes = find_spec(NAME).shape.passes(224)
    assert machine_speed(tmp_path).flop_per_second == pytest.approx(2 * (passes.forward + 64 * passes.reverse))


def test_an_encoder_too_small_to_tell_leaves_a_guess_that_a_run_replaces(tmp_path, info):
    small = load_backbone("bundled:digits-vit", device="cpu").info
    record_speed(tmp_path, small, CPU, None, 1000, 50.0)
    guess = machine_speed(tmp_path)
    assert not guess.is_measured
    record_speed(tmp_path, small, CPU, None, 1000, 500.0)
    assert machine_speed(tmp_path) == guess
    record_speed(tmp_path, info, CPU, None, 100, 50.0)
    assert machine_speed(tmp_path).is_measured


def test_encoders_that_are_not_in_the_table_tell_nothing(tmp_path):
    wrapped = wrap_encoder(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2)), "mine", image_size=2).info
    record_speed(tmp_path, wrapped, CPU, None, 1000, 50.0)
    assert not machine_speed(tmp_path).is_measured


def test_the_fastest_device_counts_and_other_machines_do_not(tmp_path, info):
    record_speed(tmp_path, info, CPU, None, 100, 50.0)
    record_speed(tmp_path, info, torch.device("cuda:0"), None, 10_000, 50.0)
    assert machine_speed(tmp_path).device == "cuda:0"
    path = tmp_path / "speed.json"
    path.write_text(path.read_text().replace(platform.node(), "another-machine"))
    assert machine_speed(tmp_path).device == "cpu"


@pytest.mark.parametrize("content", ["", "[]", "{", "null"])
def test_a_damaged_record_is_made_anew(content, tmp_path, info):
    (tmp_path / "speed.json").write_text(content)
    assert not machine_speed(tmp_path).is_measured
    record_speed(tmp_path, info, CPU, None, 100, 50.0)
    assert machine_speed(tmp_path).is_measured


def test_telling_the_speed_loads_no_torch(tmp_path):
    code = (
        "import sys; from pathlib import Path; from jepascore_core.backbones.speed import machine_speed;"
        f"machine_speed(Path({str(tmp_path)!r})); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
