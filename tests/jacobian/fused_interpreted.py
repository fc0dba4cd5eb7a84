"""The fused kernels against the plain operations, run by Triton's interpreter: test_fused.py starts this by name.

Triton reads TRITON_INTERPRET when it is imported, which other tests of a process may have done long before.
"""

import dataclasses

import pytest
import torch
from timm.models.eva import Eva

from jepascore_core.backbones.structure.recognise import recognise
from jepascore_core.jacobian.fused import Tile, Tiles, fused_operations
from jepascore_core.jacobian.structured import PassPrecision, StructuredEngine
from jepascore_core.jacobian.trace import AttentionTrace, NormTrace, Rotation
from jepascore_core.jacobian.vit import PLAIN_OPERATIONS, FoldedBlock
from tests.jacobian.test_structured import EVA, EVAS, images_for, randomise

SINGLE = PassPrecision(torch.float32, torch.float32)
SQUARE, WIDE, TALL = (Tile(rows, keys, 4, 1) for rows, keys in ((16, 16), (32, 16), (16, 32)))
TILES = [Tiles(SQUARE, SQUARE), Tiles(WIDE, TALL), Tiles(TALL, WIDE)]


def draw(*shape, dtype=torch.float32, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def attention(batch, heads, length, size, dtype, **others):
    """The trace of some attention, values as they come."""
    logits = draw(batch, heads, length, length, seed=1)
    kept = [draw(batch, heads, length, size, seed=seed).to(dtype) for seed in range(2, 6)]
    nothing = {"q_norm": None, "k_norm": None, "rotation": None}
    return AttentionTrace(logits.softmax(-1).to(dtype), *kept, **{**nothing, **others})


def block(heads, gain=None):
    """All that the operations read of a block."""
    empty = torch.empty(0)
    return FoldedBlock(empty, empty, empty, empty, heads, gain, gain)


def check_heads(tiles, kept, batch, count, length, heads, size, gain=None):
    cotangents = draw(batch, count, length, heads * size).to(kept.attention.dtype)
    operations = fused_operations(tiles)
    found = operations.heads_pull_back(block(heads, gain), kept, cotangents)
    wide = dataclasses.replace(
        kept, **{name: getattr(kept, name).float() for name in ("attention", "queries", "keys", "values", "outputs")}
    )
    expected = PLAIN_OPERATIONS.heads_pull_back(block(heads, gain), wide, cotangents.float())
    tolerance = {torch.float32: 1e-5, torch.float16: 5e-3}[kept.attention.dtype]
    torch.testing.assert_close(found.float(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("tiles", TILES, ids=str)
@pytest.mark.parametrize(
    ("batch", "count", "length", "heads", "size"),
    [(1, 1, 1, 1, 8), (2, 3, 5, 2, 8), (1, 2, 33, 1, 16), (2, 1, 16, 3, 20), (1, 5, 31, 2, 16)],
)
def test_through_the_heads(tiles, batch, count, length, heads, size):
    check_heads(tiles, attention(batch, heads, length, size, torch.float32), batch, count, length, heads, size)


def test_through_the_heads_in_half_precision():
    check_heads(TILES[0], attention(2, 2, 21, 16, torch.float16), 2, 3, 21, 2, 16)


def test_through_the_heads_rotated_and_normalised():
    norm = NormTrace(draw(1, 2, 9, 8, seed=7), draw(1, 2, 9, 1, seed=8).abs())
    rotation = Rotation(draw(9, 8, seed=9), draw(9, 8, seed=10), True)
    kept = attention(1, 2, 9, 8, torch.float32, q_norm=norm, k_norm=norm, rotation=rotation)
    check_heads(TILES[0], kept, 1, 3, 9, 2, 8, gain=draw(8, seed=11))


@pytest.mark.parametrize("is_gated", [False, True])
@pytest.mark.parametrize(("batch", "count", "live"), [(1, 1, 1), (2, 19, 7), (1, 33, 70)])
def test_hidden_units(is_gated, batch, count, live):
    """More cotangents than a group, more values than a program, fewer live tokens than there are."""
    slopes, hidden = draw(batch, live + 2, 40 * (1 + is_gated)), draw(batch, count, live, 40, seed=1)
    expected = PLAIN_OPERATIONS.scale_hidden(slopes, hidden.clone())
    torch.testing.assert_close(fused_operations(TILES[0]).scale_hidden(slopes, hidden), expected)


@pytest.mark.parametrize(("batch", "count", "live", "width"), [(1, 1, 1, 1), (2, 3, 5, 24), (1, 4, 3, 1030)])
def test_around_a_norm(batch, count, live, width):
    norm = NormTrace(draw(batch, live + 2, width), draw(batch, live + 2, 1, seed=1).abs())
    cotangents, gradients = (draw(batch, count, live, width, seed=seed) for seed in (2, 3))
    # As a head leaves them: images in the second place of memory.
    cotangents = cotangents.transpose(0, 1).contiguous().transpose(0, 1)
    expected = PLAIN_OPERATIONS.add_norm_pull_back(cotangents, gradients.clone(), norm)
    found = fused_operations(TILES[0]).add_norm_pull_back(cotangents, gradients, norm)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_a_whole_encoder():
    """Gated, rotated, all tokens live."""
    options = {**EVA, "mlp_ratio": 2.0, **EVAS["DINOv3 huge plus"], "depth": 1}
    encoder, images = randomise(Eva(**options)).float(), images_for(EVA).float()
    engine = StructuredEngine(encoder, recognise(encoder), SINGLE)
    expected = engine.pull_back(images, chunk=15).rows
    engine.operations = fused_operations(TILES[0])
    found = engine.pull_back(images, chunk=15).rows
    assert float((found - expected).norm() / expected.norm()) < 1e-5
