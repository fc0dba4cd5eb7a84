"""How the cost of exact scores grows: with K, with tokens, with image size; and memory with the number of images.

    python benchmarks/scaling.py [--precision bfloat16] [--samples 100000]

The last table runs the whole pipeline (decoding, passes, shards, catalogue) on that many small images with the
bundled encoder and shows the process's memory along the way: it must stay flat.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from common import as_the_worker_runs, counted_operations, machine, seconds, show

as_the_worker_runs()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from timm.models.vision_transformer import VisionTransformer  # noqa: E402

import jepascore_core as js  # noqa: E402
from jepascore_core.datasets.content import content_id  # noqa: E402
from jepascore_core.measuring.estimators import build_engine, measure_with  # noqa: E402
from jepascore_core.measuring.loading import PendingImage  # noqa: E402
from jepascore_core.measuring.pipeline import measure_pending  # noqa: E402
from jepascore_core.measuring.task import Callbacks, MeasureProgress, MeasureTask  # noqa: E402
from jepascore_core.records.datasets import SampleFailure  # noqa: E402
from jepascore_core.records.measurements import MeasurementSpec  # noqa: E402
from jepascore_core.storage.store import Store  # noqa: E402

BASE = {"embed_dim": 192, "depth": 12, "num_heads": 3, "patch_size": 16, "img_size": 224}
VARIANTS = {
    "K": [{"num_classes": outputs} for outputs in (24, 48, 96, 192)],
    "tokens (patch size)": [{"patch_size": size} for size in (56, 28, 16, 14)],
    "image size": [{"img_size": size} for size in (96, 160, 224, 288)],
    "depth": [{"depth": blocks} for blocks in (3, 6, 12)],
}


def cost(changes: dict[str, int], precision: str, repeats: int) -> tuple[int, int, float, int]:
    """K, tokens, seconds and operations of one exact score."""
    torch.manual_seed(0)
    options = {**BASE, "num_classes": 0, **changes}
    encoder = VisionTransformer(**options).eval()
    backbone = js.wrap_encoder(encoder, "scaled", image_size=options["img_size"])
    spec = MeasurementSpec(precision=precision)
    engine, image = build_engine(backbone, spec), torch.randn(1, 3, options["img_size"], options["img_size"])
    times = seconds(lambda: measure_with(engine, backbone.device, image, spec), repeats)
    operations = counted_operations(lambda: measure_with(engine, backbone.device, image, spec))
    return backbone.info.dimension, encoder.patch_embed.num_patches + 1, min(times), operations


def write_images(folder: Path, count: int) -> list[PendingImage]:
    """Small distinct PNG files."""
    rng, pending = np.random.default_rng(0), []
    for number in range(count):
        path = folder / f"{number // 1000:03d}" / f"{number:06d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 16), dtype=np.uint8)).save(path, compress_level=0)
        pending.append(PendingImage(content_id(path.read_bytes()), path.name, str(path)))
    return pending


def memory_along_a_run(samples: int) -> None:
    """Peak and present memory at each tenth of a run."""
    rows, backbone = [], js.load_backbone("bundled:digits-vit", device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "images").mkdir()
        pending, started = write_images(root / "images", samples), time.monotonic()
        marks = iter(range(samples // 10, samples + 1, max(1, samples // 10)))
        upcoming = next(marks)

        def on_progress(progress: MeasureProgress, _: Sequence[SampleFailure]) -> None:
            nonlocal upcoming
            while upcoming is not None and progress.num_measured >= upcoming:
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
                elapsed = time.monotonic() - started
                rows.append((f"{upcoming:,}", f"{elapsed:.0f}", f"{upcoming / elapsed:.0f}", pages >> 8, peak))
                upcoming = next(marks, None)

        task = MeasureTask(Store(root / "home"), backbone, MeasurementSpec(), Callbacks(on_progress))
        measure_pending(task, pending)
    columns = ("images", "seconds", "images/s", "memory, MB", "peak, MB")
    show(f"The pipeline on {samples:,} images, bundled encoder, K = {backbone.info.dimension}", columns, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--samples", type=int, default=100_000, help="0 leaves the last table out")
    chosen = parser.parse_args()
    for title, variants in VARIANTS.items():
        found = [(changes, *cost(changes, chosen.precision, chosen.repeats)) for changes in variants]
        shown = [
            (
                ", ".join(f"{name} {value}" for name, value in changes.items()),
                dimension,
                tokens,
                f"{took:.2f}",
                f"{operations / 1e9:,.0f}",
                f"{took / found[0][3]:.1f}x",
                f"{operations / found[0][4]:.1f}x",
            )
            for changes, dimension, tokens, took, operations in found
        ]
        columns = ("ViT-Ti/16 but", "K", "tokens", "seconds", "GFLOP", "time grows", "operations grow")
        show(f"Growth with {title}, {chosen.precision}", columns, shown, machine())
    if chosen.samples:
        memory_along_a_run(chosen.samples)
