"""One sample in detail: its row, its scores, its spectrum and its position among the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from jepascore_core.errors import UnknownNameError
from jepascore_core.formatting import class_title
from jepascore_core.records.datasets import DatasetRecord, Sample
from jepascore_core.records.quality import quality_of
from jepascore_core.score import DEFINITIONS, Definition
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.row_index import content_rows_sql
from jepascore_core.scores.score_set import (
    Label,
    ScoreSet,
    has_labels,
    label_filter,
    read_version,
    scored_sql,
    table_of,
)
from jepascore_core.scores.tables import any_table, every_definition_sql, table_sql
from jepascore_core.scores.titles import measured_titles
from jepascore_core.storage.store import Store
from jepascore_core.storage.ties import percentile_of, standing
from jepascore_core.views.distribution import MAX_BINS, HistogramOptions, Histograms, histograms, widened

#: Spectra of a class from which its band is drawn: enough for 5 and 95 %, and fast to read at a million samples.
NUM_REFERENCE = 100
MAX_DUPLICATES = 50

_META = "meta."

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SampleScore:
    """A sample under one measured backbone. Positions count from 1, the least likely sample.

    `view_spread` is the standard deviation of the scores of its views, None where the image itself was measured.
    """

    scores: ScoreSet
    title: str
    score: float
    rank: int
    percentile: float
    place: int
    num_scored: int
    class_percentile: float
    class_place: int
    num_scored_in_class: int
    lower: float | None
    upper: float | None
    is_exact: bool
    view_spread: float | None


@dataclass(frozen=True, slots=True)
class DefinedScore:
    """A sample's score under one score variant; `class_percentile` is comparable across backbones and variants."""

    score: float
    class_percentile: float
    is_exact: bool


@dataclass(frozen=True, slots=True, eq=False)
class SpectrumView:
    """Singular values [K], descending; and the median and 5-95 % band of some images of the same class."""

    singular_values: Floats
    rank: int
    class_low: Floats
    class_median: Floats
    class_high: Floats
    num_reference: int


@dataclass(frozen=True, slots=True)
class PlaceView:
    """Histograms of the dataset and of the sample's class on common edges, and the sample's score."""

    histograms: Histograms
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class SampleDetail:
    """One sample.

    `chosen`, `spectrum` and `place` are None where the chosen backbone has not measured it; `spectrum` also where its
    score is an estimate or of views. `duplicates` are the other samples of the dataset with the same bytes, at most
    `MAX_DUPLICATES` of `num_duplicates`.
    """

    sample: Sample
    class_title: str
    scores: tuple[SampleScore, ...]
    chosen: SampleScore | None
    spectrum: SpectrumView | None
    place: PlaceView | None
    duplicates: tuple[Sample, ...]
    num_duplicates: int


def find_sample(store: Store, dataset_id: str, key_or_content_id: str) -> Sample:
    """Return the sample with this key, or else the first one with this content id.

    Raises:
        UnknownNameError: if the dataset has neither.
    """
    dataset = store.catalogue.dataset(dataset_id)
    about = ("sample", dataset_id, dataset.version, key_or_content_id)
    return memoized(store, about, lambda: _find_sample(store, dataset, key_or_content_id))


def _find_sample(store: Store, dataset: DatasetRecord, key_or_content_id: str) -> Sample:
    # One after the other: with OR every row would be read completely, and sorted.
    for column in ("sample_key", "content_id"):
        sql = f"SELECT * FROM ({_samples_sql(store, dataset)}) WHERE {column} = $1 ORDER BY sample_key LIMIT 1"
        rows = store.query(sql, [key_or_content_id]).to_pylist()
        if rows:
            return _sample(rows[0])
    raise UnknownNameError(
        f"The dataset {dataset.name!r} has no sample {key_or_content_id!r}. It may have been removed when the "
        "dataset was indexed again. Choose another sample."
    )


def _samples_sql(store: Store, dataset: DatasetRecord) -> str:
    """Return the manifest as SQL, from a score table if there is one, of which only the part around a key is read."""
    table = any_table(store, dataset)
    return table_sql(table, "rank") if table else store.manifest_sql(dataset)


def _sample(row: dict[str, Any]) -> Sample:
    """Convert a manifest row to a sample; empty user columns are left out."""
    metadata = {
        name.removeprefix(_META): value
        for name, value in row.items()
        if name.startswith(_META) and value is not None and value != ""
    }
    fields = [name for name in Sample.__slots__ if name not in ("metadata", "quality")]
    return Sample(**{name: row[name] for name in fields}, metadata=metadata, quality=quality_of(row))


def sample_detail(store: Store, chosen: ScoreSet, key_or_content_id: str) -> SampleDetail:
    """Return all about a sample of the dataset of `chosen`, with the scores of every backbone that measured it.

    Raises:
        UnknownNameError: if the dataset has no such sample.
    """
    sample = find_sample(store, chosen.dataset_id, key_or_content_id)
    scores = sample_scores(store, chosen, sample)
    own = next((item for item in scores if item.scores == chosen), None)
    duplicates, num_duplicates = _duplicates(store, chosen.dataset_id, sample)
    title = class_title(sample.label, alone=sample.label is None and not has_labels(store, chosen.dataset_id))
    return SampleDetail(
        sample=sample,
        class_title=title,
        scores=scores,
        chosen=own,
        spectrum=_spectrum(store, chosen, sample, own.rank) if own else None,
        place=_place(store, chosen, sample.label, title, own.score) if own else None,
        duplicates=duplicates,
        num_duplicates=num_duplicates,
    )


def sample_scores(store: Store, chosen: ScoreSet, sample: Sample) -> tuple[SampleScore, ...]:
    """Return the sample's score under every backbone and spec that measured it, the chosen one first, then by title."""
    found = []
    for measured, title in measured_titles(store).items():
        scores = ScoreSet(chosen.dataset_id, measured, chosen.definition)
        row = _standing(store, scores, sample)
        if row is not None:
            found.append(SampleScore(scores=scores, title=title, **row))
    return tuple(sorted(found, key=lambda item: (item.scores != chosen, item.title)))


def scores_by_definition(store: Store, chosen: ScoreSet, sample: Sample) -> dict[str, dict[Definition, DefinedScore]]:
    """Return backbone title -> score variant -> the sample's score; the chosen backbone first, then by title."""
    found: dict[str, dict[Definition, DefinedScore]] = {}
    titles = measured_titles(store)
    for measured in sorted(titles, key=lambda item: (item != chosen.key, titles[item])):
        scores = ScoreSet(chosen.dataset_id, measured)
        about = ("defined scores", scores, read_version(store, scores), sample.sample_key)
        defined = memoized(store, about, partial(_by_definition, store, scores, sample))
        if defined:
            found[titles[measured]] = defined
    return found


def _by_definition(store: Store, scores: ScoreSet, sample: Sample) -> dict[Definition, DefinedScore]:
    table = table_of(store, scores)
    if table is None:
        found: dict[Definition, DefinedScore] = {}
        for name in DEFINITIONS:
            own = _own_row(store, replace(scores, definition=name), sample, ", class_percentile")
            if own is not None:
                found[name] = DefinedScore(own["score"], own["class_percentile"], own["is_exact"])
        return found
    row = _row_of(store, every_definition_sql(table), sample)
    if row is None:
        return {}
    return {
        name: DefinedScore(row[f"score_{name}"], row[f"class_percentile_{name}"], row["is_exact"])
        for name in DEFINITIONS
        if row[f"score_{name}"] is not None
    }


def _own_row(store: Store, scores: ScoreSet, sample: Sample, more: str = "") -> dict[str, Any] | None:
    columns = f"label, sample_key, score, rank, lower, upper, is_exact, view_spread{more}"
    return _row_of(store, f"SELECT {columns} FROM ({scored_sql(store, scores)})", sample)


def _row_of(store: Store, sql: str, sample: Sample) -> dict[str, Any] | None:
    # The class is named, so that only its part of a score table is read.
    condition, parameters = label_filter([sample.label])
    found = store.query(
        f"SELECT * EXCLUDE (label, sample_key) FROM ({sql}) WHERE {condition} AND sample_key = ${len(parameters) + 1}",
        [*parameters, sample.sample_key],
    )
    return found.to_pylist()[0] if found.num_rows else None


def _standing(store: Store, scores: ScoreSet, sample: Sample) -> dict[str, Any] | None:
    """Return the sample's position by counting, which reads scores only and needs no sorting."""
    own = _own_row(store, scores, sample)
    if own is None:
        return None
    sql = f"""SELECT is_own, {standing("score", "$1::DOUBLE")} FROM (
        SELECT label IS NOT DISTINCT FROM $2 AS is_own, score FROM ({scored_sql(store, scores)})) GROUP BY is_own"""
    parts = store.query(sql, [own["score"], sample.label]).to_pylist()
    in_class = next(part for part in parts if part["is_own"])
    below, equal, n = (sum(part[name] for part in parts) for name in ("below", "equal", "n"))
    return own | {
        "percentile": percentile_of(below, equal, n),
        "place": below + 1,
        "num_scored": n,
        "class_percentile": percentile_of(*(in_class[name] for name in ("below", "equal", "n"))),
        "class_place": in_class["below"] + 1,
        "num_scored_in_class": in_class["n"],
    }


def _duplicates(store: Store, dataset_id: str, sample: Sample) -> tuple[tuple[Sample, ...], int]:
    dataset = store.catalogue.dataset(dataset_id)
    near = content_rows_sql(store, dataset, any_table(store, dataset), [sample.content_id])
    rows = store.query(
        f"SELECT *, count(*) OVER () AS n FROM ({_samples_sql(store, dataset)}) "
        f"WHERE {near} AND content_id = $1 AND sample_key <> $2 ORDER BY sample_key LIMIT $3",
        [sample.content_id, sample.sample_key, MAX_DUPLICATES],
    ).to_pylist()
    return tuple(_sample(row) for row in rows), rows[0]["n"] if rows else 0


def _spectrum(store: Store, scores: ScoreSet, sample: Sample, rank: int) -> SpectrumView | None:
    """Return the spectrum of a sample; None for an estimate and for views, which have none."""
    own = _log_spectra(store, scores, [sample.content_id])
    if not len(own):
        return None
    about = ("band", replace(scores, definition="rank"), read_version(store, scores), sample.label)
    low, median, high, number = memoized(store, about, lambda: _band(store, scores, sample.label))
    return SpectrumView(np.exp(own[0]), rank, low, median, high, number)


def _band(store: Store, scores: ScoreSet, label: Label) -> tuple[Floats, Floats, Floats, int]:
    """Return quantiles 0.05, 0.5 and 0.95 of the singular values of images of a class, [K] each, and their number.

    Content ids are hashes: the smallest ones of a class are a random but fixed selection.
    """
    condition, parameters = label_filter([label])
    reference = store.query(
        f"SELECT DISTINCT content_id FROM ({scored_sql(store, scores)}) WHERE {condition} "
        f"AND (is_exact OR lower IS NULL) ORDER BY content_id LIMIT {NUM_REFERENCE}",
        parameters,
    )["content_id"].to_pylist()
    logs = _log_spectra(store, scores, reference)
    low, median, high = np.exp(np.quantile(logs, [0.05, 0.5, 0.95], axis=0))
    return low, median, high, len(logs)


def _log_spectra(store: Store, scores: ScoreSet, content_ids: list[str]) -> Floats:
    """Return the log singular values of the images that have some, [n, K] in order of the content ids."""
    # Ids as constants and no other condition: parts of shards without them are not read.
    listed = ", ".join(f"${place}" for place in range(1, len(content_ids) + 1))
    measured = store.measurements_sql(scores.key)
    sql = f"SELECT content_id, log_singular_values AS logs FROM ({measured}) WHERE content_id IN ({listed})"
    found = {row["content_id"]: row["logs"] for row in store.query(sql, content_ids).to_pylist()}
    return np.array([found[key] for key in sorted(found) if found[key] is not None], dtype=np.float64)


def _place(store: Store, scores: ScoreSet, label: Label, title: str, score: float) -> PlaceView:
    # The dataset's are counted once for all its classes, which need bins of different widths.
    everything = histograms(store, [scores], HistogramOptions(bins=MAX_BINS))
    own_class = histograms(store, [scores], HistogramOptions(labels=(label,), edges=everything.edges))
    series = (
        replace(everything.series[0], title="Dataset"),
        replace(own_class.series[0], title=f"Class {title}", group=label),
    )
    return PlaceView(widened(replace(everything, series=series)), score)
