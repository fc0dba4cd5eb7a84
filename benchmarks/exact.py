"""Exact scores: the paper's listing, batched VJPs, and the structured passes in float32 and bfloat16.

    python benchmarks/exact.py [--encoder vit_tiny_patch16_224] [--encoder vit_small_patch14_dinov2] [--repeats 3]

Random weights (speed does not depend on them). The listing: the Jacobian of the batch-summed embedding by one reverse
pass an output, then all singular values. Shares are of the largest matrix product's speed in the same run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from common import as_the_worker_runs, counted_operations, interleaved, machine, matrix_peak, show

as_the_worker_runs()

import timm  # noqa: E402
import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

import jepascore_core as js  # noqa: E402
from jepascore_core.backbones.backbone import Backbone  # noqa: E402
from jepascore_core.jacobian.engine import GenericEngine  # noqa: E402
from jepascore_core.measuring.estimators import build_engine, measure_with  # noqa: E402
from jepascore_core.records.measurements import MeasurementSpec  # noqa: E402

DEFAULT_ENCODERS = ("vit_tiny_patch16_224", "vit_small_patch14_dinov2")
LISTING, VJPS = "the paper's listing", "batched VJPs (generic)"
FAST = {"structured, float32": "float32", "structured, bfloat16": "bfloat16"}


def listing(encoder: nn.Module, images: Tensor) -> Tensor:
    """Singular values [B, K] as in the appendix of arXiv 2510.05949, before clipping, logarithm and sum."""
    rows = torch.autograd.functional.jacobian(lambda batch: encoder(batch).sum(0), images)
    return torch.linalg.svdvals(rows.flatten(2).permute(1, 0, 2))


def spectrum_of(backbone: Backbone, images: Tensor, precision: str, generic: bool = False) -> Callable[[], Tensor]:
    """A measurement of these images, its engine prepared."""
    spec = MeasurementSpec(precision=precision)
    engine = GenericEngine(backbone.encoder) if generic else build_engine(backbone, spec)
    return lambda: measure_with(engine, backbone.device, images, spec).singular_values


def compare(name: str, repeats: int, with_listing: bool) -> None:
    """One encoder: a row a method."""
    torch.manual_seed(0)
    size = {"img_size": 224} if "dinov" in name else {}
    encoder = timm.create_model(name, num_classes=0, **size).eval().requires_grad_(False)
    backbone = js.wrap_encoder(encoder, name, image_size=224)
    images = torch.randn(1, 3, 224, 224)
    slow: dict[str, Callable[[], Tensor]] = {VJPS: spectrum_of(backbone, images, "float32", generic=True)}
    if with_listing:
        slow = {LISTING: lambda: listing(encoder, images), **slow}
    fast = {title: spectrum_of(backbone, images, precision) for title, precision in FAST.items()}
    times, spectra = interleaved(fast, repeats), {title: work() for title, work in fast.items()}
    for title, work in slow.items():
        started = time.perf_counter()
        spectra[title] = work()
        times[title] = time.perf_counter() - started
    rank = js.measure(backbone, images).rank
    base, rows = next(iter(slow)), []
    for title in (*slow, *fast):
        share = ""
        if title in fast:
            peak = matrix_peak(getattr(torch, FAST[title]), backbone.device)
            share = f"{counted_operations(fast[title]) / times[title] / peak:.0%} of {peak / 1e9:,.0f} GFLOP/s"
        score = float(js.jepa_score(spectra[title], "rank", rank=rank)[0])
        rows.append((title, f"{times[title]:.2f}", f"{times[base] / times[title]:.2f}x", share, f"{score:.4f}"))
    columns = ("method", "seconds an image", "speed-up", "share of the matrix peak", "score, nats")
    show(f"{name}, K = {backbone.info.dimension}, rank {int(rank)}, 224 x 224", columns, rows, machine())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", action="append", help="a timm vision transformer; may be given several times")
    parser.add_argument("--repeats", type=int, default=3, help="of the fast methods; the slow ones run once")
    parser.add_argument("--no-listing", action="store_true", help="leave out the paper's listing (minutes for ViT-S)")
    options = parser.parse_args()
    for chosen in options.encoder or DEFAULT_ENCODERS:
        compare(chosen, options.repeats, not options.no_listing)
