"""What a dataset adds to a reference dataset: its samples by their distance to it, and the images that both have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.reference import (
    NUM_SHOWN,
    is_reference_known,
    reference_distance_column,
    reference_percentile_column,
    reference_scores,
    reference_spread,
)
from jepascore_core.curation.columns.shared_images import are_hashed, shared_images
from jepascore_core.curation.rules.column import REFERENCE_DISTANCE, Column
from jepascore_core.curation.rules.model import Between, Budget, Draw, Not
from jepascore_core.curation.rules.printer import clause_text
from jepascore_core.curation.summary import without_gaps
from jepascore_core.embeddings.baselines import NUM_NEIGHBOURS
from jepascore_core.formatting import percent_text, plural
from jepascore_core.scores.coverage import Coverage, full_coverage
from jepascore_core.scores.score_set import ScoredSample, ScoreSet, to_scored_samples
from jepascore_core.storage.store import Store

#: A sample is new to the reference if it is farther from it than this share of the reference's own images from the
#: rest of it: 5 % of a sample from the same distribution are.
USUAL_SHARE = 0.95
#: Decimals of that distance, which is rounded up.
LIMIT_DECIMALS = 4
#: Scores below this percentile of the reference count as unlikely there.
LOW_PERCENTILE = 5.0
#: Samples of the budget that is proposed at most.
MOST_PROPOSED = 10_000
#: Shared images that are named.
NUM_NAMED = 50


@dataclass(frozen=True, slots=True)
class SharedImage:
    """A sample whose image the reference has, too. `bits`: see `shared_images`; None = the same bytes."""

    sample_key: str
    content_id: str
    reference_key: str
    reference_content_id: str
    bits: int | None


@dataclass(frozen=True, slots=True)
class SharedImages:
    """Samples with the bytes, or else the look, of an image of the reference, and the first `NUM_NAMED` of each.

    `num_alike` is None where one of the two indexes has no perceptual hashes.
    """

    num_exact: int
    num_alike: int | None
    exact: tuple[SharedImage, ...]
    alike: tuple[SharedImage, ...]


@dataclass(frozen=True, slots=True)
class ReferenceImage:
    """An image of the reference beside a sample, and its cosine distance."""

    sample_key: str
    content_id: str
    distance: float


@dataclass(frozen=True, slots=True)
class ComparedSample:
    """A sample, its cosine distance to the nearest image of the reference, and the percentile of its score there."""

    sample: ScoredSample
    distance: float
    percentile: float


@dataclass(frozen=True, slots=True)
class ReferenceView:
    """A dataset relative to a reference. Only measured samples are compared; `num_compared` have a distance.

    `usual` is the cosine distance within which `USUAL_SHARE` of the reference's images have their 10th nearest other
    one, and `num_new` samples have theirs farther away; both None of a reference of a single image. `num_low` have a
    score below the `LOW_PERCENTILE` of the reference. `quantiles` are minimum, quartiles and maximum of the distances.
    """

    dataset: str
    reference: str
    num_compared: int
    coverage: Coverage
    reference_coverage: Coverage
    usual: float | None
    num_new: int | None
    num_low: int
    quantiles: tuple[float, ...]
    shared: SharedImages

    @property
    def compared_text(self) -> str:
        """How many samples are compared with how many."""
        own = _part(self.num_compared, self.coverage.num_samples, self.dataset)
        other = _part(self.reference_coverage.num_scored, self.reference_coverage.num_samples, self.reference)
        return f"{own} compared with {other}."

    @property
    def is_partial(self) -> bool:
        """Whether samples of either are missing that could still be measured."""
        return not (self.coverage.is_complete and self.reference_coverage.is_complete)

    @property
    def summary(self) -> str:
        """What the dataset adds, in a sentence or two."""
        low = percent_text(self.num_low / max(1, self.num_compared))
        scores = (
            f"{low} of the scores are among the lowest {LOW_PERCENTILE:g} % of {self.reference} "
            f"({LOW_PERCENTILE:g} % if the two were alike)."
        )
        if self.num_new is None or self.usual is None:
            return scores
        share, rest = percent_text(self.num_new / max(1, self.num_compared)), 100 - 100 * USUAL_SHARE
        return (
            f"{plural(self.num_new, 'sample')} ({share}) are farther from {self.reference} than {100 - rest:g} % of "
            f"its own images are from the rest of it ({rest:g} % if the two were alike). {scores}"
        )

    @property
    def shared_text(self) -> str:
        """How many samples the reference has already."""
        exact = f"{plural(self.shared.num_exact, 'sample')} with the same bytes as an image of {self.reference}"
        if self.shared.num_alike is None:
            return f"{exact}; near copies are unknown: index both again to compute perceptual hashes."
        return f"{exact}, {self.shared.num_alike:,} more look like one (perceptual hash)."


def _part(count: int, total: int, name: str) -> str:
    whole = plural(total, "sample")
    return f"{whole} of {name}" if count == total else f"{count:,} of {whole} of {name}"


def reference_view(store: Store, scores: ScoreSet, reference: str) -> ReferenceView:
    """Summarize a dataset relative to a reference; distances are computed now if they were not.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `reference_scores`.
        TooFewImagesError: if no embedding of the reference is finite.
    """
    there = reference_scores(store, scores, reference)
    nearest, tenth = (reference_distance_column(store, scores, reference, k) for k in (1, NUM_NEIGHBOURS))
    percentile = reference_percentile_column(store, scores, reference)
    spread = reference_spread(store, there, USUAL_SHARE)
    # As a rule writes it, so that the rule keeps what is counted.
    usual = None if spread is None else math.ceil(spread * 10**LIMIT_DECIMALS) / 10**LIMIT_DECIMALS
    (found,) = store.query(
        f"""SELECT count("{nearest}") AS compared, count(*) FILTER ("{tenth}" > $1::DOUBLE) AS new,
            count(*) FILTER ("{percentile}" < {LOW_PERCENTILE}) AS low,
            quantile_cont("{nearest}", [0, 0.25, 0.5, 0.75, 1]) AS quantiles
        FROM {nearest} POSITIONAL JOIN {tenth} POSITIONAL JOIN {percentile}""",
        [usual],
    ).to_pylist()
    records = [store.catalogue.dataset(item.dataset_id) for item in (scores, there)]
    return ReferenceView(
        dataset=records[0].name,
        reference=records[1].name,
        num_compared=found["compared"],
        coverage=full_coverage(store, scores),
        reference_coverage=full_coverage(store, there),
        usual=usual,
        num_new=None if usual is None else found["new"],
        num_low=found["low"],
        quantiles=tuple(found["quantiles"] or ()),
        shared=_shared(store, scores, there),
    )


def _shared(store: Store, scores: ScoreSet, reference: ScoreSet) -> SharedImages:
    both = [store.catalogue.dataset(item.dataset_id) for item in (scores, reference)]
    table = shared_images(store, *both)
    counted = store.query(f"SELECT count(*) FILTER (bits IS NULL) AS exact, count(bits) AS alike FROM {table}")
    (counts,) = counted.to_pylist()
    exact, alike = (
        tuple(
            SharedImage(**row)
            for row in store.query(f"SELECT * FROM {table} WHERE bits IS {state} LIMIT {NUM_NAMED}").to_pylist()
        )
        for state in ("NULL", "NOT NULL")
    )
    is_known = all(are_hashed(store, record) for record in both)
    return SharedImages(counts["exact"], counts["alike"] if is_known else None, exact, alike)


def farthest_samples(
    store: Store, scores: ScoreSet, reference: str, limit: int, offset: int = 0
) -> tuple[ComparedSample, ...]:
    """Return the samples that are farthest from a reference, the farthest first, then in order of their keys.

    Raises:
        UnknownNameError, DatasetNotReadyError, TooFewImagesError: as `reference_view`.
    """
    held, dataset = columns(store), store.catalogue.dataset(scores.dataset_id)
    score = held.score(dataset, scores)
    by_class, overall = (held.percentile(dataset, score, within) for within in ("label", None))
    distance = reference_distance_column(store, scores, reference)
    percentile = reference_percentile_column(store, scores, reference)
    relation = " POSITIONAL JOIN ".join((held.base(dataset), score, by_class, overall, distance, percentile))
    rows = store.query(
        f"""SELECT sample_key, content_id, label, split, "{score}" AS score, "{by_class}" AS class_percentile,
            "{overall}" AS percentile, "{score}_rank" AS rank, lower, upper, coalesce(is_exact, true) AS is_exact,
            "{distance}" AS reference_distance, "{percentile}" AS reference_percentile
        FROM {relation} WHERE "{distance}" IS NOT NULL
        ORDER BY "{distance}" DESC, row_id LIMIT {int(limit)} OFFSET {int(offset)}"""
    )
    listed = without_gaps(rows.to_pylist())
    return tuple(
        ComparedSample(sample, row["reference_distance"], _number(row["reference_percentile"]))
        for sample, row in zip(to_scored_samples(listed), listed, strict=True)
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def compared_rows(store: Store, scores: ScoreSet, reference: str) -> pa.Table:
    """Return all samples, the farthest from a reference first: what is not measured is NULL, and last.

    Columns: sample_key, uri, label, split, score, reference_distance, reference_percentile, nearest_key.

    Raises:
        UnknownNameError, DatasetNotReadyError, TooFewImagesError: as `reference_view`.
    """
    held, dataset = columns(store), store.catalogue.dataset(scores.dataset_id)
    there = store.catalogue.dataset(reference_scores(store, scores, reference).dataset_id)
    score, distance = held.score(dataset, scores), reference_distance_column(store, scores, reference)
    percentile = reference_percentile_column(store, scores, reference)
    relation = " POSITIONAL JOIN ".join((held.base(dataset), score, distance, percentile))
    return store.query(
        f"""SELECT sample_key, uri, label, split, "{score}" AS score, "{distance}" AS reference_distance,
            "{percentile}" AS reference_percentile, nearest_key
        FROM {relation} LEFT JOIN (
            SELECT content_id AS near, arg_min(sample_key, row_id) AS nearest_key FROM {held.base(there)} GROUP BY near
        ) ON near = "{distance}_nearest"[1]
        ORDER BY "{distance}" DESC NULLS LAST, row_id"""
    )


def nearest_in_reference(store: Store, scores: ScoreSet, reference: str, content_id: str) -> tuple[ReferenceImage, ...]:
    """Return the images of a reference that are nearest to one of the dataset, the nearest first.

    () if distances to it were not computed yet, or there are none for this image.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `reference_scores`.
    """
    there = reference_scores(store, scores, reference)
    if not is_reference_known(store, scores, there):
        return ()
    columns_of = [reference_distance_column(store, scores, reference, k) for k in range(1, NUM_SHOWN + 1)]
    held, dataset = columns(store), store.catalogue.dataset(scores.dataset_id)
    relation = " POSITIONAL JOIN ".join((held.base(dataset), *columns_of))
    listed = ", ".join(f'"{name}"' for name in columns_of)
    rows = store.query(
        f'SELECT [{listed}] AS distances, "{columns_of[0]}_nearest" AS nearest FROM {relation} WHERE content_id = $1',
        [content_id],
    ).to_pylist()
    if not rows or not rows[0]["nearest"]:
        return ()
    keys = first_keys(store, there.dataset_id, rows[0]["nearest"])
    pairs = zip(rows[0]["nearest"], rows[0]["distances"], strict=False)
    return tuple(ReferenceImage(keys[name], name, distance) for name, distance in pairs if name in keys)


def first_keys(store: Store, dataset_id: str, content_ids: list[str]) -> dict[str, str]:
    """Return the first sample key of each content id that a dataset has.

    Raises:
        UnknownNameError, DatasetNotReadyError: if there is no such dataset, or no index of it.
    """
    base = columns(store).base(store.catalogue.dataset(dataset_id))
    rows: list[dict[str, Any]] = store.query(
        f"""SELECT content_id, arg_min(sample_key, row_id) AS sample_key FROM {base}
        WHERE content_id IN (SELECT unnest($1::VARCHAR[])) GROUP BY content_id""",
        [content_ids],
    ).to_pylist()
    return {row["content_id"]: row["sample_key"] for row in rows}


def new_rule(view: ReferenceView) -> str | None:
    """Return the rule that keeps the samples that are new to the reference; None where nobody knows how far that is."""
    if view.usual is None:
        return None
    column = Column(REFERENCE_DISTANCE, reference=view.reference, k=NUM_NEIGHBOURS)
    return clause_text(Not(Between(column, None, view.usual)))


def far_budget(view: ReferenceView, draw: Draw) -> str:
    """Return the rule that keeps as many samples far from the reference as are new to it, or half of all."""
    n = max(1, min(MOST_PROPOSED, view.num_new or view.num_compared // 2))
    return f"all | {clause_text(Budget(n, draw, reference=view.reference))}"
