"""The loop on a tiny problem: it learns, repeats itself, reports, and refuses what cannot work."""

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.testing import assert_close

from jepascore_core.errors import CheckpointError
from jepascore_core.records.augmentation import WarpViews
from jepascore_core.training.sigreg import EXPECTED_STATISTIC
from jepascore_core.training.train import EpochLoss, TrainingConfig, save_weights, train

CONFIG = TrainingConfig(
    epochs=12,
    batch_size=32,
    directions=16,
    gaussian_weight=0.2,
    learning_rate=0.02,
    view=WarpViews(blur=0.0, warp=0.0),
)


def images(count: int = 128) -> torch.Tensor:
    """Smooth random images [N, 1, 8, 8] in 0..1."""
    coarse = torch.rand(count, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    return nn.functional.interpolate(coarse, (8, 8), mode="bilinear", align_corners=True)


def encoder(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.GELU(), nn.Linear(32, 4))


def run(config: TrainingConfig = CONFIG, **others: object) -> tuple[nn.Module, list[EpochLoss]]:
    model = encoder()
    return model, train(model, images(), config, lambda views: 4 * (views - 0.5), **others)


def test_embeddings_become_gaussian_and_agree():
    model, curve = run(dataclasses.replace(CONFIG, epochs=40))
    assert curve[0].gaussianity > 3 * EXPECTED_STATISTIC
    assert curve[-1].gaussianity < 2 * EXPECTED_STATISTIC
    assert curve[-1].total < curve[0].total
    assert curve[-1].invariance < 0.5
    assert not model.training
    embeddings = model(4 * (images() - 0.5)).detach()
    assert_close(embeddings.std(dim=0), torch.ones(4), rtol=0, atol=0.4)


def test_same_seed_same_weights_other_seed_others():
    first, again = run()[0].state_dict(), run()[0].state_dict()
    other = run(dataclasses.replace(CONFIG, seed=1))[0].state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


def test_progress_sees_every_epoch_of_the_curve_and_the_checkpoint_holds_the_weights(tmp_path: Path):
    seen: list[EpochLoss] = []
    path = tmp_path / "runs" / "encoder.safetensors"
    model, curve = run(progress=seen.append, checkpoint=path)
    assert seen == curve
    assert [loss.epoch for loss in curve] == list(range(1, CONFIG.epochs + 1))
    for loss in curve:
        assert loss.total == pytest.approx(0.8 * loss.invariance + 0.2 * loss.gaussianity, rel=1e-4)
    assert_close(load_file(path), dict(model.state_dict()), rtol=0, atol=0)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_checkpoint_is_there_when_training_is_stopped(tmp_path: Path):
    def stop(loss: EpochLoss) -> None:
        if loss.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(progress=stop, checkpoint=tmp_path / "encoder.safetensors")
    encoder().load_state_dict(load_file(tmp_path / "encoder.safetensors"))


@pytest.mark.parametrize("stopped_after", [1, 5])
def test_a_stopped_training_goes_on_to_the_same_weights(tmp_path: Path, stopped_after: int):
    def stop(loss: EpochLoss) -> None:
        if loss.epoch == stopped_after:
            raise KeyboardInterrupt

    state = tmp_path / "state.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run(progress=stop, state=state)
    seen: list[EpochLoss] = []
    resumed, curve = run(progress=seen.append, state=state)
    whole, expected = run()
    assert curve == expected
    assert seen == expected[stopped_after:]
    assert_close(dict(resumed.state_dict()), dict(whole.state_dict()), rtol=0, atol=0)


def test_a_state_of_another_training_or_a_damaged_one_is_refused(tmp_path: Path):
    state = tmp_path / "state.safetensors"
    run(dataclasses.replace(CONFIG, epochs=1), state=state, fingerprint="one")
    with pytest.raises(CheckpointError, match="other settings"):
        run(state=state, fingerprint="another")
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        run(state=state, fingerprint="one")


def test_bytes_and_floats_train_alike_and_every_step_is_told():
    pixels = (255 * images()).round().to(torch.uint8)
    seen: list[int] = []
    config = dataclasses.replace(CONFIG, epochs=2)
    first, second = encoder(), encoder()
    train(first, pixels, config, lambda views: views, on_step=seen.append)
    train(second, pixels.float() / 255, config, lambda views: views)
    assert_close(dict(first.state_dict()), dict(second.state_dict()), rtol=0, atol=0)
    assert seen == [32 * number for number in range(1, 9)]


def test_save_weights_keeps_the_old_file_until_the_new_one_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "encoder.safetensors"
    save_weights(encoder(), path)
    before = path.read_bytes()

    def disk_full(state: dict[str, torch.Tensor], target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr("jepascore_core.training.train.save_file", disk_full)
    with pytest.raises(OSError, match="no space"):
        save_weights(encoder(1), path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("size", [1, 129])
def test_a_batch_that_cannot_be_made_is_refused(size):
    with pytest.raises(ValueError, match=r"2\.\.128"):
        run(dataclasses.replace(CONFIG, batch_size=size))


def test_a_loss_that_is_not_finite_stops_the_training():
    with pytest.raises(FloatingPointError, match="epoch 1"):
        train(encoder(), images(), CONFIG, lambda views: views * math.nan)
