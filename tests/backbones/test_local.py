"""Checkpoints: what is read, what is unwrapped, and what is refused."""

import argparse
import os

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from jepascore_core.backbones.local import (
    load_strictly,
    read_checkpoint,
    require_preprocessing,
    unprefixed,
    weights_of,
)
from jepascore_core.errors import CheckpointError, PreprocessingError
from jepascore_core.records.backbones import BackboneRef

STATE = {"body.weight": torch.ones(2, 2), "body.bias": torch.zeros(2)}
NAMES = list(STATE)


def state_from(checkpoint, expected, source):
    return unprefixed(weights_of(checkpoint, source), expected)


def prefixed(prefix):
    return {prefix + name: value for name, value in STATE.items()}


def fixed(value):
    return {name: torch.full_like(tensor, value) for name, tensor in STATE.items()}


@pytest.mark.parametrize(
    "checkpoint",
    [
        STATE,
        {"state_dict": STATE, "epoch": 3},
        {"model": STATE, "optimizer": {"state": {}}, "args": argparse.Namespace(lr=0.1)},
        {"model_state_dict": STATE},
        {"state_dict": prefixed("module.")},
        {"state_dict": prefixed("model.backbone.")},
        prefixed("_orig_mod.module."),
        {"teacher": {**prefixed("backbone."), "head.mlp.weight": torch.ones(1)}, "student": {}},
        {"encoder": prefixed("module."), "target_encoder": {}, "predictor": {}, "epoch": 1},
        {"state_dict": {"model": STATE}},
    ],
)
def test_wrappers_of_training_programs_are_taken_off(checkpoint, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(checkpoint, path)
    state = state_from(read_checkpoint(path), NAMES, "weights.pth")
    assert state.keys() == STATE.keys()
    torch.testing.assert_close(state, STATE)


@pytest.mark.parametrize(
    ("averaged", "raw"), [("state_dict_ema", "state_dict"), ("model_ema", "model"), ("teacher", "student")]
)
def test_the_averaged_copy_is_taken(averaged, raw):
    state = state_from({raw: fixed(1.0), averaged: fixed(2.0)}, NAMES, "x")
    torch.testing.assert_close(state, fixed(2.0))


def test_a_prefix_that_the_encoder_has_stays():
    expected = [f"encoder.{name}" for name in NAMES]
    assert state_from(prefixed("encoder."), expected, "x").keys() == prefixed("encoder.").keys()
    assert state_from(prefixed("module.encoder."), expected, "x").keys() == prefixed("encoder.").keys()


@pytest.mark.parametrize(
    "checkpoint",
    [
        {"state_dict": STATE, "teacher": STATE},
        {"weights": STATE},
        {"state_dict": {**STATE, "epoch": 3}},
        {"model": 3},
        {},
    ],
)
def test_what_is_not_clear_is_refused(checkpoint):
    with pytest.raises(CheckpointError):
        state_from(checkpoint, NAMES, "weights.pth")


class Evil:
    def __reduce__(self):
        return os.system, ("echo evil > evil.txt",)


def test_code_in_a_checkpoint_never_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": STATE, "extra": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match=r"cannot be read safely.*\bsystem\b.*state_dict\(\)") as refusal:
        read_checkpoint(tmp_path / "evil.pth")
    assert "Re-running" not in str(refusal.value), "torch's advice is to load it unsafely"
    assert not (tmp_path / "evil.txt").exists()


@pytest.mark.filterwarnings("ignore:.*torch.jit", "ignore:.*TorchScript")
def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "cut.safetensors").write_bytes(b"\x08\x00\x00")
    (tmp_path / "cut.pth").write_bytes(b"PK\x03\x04 not a zip")
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "weights.npz").write_bytes(b"x")
    torch.save(torch.ones(2), tmp_path / "tensor.pt")
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "script.pt")
    for name in ("cut.safetensors", "cut.pth", "empty.pth", "weights.npz", "tensor.pt", "script.pt", "missing.pth"):
        with pytest.raises(CheckpointError, match=name):
            read_checkpoint(tmp_path / name)


def test_the_only_weights_of_a_folder_are_meant_whatever_they_are_called(tmp_path):
    save_file(STATE, tmp_path / "epoch-30.safetensors")
    (tmp_path / "notes.txt").write_text("best so far")
    assert read_checkpoint(tmp_path).keys() == STATE.keys()
    torch.save(STATE, tmp_path / "epoch-40.pth")
    with pytest.raises(CheckpointError, match=r"2 other candidates.*Give the path of the file"):
        read_checkpoint(tmp_path)


def test_both_formats_hold_the_same(tmp_path):
    save_file(STATE, tmp_path / "a.safetensors")
    torch.save(STATE, tmp_path / "a.pth")
    torch.testing.assert_close(
        dict(read_checkpoint(tmp_path / "a.safetensors")), dict(read_checkpoint(tmp_path / "a.pth"))
    )


def encoder():
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def test_only_heads_may_be_left_over():
    state = encoder().state_dict()
    module = encoder()
    load_strictly(
        module, {**state, "head.weight": torch.ones(1), "head_dist.bias": torch.ones(1)}, ["head", "head_dist"], "x"
    )
    torch.testing.assert_close(module.state_dict(), state)
    with pytest.raises(CheckpointError, match=r"1 not expected.*header\.weight \[1\]"):
        load_strictly(module, {**state, "header.weight": torch.ones(1)}, ["head"], "x")


def test_a_mismatch_is_counted_listed_and_changes_nothing():
    module = encoder()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = {**encoder().state_dict(), "extra": torch.ones(1), "0.weight": torch.ones(4, 2)}
    del state["0.bias"]
    with pytest.raises(CheckpointError) as caught:
        load_strictly(module, state, (), "weights.pth")
    message = str(caught.value)
    assert "1 weights are missing, 1 not expected, 1 of another shape" in message
    assert "missing 0.bias [3]" in message
    assert "0.weight is [4, 2], needs [3, 2]" in message
    torch.testing.assert_close(module.state_dict(), before)


def test_no_more_than_ten_weights_are_listed():
    state = {f"extra{number:02d}": torch.ones(1) for number in range(30)}
    with pytest.raises(CheckpointError, match=r"30 not expected") as caught:
        load_strictly(nn.Flatten(), state, (), "x")
    assert str(caught.value).count("unexpected extra") == 10


def test_old_batch_norms_without_a_counter_load():
    state = {name: value for name, value in encoder().state_dict().items() if "num_batches" not in name}
    load_strictly(encoder(), state, (), "x")


def test_a_checkpoint_needs_mean_std_and_size():
    complete = {"mean": (0.5,), "std": (0.5,), "image_size": 32}
    require_preprocessing(BackboneRef("timm:x", checkpoint="a.pth", **complete), "hint")
    require_preprocessing(BackboneRef("timm:x"), "hint")
    for key, option in (("mean", "--mean"), ("std", "--std"), ("image_size", "--image-size")):
        with pytest.raises(PreprocessingError, match=f"missing: {option}. hint"):
            require_preprocessing(BackboneRef("timm:x", checkpoint="a.pth", **{**complete, key: None}), "hint")
