"""How much two or more backbones agree on the samples that all of them measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jepascore_core.errors import TooFewImagesError, UnknownNameError
from jepascore_core.formatting import natural_key
from jepascore_core.scores.coverage import MIN_COMMON
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import Label, ScoreSet, label_filter, manifest_sql, read_version, tables_of
from jepascore_core.scores.tables import table_sql
from jepascore_core.scores.titles import score_titles
from jepascore_core.storage.measurement_sql import SCORE_COLUMN
from jepascore_core.storage.store import Store
from jepascore_core.storage.ties import comparable, midrank

#: Kendall's tau compares all pairs of samples; this many are enough for two digits. They are also in the scatter plot.
KENDALL_SAMPLES = 1000
SCATTER_SAMPLES = 4000

T = TypeVar("T")
Matrix = tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Rank correlations between score sets, [n, n] in the order of `score_sets`; None where one of them is constant.

    `num_common` samples were measured by all; Kendall's tau-b is computed on `num_kendall` of them, drawn at random.
    """

    score_sets: tuple[ScoreSet, ...]
    titles: tuple[str, ...]
    num_common: int
    spearman: Matrix
    kendall: Matrix
    num_kendall: int


@dataclass(frozen=True, slots=True)
class ExtremeOverlap:
    """Share of the n least (most) likely samples of a class that two score sets have in common, 0 to 1.

    `n` is at most the size of the class; two unrelated score sets would share `by_chance` of them.
    """

    first: ScoreSet
    second: ScoreSet
    label: Label
    num_common: int
    n: int
    least: float
    most: float

    @property
    def by_chance(self) -> float:
        """Expected overlap of unrelated scores."""
        return self.n / self.num_common


@dataclass(frozen=True, slots=True)
class PercentilePair:
    """A sample with its percentiles under two score sets, among the samples that both measured."""

    sample_key: str
    content_id: str
    label: Label
    first: float
    second: float

    @property
    def difference(self) -> float:
        """Percentile points by which the second ranks it higher."""
        return self.second - self.first


@dataclass(frozen=True, slots=True)
class PercentileScatter:
    """Percentiles of a random part of the common samples under two score sets."""

    first_title: str
    second_title: str
    points: tuple[PercentilePair, ...]
    num_common: int


def agreement(
    store: Store, score_sets: Sequence[ScoreSet], labels: Sequence[Label] | None = None, least: int = MIN_COMMON
) -> Agreement:
    """Compute Spearman's and Kendall's rank correlations of every pair, over the whole dataset or some of its classes.

    Raises:
        UnknownNameError: if the score sets are not of one dataset.
        TooFewImagesError: if fewer than `least` samples have a score under all of them.
    """
    num_common = _remembered(store, ("common",), score_sets, labels, lambda: _num_common(store, score_sets, labels))
    _check_common(num_common, least)
    return _remembered(store, ("agreement",), score_sets, labels, lambda: _agreement(store, score_sets, labels))


def _check_common(num_common: int, least: int) -> None:
    if num_common < least:
        raise TooFewImagesError(
            f"Rank correlations need at least {least} images scored under every compared backbone ({num_common} so "
            "far). Measure more images, or choose another backbone."
        )


def _remembered(
    store: Store,
    about: tuple[Any, ...],
    score_sets: Sequence[ScoreSet],
    labels: Sequence[Label] | None,
    make: Callable[[], T],
) -> T:
    """Cache a view until one of the sets changes, or a title in it, which depends on what else was measured."""
    read = tuple(read_version(store, scores) for scores in score_sets)
    titles = tuple(score_titles(store, score_sets, "backbone").values())
    return memoized(store, (*about, tuple(score_sets), read, titles, None if labels is None else tuple(labels)), make)


def _agreement(store: Store, score_sets: Sequence[ScoreSet], labels: Sequence[Label] | None) -> Agreement:
    sql, parameters = _ranked_sql(store, score_sets, labels, within_class=False)
    titles = score_titles(store, score_sets, "backbone")
    pairs = list(combinations(range(len(score_sets)), 2))
    correlations = "".join(f", corr(p{i}, p{j}) AS c{i}_{j}" for i, j in pairs)
    row = store.query(f"SELECT count(*) AS n{correlations} FROM ({sql})", parameters).to_pylist()[0]
    part = _first_samples(store, score_sets, labels, within_class=False, limit=SCATTER_SAMPLES)[:KENDALL_SAMPLES]
    values = [part[f"p{i}"].to_numpy() for i in range(len(score_sets))]
    return Agreement(
        score_sets=tuple(score_sets),
        titles=tuple(titles[scores] for scores in score_sets),
        num_common=row["n"],
        spearman=_matrix(len(score_sets), {(i, j): row[f"c{i}_{j}"] for i, j in pairs}),
        kendall=_matrix(len(score_sets), {(i, j): kendall_tau_b(values[i], values[j]) for i, j in pairs}),
        num_kendall=part.num_rows,
    )


def kendall_tau_b(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float | None:
    """Compute Kendall's rank correlation with ties from all pairs. [n], [n] -> scalar; None if one is constant."""
    one, other = (np.sign(values[:, None] - values[None, :]).ravel() for values in (first, second))
    norm = math.sqrt((one @ one) * (other @ other))
    return float(one @ other) / norm if norm else None


def _matrix(size: int, upper: dict[tuple[int, int], float | None]) -> Matrix:
    def value(i: int, j: int) -> float | None:
        found = 1.0 if i == j else upper[min(i, j), max(i, j)]
        return None if found is None or np.isnan(found) else found

    return tuple(tuple(value(i, j) for j in range(size)) for i in range(size))


def extreme_overlaps(
    store: Store, score_sets: Sequence[ScoreSet], n: int = 20, labels: Sequence[Label] | None = None
) -> tuple[ExtremeOverlap, ...]:
    """Return the overlaps for every pair of score sets and every class, in natural order of the classes.

    Raises:
        UnknownNameError: if the score sets are not of one dataset.
    """
    make = partial(_extreme_overlaps, store, score_sets, n, labels)
    return _remembered(store, ("extreme overlaps", n), score_sets, labels, make)


def _extreme_overlaps(
    store: Store, score_sets: Sequence[ScoreSet], n: int, labels: Sequence[Label] | None
) -> tuple[ExtremeOverlap, ...]:
    sql, parameters = numbered_sql(store, score_sets, labels)
    pairs = list(combinations(range(len(score_sets)), 2))
    sums = "".join(
        f", len(list_intersect({name}{i}, {name}{j})) AS {name}{i}_{j}" for i, j in pairs for name in ("least", "most")
    )
    firsts = firsts_sql(len(score_sets), n)
    rows = store.query(
        f"SELECT label, size{sums} FROM (SELECT label, count(*) AS size{firsts} FROM ({sql}) GROUP BY label)",
        parameters,
    ).to_pylist()
    rows.sort(key=lambda row: natural_key(row["label"]))
    return tuple(_overlap(score_sets[i], score_sets[j], f"{i}_{j}", row, n) for i, j in pairs for row in rows)


def _overlap(first: ScoreSet, second: ScoreSet, pair: str, row: dict[str, Any], n: int) -> ExtremeOverlap:
    size = min(n, row["size"])
    return ExtremeOverlap(
        first, second, row["label"], row["size"], size, row[f"least{pair}"] / size, row[f"most{pair}"] / size
    )


def percentile_scatter(
    store: Store,
    first: ScoreSet,
    second: ScoreSet,
    *,
    labels: Sequence[Label] | None = None,
    within_class: bool = False,
    limit: int = SCATTER_SAMPLES,
) -> PercentileScatter:
    """Return percentiles (within the dataset, or within the class) of at most `limit` common samples.

    Raises:
        UnknownNameError: if the score sets are not of one dataset.
    """
    both = first, second
    points = _to_pairs(_first_samples(store, both, labels, within_class, limit).to_pylist())
    num_common = _remembered(store, ("common",), both, labels, partial(_num_common, store, both, labels))
    titles = score_titles(store, both, "backbone")
    return PercentileScatter(titles[first], titles[second], points, num_common)


def _first_samples(
    store: Store, score_sets: Sequence[ScoreSet], labels: Sequence[Label] | None, within_class: bool, limit: int
) -> pa.Table:
    """Return common samples by content id, which is a hash: a random but fixed selection."""

    def read() -> pa.Table:
        sql, parameters = _ranked_sql(store, score_sets, labels, within_class)
        return store.query(f"SELECT * FROM ({sql}) ORDER BY content_id, sample_key LIMIT {int(limit)}", parameters)

    return _remembered(store, ("first samples", within_class, limit), score_sets, labels, read)


def disagreements(
    store: Store,
    first: ScoreSet,
    second: ScoreSet,
    *,
    labels: Sequence[Label] | None = None,
    within_class: bool = False,
    limit: int = 24,
) -> tuple[PercentilePair, ...]:
    """Return the samples whose percentiles differ most, the largest difference first, ties by class and sample key.

    Raises:
        UnknownNameError: if the score sets are not of one dataset.
    """
    make = partial(_read_disagreements, store, (first, second), labels, within_class, limit)
    return _remembered(store, ("disagreements", within_class, limit), (first, second), labels, make)


def _read_disagreements(
    store: Store, both: tuple[ScoreSet, ScoreSet], labels: Sequence[Label] | None, within_class: bool, limit: int
) -> tuple[PercentilePair, ...]:
    sql, parameters = _ranked_sql(store, both, labels, within_class)
    tables = tables_of(store, both)
    most = f"ORDER BY abs(p1 - p0) DESC, {'row_id' if tables else 'label, sample_key'} LIMIT {int(limit)}"
    if not tables:
        return _to_pairs(store.query(f"SELECT * FROM ({sql}) {most}", parameters).to_pylist())
    # Keys are looked up afterwards: carrying them through the query takes twice as long.
    found = store.query(f"SELECT row_id, p0, p1 FROM ({sql}) {most}", parameters).to_pylist()
    rows = ", ".join(str(row["row_id"]) for row in found) or "NULL"
    sql = f"SELECT row_id, sample_key, content_id, label FROM ({table_sql(tables[0], 'rank')}) WHERE row_id IN ({rows})"
    names = {row["row_id"]: row for row in store.query(sql).to_pylist()}
    return _to_pairs(names[row["row_id"]] | row for row in found)


def _to_pairs(rows: Iterable[dict[str, Any]]) -> tuple[PercentilePair, ...]:
    return tuple(
        PercentilePair(row["sample_key"], row["content_id"], row["label"], row["p0"], row["p1"]) for row in rows
    )


def _num_common(store: Store, score_sets: Sequence[ScoreSet], labels: Sequence[Label] | None) -> int:
    tables = tables_of(store, score_sets)
    if tables and labels is None:
        return _counts(store, score_sets, tables)["common"]
    sql, parameters = common_sql(store, score_sets, labels)
    return int(store.query(f"SELECT count(*) AS n FROM ({sql})", parameters)["n"][0].as_py())


def _ranked_sql(
    store: Store, score_sets: Sequence[ScoreSet], labels: Sequence[Label] | None, within_class: bool
) -> tuple[str, list[Any]]:
    """Return `common_sql` with percentiles p0, p1, ... among these samples, of the dataset or of each class.

    From score tables also the `row_id` of each sample.
    """
    sql, parameters = common_sql(store, score_sets, labels)
    tables = tables_of(store, score_sets)
    if tables and (labels is None or within_class) and _same_samples(store, score_sets, tables):
        kind = "class_percentile" if within_class else "percentile"
        known = ", ".join(f"{kind}{i} AS p{i}" for i in range(len(score_sets)))
        return f"SELECT *, {known} FROM ({sql})", parameters
    partition = "label" if within_class else ""
    ranked = ", ".join(f"{midrank(comparable(f's{i}'), partition)} AS p{i}" for i in range(len(score_sets)))
    return f"SELECT *, {ranked} FROM ({sql})", parameters


def _same_samples(store: Store, score_sets: Sequence[ScoreSet], tables: Sequence[Path]) -> bool:
    """Return whether all sets have scores for the same samples, so that their own percentiles are those in common."""
    return len(set(_counts(store, score_sets, tables).values())) == 1


def _counts(store: Store, score_sets: Sequence[ScoreSet], tables: Sequence[Path]) -> dict[str, int]:
    """Count the samples with a score in all sets ("common"), and in each ("n0", "n1", ...)."""

    def look() -> dict[str, int]:
        counts = ", ".join(f"count(s{i}) AS n{i}" for i in range(len(tables)))
        every = " AND ".join(f"s{i} IS NOT NULL" for i in range(len(tables)))
        sql = f"SELECT count(*) FILTER ({every}) AS common, {counts} FROM ({_side_by_side(score_sets, tables)})"
        counted: dict[str, int] = store.query(sql).to_pylist()[0]
        return counted

    return memoized(store, ("counts in common", tuple(score_sets), tuple(tables)), look)


def common_sql(
    store: Store, score_sets: Sequence[ScoreSet], labels: Sequence[Label] | None = None
) -> tuple[str, list[Any]]:
    """Return a SELECT of the samples that all score sets have: sample_key, content_id, label, s0, s1, ..."""
    if len({scores.dataset_id for scores in score_sets}) != 1:
        raise UnknownNameError("Backbones can only be compared on one dataset. Choose scores of the same dataset.")
    condition, parameters = label_filter(labels)
    tables = tables_of(store, score_sets)
    if tables:
        every = " AND ".join(f"s{i} IS NOT NULL" for i in range(len(tables)))
        return f"SELECT * FROM ({_side_by_side(score_sets, tables)}) WHERE {condition} AND {every}", parameters
    columns = "".join(f", m{i}.{SCORE_COLUMN[scores.definition]} AS s{i}" for i, scores in enumerate(score_sets))
    joins = " ".join(
        f"JOIN ({store.measurements_sql(scores.key)}) AS m{i} USING (content_id)" for i, scores in enumerate(score_sets)
    )
    manifest = manifest_sql(store, score_sets[0].dataset_id)
    every = " AND ".join(f"s{i} IS NOT NULL" for i in range(len(score_sets)))
    return (
        f"SELECT * FROM (SELECT sample_key, content_id, label{columns} FROM ({manifest}) {joins}) "
        f"WHERE {condition} AND {every}"
    ), parameters


def numbered_sql(
    store: Store, score_sets: Sequence[ScoreSet], labels: Sequence[Label] | None = None
) -> tuple[str, list[Any]]:
    """Return `common_sql` with `row`, a number that grows with the sample key in each class.

    It replaces the key where carrying that would take twice as long.
    """
    sql, parameters = common_sql(store, score_sets, labels)
    # Score tables are already in that order.
    order = "" if tables_of(store, score_sets) else "ORDER BY sample_key"
    return f"SELECT *, row_number() OVER ({order}) AS row FROM ({sql})", parameters


def firsts_sql(num_sets: int, n: int) -> str:
    """Return aggregates over `numbered_sql`: the rows of the n least and most likely of each set, least0, most0, ..."""
    # With a heap: sorting every class under every backbone takes ten times as long.
    return "".join(
        f", list_transform(min(struct_pack(s := {sign}s{i}, k := row), {int(n)}), lambda x: x.k) AS {name}{i}"
        for i in range(num_sets)
        for name, sign in (("least", ""), ("most", "-"))
    )


def _side_by_side(score_sets: Sequence[ScoreSet], tables: Sequence[Path]) -> str:
    """Return a SELECT of every sample: row_id, sample_key, content_id, label, and each set's score and percentiles."""
    columns = "".join(
        f", t{i}.score AS s{i}, t{i}.percentile AS percentile{i}, t{i}.class_percentile AS class_percentile{i}"
        for i in range(len(tables))
    )
    parts = " POSITIONAL JOIN ".join(
        f"({table_sql(table, scores.definition)}) AS t{i}"
        for i, (scores, table) in enumerate(zip(score_sets, tables, strict=True))
    )
    return f"SELECT t0.row_id, t0.sample_key, t0.content_id, t0.label{columns} FROM {parts}"
