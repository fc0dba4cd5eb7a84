"""Exact and sketched scores on a GPU: images a second, share of its bfloat16 peak, memory.

    python benchmarks/gpu.py [--encoder NAME ...] [--probes 64] [--seconds 20]

Prints one line and ends if there is no CUDA device.
"""

from __future__ import annotations

import argparse
import sys
import time

import timm
import torch
from common import counted_operations, machine, matrix_peak, show

import jepascore_core as js
from jepascore_core.errors import JepaScoreError
from jepascore_core.estimators import measure_with, prepare
from jepascore_core.measurement_specs import resolve_spec
from jepascore_core.pipeline import first_plan

DEFAULT_ENCODERS = ("vit_small_patch14_dinov2", "vit_base_patch14_dinov2", "vit_large_patch14_dinov2")


def rate(name: str, estimator: str, probes: int | None, budget: float, peak: float) -> tuple[object, ...]:
    """One row: an encoder with random weights under an estimator."""
    encoder = timm.create_model(name, num_classes=0, **({"img_size": 224} if "dinov" in name else {}))
    backbone = js.wrap_encoder(encoder, name, image_size=224, device="cuda")
    spec = resolve_spec(estimator, "bfloat16", probes)
    engine = prepare(backbone, spec)
    plan = first_plan(backbone, engine)
    batch = plan.limit
    images = torch.randn(batch, 3, 224, 224)
    torch.cuda.reset_peak_memory_stats()

    def work() -> None:
        measure_with(engine, backbone.device, images, spec, chunk=plan.chunk)

    work()
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < budget:
        work()
        count += batch
    found = count / (time.perf_counter() - started)
    share = counted_operations(work) / batch * found / peak
    memory = torch.cuda.max_memory_allocated() / 2**30
    label = estimator if probes is None else f"{estimator}, r = {probes}"
    return name, label, batch, plan.chunk, f"{found:.2f}", f"{share:.0%}", f"{memory:.1f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", action="append")
    parser.add_argument("--probes", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each row")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("There is no CUDA device here; benchmarks/exact.py measures the CPU.")
    top = matrix_peak(torch.bfloat16, torch.device("cuda"), 8192)
    rows = []
    for encoder_name in options.encoder or DEFAULT_ENCODERS:
        for kind, number in (("exact", None), ("sketch", options.probes)):
            try:
                rows.append(rate(encoder_name, kind, number, options.seconds, top))
            except (JepaScoreError, torch.OutOfMemoryError) as error:
                rows.append((encoder_name, kind, "", "", "", "", str(error)[:60]))
    heads = ("encoder", "estimator", "batch", "chunk", "images/s", "share of peak", "memory, GiB")
    show(f"bfloat16, 224 x 224; peak {top / 1e12:,.0f} TFLOP/s", heads, rows, machine())
