"""Compare baseline scores with the JEPA-SCORE and, where a dataset names its defects, report which scores find them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jepascore_core.curation.columns.baselines import baseline_column
from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.measured import count_measured
from jepascore_core.curation.columns.names import metadata_names
from jepascore_core.curation.precompute.step import PrecomputeStep
from jepascore_core.curation.precompute.steps import slow_baselines
from jepascore_core.embeddings.baselines import MIN_IMAGES, Baseline
from jepascore_core.scores.coverage import MIN_COMMON
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import ScoreSet, version_key
from jepascore_core.scores.tables import current_vectors
from jepascore_core.storage.store import Store
from jepascore_core.trust.cache import cached_json

Values = npt.NDArray[np.float64]

SCORE_TITLE = "JEPA-SCORE"
BASELINE_TITLES: Mapping[Baseline, str] = {"knn": "k-NN", "mahalanobis": "Mahalanobis", "norm": "norm"}
#: The user column that names the defect of a sample, empty where there is none: the demo has it.
DEFECT_COLUMN = "contaminant"
LEAST_SHARE = 0.05
#: With fewer images nothing is reported; with fewer than `MIN_COMMON` no correlations.
MIN_COMPARED = 3
#: Increased when the computation changes, so that older results are not used.
METHOD = 2


@dataclass(frozen=True, slots=True)
class BaselineAgreement:
    """One baseline score beside the JEPA-SCORE.

    Rank correlation, and the share of the least likely 5 % that they have in common (5 % by chance).
    """

    title: str
    spearman: float
    shared_least: float


@dataclass(frozen=True, slots=True)
class DefectRow:
    """How often a sample with this defect scores below one without: 1 finds all, 0.5 is chance, 0 is inverted."""

    defect: str
    num_samples: int
    by_title: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class BaselineView:
    """Baseline scores of one dataset.

    `pending` are those that are not computed yet and take longer than a moment; `missing` the titles of those that need
    more images.
    """

    num_images: int
    agreements: tuple[BaselineAgreement, ...]
    defects: tuple[DefectRow, ...]
    pending: tuple[PrecomputeStep, ...]
    missing: tuple[str, ...]


def baseline_view(store: Store, scores: ScoreSet) -> BaselineView:
    """Return the baseline scores of the measured samples of a dataset; quick ones are computed at once.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    key = ("baseline view", scores, version_key(store, scores), slow_baselines(store, scores))
    return memoized(store, key, lambda: _baseline_view(store, scores))


def _baseline_view(store: Store, scores: ScoreSet) -> BaselineView:
    slow = slow_baselines(store, scores)
    dataset = store.catalogue.dataset(scores.dataset_id)
    vectors = current_vectors(store, dataset, scores.key)
    key = [METHOD, scores.definition, sorted(str(work.baseline) for work in slow)]
    found = cached_json(vectors, f"companions-{scores.definition}", key, lambda: _compare(store, scores, slow))
    return BaselineView(
        num_images=found["num_images"],
        agreements=tuple(BaselineAgreement(**row) for row in found["agreements"]),
        defects=tuple(DefectRow(**row) for row in found["defects"]),
        pending=slow if found["num_images"] >= MIN_COMPARED else (),
        missing=tuple(found["missing"]),
    )


def _compare(store: Store, scores: ScoreSet, slow: Sequence[PrecomputeStep]) -> dict[str, Any]:
    """Compute the view except for what is pending: baseline scores that are not slow beside the JEPA-SCORE."""
    cache, dataset = columns(store), store.catalogue.dataset(scores.dataset_id)
    base, score = cache.base(dataset), cache.score(dataset, scores)
    num_images = _count_images(store, scores, f"{base} POSITIONAL JOIN {score}", score)
    names, missing = {SCORE_TITLE: score}, []
    for baseline, title in BASELINE_TITLES.items():
        if num_images < max(MIN_IMAGES[baseline], MIN_COMPARED):
            missing.append(title)
        elif baseline == "norm":
            names[title] = cache.score(dataset, scores, baseline)
        elif baseline not in (work.baseline for work in slow):
            names[title] = baseline_column(store, scores, baseline)
    has_defects = DEFECT_COLUMN in metadata_names(store, scores.dataset_id)
    defect = cache.metadata(dataset, DEFECT_COLUMN) if has_defects else None
    beside = " POSITIONAL JOIN ".join([*names.values(), *([defect] if defect else [])])
    listed = ", ".join(
        [*(f'"{name}"' for name in names.values()), f'"{defect}" AS defect' if defect else "NULL AS defect"]
    )
    rows = store.query(f'SELECT {listed} FROM {base} POSITIONAL JOIN {beside} WHERE "{score}" IS NOT NULL')
    found = {title: rows[name].to_numpy().astype(np.float64) for title, name in names.items()}
    compared = [title for title in names if title != SCORE_TITLE] if num_images >= MIN_COMMON else []
    agreements = [_agreement(title, found[SCORE_TITLE], found[title]) for title in compared]
    defects = _defects(rows["defect"], found) if defect else ()
    return {
        "num_images": num_images,
        "agreements": [asdict(row) for row in agreements],
        "defects": [asdict(row) for row in defects],
        "missing": missing,
    }


def _count_images(store: Store, scores: ScoreSet, relation: str, score: str) -> int:
    """Count the images with a score and an embedding: estimates may have one without the other."""
    sql = f'SELECT count(DISTINCT content_id) AS n FROM {relation} WHERE "{score}" IS NOT NULL'
    return min(int(store.query(sql)["n"][0].as_py()), count_measured(store, scores))


def _agreement(title: str, first: Values, second: Values) -> BaselineAgreement:
    known = np.isfinite(first) & np.isfinite(second)
    (order, ranks), (other_order, other_ranks) = (_ranked(values[known]) for values in (first, second))
    least = max(1, round(LEAST_SHARE * known.sum()))
    shared = len(np.intersect1d(order[:least], other_order[:least])) / least
    ranks, other_ranks = ranks - ranks.mean(), other_ranks - other_ranks.mean()
    norm = float(np.sqrt(ranks @ ranks * (other_ranks @ other_ranks)))
    return BaselineAgreement(title, float(ranks @ other_ranks) / norm if norm else 0.0, shared)


def _defects(defects: pa.ChunkedArray, found: Mapping[str, Values]) -> tuple[DefectRow, ...]:
    named = defects.fill_null("").combine_chunks().dictionary_encode()
    codes, kinds = named.indices.to_numpy(), named.dictionary.to_pylist()
    is_clean = codes == kinds.index("") if "" in kinds else np.zeros(len(codes), bool)
    rows = []
    for kind in sorted(set(kinds) - {""}):
        has_it = codes == kinds.index(kind)
        below = {title: _below(values[has_it], values[is_clean]) for title, values in found.items()}
        rows.append(DefectRow(kind, int(has_it.sum()), below))
    return tuple(rows)


def _below(some: Values, others: Values) -> float:
    """Return how often one of `some` is below one of `others`, ties counting half (AUROC); NaN does not count."""
    some, others = some[np.isfinite(some)], others[np.isfinite(others)]
    if not (len(some) and len(others)):
        return 0.5
    ranks = _ranked(np.concatenate([some, others]))[1][: len(some)]
    return float(1 - (ranks.sum() - len(some) * (len(some) + 1) / 2) / (len(some) * len(others)))


def _ranked(values: Values) -> tuple[npt.NDArray[np.int64], Values]:
    """Return positions in ascending order, and ranks from 1; equal values share their mean rank."""
    # Both from one sort, which takes longest at a million values.
    order = np.argsort(values, kind="stable")
    firsts = np.flatnonzero(np.diff(values[order], prepend=np.nan) != 0)
    sizes = np.diff(firsts, append=len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(firsts + (sizes + 1) / 2, sizes)
    return order, ranks
