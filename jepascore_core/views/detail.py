"""Everything about one sample: its row, its scores, its spectrum and its place among the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from jepascore_core.errors import UnknownNameError
from jepascore_core.records import Sample
from jepascore_core.score import DEFINITIONS, Definition
from jepascore_core.store import Store
from jepascore_core.views.distribution import HistogramOptions, Histograms, histograms
from jepascore_core.views.formats import class_title
from jepascore_core.views.names import measured_titles
from jepascore_core.views.score_set import Label, ScoredSample, ScoreSet, has_labels, manifest_sql, scored_sql

#: Spectra of a class that its band is drawn from: enough for 5 and 95 %, little to read.
NUM_REFERENCE = 200
MAX_DUPLICATES = 50

_META = "meta."


@dataclass(frozen=True, slots=True)
class SampleScore:
    """A sample under one measured backbone. Places count from 1, the least likely sample."""

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

    def as_sample(self, sample: Sample) -> ScoredSample:
        """The same as an item of a gallery."""
        return ScoredSample(
            sample.sample_key,
            sample.content_id,
            sample.label,
            sample.split,
            self.score,
            self.class_percentile,
            self.percentile,
            self.rank,
            self.lower,
            self.upper,
            self.is_exact,
        )


@dataclass(frozen=True, slots=True, eq=False)
class SpectrumView:
    """Singular values [K], descending; and the median and 5-95 % band of some images of the same class."""

    singular_values: npt.NDArray[np.float64]
    rank: int
    class_title: str
    class_low: npt.NDArray[np.float64]
    class_median: npt.NDArray[np.float64]
    class_high: npt.NDArray[np.float64]
    num_reference: int


@dataclass(frozen=True, slots=True)
class PlaceView:
    """Histograms of the dataset and of the sample's class on common edges, and the sample's score."""

    histograms: Histograms
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class SampleDetail:
    """One sample. `chosen`, `spectrum` and `place` are None where the chosen backbone has not measured it; `spectrum`
    also where its score is an estimate.

    `duplicates` are the other samples of the dataset with the same bytes, at most `MAX_DUPLICATES` of `num_duplicates`.
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
    """The sample with this key, or else the first one with this content id.

    Raises:
        UnknownNameError: if the dataset has neither.
    """
    rows = store.query(
        f"SELECT * FROM ({manifest_sql(store, dataset_id)}) WHERE sample_key = $1 OR content_id = $1 "
        "ORDER BY sample_key = $1 DESC, sample_key LIMIT 1",
        [key_or_content_id],
    ).to_pylist()
    if not rows:
        name = store.catalogue.dataset(dataset_id).name
        raise UnknownNameError(
            f"The dataset {name!r} has no sample {key_or_content_id!r}. It may have gone when the dataset was "
            "indexed again: choose another sample."
        )
    return _sample(rows[0])


def _sample(row: dict[str, Any]) -> Sample:
    """A manifest row; empty user columns are left out."""
    metadata = {
        name.removeprefix(_META): value
        for name, value in row.items()
        if name.startswith(_META) and value is not None and value != ""
    }
    fields = [name for name in Sample.__slots__ if name != "metadata"]
    return Sample(**{name: row[name] for name in fields}, metadata=metadata)


def sample_detail(store: Store, chosen: ScoreSet, key_or_content_id: str) -> SampleDetail:
    """All about a sample of the dataset of `chosen`, with the scores of every backbone that measured it.

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
        spectrum=_spectrum(store, chosen, sample, own.rank, title) if own else None,
        place=_place(store, chosen, sample.label, title, own.score) if own else None,
        duplicates=duplicates,
        num_duplicates=num_duplicates,
    )


def sample_scores(store: Store, chosen: ScoreSet, sample: Sample) -> tuple[SampleScore, ...]:
    """The sample's score under every backbone and spec that measured it, the chosen one first, then by title."""
    found = []
    for measured, title in measured_titles(store).items():
        scores = ScoreSet(chosen.dataset_id, *measured, chosen.definition)
        row = _standing(store, scores, sample)
        if row is not None:
            found.append(SampleScore(scores=scores, title=title, **row))
    return tuple(sorted(found, key=lambda item: (item.scores != chosen, item.title)))


def scores_by_definition(store: Store, chosen: ScoreSet, sample: Sample) -> dict[str, dict[Definition, SampleScore]]:
    """Title of each backbone -> definition -> the sample's score; the chosen backbone first."""
    found: dict[str, dict[Definition, SampleScore]] = {}
    for definition in DEFINITIONS:
        for score in sample_scores(store, replace(chosen, definition=definition), sample):
            found.setdefault(score.title, {})[definition] = score
    return found


def _standing(store: Store, scores: ScoreSet, sample: Sample) -> dict[str, Any] | None:
    """Where the sample stands, by counting: one pass instead of the percentiles of every sample."""
    row = store.query(
        f"""
        WITH scored AS (
                SELECT sample_key, label, score, rank, lower, upper, is_exact FROM ({scored_sql(store, scores)})
            ),
            target AS (
                SELECT label AS own, score AS s, rank AS r, lower AS l, upper AS u, is_exact AS e
                FROM scored WHERE sample_key = $1
            )
        SELECT any_value(s) AS score, any_value(r) AS rank, any_value(l) AS lower, any_value(u) AS upper,
            any_value(e) AS is_exact, count(*) AS n,
            count(*) FILTER (score < s) AS below, count(*) FILTER (score = s) AS equal,
            count(*) FILTER (in_class) AS class_n,
            count(*) FILTER (in_class AND score < s) AS class_below,
            count(*) FILTER (in_class AND score = s) AS class_equal
        FROM (SELECT *, label IS NOT DISTINCT FROM own AS in_class FROM scored, target)
        """,
        [sample.sample_key],
    ).to_pylist()[0]
    if row["score"] is None:
        return None
    return {
        "score": row["score"],
        "rank": row["rank"],
        "percentile": 100 * (row["below"] + row["equal"] / 2) / row["n"],
        "place": row["below"] + 1,
        "num_scored": row["n"],
        "class_percentile": 100 * (row["class_below"] + row["class_equal"] / 2) / row["class_n"],
        "class_place": row["class_below"] + 1,
        "num_scored_in_class": row["class_n"],
        "lower": row["lower"],
        "upper": row["upper"],
        "is_exact": row["is_exact"],
    }


def _duplicates(store: Store, dataset_id: str, sample: Sample) -> tuple[tuple[Sample, ...], int]:
    rows = store.query(
        f"SELECT *, count(*) OVER () AS n FROM ({manifest_sql(store, dataset_id)}) "
        "WHERE content_id = $1 AND sample_key <> $2 ORDER BY sample_key LIMIT $3",
        [sample.content_id, sample.sample_key, MAX_DUPLICATES],
    ).to_pylist()
    return tuple(_sample(row) for row in rows), rows[0]["n"] if rows else 0


def _spectrum(store: Store, scores: ScoreSet, sample: Sample, rank: int, title: str) -> SpectrumView | None:
    """None for an estimate, which has no spectrum of its own.

    Content ids are hashes: the smallest ones of a class are a random, but always the same, part of it.
    """
    reference = store.query(
        f"SELECT DISTINCT content_id FROM ({scored_sql(store, scores)}) WHERE label IS NOT DISTINCT FROM $1 "
        "AND (is_exact OR lower IS NULL) ORDER BY content_id LIMIT $2",
        [sample.label, NUM_REFERENCE],
    )["content_id"].to_pylist()
    rows = store.query(
        f"SELECT content_id, log_singular_values AS logs "
        f"FROM ({store.measurements_sql(scores.backbone_id, scores.spec_id)}) WHERE content_id IN (SELECT unnest($1))",
        [[*reference, sample.content_id]],
    ).to_pylist()
    logs = {row["content_id"]: row["logs"] for row in rows}
    if logs[sample.content_id] is None:
        return None
    others = np.array([logs[item] for item in reference], dtype=np.float64)
    low, median, high = np.exp(np.quantile(others, [0.05, 0.5, 0.95], axis=0))
    own = np.exp(np.asarray(logs[sample.content_id], dtype=np.float64))
    return SpectrumView(own, rank, title, low, median, high, len(reference))


def _place(store: Store, scores: ScoreSet, label: Label, title: str, score: float) -> PlaceView:
    everything = histograms(store, [scores], HistogramOptions(bins=40))
    own_class = histograms(store, [scores], HistogramOptions(labels=(label,), edges=everything.edges))
    series = (
        replace(everything.series[0], title="Dataset"),
        replace(own_class.series[0], title=f"Class {title}", group=label),
    )
    return PlaceView(replace(everything, series=series), score)
