"""The arithmetic of a score against counted passes of the libraries' own modules."""

from functools import partial

import open_clip
import pytest
import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from jepascore_core.backbones.arithmetic import ConvShape, VitShape, score_flop
from jepascore_core.backbones.bundled_encoder import list_bundled, load_bundled
from jepascore_core.backbones.open_clip_encoder import _build
from jepascore_core.backbones.registry import find_spec
from jepascore_core.backbones.table import TABLE

#: One row of each distinct architecture among the models of timm and open_clip.
DISTINCT = {repr(spec.shape): spec for spec in reversed(TABLE) if spec.library in ("timm", "open_clip")}


def counted(function):
    """Operations that PyTorch counts; with plain attention, whose backward pass consists of counted products."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        function()
    return counter.get_total_flops()


def test_the_designs_figures_come_out():
    # DESIGN, section 6: S, B and L of DINOv2 at 224 pixels.
    for size, tflop in (("small", 5), ("base", 37), ("large", 172)):
        assert find_spec(f"timm:vit_{size}_patch14_dinov2.lvd142m").flop / 1e12 == pytest.approx(tflop, rel=0.05)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        (VitShape(3, 32, 128, 8), {}),
        (VitShape(2, 48, 96, 8, prefix=0), {"class_token": False, "global_pool": "avg", "mlp_ratio": 2}),
        (VitShape(2, 32, 128, 8, prefix=5), {"reg_tokens": 4}),
        (VitShape(2, 32, 128, 8, projection=24), {"num_classes": 24}),
        (VitShape(2, 32, 128, 8, channels=1), {"in_chans": 1}),
        (VitShape(2, 32, 128, 8, 0, attention_pool=True), {"class_token": False, "global_pool": "map"}),
    ],
)
def test_a_forward_and_a_reverse_pass_are_as_counted(shape, options):
    kwargs = {"num_classes": 0, "embed_dim": shape.width, "depth": shape.depth, "num_heads": 4, "patch_size": 8}
    encoder = VisionTransformer(img_size=32, **{**kwargs, **options}).eval().requires_grad_(False)
    images = torch.zeros(1, shape.channels, 32, 32, requires_grad=True)
    passes = shape.passes(32)
    assert counted(lambda: encoder(images)) == pytest.approx(passes.forward, rel=1e-6)
    with sdpa_kernel(SDPBackend.MATH):
        output = encoder(images)[0, 0]
    # One query in place of all makes the pooling's backward pass a little cheaper than the rule says.
    assert counted(lambda: torch.autograd.grad(output, images)) == pytest.approx(passes.reverse, rel=0.06)


def test_a_score_is_one_forward_and_k_reverse_passes():
    shape = VitShape(2, 32, 128, 8)
    passes = shape.passes(32)
    assert score_flop(shape, 32, 10) == pytest.approx(passes.forward + 10 * passes.reverse)
    assert passes.forward < passes.reverse < 2 * passes.forward


def test_a_convolution_grows_with_the_area():
    shape = ConvShape(1e9, 224)
    assert shape.passes(448).forward == pytest.approx(4e9)
    assert shape.passes(224).reverse == shape.passes(224).forward


@pytest.mark.slow
@pytest.mark.parametrize("spec", DISTINCT.values(), ids=[spec.name for spec in DISTINCT.values()])
def test_rows_are_as_counted(spec):
    with torch.device("meta"):
        if spec.library == "timm":
            size = {} if "convnext" in spec.name or "resnet" in spec.name else {"img_size": spec.image_size}
            encoder = timm.create_model(spec.architecture, num_classes=0, **size)
            assert encoder.num_features == spec.dimension
        else:
            encoder = _build(spec.architecture, None).visual
        images = torch.empty(1, 3, spec.image_size, spec.image_size)
    encoder = encoder.eval().requires_grad_(False)
    forward = counted(lambda: encoder(images))
    assert spec.shape.passes(spec.image_size).forward == pytest.approx(forward, rel=1e-3)


def test_rows_name_models_of_the_installed_libraries():
    assert len(DISTINCT) > 30
    assert set(open_clip.list_models()) >= {
        spec.architecture for spec in DISTINCT.values() if spec.library == "open_clip"
    }


def test_a_bundled_encoders_arithmetic_is_that_of_its_module():
    for spec in list_bundled():
        encoder, facts = load_bundled(spec.name)
        images = torch.zeros(1, len(facts["preprocessing"]["mean"]), spec.image_size, spec.image_size)
        assert spec.shape.passes(spec.image_size).forward == pytest.approx(counted(partial(encoder, images)), rel=1e-3)
        assert spec.flop > 0
