"""What a view is asked about: the scores of one dataset under one backbone, measurement spec and definition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jepascore_core.records import short_hash
from jepascore_core.score import Definition
from jepascore_core.store import INTERVAL_COLUMNS, SCORE_COLUMN, Store

#: A class of a dataset; None is the class of the samples without a label.
Label = str | None

#: What a query must select for `to_scored_samples`.
SAMPLE_FIELDS = (
    "sample_key, content_id, label, split, score, class_percentile, percentile, rank, lower, upper, is_exact"
)


@dataclass(frozen=True, slots=True)
class ScoreSet:
    """Names one set of comparable scores; hashable, so that it can be part of a cache key."""

    dataset_id: str
    backbone_id: str
    spec_id: str
    definition: Definition = "rank"


@dataclass(frozen=True, slots=True)
class ScoredSample:
    """A measured sample. `score` in nats, higher = more likely; percentiles in (0, 100), within class and dataset.

    `rank` is the numerical rank of its Jacobian. The exact score lies between `lower` and `upper`: both are the score
    where it `is_exact`, None where nobody knows.
    """

    sample_key: str
    content_id: str
    label: Label
    split: str | None
    score: float
    class_percentile: float
    percentile: float
    rank: int
    lower: float | None = None
    upper: float | None = None
    is_exact: bool = True


def to_scored_samples(rows: Iterable[dict[str, Any]]) -> tuple[ScoredSample, ...]:
    """Rows that have (at least) the columns of `SAMPLE_FIELDS`; the interval may be left out."""
    names = ScoredSample.__slots__
    return tuple(ScoredSample(**{name: row[name] for name in names if name in row}) for row in rows)


def freshness(store: Store, scores: ScoreSet) -> str:
    """Changes whenever the index or the shards behind a score set change: the part of a cache key that says so."""
    version = store.catalogue.dataset(scores.dataset_id).version
    return short_hash([version, store.shard_names(scores.backbone_id, scores.spec_id)])


def scored_sql(store: Store, scores: ScoreSet) -> str:
    """SELECT of the measured samples; see `Store.scored_sql`.

    Raises:
        UnknownNameError: if there is no such dataset.
        DatasetNotReadyError: if it has no index yet.
    """
    dataset = store.catalogue.dataset(scores.dataset_id)
    return store.scored_sql(dataset, scores.backbone_id, scores.spec_id, scores.definition)


def covered_sql(store: Store, scores: ScoreSet) -> str:
    """SELECT of all samples, measured or not: manifest columns, `rank`, `score` and its interval (NULL where not
    measured)."""
    column, (lower, upper) = SCORE_COLUMN[scores.definition], INTERVAL_COLUMNS[scores.definition]
    return f"""
        SELECT manifest.*, measured.* EXCLUDE (content_id)
        FROM ({manifest_sql(store, scores.dataset_id)}) AS manifest
        LEFT JOIN (
            SELECT content_id, rank, {column} AS score, {lower} AS lower, {upper} AS upper, is_exact
            FROM ({store.measurements_sql(scores.backbone_id, scores.spec_id)})
        ) AS measured USING (content_id)
    """


def manifest_sql(store: Store, dataset_id: str) -> str:
    """SELECT of a dataset's manifest, by its id."""
    return store.manifest_sql(store.catalogue.dataset(dataset_id))


def has_labels(store: Store, dataset_id: str) -> bool:
    """Whether any sample of a dataset has a label; without one there is a single class, "(all)"."""
    return bool(
        store.query(f"SELECT count(label) > 0 AS found FROM ({manifest_sql(store, dataset_id)})")["found"][0].as_py()
    )


def label_filter(
    labels: Sequence[Label] | None, first: int = 1, column: Literal["label", "split"] = "label"
) -> tuple[str, list[Any]]:
    """SQL condition "label is one of `labels`", never NULL, with its parameters from `first` on; None = every class.

    The same for splits, with that `column`.
    """
    if labels is None:
        return "true", []
    named, unlabelled = f"${first}::VARCHAR[]", f"${first + 1}::BOOLEAN"
    condition = f"(CASE WHEN {column} IS NULL THEN {unlabelled} ELSE {column} IN (SELECT unnest({named})) END)"
    return condition, [[label for label in labels if label is not None], None in labels]


def midrank_percentile(column: str, partition: str = "") -> str:
    """SQL for the mid-rank percentile in (0, 100) of `column` in its partition, as in `Store.scored_sql`."""
    window = f"OVER ({f'PARTITION BY {partition} ' if partition else ''}ORDER BY {column})"
    everything = f"OVER ({f'PARTITION BY {partition}' if partition else ''})"
    return f"50.0 * ((rank() {window} - 1) / count(*) {everything} + cume_dist() {window})"
