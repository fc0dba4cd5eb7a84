"""How long a change of the rules takes at a million samples.

    python benchmarks/curation.py [--rows 1000000] [--classes 1000] [--dimension 384]

Makes a synthetic dataset in a temporary folder (scores are random numbers, embeddings float16), opens it cold, then
times what the Curate page does after each change: counts, class balance, what each chip removes, histograms, previews.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.curation import evaluate, parse, summarize
from jepascore_core.curation.evaluation.evaluate import prefetch_changes
from jepascore_core.records.datasets import DatasetState
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.tables import build_score_table
from jepascore_core.storage.measurement_sql import MEASUREMENT_SCHEMA
from jepascore_core.storage.store import Store
from jepascore_core.views.curation import before_after, preview

CHANGES = (
    "class_percentile >= 5",
    "class_percentile >= 6",
    "5 <= class_percentile <= 95",
    "5 <= percentile <= 95 and class_percentile >= 2",
    'class_percentile >= 5 and not (leak and split = "train")',
    "class_percentile >= 5 and bytes >= 1000 and aspect <= 3",
    'not at least 2 of (percentile["a"] < 5, percentile["b"] < 5, percentile["a", paper] < 5)',
    "class_percentile >= 5 | one per exact keep most_likely",
    "class_percentile >= 5 | budget 100000 balanced",
    "class_percentile >= 5 | one per exact keep largest | budget 100 per class",
    'score >= 500 or label in ("class 0001", "class 0002")',
)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--classes", type=int, default=1_000)
    options.add_argument("--dimension", type=int, default=384)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="jepascore-benchmark-") as folder:
        store, scores = build(Path(folder), chosen.rows, chosen.classes, chosen.dimension)
        # As the worker does at the end of a run.
        for key in store.measured_keys():
            build_score_table(store, store.catalogue.dataset("big"), key)
        print(f"{chosen.rows:,} samples, {chosen.classes:,} classes, K = {chosen.dimension}\n")
        print(f"{'rules':88} {'counts':>7} {'histogram':>9} {'preview':>8} {'all':>7} cores  kept")
        for name, text in (("(first opening) ", CHANGES[0]), *(("", text) for text in CHANGES)):
            report(store, scores, name, text)
            if name:
                _, seconds = timed(lambda: prefetch_changes(store, scores))
                print(f"(the page then looks ahead to what may come: {seconds:.2f} s aside)")
        for text in CHANGES[1:]:
            report(store, scores, "(seen once) ", text.replace("5", "7"))


def report(store: Store, scores: ScoreSet, name: str, text: str) -> None:
    """Time what the page shows for one curation."""
    curation, start = parse(text), time.process_time()
    result, counting = timed(lambda: summarize(store, evaluate(store, scores, curation)))
    _, binning = timed(lambda: before_after(store, evaluate(store, scores, curation)))
    _, looking = timed(lambda: preview(store, evaluate(store, scores, curation)))
    total = counting + binning + looking
    busy = (time.process_time() - start) / total if total else 0.0
    print(
        f"{name + text:88} {counting:6.2f}s {binning:8.2f}s {looking:7.2f}s {total:6.2f}s {busy:5.1f}"
        f"  {result.counts.kept:,}",
        flush=True,
    )


def timed(work: Callable[[], object]) -> tuple[object, float]:
    """A result and the seconds it took."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def build(home: Path, rows: int, classes: int, dimension: int) -> tuple[Store, ScoreSet]:
    """A dataset of `rows` samples, 2 % of them exact duplicates, measured by the backbones "a" and "b"."""
    store, generator = Store(home), np.random.default_rng(0)
    dataset = store.catalogue.add_dataset("big", "/big", "imagefolder", {})
    folder = store.dataset_folder(dataset.dataset_id) / "v1"
    folder.mkdir(parents=True)
    images = np.arange(rows)
    images[generator.random(rows) < 0.02] //= 2
    content_ids = np.char.mod("%032x", images)
    labels = np.char.mod("class %04d", np.arange(rows) % classes)
    manifest = {
        "sample_key": np.char.add(np.char.add(labels, "/"), np.char.mod("image %09d.jpg", np.arange(rows))),
        "label": labels,
        "split": np.where(generator.random(rows) < 0.2, "test", "train"),
        "content_id": content_ids,
        "width": generator.integers(32, 4000, rows).astype(np.int32),
        "height": generator.integers(32, 4000, rows).astype(np.int32),
        "num_bytes": generator.integers(500, 10**6, rows),
        "modified_ns": np.zeros(rows, np.int64),
    }
    manifest["uri"] = np.char.add("/big/", manifest["sample_key"])
    pq.write_table(pa.table(manifest), folder / "manifest-1.parquet", compression="zstd")
    store.catalogue.update_dataset(dataset.dataset_id, version="v1", state=DatasetState.READY, num_indexed=rows)
    spec = MeasurementSpec()
    for backbone in ("a", "b"):
        write_measurements(store, backbone, spec, np.unique(content_ids), dimension, generator)
    return store, ScoreSet(dataset.dataset_id, spec.key("a"))


def write_measurements(
    store: Store,
    backbone: str,
    spec: MeasurementSpec,
    content_ids: np.ndarray,
    dimension: int,
    generator: np.random.Generator,
) -> None:
    """Shards of 50,000 images with random scores, spectra and embeddings."""
    # Every part has the same spectra and embeddings, which no rule of this benchmark reads: making them takes longest.
    vectors = generator.standard_normal((50_000, dimension), np.float32)
    for first in range(0, len(content_ids), 50_000):
        part = content_ids[first : first + 50_000]
        n = len(part)
        values = {
            "content_id": part,
            "log_singular_values": pa.FixedSizeListArray.from_arrays(pa.array(vectors[:n].ravel()), dimension),
            "rank": np.full(n, dimension - 2, np.int32),
            "score": generator.normal(500, 40, n),
            "score_paper": generator.normal(450, 40, n),
            "embedding": pa.FixedSizeListArray.from_arrays(pa.array(vectors[:n].astype(np.float16).ravel()), dimension),
            "seconds": np.zeros(n),
        }
        folder = store.measurement_folder(spec.key(backbone))
        folder.mkdir(parents=True, exist_ok=True)
        columns = [
            pa.array(values[field.name]).cast(field.type) if field.name in values else pa.nulls(n, field.type)
            for field in MEASUREMENT_SCHEMA
        ]
        table = pa.table(columns, schema=MEASUREMENT_SCHEMA)
        pq.write_table(table, folder / f"part-{first:09d}.parquet", compression="none")
    (folder / "spec.json").write_text(json.dumps(spec.to_dict()))


if __name__ == "__main__":
    main()
