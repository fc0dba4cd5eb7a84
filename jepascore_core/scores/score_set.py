"""What a view is asked about: the scores of one dataset under one backbone, measurement spec and definition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.score import Definition
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.tables import content_version, num_rows, score_table, table_sql
from jepascore_core.storage.measurement_sql import INTERVAL_COLUMNS, SCORE_COLUMN, SPREAD_COLUMN
from jepascore_core.storage.store import Store

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
    key: MeasurementKey
    definition: Definition = "rank"

    @property
    def backbone_id(self) -> str:
        """Id of the backbone."""
        return self.key.backbone_id

    @property
    def spec_id(self) -> str:
        """Id of the measurement spec."""
        return self.key.spec_id

    @property
    def is_measured(self) -> bool:
        """Whether it names scores, unlike `no_scores`."""
        return self.key != NOT_MEASURED

    def to_dict(self) -> dict[str, str]:
        """Plain dictionary, ready for JSON."""
        return {
            "dataset_id": self.dataset_id,
            "backbone_id": self.backbone_id,
            "spec_id": self.spec_id,
            "definition": self.definition,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls(values["dataset_id"], MeasurementKey(values["backbone_id"], values["spec_id"]), values["definition"])


#: Stands for the measurement of what was not measured.
NOT_MEASURED = MeasurementKey("none", "none")


def no_scores(dataset_id: str) -> ScoreSet:
    """Return the score set of a dataset that was not measured: what needs no score works on it as on any other."""
    return ScoreSet(dataset_id, NOT_MEASURED)


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


def version_key(store: Store, scores: ScoreSet) -> str:
    """Return the part of a cache key that changes whenever the index or the shards behind a score set change."""
    return content_version(store, store.catalogue.dataset(scores.dataset_id), scores.key)


def read_version(store: Store, scores: ScoreSet) -> str:
    """Like `version_key`, of what the SELECTs below read: while a run goes on that may be older than the shards."""
    table = table_of(store, scores)
    return table.stem if table is not None else version_key(store, scores)


def table_of(store: Store, scores: ScoreSet) -> Path | None:
    """Return the score table that the SELECTs below read; None if they read the shards."""
    dataset = store.catalogue.dataset(scores.dataset_id)
    return score_table(store, dataset, scores.key)


def tables_of(store: Store, score_sets: Sequence[ScoreSet]) -> tuple[Path, ...]:
    """Score tables of these sets of one dataset, with the same samples in the same rows; () unless all have one."""
    found = [table for scores in score_sets if (table := table_of(store, scores)) is not None]
    fit = len(found) == len(score_sets) and len({num_rows(table) for table in found}) == 1
    return tuple(found) if fit else ()


def scored_sql(store: Store, scores: ScoreSet) -> str:
    """SELECT of the measured samples; see `Store.scored_sql`. Large datasets are read from their score table.

    Raises:
        UnknownNameError: if there is no such dataset.
        DatasetNotReadyError: if it has no index yet.
    """
    table = table_of(store, scores)
    if table is not None:
        return f"SELECT * FROM ({table_sql(table, scores.definition)}) WHERE score IS NOT NULL"
    dataset = store.catalogue.dataset(scores.dataset_id)
    return store.scored_sql(dataset, scores.key, scores.definition)


def measured_samples_sql(store: Store, scores: ScoreSet) -> str:
    """Return `scored_sql`; of a key without scores the same of the samples with an embedding, all numbers NULL.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `scored_sql`.
    """
    if scores.key.has_scores:
        return scored_sql(store, scores)
    nothing = "NULL::DOUBLE AS class_percentile, NULL::DOUBLE AS percentile"
    # A table has them already.
    more = "" if table_of(store, scores) is not None else f", {nothing}"
    return f"SELECT *{more} FROM ({all_samples_sql(store, scores)}) WHERE is_exact IS NOT NULL"


def all_samples_sql(store: Store, scores: ScoreSet) -> str:
    """Return a SELECT of all samples, measured or not.

    Its columns are those of the manifest, `rank`, `score`, its interval and `view_spread`, NULL where not measured.
    """
    table = table_of(store, scores)
    if table is not None:
        return table_sql(table, scores.definition)
    column, (lower, upper) = SCORE_COLUMN[scores.definition], INTERVAL_COLUMNS[scores.definition]
    return f"""
        SELECT manifest.*, measured.* EXCLUDE (content_id)
        FROM ({manifest_sql(store, scores.dataset_id)}) AS manifest
        LEFT JOIN (
            SELECT content_id, rank, {column} AS score, {lower} AS lower, {upper} AS upper, is_exact,
                {SPREAD_COLUMN[scores.definition]} AS view_spread
            FROM ({store.measurements_sql(scores.key)})
        ) AS measured USING (content_id)
    """


def manifest_sql(store: Store, dataset_id: str) -> str:
    """SELECT of a dataset's manifest, by its id."""
    return store.manifest_sql(store.catalogue.dataset(dataset_id))


def has_labels(store: Store, dataset_id: str) -> bool:
    """Whether any sample of a dataset has a label; without one there is a single class, "(all)"."""

    def look() -> bool:
        sql = f"SELECT count(label) > 0 AS found FROM ({manifest_sql(store, dataset_id)})"
        return bool(store.query(sql)["found"][0].as_py())

    return memoized(store, ("has labels", dataset_id, store.catalogue.dataset(dataset_id).version), look)


def label_filter(
    labels: Sequence[Label] | None, first: int = 1, column: Literal["label", "split", "grp"] = "label"
) -> tuple[str, list[Any]]:
    """Return an SQL condition "label is one of `labels`", never NULL, with its parameters from `first` on.

    None means every class. With `column`, the same for splits, or groups of either.
    """
    if labels is None:
        return "true", []
    named = [label for label in labels if label is not None]
    # Written so that DuckDB skips the parts of a file that hold other classes; a CASE would have it read everything.
    is_one = f"{column} IN ({', '.join(f'${first + i}' for i in range(len(named)))})" if named else "false"
    condition = f"{column} IS NULL OR {is_one}" if None in labels else f"{column} IS NOT NULL AND {is_one}"
    return f"({condition})", named
