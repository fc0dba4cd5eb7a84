"""Which cheap companions say the same as the JEPA-SCORE and, where a dataset names its defects, which finds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jepascore_core.companions import MIN_IMAGES, Companion, companion_scores
from jepascore_core.curation.companion_columns import companion_values, count_measured
from jepascore_core.curation.neighbours import stored_embeddings
from jepascore_core.curation.preparing import Work, slow_companions
from jepascore_core.store import Store
from jepascore_core.views.score_set import ScoreSet, manifest_sql, scored_sql

Values = npt.NDArray[np.float64]

SCORE_TITLE = "JEPA-SCORE"
COMPANION_TITLES: Mapping[Companion, str] = {"knn": "k-NN", "mahalanobis": "Mahalanobis", "norm": "norm"}
#: The user column that names what is wrong with a sample, empty where nothing is: the demo has it.
DEFECT_COLUMN = "contaminant"
LEAST_SHARE = 0.05
#: Of fewer images nothing is said.
MIN_COMPARED = 3


@dataclass(frozen=True, slots=True)
class CompanionAgreement:
    """One companion beside the score: rank correlation, and the share of its least likely 5 % that they have in
    common (5 % would be by chance)."""

    title: str
    spearman: float
    shared_least: float


@dataclass(frozen=True, slots=True)
class DefectRow:
    """How often a sample with this defect scores below one without any: 1 finds all, 0.5 is chance, 0 upside down."""

    defect: str
    num_samples: int
    by_title: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class CompanionView:
    """What companions say of one dataset.

    `pending` are those that are still to be worked out, which takes longer than a moment; `missing` the titles of those
    that need more images.
    """

    num_images: int
    agreements: tuple[CompanionAgreement, ...]
    defects: tuple[DefectRow, ...]
    pending: tuple[Work, ...]
    missing: tuple[str, ...]


def companion_view(store: Store, scores: ScoreSet) -> CompanionView:
    """Companions of the measured samples of a dataset; what takes a moment is worked out now.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    columns = store.query(f"SELECT * FROM ({manifest_sql(store, scores.dataset_id)}) LIMIT 0").column_names
    name = f"meta.{DEFECT_COLUMN}"
    defect = f"coalesce(\"{name}\"::VARCHAR, '')" if name in columns else "''"
    rows = store.query(f"SELECT content_id, score, {defect} AS defect FROM ({scored_sql(store, scores)})")
    content_ids = np.array(rows["content_id"].to_pylist(), dtype=np.str_)
    # Estimates may have scores where no embedding was kept.
    num_images = min(len(np.unique(content_ids)), count_measured(store, scores))
    found: dict[str, Values] = {SCORE_TITLE: rows["score"].to_numpy().astype(np.float64)}
    pending = slow_companions(store, scores) if num_images >= MIN_COMPARED else ()
    missing = []
    for companion, title in COMPANION_TITLES.items():
        if num_images < max(MIN_IMAGES[companion], MIN_COMPARED):
            missing.append(title)
        elif companion not in (work.companion for work in pending):
            found[title] = _of_samples(store, scores, companion, content_ids)
    agreements = [_agreement(title, found[SCORE_TITLE], found[title]) for title in found if title != SCORE_TITLE]
    defects = _defects(np.array(rows["defect"].to_pylist(), dtype=np.str_), found)
    return CompanionView(num_images, tuple(agreements), defects, pending, tuple(missing))


def _of_samples(store: Store, scores: ScoreSet, companion: Companion, content_ids: npt.NDArray[np.str_]) -> Values:
    """A companion of each sample [N], NaN where it has none."""
    if companion == "norm":
        names, embeddings = stored_embeddings(store, scores)
        values = companion_scores("norm", names, embeddings)
    else:
        table: pa.Table = companion_values(store, scores, companion)
        names = np.array(table["content_id"].to_pylist(), dtype=np.str_)
        values = table["value"].to_numpy(zero_copy_only=False).astype(np.float64)
    order = np.argsort(names)
    places = np.clip(np.searchsorted(names, content_ids, sorter=order), 0, len(names) - 1)
    places = order[places]
    return np.where(names[places] == content_ids, values[places], np.nan)


def _agreement(title: str, first: Values, second: Values) -> CompanionAgreement:
    known = np.isfinite(first) & np.isfinite(second)
    ranks = [_ranks(values[known]) for values in (first, second)]
    least = max(1, round(LEAST_SHARE * known.sum()))
    lowest = [set(np.argsort(values, kind="stable")[:least].tolist()) for values in ranks]
    first, second = (values - values.mean() for values in ranks)
    norm = float(np.sqrt(first @ first * (second @ second)))
    spearman = float(first @ second) / norm if norm else 0.0
    return CompanionAgreement(title, spearman, len(lowest[0] & lowest[1]) / least)


def _defects(defects: npt.NDArray[np.str_], found: Mapping[str, Values]) -> tuple[DefectRow, ...]:
    rows = []
    for kind in sorted(set(defects.tolist()) - {""}):
        with_it = {title: _below(values[defects == kind], values[defects == ""]) for title, values in found.items()}
        rows.append(DefectRow(kind, int((defects == kind).sum()), with_it))
    return tuple(rows)


def _below(some: Values, others: Values) -> float:
    """How often one of `some` is below one of `others`, ties counting half (AUROC); NaN does not count."""
    some, others = some[np.isfinite(some)], others[np.isfinite(others)]
    if not (len(some) and len(others)):
        return 0.5
    ranks = _ranks(np.concatenate([some, others]))[: len(some)]
    return float(1 - (ranks.sum() - len(some) * (len(some) + 1) / 2) / (len(some) * len(others)))


def _ranks(values: Values) -> Values:
    """Ranks from 1; equal values share the mean of theirs."""
    from scipy.stats import rankdata

    ranks: Values = rankdata(values)
    return ranks
