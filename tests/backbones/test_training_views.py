"""Views: each knob does what its name says, and a seed repeats them."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from jepascore_core.backbones.training_views import random_view
from jepascore_core.records.augmentation import WarpViews

STILL = WarpViews(**dict.fromkeys(WarpViews.__slots__, 0.0))


def blobs(count: int = 64, channels: int = 1) -> torch.Tensor:
    """One Gaussian spot in the middle of each image: [B, C, 32, 32]."""
    axis = torch.linspace(-1, 1, 32)
    spot = torch.exp(-(axis[:, None].square() + axis[None, :].square()) / 0.05)
    return spot.expand(count, channels, 32, 32).clone()


def bars(count: int = 64) -> torch.Tensor:
    """A smooth vertical bar in the middle of each image: [B, 1, 32, 32]."""
    axis = torch.linspace(-1, 1, 32)
    bar = torch.exp(-axis[None, :].square() / 0.02 - axis[:, None].square() / 0.3)
    return bar.expand(count, 1, 32, 32).clone()


def view(images: torch.Tensor, seed: int = 0, **change: float) -> torch.Tensor:
    return random_view(images, replace(STILL, **change), torch.Generator().manual_seed(seed))


def moments(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Centre [B, 2] (x, y) and covariance [B, 2, 2] of the ink, in pixels."""
    weights = images[:, 0].clamp_min(0)
    weights = weights / weights.sum(dim=(1, 2), keepdim=True)
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    place = torch.stack([x, y], dim=-1)
    centre = torch.einsum("bhw,hwi->bi", weights, place)
    offset = place - centre[:, None, None, :]
    return centre, torch.einsum("bhw,bhwi,bhwj->bij", weights, offset, offset)


def test_with_everything_off_a_view_is_the_image():
    assert_close(view(bars()), bars(), rtol=0, atol=1e-5)


def test_same_seed_same_views_other_seed_others():
    everything = WarpViews()
    first = random_view(bars(), everything, torch.Generator().manual_seed(3))
    assert torch.equal(first, random_view(bars(), everything, torch.Generator().manual_seed(3)))
    assert not torch.equal(first, random_view(bars(), everything, torch.Generator().manual_seed(4)))


@pytest.mark.parametrize("knob", list(WarpViews.__slots__))
def test_every_knob_changes_each_image_in_its_own_way(knob):
    changed = view(bars(), **{knob: getattr(WarpViews(), knob)})
    assert changed.shape == (64, 1, 32, 32)
    assert (changed - bars()).abs().amax(dim=(1, 2, 3)).median() > 1e-3
    assert (changed[0] - changed[1]).abs().max() > 1e-4


def test_shift_moves_the_centre_at_most_so_far():
    moved = moments(view(blobs(), shift=0.1))[0] - moments(blobs())[0]
    assert moved.abs().max() <= 3.2 + 0.05
    assert moved.abs().max() > 2.5
    assert moved.mean(dim=0).abs().max() < 0.8


def test_rotation_turns_the_bar_and_nothing_else():
    centre, spread = moments(view(bars(), rotation=20.0))
    angles = torch.rad2deg(0.5 * torch.atan2(2 * spread[:, 0, 1], spread[:, 1, 1] - spread[:, 0, 0]))
    assert 15 < angles.abs().max() <= 20.5
    assert_close(centre, moments(bars())[0], rtol=0, atol=0.1)
    before = torch.linalg.eigvalsh(moments(bars())[1])
    assert_close(torch.linalg.eigvalsh(spread), before, rtol=0.05, atol=0.1)


def test_scale_keeps_the_shape_and_stretch_the_area():
    scaled = torch.linalg.eigvalsh(moments(view(blobs(), scale=0.2))[1])
    assert_close(scaled[:, 0], scaled[:, 1], rtol=0.02, atol=0.02)
    assert scaled.max() / scaled.min() > 1.5
    stretched = moments(view(blobs(), stretch=0.2))[1]
    assert (stretched[:, 0, 0] / stretched[:, 1, 1]).max() > 1.5
    assert_close(torch.linalg.det(stretched), torch.linalg.det(moments(blobs())[1]), rtol=0.1, atol=0)


def test_contrast_scales_noise_adds_and_blur_keeps_the_sum():
    ratio = view(bars(), contrast=0.3).amax(dim=(1, 2, 3)) / bars().amax(dim=(1, 2, 3))
    assert 0.7 <= ratio.min() < 0.8 < 1.2 < ratio.max() <= 1.3
    residual = (view(bars(), noise=0.2) - bars()).flatten(1).std(dim=1)
    assert residual.max() < 0.22
    assert residual.mean() == pytest.approx(0.1, rel=0.2)
    blurred = view(blobs(), blur=1.0)
    assert_close(blurred.sum(dim=(1, 2, 3)), blobs().sum(dim=(1, 2, 3)), rtol=1e-3, atol=0)
    assert (blurred.amax(dim=(1, 2, 3)) < 0.98 * blobs().max()).any()


def test_colour_channels_move_together():
    changed = view(blobs(channels=3), rotation=10.0, shift=0.1, warp=0.03, contrast=0.2, blur=0.8)
    assert_close(changed[:, 0], changed[:, 1])
    assert_close(changed[:, 0], changed[:, 2])
