"""Fit the calibration from the shards of its images, to predict every other image."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from jepascore_core.atomic import write_atomically
from jepascore_core.errors import JepaScoreError
from jepascore_core.measuring.approximate.calibration import (
    FIT_VERSION,
    FOLDS,
    MIN_IMAGES,
    Array,
    Calibration,
    calibrate,
    choose_probes,
    fidelity,
    predict,
)
from jepascore_core.measuring.approximate.context import Context
from jepascore_core.records.approximation import ApproximationReport, Fidelity, nested_sizes
from jepascore_core.records.canonical import short_hash
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.storage.measurement_sql import CALIBRATED_SCHEMA


@dataclass(frozen=True, eq=False)
class Fits:
    """The ridges of the two definitions, which predict scores from sketches of `spec.probes` and forward features.

    `typical_rank` is the usual rank of an exact Jacobian.
    """

    spec: MeasurementSpec
    coverage: float
    rank: Calibration
    paper: Calibration
    typical_rank: int
    num_features: int

    def rows(self, content_ids: Sequence[str], logs: Sequence[Any], features: Sequence[Any]) -> pa.Table:
        """Return calibrated rows of sketched images: log spectra [m, r], forward features [m, F].

        Raises:
            JepaScoreError: if the sketches come from other passes than the calibration's.
        """
        table = _table(logs, features, self.num_features)
        found = predict(self.rank, table, self.coverage)
        paper = found if self.paper is self.rank else predict(self.paper, table, self.coverage)
        columns = {
            "content_id": list(content_ids),
            "rank": np.full(len(content_ids), self.typical_rank),
            "score": found.score,
            "lower": found.lower,
            "upper": found.upper,
            "score_paper": paper.score,
            "lower_paper": paper.lower,
            "upper_paper": paper.upper,
        }
        return pa.table(columns, schema=CALIBRATED_SCHEMA)


def _table(logs: Any, features: Sequence[Any], num_features: int) -> Array:
    """Put log spectra [m, r] and forward features [m, F] side by side, as input of the ridges."""
    extra = [() if num_features == 0 or row is None else row for row in features]
    if any(len(row) != num_features for row in extra):
        raise JepaScoreError(
            "These sketches do not match the calibration: another engine computed their forward features. "
            "Use another seed to start over."
        )
    return np.hstack([np.asarray(logs, dtype=np.float64), np.asarray(extra, dtype=np.float64)])


@dataclass(frozen=True, eq=False)
class _Data:
    """Calibration images that were measured both ways: scores [n], ranks [n], nested log spectra, forward features."""

    content_ids: list[str]
    score: Array
    score_paper: Array
    rank: Array
    nested: Array
    features: list[list[float] | None]

    def logs(self, sizes: Sequence[int], size: int) -> Array:
        """Return the log spectra of the sketches of one size. [n, size]."""
        start = sum(sizes[: sizes.index(size)])
        return self.nested[:, start : start + size]


def fit(context: Context, chosen: Sequence[str]) -> tuple[Fits | None, ApproximationReport]:
    """Fit the calibration images and choose the number of probes, unless it was given or chosen before.

    Return None instead of fits if every image is already exact.

    Raises:
        JepaScoreError: if too few images could be measured.
    """
    data = _read(context, chosen)
    sizes = nested_sizes(context.dimension)
    features = _num_features(context, data)
    is_enough = len(data.content_ids) >= MIN_IMAGES
    curve = _curve(data, sizes, features) if is_enough else ()
    if len(context.having(context.spec.exact) | context.progress.failed_ids) >= len(context.images):
        return None, _report(context, curve, data, context.spec.exact.spec_id, context.dimension, True, 0.0)
    if not is_enough:
        raise JepaScoreError(
            f"Only {len(data.content_ids)} of {len(chosen)} calibration images could be measured, and {MIN_IMAGES} are "
            "needed. The list of failures says why; measure exactly, or calibrate on more images."
        )
    probes, is_reached = _probes(context, curve)
    logs = data.logs(sizes, probes) if probes in sizes else _sketched(context, data.content_ids, probes)
    table = _table(logs, data.features, features)
    rank = calibrate(table, data.score)
    paper = rank if np.array_equal(data.score, data.score_paper) else calibrate(table, data.score_paper)
    coverage = context.plan.coverage
    calibration = short_hash([data.content_ids, coverage, FIT_VERSION, FOLDS, features])
    sketch = context.spec.sketch(probes)
    spec = MeasurementSpec(
        "calibrated", sketch.precision, sketch.probes, sketch.seed, sketch.engine_version, calibration
    )
    fits = Fits(spec, coverage, rank, paper, int(np.bincount(data.rank.astype(int)).argmax()), features)
    found = predict(rank, table, coverage)
    half_width = float(np.median(found.upper - found.lower)) / 2
    report = _report(context, curve, data, spec.spec_id, probes, is_reached, half_width)
    _keep(context, fits, report, data.content_ids)
    return fits, report


def _read(context: Context, chosen: Sequence[str]) -> _Data:
    """Read the calibration data, ordered by content id, a hash: in random order."""
    exact, nested = (
        context.store.shards_sql(spec.key(context.backbone_id)) for spec in (context.spec.exact, context.nested)
    )
    rows = context.store.query(
        f"""
        SELECT content_id, exact.score, exact.score_paper, exact.rank, nested.log_singular_values, nested.features
        FROM ({exact}) AS exact JOIN ({nested}) AS nested USING (content_id)
        WHERE content_id IN (SELECT unnest($1)) ORDER BY content_id
        """,
        [list(chosen)],
    ).to_pylist()
    columns = {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
    numbers = {name: np.asarray(columns.get(name, []), dtype=np.float64) for name in ("score", "score_paper", "rank")}
    logs = np.asarray(columns.get("log_singular_values", []), dtype=np.float64)
    return _Data(columns.get("content_id", []), **numbers, nested=logs, features=columns.get("features", []))


def _num_features(context: Context, data: _Data) -> int:
    """Count the forward features that all images have, previously sketched ones included; 0 if they differ."""
    lengths = {0 if row is None else len(row) for row in data.features}
    probes = context.spec.probes or (context.progress.approximation.probes if context.progress.approximation else None)
    if probes is not None:
        shards = context.store.shards_sql(context.spec.sketch(probes).key(context.backbone_id))
        rows = context.store.query(f"SELECT DISTINCT coalesce(len(features), 0) AS n FROM ({shards})").to_pylist()
        lengths |= {row["n"] for row in rows}
    return lengths.pop() if len(lengths) == 1 else 0


def _curve(data: _Data, sizes: Sequence[int], num_features: int) -> tuple[Fidelity, ...]:
    points = []
    for size in sizes:
        logs = data.logs(sizes, size)
        fitted = calibrate(_table(logs, data.features, num_features), data.score)
        points.append(fidelity(size, logs.sum(axis=1), fitted))
    return tuple(points)


def _probes(context: Context, curve: Sequence[Fidelity]) -> tuple[int, bool]:
    """Return the number of probes and whether it reaches the target; a run keeps its first choice."""
    target, before = context.plan.target_fidelity, context.progress.approximation
    chosen = context.spec.probes or (before.probes if before and before.probes < context.dimension else None)
    if chosen is None:
        return choose_probes(curve, target)
    return chosen, any(point.probes <= chosen and point.calibrated >= target for point in curve)


def _sketched(context: Context, content_ids: Sequence[str], probes: int) -> Array:
    """Return log spectra of ordinary sketches. [n, probes]."""
    shards = context.store.shards_sql(context.spec.sketch(probes).key(context.backbone_id))
    rows = context.store.query(
        f"SELECT log_singular_values AS logs FROM ({shards}) WHERE content_id IN (SELECT unnest($1)) "
        "ORDER BY content_id",
        [list(content_ids)],
    )
    return np.asarray(rows["logs"].to_pylist(), dtype=np.float64)


def _report(
    context: Context,
    curve: Sequence[Fidelity],
    data: _Data,
    spec_id: str,
    probes: int,
    is_reached: bool,
    half_width: float,
) -> ApproximationReport:
    return ApproximationReport(
        spec_id=spec_id,
        dimension=context.dimension,
        probes=probes,
        target_fidelity=context.plan.target_fidelity,
        is_reached=is_reached,
        num_calibration=len(data.content_ids),
        coverage=context.plan.coverage,
        half_width=half_width,
        spread=float(data.score.std()) if len(data.score) else 0.0,
        curve=tuple(curve),
        num_images=len(context.images),
    )


def _keep(context: Context, fits: Fits, report: ApproximationReport, content_ids: list[str]) -> None:
    """Write the calibration beside the shards, so that every prediction can be reproduced."""
    folder = context.store.measurement_folder(fits.spec.key(context.backbone_id))
    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "content_ids": content_ids,
        "num_features": fits.num_features,
        "rank": fits.rank.to_dict(),
        "paper": fits.paper.to_dict(),
        "report": report.to_dict(),
    }
    write_atomically(folder / "calibration.json", json.dumps(values).encode())
