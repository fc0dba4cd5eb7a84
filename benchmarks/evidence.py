"""Published protocols on a small scale: who finds off-topic images, near duplicates, wrong labels, other distributions?

    python benchmarks/evidence.py DATA --home HOME --json docs/data/evidence.json
    python benchmarks/evidence.py --show docs/data/evidence.json

DATA has folders of images: `flowers/CLASS/`, `imagenet_samples/`, `cifar10_noisy/`, `mnist/` and `galaxies/`, and the
encoder `weights/vit_tiny_patch16_224.safetensors`. HOME is a home folder of this package: what is measured there is not
measured again. Rows of PyOD and SelfClean appear where they are installed; neither is a requirement of the package.

1. Contamination as in SelfClean (arXiv 2305.17048): off-topic images, changed copies and swapped labels, 5 and 10 % of
   the clean images each. A seed draws four fifths of the clean images, and the planted ones.
2. Out of distribution as in OpenOOD (arXiv 2306.09301): baselines and detectors are fitted on a reference split that is
   not judged. A seed draws four fifths of both sides.

AUROC, average precision (AP), and the share of planted images that a review of as many images as there are planted ones
misses (FNR at budget) are means over seeds; intervals hold 95 % of stratified bootstrap samples of all seeds together.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import machine
from evidence_methods import held_out_methods, label_methods, near_duplicate_methods, off_topic_methods
from evidence_sets import (
    IN,
    NEAR_DUPLICATE,
    REFERENCE,
    Measured,
    Values,
    make_digits,
    make_flowers,
    make_photographs,
    measure,
)

from jepascore_core.records.backbones import BackboneRef

SEEDS, SHARES, BOOTSTRAP = 10, (0.05, 0.10), 100
#: Share of the clean images that a seed draws.
DRAWN = 0.8
LABEL_ERROR, OUT_OF_DISTRIBUTION = "label errors", "out of distribution"
METRICS = ("auroc", "ap", "fnr")
HALF = (0.5, 0.5, 0.5)
#: Backward passes of a ViT-Ti's sketches: a sixth of the cost of an exact score. The bundled encoder's are exact.
PROBES = 32

Measure = Callable[..., Measured]
Trial = tuple[Mapping[str, Values], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--sets", default=",".join(SETS), help="of flowers, digits and photographs; default: all")
    parser.add_argument("--as-is", action="store_true", help="measure nothing: evaluate what is measured so far")
    parser.add_argument("--json", type=Path, help="write numbers to this file; sets that are not asked for stay in it")
    parser.add_argument("--show", type=Path, help="print the tables of this file")
    options = parser.parse_args()
    if options.show:
        print(tables(json.loads(options.show.read_text(encoding="utf-8"))))
        return
    if options.data is None or options.home is None:
        parser.error("name DATA and --home, or --show")
    os.environ["JEPASCORE_HOME"] = str(options.home)
    found = run(options.data, options.home / "evidence", options.sets.split(","), partial(measure, as_is=options.as_is))
    if options.json:
        found = joined(options.json, found)
        rows = ",\n".join(json.dumps(row) for row in found["rows"])
        head = json.dumps({name: value for name, value in found.items() if name != "rows"})
        options.json.write_text(f'{head[:-1]}, "rows": [\n{rows}\n]}}\n', encoding="utf-8")
    print(tables(found))


def joined(path: Path, found: dict[str, Any]) -> dict[str, Any]:
    """Results with those of a file for sets that were not asked for."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"sets": {}, "rows": []}
    rows = [row for row in known["rows"] if row["set"] not in found["sets"]] + found["rows"]
    names = list(SETS)
    return {
        **found,
        "sets": {**known["sets"], **found["sets"]},
        "rows": sorted(rows, key=lambda row: names.index(row["set"])),
    }


def run(data: Path, folder: Path, names: list[str], measured: Measure) -> dict[str, Any]:
    """Measure what is not measured yet, and evaluate all of it."""
    sets: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for name in names:
        images, reference = SETS[name](data, folder, measured)
        sets[name] = describe(images, reference)
        if name != "photographs":
            for issue, share, trials in contaminations(images):
                rows += judged(name, images, issue, share, trials)
        if reference is not None:
            for issue, trials in distributions(images, reference):
                rows += judged(name, images, issue, None, trials)
    return {"machine": machine(), "seeds": SEEDS, "drawn": DRAWN, "bootstrap": BOOTSTRAP, "sets": sets, "rows": rows}


def tiny(data: Path) -> BackboneRef:
    """The real ViT-Ti/16."""
    weights = str(data / "weights" / "vit_tiny_patch16_224.safetensors")
    return BackboneRef("timm:vit_tiny_patch16_224", weights, image_size=224, mean=HALF, std=HALF)


def measured_digits(data: Path, folder: Path, measured: Measure) -> tuple[Measured, Measured]:
    images, reference = make_digits(data, folder / "digits")
    encoder = BackboneRef("bundled:digits-vit")
    return measured(images, encoder), measured(reference, encoder)


def measured_flowers(data: Path, folder: Path, measured: Measure) -> tuple[Measured, None]:
    return measured(make_flowers(data, folder / "flowers"), tiny(data), PROBES), None


def measured_photographs(data: Path, folder: Path, measured: Measure) -> tuple[Measured, Measured]:
    images, reference = make_photographs(data, folder / "photographs")
    # Of the reference only embeddings are read, which any estimator stores: one backward pass instead of many.
    return measured(images, tiny(data), PROBES), measured(reference, tiny(data), probes=1)


SETS = {"flowers": measured_flowers, "digits": measured_digits, "photographs": measured_photographs}


def describe(images: Measured, reference: Measured | None) -> dict[str, Any]:
    """Say what a set consists of, with the median score of each group."""
    groups = {
        name: {"images": len(rows), "median": round(float(np.median(images.scores["rank"][rows])), 1)}
        for name in sorted(set(images.groups))
        for rows in [images.rows(name)]
    }
    return {
        "backbone": images.backbone,
        "spec": images.spec,
        "groups": groups,
        "reference": 0 if reference is None else len(reference.groups),
    }


def is_clean(group: str) -> bool:
    """Whether a group is a class of the clean images."""
    return not group.startswith(("off-topic", "near", "far"))


def contaminations(images: Measured) -> Iterator[tuple[str, float, list[Trial]]]:
    """Each kind of contamination at each share, with one trial a seed."""
    planted = {name for name in images.groups if name.startswith("off-topic")}
    clean = np.flatnonzero([is_clean(name) for name in images.groups])
    for share in SHARES:
        for kind in (*sorted(planted), NEAR_DUPLICATE, LABEL_ERROR):
            yield kind, share, [contaminate(images, clean, kind, share, seed) for seed in range(SEEDS)]


def contaminate(images: Measured, clean: np.ndarray, kind: str, share: float, seed: int) -> Trial:
    """What each method says of clean images with some planted among them, and which these are."""
    rng = np.random.default_rng([seed, round(100 * share)])
    kept = rng.choice(clean, round(DRAWN * len(clean)), replace=False)
    count = round(share * len(kept))
    if kind == LABEL_ERROR:
        shown = images.of(kept)
        labels, is_planted = swap(list(shown.groups), count, rng)
        return label_methods(shown, labels), is_planted
    pool = images.rows(kind)
    if kind == NEAR_DUPLICATE:
        pool = pool[np.isin(images.origins[pool], images.origins[clean])]
    added = rng.choice(pool, min(count, len(pool)), replace=False)
    if kind == NEAR_DUPLICATE:
        sources = clean[np.isin(images.origins[clean], images.origins[added])]
        shown = images.of(np.concatenate([np.setdiff1d(kept, sources), sources, added]))
        return near_duplicate_methods(shown), last(shown, len(sources) + len(added))
    shown = images.of(np.concatenate([kept, added]))
    return off_topic_methods(shown, seed), last(shown, len(added))


def last(images: Measured, count: int) -> np.ndarray:
    """Which images are among the last ones, [N] bool."""
    return np.arange(len(images.groups)) >= len(images.groups) - count


def swap(labels: list[str], count: int, rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
    """Labels of which `count` became those of another class, and which."""
    names, given = sorted(set(labels)), list(labels)
    chosen = rng.choice(len(labels), count, replace=False)
    for row in chosen:
        given[row] = str(rng.choice([name for name in names if name != labels[row]]))
    return given, np.isin(np.arange(len(labels)), chosen)


def distributions(images: Measured, reference: Measured) -> Iterator[tuple[str, list[Trial]]]:
    """Each other distribution against the own one, with one trial a seed."""
    others = sorted({name for name in images.groups if name.startswith(("near ", "far ")) and name != NEAR_DUPLICATE})
    own = images.rows(IN) if IN in images.groups else np.flatnonzero([is_clean(name) for name in images.groups])
    assert set(reference.groups) == {REFERENCE}
    for name in others:
        trials = []
        for seed in range(SEEDS):
            rng = np.random.default_rng(seed)
            sides = [rng.choice(side, round(DRAWN * len(side)), replace=False) for side in (own, images.rows(name))]
            shown = images.of(np.concatenate(sides))
            trials.append((held_out_methods(shown, reference, seed), np.arange(len(shown.groups)) >= len(sides[0])))
        yield f"{OUT_OF_DISTRIBUTION}, {name}", trials


def judged(name: str, images: Measured, issue: str, share: float | None, trials: list[Trial]) -> list[dict[str, Any]]:
    """One row a method: the mean of each metric over the trials, and the interval that holds 95 % of samples."""
    rows = []
    for method in trials[0][0]:
        drawn = [samples(values[method], is_planted, seed) for seed, (values, is_planted) in enumerate(trials)]
        means = {metric: float(np.mean([first[metric] for first, _ in drawn])) for metric in METRICS}
        ends = {
            f"{metric}_{side}": float(np.quantile([row[metric] for _, rest in drawn for row in rest], at))
            for metric in METRICS
            for side, at in (("low", 0.025), ("high", 0.975))
        }
        planted = [int(is_planted.sum()) for _, is_planted in trials]
        about = {"set": name, "backbone": images.backbone, "issue": issue, "share": share, "method": method}
        counts = {"images": len(trials[0][1]), "planted": round(float(np.mean(planted)), 1)}
        rows.append({**about, **counts, **{key: round(value, 4) for key, value in {**means, **ends}.items()}})
    return rows


def samples(suspicion: Values, is_planted: np.ndarray, seed: int) -> tuple[dict[str, float], list[dict[str, float]]]:
    """Metrics of all images, and of stratified bootstrap samples of them."""
    rng = np.random.default_rng([seed, 1])
    sides = np.flatnonzero(is_planted), np.flatnonzero(~is_planted)
    rest = []
    for _ in range(BOOTSTRAP):
        rows = np.concatenate([rng.choice(side, len(side)) for side in sides])
        rest.append(metrics(suspicion[rows], is_planted[rows], rng))
    return metrics(suspicion, is_planted, rng), rest


def metrics(suspicion: Values, is_planted: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """AUROC, average precision, and the share that a budget of as many images as are planted misses; ties at random."""
    finite = np.where(np.isfinite(suspicion), suspicion, np.finfo(np.float64).min)
    hits = is_planted[np.lexsort((rng.random(len(finite)), -finite))]
    positions, planted = np.flatnonzero(hits), int(is_planted.sum())
    # Clean images before each planted one, most suspicious first.
    before = positions - np.arange(planted)
    return {
        "auroc": float(1 - before.mean() / (len(hits) - planted)),
        "ap": float(np.mean((1 + np.arange(planted)) / (1 + positions))),
        "fnr": float(1 - hits[:planted].mean()),
    }


def tables(found: Mapping[str, Any]) -> str:
    """Markdown: a table for each set and issue, a row for each method."""
    parts, seen = [], []
    for row in found["rows"]:
        if (row["set"], row["issue"]) not in seen:
            seen.append((row["set"], row["issue"]))
    for name, issue in seen:
        rows = [row for row in found["rows"] if (row["set"], row["issue"]) == (name, issue)]
        shares = list(dict.fromkeys(row["share"] for row in rows))
        title = {"auroc": "AUROC", "ap": "AP", "fnr": "FNR at budget"}
        heads = [
            title[metric] + (f", {share:.0%}".replace("%", " %") if share else "")
            for share in shares
            for metric in METRICS
        ]
        lines = [f"| {' | '.join(['method', *heads])} |", f"|{'---|' * (1 + len(heads))}"]
        for method in dict.fromkeys(row["method"] for row in rows):
            of_method = {row["share"]: row for row in rows if row["method"] == method}
            cells = [cell(of_method[share], metric) for share in shares for metric in METRICS]
            lines.append(f"| {' | '.join([method, *cells])} |")
        counts = ", ".join(
            f"{row['planted']:g} of {row['images']:,}" for row in rows if row["method"] == rows[0]["method"]
        )
        parts.append(f"**{name}, {issue}** ({rows[0]['backbone']}; {counts} images)\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def cell(row: Mapping[str, Any], metric: str) -> str:
    """A metric with its interval, such as 0.91 (0.85–0.96)."""
    return f"{row[metric]:.2f} ({row[f'{metric}_low']:.2f}–{row[f'{metric}_high']:.2f})"


if __name__ == "__main__":
    main()
