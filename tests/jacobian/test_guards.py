"""Encoders that break the contract are refused with the fix, whichever passes would measure them."""

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torch.nn import functional as F

import jepascore_core as js
from jepascore_core.errors import EncoderError, NonFiniteError
from jepascore_core.jacobian.guards import check_devices


def images(batch=3, side=8):
    return torch.randn(batch, 1, side, side, generator=torch.Generator().manual_seed(0))


class AlwaysDropout(nn.Module):
    def forward(self, images):
        return F.dropout(images.flatten(1)[:, :8], 0.5, training=True)


class Rounded(nn.Module):
    def forward(self, images):
        return images.flatten(1)[:, :4].round().detach()


class Exploding(nn.Module):
    def forward(self, images):
        return images.flatten(1)[:, :4] / (images.flatten(1)[:, :1] - images[0].flatten()[0])


class TwoOutputs(nn.Module):
    def forward(self, images):
        return images.flatten(1), images


def batch_statistics():
    return nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False), nn.Flatten(), nn.Linear(64, 4))


@pytest.mark.parametrize(
    ("encoder", "says"),
    [
        (AlwaysDropout(), "different embeddings.*Turn it off"),
        (batch_statistics(), "depends on the other images.*running statistics"),
        (nn.Conv2d(1, 2, 3), r"returned \[1, 2, 6, 6\].*Pool"),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 65)), "K = 65 values but an image only D = 64.*larger images"),
        (Rounded(), "differentiably.*detach"),
        (TwoOutputs(), "one tensor.*tuple"),
    ],
)
def test_each_fault_has_its_sentence(encoder, says):
    with pytest.raises(EncoderError, match=says):
        js.measure(js.wrap_encoder(encoder, "faulty"), images())


def test_an_encoder_put_back_into_training_mode_is_refused():
    backbone = js.wrap_encoder(nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.Dropout()), "trained")
    backbone.encoder.train()
    with pytest.raises(EncoderError, match=r"training mode.*encoder\.eval"):
        js.measure(backbone, images())


def test_the_structured_passes_refuse_training_mode_too():
    vit = VisionTransformer(img_size=8, patch_size=4, in_chans=1, embed_dim=8, depth=1, num_heads=2, num_classes=0)
    backbone = js.wrap_encoder(vit, "vit")
    backbone.encoder.train()
    with pytest.raises(EncoderError, match="training mode"):
        js.measure(backbone, images())


def test_values_that_are_not_finite_name_the_images():
    with pytest.raises(NonFiniteError, match="not finite"):
        js.measure(js.wrap_encoder(Exploding(), "exploding"), images())


def test_devices_must_be_one():
    with pytest.raises(EncoderError, match=r"cpu, meta.*encoder\.to"):
        check_devices(nn.Linear(4, 2, device="meta"), images())
    check_devices(nn.Linear(4, 2), images())


LINEAR = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (images().numpy(), "a tensor.*not ndarray"),
        (images()[0], r"are \[1, 8, 8\].*images\[None\]"),
        (images(0), r"are \[0, 1, 8, 8\]"),
        (images().mul(20).to(torch.uint8), "uint8: use backbone.preprocess"),
        (images(side=9), r"cannot encode images of \[1, 1, 9, 9\]: .*81"),
    ],
)
def test_what_is_no_batch_of_images_is_refused(wrong, says):
    with pytest.raises(EncoderError, match=says):
        js.measure(js.wrap_encoder(LINEAR, "linear"), wrong)


@pytest.mark.parametrize("chunk", [0, -1])
def test_less_than_one_cotangent_at_once_is_refused(chunk):
    with pytest.raises(EncoderError, match="at least 1 cotangent"):
        js.measure(js.wrap_encoder(LINEAR, "linear"), images(), chunk=chunk)


def test_a_vision_transformer_says_which_size_it_wants():
    backbone = js.wrap_encoder(VisionTransformer(img_size=16, patch_size=8, embed_dim=24, depth=1, num_heads=2), "vit")
    with pytest.raises(EncoderError, match=r"\[1, 3, 24, 24\].*16"):
        js.measure(backbone, torch.randn(2, 3, 24, 24))


class InPlace(nn.Module):
    """Normalises the images that it is given where they are."""

    def __init__(self, is_vit=False):
        super().__init__()
        torch.manual_seed(0)
        options = {"img_size": 8, "patch_size": 4, "in_chans": 1, "embed_dim": 8, "depth": 1, "num_heads": 2}
        self.encoder = VisionTransformer(**options, num_classes=4) if is_vit else nn.Sequential(nn.Flatten(), nn.Tanh())
        self.last = nn.Linear(4 if is_vit else 64, 4)

    def forward(self, images):
        return self.last(self.encoder(images.sub_(0.5).div_(0.5)))


class OutOfPlace(InPlace):
    def forward(self, images):
        return self.last(self.encoder((images - 0.5) / 0.5))


@pytest.mark.parametrize("is_vit", [False, True])
def test_an_encoder_that_changes_its_input_is_measured_and_the_images_stay(is_vit):
    batch = images()
    found = js.measure(js.wrap_encoder(InPlace(is_vit), "in place"), batch)
    torch.testing.assert_close(batch, images(), rtol=0, atol=0)
    expected = js.measure(js.wrap_encoder(OutOfPlace(is_vit), "out of place"), batch)
    torch.testing.assert_close(found.score, expected.score)
    torch.testing.assert_close(found.embedding, expected.embedding)


def small_vit(wrap=None):
    torch.manual_seed(0)
    vit = VisionTransformer(img_size=8, patch_size=4, in_chans=1, embed_dim=8, depth=1, num_heads=2, num_classes=4)
    return js.wrap_encoder(nn.Sequential(vit, wrap) if wrap is not None else vit, "vit")


@pytest.mark.parametrize("wrap", [None, nn.Identity()], ids=["structured", "generic"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(
    "mode",
    [
        lambda: torch.autocast("cpu", torch.bfloat16),
        torch.inference_mode,
        torch.no_grad,
    ],
    ids=["autocast", "inference_mode", "no_grad"],
)
def test_the_callers_modes_change_nothing(wrap, precision, mode):
    expected = js.measure(small_vit(wrap), images(), precision=precision)
    backbone = small_vit(wrap)
    with mode():
        inside = js.measure(backbone, images(), precision=precision)
        made_inside = js.measure(small_vit(wrap), images().clone(), precision=precision)
    outside = js.measure(backbone, images(), precision=precision)
    for found in (inside, made_inside, outside):
        torch.testing.assert_close(found.singular_values, expected.singular_values, rtol=1e-6, atol=0)
        assert found.embedding.dtype == expected.embedding.dtype


def test_images_and_encoders_from_inference_mode_are_measured():
    with torch.inference_mode():
        batch, backbone = images(), small_vit()
        scaled = small_vit(nn.Identity())
        scaled.encoder[0].pos_embed.mul_(1.0)
    expected = js.measure(small_vit(), images())
    for found in (js.measure(backbone, batch), js.measure(scaled, batch), js.measure(backbone, images())):
        torch.testing.assert_close(found.score, expected.score)
