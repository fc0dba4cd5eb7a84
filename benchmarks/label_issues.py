"""How many wrong labels are found where the truth is known, beside cleanlab on the same probabilities.

    python benchmarks/label_issues.py DATASET_DIR --backbone timm:NAME --checkpoint FILE --mean 0.5 --std 0.5
    python benchmarks/label_issues.py --cost 20000,384,100

DATASET_DIR has a labels.csv with the columns path, label and clean_label. Noise is the share of labels that are not the
clean one; a budget of that many samples is reviewed, and FNR is the share of the wrong labels that it misses. Rows of
cleanlab appear where it is installed. `--json FILE` writes the numbers to a file, too. `--cost` times synthetic
embeddings: images, dimension, classes.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from common import machine, show

from jepascore_core.embeddings.label_issues import (
    LabelledPairs,
    find_label_issues,
    label_issue_seconds,
    out_of_fold,
)

BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--backbone", default="timm:vit_tiny_patch16_224")
    parser.add_argument("--checkpoint")
    parser.add_argument("--mean", type=float)
    parser.add_argument("--std", type=float)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--embeddings", type=Path, help="keep them in this .npz file, or read them from it")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    parser.add_argument("--cost")
    options = parser.parse_args()
    if options.cost:
        measure_cost(*map(int, options.cost.split(",")))
    elif options.folder is None:
        parser.error("name a folder, or --cost")
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Print how each score ranks the wrong labels."""
    with (options.folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = [row["label"] for row in rows]
    wrong = np.array([row["label"] != row["clean_label"] for row in rows])
    content_ids, embeddings = load_embeddings(options, [options.folder / row["path"] for row in rows])
    started = time.perf_counter()
    found = find_label_issues(content_ids, labels, embeddings)
    took = time.perf_counter() - started
    scores = {
        "label_issue": found.label_issue,
        "k-NN margin": -found.knn_margin,
        "probe margin": -found.probe_margin,
        **cleanlab_scores(content_ids, labels, embeddings),
    }
    clean = np.array([row["clean_label"] for row in rows])
    named = float(np.mean(found.likely_label[wrong] == clean[wrong]))
    judged = {name: judge(values, wrong) for name, values in scores.items()}
    show(
        f"{len(rows):,} images of {options.folder.name} under {options.backbone}, {wrong.mean():.1%} wrong labels",
        ("score", "AUROC", "95 % interval", "FNR at budget = noise"),
        [
            (name, f"{row['auroc']:.3f}", f"{row['low']:.3f} to {row['high']:.3f}", f"{row['fnr']:.3f}")
            for name, row in judged.items()
        ],
        f"Intervals: 1,000 bootstrap samples, seed 0. Of wrong labels, likely_label is the true one for {named:.1%}. "
        f"{took:.1f} s; {machine()}",
    )
    if options.json:
        flagged = {
            str(limit): {
                "num_flagged": int(chosen.sum()),
                "share_wrong": round(float(wrong[chosen].mean()), 4),
                "share_of_wrong": round(float(chosen[wrong].mean()), 4),
            }
            for limit in (0.9, 0.5)
            for chosen in [found.label_issue >= limit]
        }
        is_there = find_spec("cleanlab") is not None
        facts = {
            "backbone": options.backbone,
            "cleanlab": version("cleanlab") if is_there else None,
            "num_images": len(rows),
            "num_wrong": int(wrong.sum()),
        }
        results = {"likely_label_right": round(named, 4), "flagged": flagged, "scores": judged}
        options.json.write_text(json.dumps({**facts, **results}, indent=1) + "\n", encoding="utf-8")


def judge(values: np.ndarray, wrong: np.ndarray) -> dict[str, float]:
    """AUROC, its interval, and the share of wrong labels that the highest values miss."""
    from sklearn.metrics import roc_auc_score

    draws = np.random.default_rng(0).integers(0, len(wrong), (1000, len(wrong)))
    areas = [roc_auc_score(wrong[draw], values[draw]) for draw in draws]
    low, high = np.quantile(areas, [0.025, 0.975])
    reviewed = np.argsort(-values, kind="stable")[: wrong.sum()]
    missed = 1 - wrong[reviewed].mean()
    found = {"auroc": roc_auc_score(wrong, values), "low": low, "high": high, "fnr": missed}
    return {name: round(float(value), 4) for name, value in found.items()}


def cleanlab_scores(content_ids: np.ndarray, labels: list[str], embeddings: np.ndarray) -> dict[str, np.ndarray]:
    """What cleanlab makes of the same probabilities, higher = more likely wrong; {} where it is not installed."""
    if find_spec("cleanlab") is None:
        return {}
    from cleanlab.filter import find_label_issues as find_cleanlab
    from cleanlab.rank import get_label_quality_scores

    pairs = LabelledPairs(content_ids, labels, embeddings)
    by_source = {name: np.empty((len(pairs.codes), len(pairs.names))) for name in ("k-NN", "probe")}
    for rows, by_vote, by_probe in out_of_fold(pairs, embeddings[pairs.first]):
        by_source["k-NN"][rows], by_source["probe"][rows] = np.exp(by_vote), np.exp(by_probe)
    found, codes = {}, pairs.codes
    for source, probabilities in by_source.items():
        for method in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
            quality = get_label_quality_scores(codes, probabilities, method=method)
            found[f"cleanlab {method}, {source}"] = pairs.spread(-quality)
        flagged = find_cleanlab(codes, probabilities, n_jobs=1)
        name = f"cleanlab find_label_issues, {source} ({flagged.sum():,} found)"
        found[name] = pairs.spread(flagged - get_label_quality_scores(codes, probabilities))
    return found


def load_embeddings(options: argparse.Namespace, paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Content ids [N] and embeddings [N, K], decoded and preprocessed as measured ones are."""
    if options.embeddings and options.embeddings.is_file():
        known = np.load(options.embeddings)
        return known["content_ids"], known["embeddings"]
    import torch

    import jepascore_core as js
    from jepascore_core.datasets.content import content_id
    from jepascore_core.measuring.loading import PendingImage, load_ahead
    from jepascore_core.records.measurements import MeasurementSpec

    backbone = js.load_backbone(
        options.backbone, options.checkpoint, mean=options.mean, std=options.std, image_size=options.image_size
    )
    pending = [PendingImage(content_id(path.read_bytes()), path.name, str(path.resolve())) for path in paths]
    found, waiting = [], []
    with load_ahead(pending, backbone, MeasurementSpec()) as images:
        for _, image in images:
            if isinstance(image, Exception):
                raise image
            waiting.append(image)
            if len(waiting) == BATCH:
                found.append(backbone.encode(torch.stack(waiting)).cpu().numpy())
                waiting.clear()
        if waiting:
            found.append(backbone.encode(torch.stack(waiting)).cpu().numpy())
    content_ids, embeddings = np.array([item.content_id for item in pending]), np.concatenate(found).astype(np.float16)
    if options.embeddings:
        np.savez(options.embeddings, content_ids=content_ids, embeddings=embeddings)
    return content_ids, embeddings


def measure_cost(num_images: int, dimension: int, num_classes: int) -> None:
    """Time one run on synthetic embeddings with a tenth of the labels at random."""
    import resource

    rng = np.random.default_rng(0)
    codes = rng.integers(0, num_classes, num_images)
    vectors = rng.standard_normal((num_classes, dimension))[codes] + 2 * rng.standard_normal((num_images, dimension))
    given = np.where(rng.random(num_images) < 0.1, rng.integers(0, num_classes, num_images), codes)
    labels, names = given.astype(str).tolist(), np.char.mod("%032x", rng.permutation(num_images))
    vectors = vectors.astype(np.float16)
    started = time.perf_counter()
    find_label_issues(names, labels, vectors)
    took, peak = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    predicted = label_issue_seconds(num_images, dimension, num_classes)
    columns = ("images", "dimension", "classes", "seconds", "predicted", "peak memory, GB")
    row = (f"{num_images:,}", dimension, num_classes, f"{took:.1f}", f"{predicted:.1f}", f"{peak / 1e9:.2f}")
    show("Cost of label issues", columns, [row], machine())


if __name__ == "__main__":
    main()
