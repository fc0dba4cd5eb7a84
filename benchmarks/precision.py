"""What float32, tf32 and bfloat16 do to exact scores of real images, and which of them "auto" takes.

    python benchmarks/precision.py FOLDER --backbone timm:NAME --checkpoint FILE --mean 0.5 --std 0.5 [--images 40]

Errors are against float64 where `--reference float64` is given (slow), against float32 otherwise.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from common import as_the_worker_runs, machine, show

as_the_worker_runs()

import torch  # noqa: E402
from PIL import Image  # noqa: E402
from scipy.stats import spearmanr  # noqa: E402

import jepascore_core as js  # noqa: E402
from jepascore_core.measuring.estimators import build_engine, measure_with  # noqa: E402
from jepascore_core.measuring.precision import choose_precision, coarse_precisions  # noqa: E402
from jepascore_core.records.measurements import MeasurementSpec  # noqa: E402

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="images, at any depth")
    parser.add_argument("--backbone", default="timm:vit_tiny_patch16_224")
    parser.add_argument("--checkpoint")
    parser.add_argument("--mean", type=float)
    parser.add_argument("--std", type=float)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--reference", default="float32")
    options = parser.parse_args()
    backbone = js.load_backbone(
        options.backbone,
        options.checkpoint,
        mean=options.mean,
        std=options.std,
        image_size=options.image_size,
    )
    files = sorted(path for path in options.folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    step = max(1, len(files) // options.images)
    images = [backbone.preprocess(Image.open(path).convert("RGB")) for path in files[::step][: options.images]]
    found = {}
    for precision in dict.fromkeys((options.reference, "float32", *coarse_precisions(backbone.device))):
        spec = MeasurementSpec(precision=precision)
        engine = build_engine(backbone, spec)
        results = [measure_with(engine, backbone.device, image[None], spec) for image in images]
        found[precision] = torch.cat([r.score for r in results]), {int(r.rank) for r in results}
    reference = found[options.reference][0]
    rows = [
        (
            precision,
            f"{float(scores.mean()):.2f}",
            f"{float(scores.std()):.2f}",
            f"{float((scores - reference).mean()):+.4f}",
            f"{float((scores - reference).std()):.4f}",
            f"{float((scores - reference).square().mean().sqrt() / reference.std()):.3%}",
            f"{spearmanr(scores, reference).statistic:.5f}",
            ", ".join(map(str, sorted(ranks))),
        )
        for precision, (scores, ranks) in found.items()
    ]
    columns = ("precision", "mean", "spread", "error: mean", "std", "rms / spread", "Spearman", "ranks")
    show(
        f"{len(images)} images under {backbone.info.name}, nats, against {options.reference}", columns, rows, machine()
    )
    chosen, trials = choose_precision(backbone, images[:4])
    told = ", ".join(f"{trial.precision}: error {trial.error:.3f}, spread {trial.spread:.1f}" for trial in trials)
    show('"auto"', ("takes", "its trial"), [(chosen, told)])
