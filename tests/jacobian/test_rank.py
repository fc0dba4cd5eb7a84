"""The rank is numerical: what weights or an image take away does not count, whichever passes and precision find it."""

import copy

import pytest
import torch
from open_clip.transformer import VisionTransformer as OpenClipVit
from timm.models.vision_transformer import VisionTransformer
from torch import nn

import jepascore_core as js
from jepascore_core.jacobian.last_norm import most_directions
from jepascore_core.measuring.estimators import build_engine
from jepascore_core.measuring.precision import choose_precision
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.score import RANK_TOLERANCE
from tests.reference import listing_jacobian

WIDTH = 48


class Behind(nn.Module):
    """Any wrapper: nothing is known of the structure."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, images):
        return self.encoder(images)


def images(batch=2):
    return torch.randn(batch, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def randomised(encoder):
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in encoder.parameters():
            if parameter.ndim == 2:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / parameter.shape[1] ** 0.5)
    return encoder.eval().requires_grad_(False)


def vit(**options):
    usual = {"patch_size": 16, "embed_dim": WIDTH, "depth": 2, "num_heads": 3, "num_classes": 24}
    return randomised(VisionTransformer(img_size=32, **{**usual, **options}))


def low_rank(weight, rank):
    generator = torch.Generator().manual_seed(2)
    left, right = (
        torch.randn(size, generator=generator) for size in ((weight.shape[0], rank), (rank, weight.shape[1]))
    )
    weight.copy_(left @ right / (rank * weight.shape[1]) ** 0.5)


def dead_outputs():
    encoder = vit()
    encoder.head.weight[3:9] = 0
    return encoder


def equal_outputs():
    encoder = vit()
    encoder.head.weight[9] = encoder.head.weight[8]
    return encoder


def collapsed_head():
    encoder = vit()
    low_rank(encoder.head.weight, 5)
    return encoder


def without_head():
    encoder = vit()
    encoder.reset_classifier(0)
    return encoder


def collapsed_blocks():
    encoder = without_head()
    for block in encoder.blocks:
        low_rank(block.attn.proj.weight, 8)
        low_rank(block.mlp.fc2.weight, 8)
    return encoder


def collapsed_projection():
    tower = OpenClipVit(32, 16, WIDTH, layers=2, heads=3, mlp_ratio=2.0, output_dim=24)
    low_rank(randomised(tower).proj, 5)
    return tower


def blind_class_token():
    encoder = vit(init_values=1.0)
    encoder.reset_classifier(0)
    for block in encoder.blocks:
        block.ls1.gamma.zero_()
        block.ls2.gamma.zero_()
    return encoder


RANKS = {
    dead_outputs: 18,
    equal_outputs: 23,
    collapsed_head: 5,
    collapsed_projection: 5,
    collapsed_blocks: 8,
    blind_class_token: 0,
    vit: 24,
    without_head: WIDTH - 2,
}


def listing(encoder):
    """Rank and score of the paper's listing in float64."""
    values = torch.linalg.svdvals(listing_jacobian(copy.deepcopy(encoder).double(), images().double()))
    rank = (values > 1e-5 * values[:, :1]).sum(1)
    return rank, torch.stack([row[:each].log().sum() for row, each in zip(values, rank, strict=True)])


@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("build", RANKS, ids=lambda build: build.__name__)
def test_the_rank_is_that_of_the_papers_listing(build, precision):
    encoder = build()
    rank, score = listing(encoder)
    assert rank.tolist() == [RANKS[build]] * 2
    encoders = [encoder] if precision == "bfloat16" else [encoder, Behind(encoder)]
    for each in encoders:
        found = js.measure(js.wrap_encoder(each, "vit", channels=3), images(), precision=precision)
        assert found.rank.tolist() == rank.tolist()
        off = 0.03 * max(1, RANKS[build]) if precision == "bfloat16" else 1e-3
        torch.testing.assert_close(found.score, score, rtol=0, atol=off)


@pytest.mark.parametrize("build", [collapsed_head, collapsed_projection, collapsed_blocks], ids=lambda b: b.__name__)
def test_bfloat16_says_that_it_does_not_resolve_a_collapse(build):
    backbone = js.wrap_encoder(build(), "collapsed", channels=3)
    found = js.measure(backbone, images(), precision="bfloat16")
    assert found.note.startswith("bfloat16 does not resolve the rank")
    assert f"where float32 finds {RANKS[build]}" in found.note
    assert js.measure(backbone, images()).note == ""


def test_a_healthy_encoder_is_measured_in_bfloat16_without_a_word():
    engine = build_engine(js.wrap_encoder(without_head(), "vit", channels=3), MeasurementSpec(precision="bfloat16"))
    engine.pull_back(images())
    assert (engine.note, engine.is_coarse, engine.structural_rank) == ("", True, WIDTH - 2)


def test_an_image_that_does_not_tell_leaves_the_question_to_the_next():
    engine = build_engine(js.wrap_encoder(collapsed_head(), "vit", channels=3), MeasurementSpec(precision="bfloat16"))
    engine.pull_back(torch.full((1, 3, 32, 32), torch.nan))
    assert engine.is_coarse
    engine.pull_back(images())
    assert not engine.is_coarse


def test_values_that_drown_in_bfloat16_are_said_too():
    """Attention pooling, whose rank the structure does not tell, in front of a steep spectrum."""
    encoder = vit(class_token=False, global_pool="map", num_classes=24)
    encoder.head.weight.mul_(torch.logspace(0, -3, 24)[:, None])
    mixing = torch.linalg.qr(torch.randn(24, 24, generator=torch.Generator().manual_seed(3))).Q
    encoder.head.weight.copy_(mixing @ encoder.head.weight)
    backbone = js.wrap_encoder(encoder, "steep", channels=3)
    found, reference = (js.measure(backbone, images(), precision=name) for name in ("bfloat16", "float64"))
    assert "nats off from float32" in found.note
    assert found.rank.tolist() == reference.rank.tolist() == [24, 24]
    torch.testing.assert_close(found.score, reference.score, rtol=0, atol=0.01)


def test_auto_leaves_a_precision_that_does_not_resolve_the_rank(monkeypatch):
    from jepascore_core.measuring import precision

    monkeypatch.setattr(precision, "coarse_precisions", lambda device: ("bfloat16",))
    monkeypatch.setattr(precision, "WORTH_SECONDS", 0.0)
    scaled = list(images(4) * torch.logspace(-1, 0.5, 4)[:, None, None, None])
    backbone = js.wrap_encoder(collapsed_head(), "collapsed", channels=3)
    assert choose_precision(backbone, scaled) == ("float32", ())


@pytest.mark.parametrize("probes", [3, 5, 12])
@pytest.mark.parametrize("wrap", [lambda encoder: encoder, Behind], ids=["structured", "generic"])
def test_a_sketch_has_at_most_the_rank_of_what_it_sketches(probes, wrap):
    backbone = js.wrap_encoder(wrap(collapsed_head()), "collapsed", channels=3)
    found = js.measure(backbone, images(), "sketch", probes=probes)
    assert found.rank.tolist() == [min(probes, 5)] * 2
    torch.testing.assert_close(found.score, found.singular_values[:, : min(probes, 5)].log().sum(1))


def small_tokens(**options):
    """Tokens so small beside the norm's eps that its length direction comes out far above rounding."""
    torch.manual_seed(0)
    norm = {"norm_layer": lambda width, **_: nn.LayerNorm(width, eps=1e-5)}
    return VisionTransformer(
        32, 16, embed_dim=WIDTH, depth=2, num_heads=3, **{"num_classes": 0, **norm, **options}
    ).eval()


@pytest.mark.parametrize("options", [{}, {"init_values": 1e-5}, {"num_classes": 60}, {"global_pool": "avg"}], ids=str)
def test_the_length_that_a_last_norm_takes_away_never_counts(options):
    encoder = small_tokens(**options)
    found = {
        (name, precision): js.measure(js.wrap_encoder(each, "vit", channels=3), images(), precision=precision)
        for name, each in (("structured", encoder), ("generic", Behind(encoder)))
        for precision in ("float32", "float64")
    }
    values = found["generic", "float64"].singular_values
    assert (values[:, WIDTH - 2] > 5 * RANK_TOLERANCE["float32"] * values[:, 0]).all(), (
        "else there is nothing to decide"
    )
    for result in found.values():
        assert result.rank.tolist() == [WIDTH - 2] * 2
        torch.testing.assert_close(result.score, found["structured", "float64"].score, rtol=0, atol=0.01)


class Ending(nn.Module):
    """Something of 6 tokens with 8 values each, and an end."""

    def __init__(self, end, channels=8):
        super().__init__()
        self.first, self.end = nn.Conv2d(3, channels, 8, 8), end
        self.norm = nn.LayerNorm(channels, eps=1e-12)
        self.gain = nn.Parameter(torch.rand(channels))
        self.matrix = nn.Parameter(torch.randn(channels, channels))

    def forward(self, images):
        return self.end(self, self.first(images[..., :16, :24]).flatten(2).mT)


ENDINGS = {
    "a token": (lambda self, tokens: self.norm(tokens)[:, 0], 6),
    "a token, chosen before": (lambda self, tokens: self.norm(tokens[:, 2]), 6),
    "the average, before": (lambda self, tokens: self.norm(tokens.mean(1)), 6),
    "the average, after": (lambda self, tokens: self.norm(tokens).mean(1), None),
    "gain and bias": (lambda self, tokens: self.norm(tokens)[:, 1] * self.gain + self.gain, 6),
    "a matrix": (lambda self, tokens: nn.functional.linear(self.norm(tokens)[:, 1], self.matrix), 6),
    "a matrix of all tokens": (lambda self, tokens: (self.norm(tokens) @ self.matrix)[:, 1], 6),
    "a map of channels": (lambda self, tokens: self.norm(tokens[:, :1]).mT[..., None].flatten(1), 6),
    "fewer outputs": (lambda self, tokens: nn.functional.linear(self.norm(tokens)[:, 1], self.matrix[:5]), None),
    "a channel of 8 tokens": (lambda self, tokens: self.norm(torch.cat([tokens, tokens[:, :2]], 1))[..., 0], None),
    "all tokens": (lambda self, tokens: self.norm(tokens).flatten(1), None),
    "an activation": (lambda self, tokens: nn.functional.gelu(self.norm(tokens)[:, 0]), None),
    "a residual": (lambda self, tokens: self.norm(tokens)[:, 0] + tokens[:, 0], None),
    "a square": (lambda self, tokens: self.norm(tokens)[:, 0] * self.norm(tokens)[:, 0], None),
    "a divisor": (lambda self, tokens: 1 / self.norm(tokens)[:, 0], None),
    "no norm": (lambda self, tokens: tokens[:, 0], None),
}


@pytest.mark.parametrize(("end", "most"), ENDINGS.values(), ids=ENDINGS)
@pytest.mark.parametrize("trained", [False, True])
def test_a_last_norm_is_found_in_the_graph(end, most, trained):
    torch.manual_seed(0)
    encoder = Ending(end).eval().requires_grad_(trained)
    inputs = images().requires_grad_(True)
    outputs = encoder(inputs)
    assert most_directions(outputs, inputs) == most
    values = torch.linalg.svdvals(listing_jacobian(encoder.double(), images().double()))
    rank = int((values > 1e-4 * values[:, :1]).sum(1).max())
    assert rank <= (most or len(values[0])), "a bound that is none would hide real directions"
