"""Which precision "auto" takes, and why."""

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

import jepascore_core as js
from jepascore_core.measuring import precision
from jepascore_core.measuring.precision import (
    PrecisionTrial,
    choose_precision,
    coarse_precisions,
    keep_precision,
    known_precision,
)
from jepascore_core.storage.store import Store


def vit(seed=0):
    torch.manual_seed(seed)
    encoder = VisionTransformer(
        img_size=32, patch_size=8, in_chans=3, embed_dim=32, depth=2, num_heads=2, num_classes=0, init_values=1.0
    )
    for block in encoder.blocks:
        nn.init.normal_(block.attn.qkv.weight, std=0.3)
    return js.wrap_encoder(encoder, "vit", image_size=32)


def images(count):
    """From flat to busy, so that their scores differ."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(count, 3, 32, 32, generator=generator)
    return list(noise * torch.logspace(-2, 0.5, count)[:, None, None, None])


@pytest.fixture
def hardware_bfloat16(monkeypatch):
    monkeypatch.setattr(precision, "coarse_precisions", lambda device: ("bfloat16",))
    monkeypatch.setattr(precision, "WORTH_SECONDS", 0.0)


def test_bfloat16_is_taken_where_its_error_is_small_beside_the_spread(hardware_bfloat16):
    chosen, trials = choose_precision(vit(), images(4))
    assert [trial.precision for trial in trials] == ["bfloat16"]
    assert trials[0].spread > 0
    assert (chosen == "bfloat16") == trials[0].is_good
    assert trials[0].is_good == (trials[0].error < 0.01 * trials[0].spread)


def test_equal_images_have_no_spread_to_hide_an_error_in(hardware_bfloat16):
    chosen, trials = choose_precision(vit(), images(1) * 3)
    assert chosen == "float32"
    assert trials[0].error > 0
    assert trials[0].spread < 1e-9


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_images_mean_float32_without_a_trial(hardware_bfloat16, count):
    assert choose_precision(vit(), images(4)[:count]) == ("float32", ())


def test_an_unknown_architecture_means_float32_without_a_trial(hardware_bfloat16):
    backbone = js.wrap_encoder(nn.Sequential(nn.Flatten(), nn.Linear(3072, 4)), "linear", image_size=32)
    assert choose_precision(backbone, images(4)) == ("float32", ())


def test_a_trial_can_be_stopped(hardware_bfloat16):
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        choose_precision(vit(), images(4), on_chunk=stop)


def test_the_rule():
    assert PrecisionTrial("bfloat16", 0.1, 48.0).is_good
    assert not PrecisionTrial("bfloat16", 0.5, 48.0).is_good


def test_a_cpu_has_no_tf32():
    assert set(coarse_precisions(torch.device("cpu"))) <= {"bfloat16"}
    assert coarse_precisions(torch.device("mps")) == ()


def test_fast_encoders_are_left_alone(monkeypatch):
    monkeypatch.setattr(precision, "coarse_precisions", lambda device: ("bfloat16",))
    assert choose_precision(vit(), images(4)) == ("float32", ())


def test_a_choice_is_kept_for_a_backbone_on_a_kind_of_device(tmp_path):
    store, backbone = Store(tmp_path / "home"), vit()
    assert known_precision(store, backbone) is None
    keep_precision(store, backbone, "bfloat16", [PrecisionTrial("bfloat16", 0.1, 48.0)])
    assert known_precision(store, backbone) == "bfloat16"
    assert known_precision(store, vit(seed=1)) is None
    assert known_precision(Store(tmp_path / "home"), vit()) == "bfloat16"
