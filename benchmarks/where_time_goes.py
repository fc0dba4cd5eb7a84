"""Where the time of an exact score goes: products by their kind and rate, and everything that is not a product.

    python benchmarks/where_time_goes.py [--encoder vit_tiny_patch16_224 ...] [--precision float32 ...]

Random weights. Rates are of PyTorch's profiler, which slows small operations a little; shares of the peak are of the
largest matrix product's speed in the same run.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

from common import as_the_worker_runs, machine, matrix_peak, operations_by_name, show

as_the_worker_runs()

import timm  # noqa: E402
import torch  # noqa: E402
from torch.profiler import ProfilerActivity, profile  # noqa: E402

import jepascore_core as js  # noqa: E402
from jepascore_core.measuring.estimators import build_engine, measure_with  # noqa: E402
from jepascore_core.records.measurements import MeasurementSpec  # noqa: E402

PRODUCTS = "projections"
KINDS = {
    "attention products": ("aten::bmm", "aten::baddbmm", "aten::_scaled_dot_product_flash_attention_for_cpu"),
    "copies and conversions": ("aten::copy_", "aten::cat", "aten::fill_"),
    "spectrum": ("aten::_linalg_eigh", "aten::_linalg_svd"),
}


def where(name: str, precision: str) -> None:
    """One encoder in one precision: a row a kind of work."""
    torch.manual_seed(0)
    encoder = timm.create_model(name, num_classes=0, **({"img_size": 224} if "dinov" in name else {})).eval()
    backbone = js.wrap_encoder(encoder, name, image_size=224)
    spec, images = MeasurementSpec(precision=precision), torch.randn(1, 3, 224, 224)
    engine = build_engine(backbone, spec)

    def work() -> None:
        measure_with(engine, backbone.device, images, spec)

    kind_of = {operation: kind for kind, operations in KINDS.items() for operation in operations}
    operations, seconds = defaultdict[str, float](float), defaultdict[str, float](float)
    for operation, count in operations_by_name(work).items():
        kind_of.setdefault(operation, PRODUCTS)
        operations[kind_of[operation]] += count
    # Not with_flops: the shapes that it records slow the products down by half.
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        work()
    for event in recorded.key_averages():
        seconds[kind_of.get(event.key, "elementwise and the rest")] += event.self_cpu_time_total / 1e6
    peak = matrix_peak(getattr(torch, precision), backbone.device)
    total = sum(seconds.values())
    rows = [
        (
            kind,
            f"{took:.2f}",
            f"{took / total:.0%}",
            f"{operations[kind] / took / 1e9:,.0f}" if operations[kind] else "",
            f"{operations[kind] / took / peak:.0%}" if operations[kind] else "",
        )
        for kind, took in sorted(seconds.items(), key=lambda item: -item[1])
    ]
    rows.append(("all", f"{total:.2f}", "100%", "", f"{sum(operations.values()) / total / peak:.0%}"))
    columns = ("work", "seconds", "share of the time", "GFLOP/s", "share of the peak")
    show(f"{name}, {precision}, one image; peak {peak / 1e9:,.0f} GFLOP/s", columns, rows, machine())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", action="append", help="a timm vision transformer; may be given several times")
    parser.add_argument("--precision", action="append", help="float32 or bfloat16; both unless given")
    options = parser.parse_args()
    for encoder_name in options.encoder or ("vit_tiny_patch16_224", "vit_small_patch14_dinov2"):
        for chosen in options.precision or ("float32", "bfloat16"):
            where(encoder_name, chosen)
