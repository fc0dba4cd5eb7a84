"""The public measurement against the paper's appendix listing, on the three kinds of encoder that people bring."""

import pytest
import timm
import torch
from open_clip.transformer import VisionTransformer

import jepascore_core as js
from tests.reference import listing_jacobian, listing_score

SIDE = 32
CLIP = {"image_size": SIDE, "patch_size": 8, "width": 48, "layers": 2, "heads": 3, "mlp_ratio": 2.0, "output_dim": 24}
ENCODERS = {
    "vit": lambda: timm.create_model("test_vit", num_classes=0, img_size=SIDE),
    "resnet": lambda: timm.create_model("test_resnet", num_classes=0),
    "clip": lambda: VisionTransformer(**CLIP),
}


def images() -> torch.Tensor:
    return torch.randn(3, 3, SIDE, SIDE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def randomised(kind: str) -> torch.nn.Module:
    torch.manual_seed(0)
    encoder = ENCODERS[kind]()
    for weight in encoder.parameters():
        # Libraries start some at 0 or 1, which would hide a wrong use of them.
        torch.nn.init.normal_(weight, std=0.2) if weight.ndim > 1 else torch.nn.init.uniform_(weight, 0.5, 1.5)
    return encoder.double().eval().requires_grad_(False)


@pytest.mark.parametrize("kind", ENCODERS)
def test_equals_the_papers_listing(kind: str):
    encoder = randomised(kind)
    backbone = js.wrap_encoder(encoder, name=kind, image_size=SIDE, channels=3)
    result = js.measure(backbone, images(), precision="float64")

    expected = torch.linalg.svdvals(listing_jacobian(encoder, images()))
    is_real = expected > 1e-9 * expected[:, :1]
    assert result.rank.tolist() == is_real.sum(1).tolist()
    torch.testing.assert_close(result.singular_values[is_real], expected[is_real], rtol=1e-8, atol=0)
    paper = js.jepa_score(result.singular_values, definition="paper")
    assert paper == pytest.approx(listing_score(encoder, images()).numpy(), rel=1e-9)
    by_formula = expected.where(is_real, torch.tensor(1.0)).log().sum(1)
    torch.testing.assert_close(result.score, by_formula, rtol=1e-9, atol=0)


def test_null_directions_are_those_of_the_architecture():
    """LayerNorm without a projection costs two; a last ReLU as many as it silences in that image."""
    ranks = {kind: js.measure(js.wrap_encoder(randomised(kind), name=kind), images()).rank for kind in ENCODERS}
    assert ranks["vit"].tolist() == [64 - 2] * 3
    assert ranks["clip"].tolist() == [CLIP["output_dim"]] * 3
    assert 0 < int(ranks["resnet"].max()) < 96


@pytest.mark.parametrize("kind", ENCODERS)
def test_single_precision_is_close(kind: str):
    exact = js.measure(js.wrap_encoder(randomised(kind), name=kind), images(), precision="float64")
    single = js.measure(js.wrap_encoder(randomised(kind).float(), name=kind), images().float(), precision="float32")
    assert single.rank.tolist() == exact.rank.tolist()
    torch.testing.assert_close(single.score, exact.score, rtol=1e-4, atol=1e-3)
