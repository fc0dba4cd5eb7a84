"""How long `jepascore cut-effect` takes, how its probes compare with scikit-learn's, and whether both kinds rank alike.

    python benchmarks/cut_effect.py                                # 10,000 x 384 and 100,000 x 384, 10 classes
    python benchmarks/cut_effect.py --size 10000,384,100           # images, dimension, classes
    python benchmarks/cut_effect.py --rank 10000,384,10            # logistic against least squares, cut by cut

Embeddings are synthetic: a power-law spectrum, a mean for each class, 30 % of the labels those of the next class.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from common import machine, show
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from jepascore_core.curation.cut_effect.compare import NUM_SEEDS, compare_cut
from jepascore_core.curation.cut_effect.curve import SHARES, trace_curve
from jepascore_core.curation.cut_effect.samples import ENOUGH_HELD_OUT, LabelledSamples
from jepascore_core.embeddings.label_issues import NUM_FOLDS
from jepascore_core.embeddings.linear_probe import fit_logistic, probe_space

WRONG = 0.3
STRENGTH = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", action="append")
    parser.add_argument("--rank")
    options = parser.parse_args()
    print(machine())
    if options.rank:
        compare_ranks(*map(int, options.rank.split(",")))
        return
    sizes = [tuple(map(int, text.split(","))) for text in options.size or ("10000,384,10", "100000,384,10")]
    measure_times(sizes)


def make_samples(num_images: int, dimension: int, num_classes: int) -> tuple[LabelledSamples, np.ndarray]:
    """Samples in folds, and which of them have the wrong label."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, num_classes, num_images)
    spectrum = np.arange(1, dimension + 1) ** -0.7
    mixing = (rng.standard_normal((dimension, dimension)) * spectrum[:, None]).astype(np.float32)
    means = 0.5 * rng.standard_normal((num_classes, dimension)) * np.arange(1, dimension + 1) ** -0.3
    latent = rng.standard_normal((num_images, dimension), dtype=np.float32) + means[truth].astype(np.float32)
    is_wrong = rng.random(num_images) < WRONG
    codes = np.where(is_wrong, (truth + 1) % num_classes, truth)
    needed = -(-ENOUGH_HELD_OUT * NUM_FOLDS // num_images)
    samples = LabelledSamples(
        rows=np.arange(num_images),
        codes=codes,
        names=tuple(f"class {code}" for code in range(num_classes)),
        embeddings=(latent @ mixing).astype(np.float16),
        folds=np.arange(num_images) % NUM_FOLDS,
        firsts=np.ones(num_images, bool),
        judged=tuple(range(min(NUM_FOLDS, needed))),
        held_out="folds",
        split=None,
        num_left_out=0,
        num_copies=0,
    )
    return samples, codes != truth


def measure_times(sizes: list[tuple[int, ...]]) -> None:
    """Print how long a comparison, and each order of a curve, take, and how single probes compare."""
    rows = []
    for size in sizes:
        samples, is_wrong = make_samples(*size)
        everything = np.ones(size[0], bool)
        started = time.perf_counter()
        found = compare_cut(samples, ~is_wrong, everything, "synthetic")
        of_cut = time.perf_counter() - started
        started = time.perf_counter()
        trace_curve(samples, everything, {("wrong", "Wrong"): -1.0 * is_wrong}, ("", "rank", ""))
        of_order = (time.perf_counter() - started) / (NUM_SEEDS + 1)
        ours, theirs = _probe(samples), _scikit_learn(samples)
        numbers = f"{100 * ours[0]:.2f} % in {ours[1]:.1f} s", f"{100 * theirs[0]:.2f} % in {theirs[1]:.1f} s"
        label = f"{size[0]:,} x {size[1]}, {size[2]} classes"
        change = f"{100 * found.difference.value:+.2f}"
        rows.append([label, f"{of_cut:.1f}", f"{of_order:.2f}", *numbers, change])
    columns = [
        "images",
        "comparison (s)",
        "curve, each order (s)",
        "one probe",
        "scikit-learn's",
        "kept - random (points)",
    ]
    show("Cut effect", columns, rows)


def _probe(samples: LabelledSamples) -> tuple[float, float]:
    """Accuracy on the first fold of one probe trained on the others, and seconds."""
    started = time.perf_counter()
    rows, judged = np.flatnonzero(samples.training(0)), samples.judged_in(0)
    num_classes = len(samples.names)
    space = probe_space(samples.embeddings, len(rows), num_classes, STRENGTH)
    probe = fit_logistic(space, rows, samples.codes[rows], num_classes, STRENGTH)
    accuracy = float((probe.predict(space.values[judged]) == samples.codes[judged]).mean())
    return accuracy, time.perf_counter() - started


def _scikit_learn(samples: LabelledSamples) -> tuple[float, float]:
    started = time.perf_counter()
    rows, judged = np.flatnonzero(samples.training(0)), samples.judged_in(0)
    values = StandardScaler().fit_transform(samples.embeddings.astype(np.float32))
    model = LogisticRegression(C=STRENGTH, tol=1e-4, max_iter=1000).fit(values[rows], samples.codes[rows])
    return float(model.score(values[judged], samples.codes[judged])), time.perf_counter() - started


def compare_ranks(num_images: int, dimension: int, num_classes: int) -> None:
    """Print the difference to random cuts under both kinds of probe, for orders between chance and the truth."""
    samples, is_wrong = make_samples(num_images, dimension, num_classes)
    rng, everything = np.random.default_rng(1), np.ones(num_images, bool)
    rows, logistic, squares = [], [], []
    for share in (-0.5, -0.25, 0.0, 0.25, 0.5, 1.0):
        knows = rng.random(num_images) < abs(share)
        values = np.where(knows & is_wrong, -np.sign(share), 0.0) + 0.1 * rng.random(num_images)
        curve = trace_curve(samples, everything, {("order", "Order"): values}, ("", "rank", ""))
        for at in (2, 5):  # 80 % and 50 % kept
            kept = values >= np.quantile(values, 1 - SHARES[at])
            found = compare_cut(samples, kept, everything, "synthetic").difference
            of_line = curve.lines[0].points[at].difference
            logistic.append(found.value)
            squares.append(of_line.value)
            texts = (
                f"{100 * item.value:+.2f} ({100 * item.lower:+.2f} to {100 * item.upper:+.2f})"
                for item in (found, of_line)
            )
            rows.append([f"{share:+.2f}", f"{100 * SHARES[at]:.0f} %", *texts])
    show("Kept - random, points", ["wrong labels known", "kept", "logistic", "least squares"], rows)
    print(f"Spearman {spearmanr(logistic, squares).statistic:.2f}")


if __name__ == "__main__":
    main()
