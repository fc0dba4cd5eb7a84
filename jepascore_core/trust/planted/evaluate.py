"""Compare the scores of planted defects with those of clean images, and keep the result beside the planted images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jepascore_core.embeddings.baselines import MIN_IMAGES, Baseline, baseline_scores_against
from jepascore_core.embeddings.files import to_matrix
from jepascore_core.errors import JepaScoreError
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.score import DEFINITIONS
from jepascore_core.scores.auroc import auroc
from jepascore_core.scores.coverage import scores_state
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import ScoreSet, manifest_sql, scored_sql
from jepascore_core.scores.titles import DEFINITION_SHORT
from jepascore_core.storage.measurement_sql import SCORE_COLUMN
from jepascore_core.storage.store import Store
from jepascore_core.storage.ties import percentile_of
from jepascore_core.trust.agreement import BASELINE_TITLES, SCORE_TITLE
from jepascore_core.trust.cache import cached_json, read_cached
from jepascore_core.trust.planted.build import DEFECT, ORIGIN
from jepascore_core.trust.planted.plan import kinds_of, options_of
from jepascore_core.trust.planted.requests import Planted, as_exact
from jepascore_core.trust.planted.result import (
    SHARE,
    WITHIN_CLASS,
    PlantedCell,
    PlantedKind,
    PlantedResult,
    PlantedScore,
)
from jepascore_core.trust.planted.statistics import Values, mean_aurocs, precision_at_budget

#: Raised when the numbers are computed in another way.
METHOD = 2
#: Images that baseline scores judge by, at most, the first by content id, which is a hash: a fair sample.
MAX_REFERENCE = 50_000
#: Of each kind so many images are shown.
NUM_EXAMPLES = 6

_NEAREST: tuple[Baseline, ...] = ("knn", "mahalanobis", "norm")


def planted_result(store: Store, scores: ScoreSet, planted: Planted) -> PlantedResult:
    """Evaluate measured defects; cached until more are measured.

    Raises:
        JepaScoreError: if the defects are not measured, or too few of them.
    """
    dataset = planted.dataset
    if dataset is None or dataset.version is None:
        raise JepaScoreError("These defects are not planted yet. Start with `jepascore trust plant`.")
    measured = ScoreSet(dataset.dataset_id, as_exact(scores, store).key)
    about = _about(store, scores, dataset)

    def compute() -> PlantedResult:
        folder = _result_folder(store, dataset, scores)
        return PlantedResult.from_dict(
            cached_json(folder, "result", about, lambda: asdict(_evaluate(store, scores, dataset, measured)))
        )

    return memoized(store, ("planted", dataset.dataset_id, scores.key, *about), compute)


def stored_result(store: Store, scores: ScoreSet, dataset: DatasetRecord) -> tuple[PlantedResult, bool] | None:
    """Read what `planted_result` computed for planted images, and whether it still holds; None where there is nothing.

    It no longer holds if the dataset was indexed anew, or another number of its images is measured.
    """
    found = read_cached(_result_folder(store, dataset, scores), "result")
    if found is None or found.about[:1] != [METHOD]:
        return None
    return PlantedResult.from_dict(found.result), found.about == _about(store, scores, dataset)


def _result_folder(store: Store, dataset: DatasetRecord, scores: ScoreSet) -> Path:
    return store.index_folder(dataset) / scores.key.text


def _about(store: Store, scores: ScoreSet, dataset: DatasetRecord) -> list[Any]:
    measured = ScoreSet(dataset.dataset_id, as_exact(scores, store).key)
    return [METHOD, scores_state(store, measured), scores_state(store, scores)]


def evaluate_scores(values: Mapping[str, Values], defects: Sequence[str], kinds: Sequence[str]) -> list[PlantedCell]:
    """Compare scores [N] of images by the kind of defect of each, "" for a clean one; NaN does not count."""
    is_kind = {kind: np.array([item == kind for item in defects]) for kind in ("", *kinds)}
    cells = []
    for kind in kinds:
        for name, score in values.items():
            clean, bad = (score[chosen & np.isfinite(score)] for chosen in (is_kind[""], is_kind[kind]))
            cells.append(PlantedCell(kind, name, *auroc(clean, bad), precision_at_budget(clean, bad, SHARE)))
    return cells


def _evaluate(store: Store, scores: ScoreSet, dataset: DatasetRecord, measured: ScoreSet) -> PlantedResult:
    columns = ", ".join(f"{SCORE_COLUMN[name]} AS {name}" for name in DEFINITIONS)
    rows = store.query(f"""SELECT content_id, label, "meta.{DEFECT}" AS defect, "meta.{ORIGIN}" AS origin, embedding,
            {columns} FROM ({store.manifest_sql(dataset)})
        JOIN ({store.measurements_sql(measured.key)}) USING (content_id) ORDER BY sample_key""")
    defects = rows["defect"].to_pylist()
    options = options_of(dataset)
    counts = {kind.name: defects.count(kind.name) for kind in options.all_kinds}
    kinds = [kind for kind in kinds_of(True, options) if counts[kind.name] >= 2]
    if not kinds or defects.count("") < 2:
        raise JepaScoreError(
            "Too few of the planted images are measured. Plant again, or check the failures of the run."
        )
    read: dict[str, Values] = {name: rows[name].to_numpy().astype(np.float64) for name in DEFINITIONS}
    values = {name: column for name, column in read.items() if np.isfinite(column).any()}
    held_out = _held_out(rows["content_id"].to_pylist(), rows["origin"].to_pylist(), defects, options.all_kinds)
    labels = rows["label"].to_pylist()
    if any(label is not None for label in labels):
        values[WITHIN_CLASS] = _within_class(store, scores, values["rank"], labels, held_out)
    values.update(_baselines(store, scores, _matrix(rows), held_out))
    names, kind_of = [kind.name for kind in kinds], np.array(defects)
    values = {name: column for name, column in values.items() if _covers(column, kind_of, names)}
    cells = evaluate_scores(values, defects, names)
    finders = {cell.score for cell in cells if cell.finds}
    ids = np.array(rows["content_id"].to_pylist())
    examples = {kind.name: ids[kind_of == kind.name][:NUM_EXAMPLES].tolist() for kind in kinds}
    return PlantedResult(
        num_clean=defects.count(""),
        num_failed=dataset.num_total - len(defects),
        seed=options.seed,
        scores=tuple(_describe(name) for name in values),
        kinds=tuple(
            PlantedKind(kind.name, kind.title, counts[kind.name], tuple(examples[kind.name])) for kind in kinds
        ),
        cells=tuple(cells),
        means=tuple(mean_aurocs(values, defects, rows["origin"].to_pylist(), names, finders or values)),
    )


def _covers(score: Values, kind_of: npt.NDArray[np.str_], kinds: Sequence[str]) -> bool:
    """Whether a score is known of two clean images and two of each kind."""
    known = np.isfinite(score)
    return all((known & (kind_of == kind)).sum() >= 2 for kind in ("", *kinds))


def _held_out(ids: Sequence[str], origins: Sequence[str], defects: Sequence[str], kinds: Sequence[Any]) -> list[str]:
    """Return content ids to exclude from fits of baseline scores: clean images, and originals that were not copied."""
    stays = {kind.name for kind in kinds if kind.keeps_original}
    rows = zip(ids, origins, defects, strict=True)
    return sorted({item for own, origin, defect in rows if defect not in stays for item in (own, origin)})


def _within_class(
    store: Store, scores: ScoreSet, values: Values, labels: Sequence[str | None], held_out: Sequence[str]
) -> Values:
    """Return the percentile of each score [N] among the dataset's images with its label; NaN if there are none."""
    sql = f"""SELECT label, score FROM ({scored_sql(store, scores)})
        WHERE content_id NOT IN (SELECT unnest($1::VARCHAR[])) AND label IS NOT NULL ORDER BY label, score"""
    rows = store.query(sql, [list(held_out)])
    names, known = np.array(rows["label"].to_pylist(), dtype=np.str_), rows["score"].to_numpy()
    found = np.full(len(values), np.nan)
    for index, (value, label) in enumerate(zip(values, labels, strict=True)):
        if label is not None:
            first, last = np.searchsorted(names, label, "left"), np.searchsorted(names, label, "right")
            of_class = known[first:last]
            if len(of_class):
                below, up_to = (int(np.searchsorted(of_class, value, side)) for side in ("left", "right"))
                found[index] = percentile_of(below, up_to - below, len(of_class))
    return found


def _baselines(
    store: Store, scores: ScoreSet, embeddings: npt.NDArray[np.float32], held_out: Sequence[str]
) -> dict[str, Values]:
    """Return baseline scores of planted images [N, K], fitted on the rest of the dataset."""
    sql = f"""SELECT content_id, any_value(embedding) AS embedding FROM ({store.measurements_sql(scores.key)})
        SEMI JOIN ({manifest_sql(store, scores.dataset_id)}) AS manifest USING (content_id)
        WHERE embedding IS NOT NULL AND content_id NOT IN (SELECT unnest($1::VARCHAR[]))
        GROUP BY content_id ORDER BY content_id LIMIT {MAX_REFERENCE}"""
    reference = _matrix(store.query(sql, [list(held_out)]))
    reference = reference[np.isfinite(reference).all(axis=1)]
    enough = [name for name in _NEAREST if len(reference) >= MIN_IMAGES[name]]
    return {name: baseline_scores_against(name, embeddings, reference) for name in enough}


def _matrix(rows: pa.Table) -> npt.NDArray[np.float32]:
    return to_matrix(rows["embedding"].combine_chunks()).astype(np.float32)


def _describe(name: str) -> PlantedScore:
    if name == WITHIN_CLASS:
        return PlantedScore(name, "Rank within class", "class_percentile >= 5")
    if name in DEFINITIONS:
        title = SCORE_TITLE if name == "rank" else DEFINITION_SHORT[name]
        column = "percentile" if name == "rank" else f"percentile[{name}]"
        return PlantedScore(name, title, f"{column} >= 5")
    title = next(title for baseline, title in BASELINE_TITLES.items() if baseline == name)
    return PlantedScore(name, title, f"percentile[{name}] >= 5")
