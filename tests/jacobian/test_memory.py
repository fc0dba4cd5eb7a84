"""Memory is planned: what a card of 24 GB gets to do, worked out without one from the shapes alone."""

import pytest
import timm
import torch

from jepascore_core.backbones.structure.recognise import recognise
from jepascore_core.jacobian.structured import gpu_chunk
from jepascore_core.measuring.batching import JACOBIAN_SHARE, gpu_plan

CARD = 24 * 10**9
#: What the driver, the libraries and a desktop may hold.
TAKEN = 1.5 * 10**9
NUM_PIXELS = 3 * 224 * 224


@pytest.mark.parametrize("name", ["vit_large_patch14_dinov2", "vit_huge_patch14_224", "vit_giant_patch14_dinov2"])
@pytest.mark.parametrize("products", [torch.bfloat16, torch.float32])
def test_a_card_of_24_gb_holds_the_largest_encoders(name, products):
    size = {"img_size": 224} if "dinov2" in name else {}
    with torch.device("meta"):
        num_weights = sum(each.numel() for each in timm.create_model(name, num_classes=0, **size).parameters())
    # All blocks take the same memory, one after the other.
    encoder = timm.create_model(name, num_classes=0, depth=1, **size).eval().requires_grad_(False)
    architecture, dimension = recognise(encoder), encoder.num_features
    # The encoder in float32, and its folded weights in the precision of the products.
    free = CARD - TAKEN - num_weights * (4 + products.itemsize)
    chunk = gpu_chunk(architecture, products, int(free))
    memory = int(JACOBIAN_SHARE * free)
    plan = gpu_plan(dimension, NUM_PIXELS, chunk, memory)
    assert plan.chunk >= 32, "enough cotangents at once to fill the card"
    rows = plan.limit * 4 * dimension * NUM_PIXELS
    passes = plan.limit * plan.chunk * architecture.bytes_per_cotangent(products.itemsize)
    # Other batches' rows wait for their spectra meanwhile.
    assert rows + max(rows, memory) + passes < free
