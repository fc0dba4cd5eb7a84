"""Which score finds which planted defect: AUROC, precision at a budget, direction, a sentence and a rule to copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jepascore_core.embeddings.companions import MIN_IMAGES, Companion, companion_scores_against
from jepascore_core.embeddings.files import to_matrix
from jepascore_core.errors import JepaScoreError
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.score import DEFINITIONS
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import ScoreSet, manifest_sql, scored_sql, version_key
from jepascore_core.scores.titles import DEFINITION_SHORT
from jepascore_core.storage.measurement_sql import SCORE_COLUMN
from jepascore_core.storage.store import Store
from jepascore_core.trust.agreement import COMPANION_TITLES
from jepascore_core.trust.cache import kept
from jepascore_core.trust.planted.build import DEFECT, ORIGIN
from jepascore_core.trust.planted.plan import kinds_of, options_of
from jepascore_core.trust.planted.requests import Planted, as_exact
from jepascore_core.trust.planted.statistics import Values, auroc, precision_at_budget

Direction = Literal["less likely", "more likely", "unclear"]

#: Raised when the numbers are computed in another way.
METHOD = 1
#: Share of defects in the mixture whose lowest-scoring images are reviewed: the cut that the app proposes first.
SHARE = 0.05
#: A score finds a kind if the 95 % interval of its AUROC lies above this: "acceptable discrimination" by Hosmer and
#: Lemeshow (2000). Below, a budget of 5 % holds mostly clean images.
FINDS = 0.7
#: Images that baseline scores judge by, at most, the first by content id, which is a hash: a fair sample.
MAX_REFERENCE = 50_000
WITHIN_CLASS = "class"
#: Of each kind so many images are shown.
NUM_EXAMPLES = 6

_NEAREST: tuple[Companion, ...] = ("knn", "mahalanobis", "norm")


@dataclass(frozen=True, slots=True)
class PlantedScore:
    """A score under test. `rule` keeps all but the lowest 5 %."""

    name: str
    title: str
    rule: str


@dataclass(frozen=True, slots=True)
class PlantedKind:
    """A kind of defect, how many of its images were measured, and the content ids of some of them."""

    name: str
    title: str
    num_defects: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlantedCell:
    """One score and one kind. `auroc` in [`lower`, `upper`] (95 %) says how often a defect scores below a clean image.

    `precision` is the share of defects among the lowest-scoring images, as many as there are defects, where 5 % of the
    images are defects.
    """

    kind: str
    score: str
    auroc: float
    lower: float
    upper: float
    precision: float

    @property
    def direction(self) -> Direction:
        """How the score ranks the defects against clean images; unclear where the interval holds 0.5."""
        if self.lower > 0.5:
            return "less likely"
        return "more likely" if self.upper < 0.5 else "unclear"

    @property
    def finds(self) -> bool:
        """Whether a low score is a sign of this defect."""
        return self.lower > FINDS

    @property
    def is_reversed(self) -> bool:
        """Whether a high score is a sign of this defect."""
        return self.upper < 1 - FINDS


@dataclass(frozen=True, slots=True)
class PlantedResult:
    """What was found; `cells` has each score for each kind. `num_failed` images could not be made or measured."""

    num_clean: int
    num_failed: int
    seed: int
    scores: tuple[PlantedScore, ...]
    kinds: tuple[PlantedKind, ...]
    cells: tuple[PlantedCell, ...]

    def cell(self, kind: str, score: str) -> PlantedCell:
        """The numbers of one score and one kind."""
        return next(cell for cell in self.cells if (cell.kind, cell.score) == (kind, score))

    def found_by(self, score: str) -> tuple[str, ...]:
        """Titles of the kinds that a score finds."""
        return tuple(kind.title for kind in self.kinds if self.cell(kind.name, score).finds)

    def reversed_by(self, score: str) -> tuple[str, ...]:
        """Titles of the kinds that a score ranks as more likely than clean images."""
        return tuple(kind.title for kind in self.kinds if self.cell(kind.name, score).is_reversed)

    @property
    def best(self) -> PlantedScore:
        """The score that finds most kinds; of equal ones that with the larger mean AUROC."""
        return max(self.scores, key=lambda score: self._worth(score.name))

    def _worth(self, score: str) -> tuple[int, float]:
        cells = [cell for cell in self.cells if cell.score == score]
        return sum(cell.finds for cell in cells), float(np.mean([cell.auroc for cell in cells]))

    @property
    def rule(self) -> str | None:
        """The rule that drops the lowest 5 % of the best score; None if no score finds anything."""
        return self.best.rule if self.found_by(self.best.name) else None

    @property
    def summary(self) -> str:
        """Say in a few sentences which score finds which defect, and which none finds."""
        total, best = len(self.kinds), self.best
        found = self.found_by(best.name)
        if not found:
            return f"None of the scores finds any of the {total} kinds of planted defects: do not cut by them here."
        texts = [f"{best.title} finds most: {len(found)} of {total} kinds of planted defects ({_listed(found)})."]
        own = next(score for score in self.scores if score.name == "rank")
        if best is not own:
            own_found = self.found_by(own.name)
            which = f" ({_listed(own_found)})" if own_found else ""
            texts.append(f"{own.title} finds {len(own_found)}{which}.")
        if turned := self.reversed_by(own.name):
            texts.append(f"{own.title} ranks these above clean images: {_listed(turned)}.")
        everywhere = {title for score in self.scores for title in self.found_by(score.name)}
        if missed := [kind.title for kind in self.kinds if kind.title not in everywhere]:
            texts.append(f"No score finds: {_listed(missed)}.")
        return " ".join(texts)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary, ready for JSON, with what follows from the numbers."""
        cells = [{**asdict(cell), "direction": cell.direction, "finds": cell.finds} for cell in self.cells]
        concluded = {"best": self.best.name, "rule": self.rule, "summary": self.summary}
        return {**asdict(self), "cells": cells, "share": SHARE, **concluded}


def planted_result(store: Store, scores: ScoreSet, planted: Planted) -> PlantedResult:
    """Evaluate measured defects; computed once for what is measured, then read.

    Raises:
        JepaScoreError: if the defects are not measured, or too few of them.
    """
    dataset = planted.dataset
    if dataset is None or dataset.version is None:
        raise JepaScoreError("These defects are not planted yet. Start with `jepascore trust plant`.")
    measured = ScoreSet(dataset.dataset_id, as_exact(scores, store).key)
    about = [METHOD, version_key(store, measured), version_key(store, scores)]

    def compute() -> PlantedResult:
        folder = store.index_folder(dataset) / scores.key.text
        folder.mkdir(exist_ok=True)
        found = kept(folder, "result", about, lambda: asdict(_evaluate(store, scores, dataset, measured)))
        return PlantedResult(
            found["num_clean"],
            found["num_failed"],
            found["seed"],
            tuple(PlantedScore(**row) for row in found["scores"]),
            tuple(PlantedKind(**{**row, "examples": tuple(row["examples"])}) for row in found["kinds"]),
            tuple(PlantedCell(**row) for row in found["cells"]),
        )

    return memoized(store, ("planted", dataset.dataset_id, scores.key, *about), compute)


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
        raise JepaScoreError("Too few of the planted images are measured. Plant again, or look at the run's failures.")
    read: dict[str, Values] = {name: rows[name].to_numpy().astype(np.float64) for name in DEFINITIONS}
    values = {name: column for name, column in read.items() if np.isfinite(column).any()}
    held_out = _held_out(rows["content_id"].to_pylist(), rows["origin"].to_pylist(), defects, options.all_kinds)
    labels = rows["label"].to_pylist()
    if any(label is not None for label in labels):
        values[WITHIN_CLASS] = _within_class(store, scores, values["rank"], labels, held_out)
    values.update(_baselines(store, scores, _matrix(rows), held_out))
    ids = np.array(rows["content_id"].to_pylist())
    examples = {kind.name: ids[np.array(defects) == kind.name][:NUM_EXAMPLES].tolist() for kind in kinds}
    return PlantedResult(
        num_clean=defects.count(""),
        num_failed=dataset.num_total - len(defects),
        seed=options.seed,
        scores=tuple(_describe(name) for name in values),
        kinds=tuple(
            PlantedKind(kind.name, kind.title, counts[kind.name], tuple(examples[kind.name])) for kind in kinds
        ),
        cells=tuple(evaluate_scores(values, defects, [kind.name for kind in kinds])),
    )


def _held_out(ids: Sequence[str], origins: Sequence[str], defects: Sequence[str], kinds: Sequence[Any]) -> list[str]:
    """Content ids that baseline scores must not have seen: clean images, and originals but those that were copied."""
    stays = {kind.name for kind in kinds if kind.keeps_original}
    rows = zip(ids, origins, defects, strict=True)
    return sorted({item for own, origin, defect in rows if defect not in stays for item in (own, origin)})


def _within_class(
    store: Store, scores: ScoreSet, values: Values, labels: Sequence[str | None], held_out: Sequence[str]
) -> Values:
    """Percentile of each score [N] among the dataset's images of its label; NaN where there is none."""
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
                ends = np.searchsorted(of_class, value, "left"), np.searchsorted(of_class, value, "right")
                found[index] = 50.0 * sum(ends) / len(of_class)
    return found


def _baselines(
    store: Store, scores: ScoreSet, embeddings: npt.NDArray[np.float32], held_out: Sequence[str]
) -> dict[str, Values]:
    """Baseline scores of planted images [N, K], judged by the rest of the dataset."""
    sql = f"""SELECT content_id, any_value(embedding) AS embedding FROM ({store.measurements_sql(scores.key)})
        SEMI JOIN ({manifest_sql(store, scores.dataset_id)}) AS manifest USING (content_id)
        WHERE embedding IS NOT NULL AND content_id NOT IN (SELECT unnest($1::VARCHAR[]))
        GROUP BY content_id ORDER BY content_id LIMIT {MAX_REFERENCE}"""
    reference = _matrix(store.query(sql, [list(held_out)]))
    reference = reference[np.isfinite(reference).all(axis=1)]
    enough = [name for name in _NEAREST if len(reference) >= MIN_IMAGES[name]]
    return {name: companion_scores_against(name, embeddings, reference) for name in enough}


def _matrix(rows: pa.Table) -> npt.NDArray[np.float32]:
    return to_matrix(rows["embedding"].combine_chunks()).astype(np.float32)


def _describe(name: str) -> PlantedScore:
    if name == WITHIN_CLASS:
        return PlantedScore(name, "Rank within class", "class_percentile >= 5")
    if name in DEFINITIONS:
        title = "JEPA-SCORE" if name == "rank" else DEFINITION_SHORT[name]
        column = "percentile" if name == "rank" else f"percentile[{name}]"
        return PlantedScore(name, title, f"{column} >= 5")
    title = next(title for companion, title in COMPANION_TITLES.items() if companion == name)
    return PlantedScore(name, title, f"percentile[{name}] >= 5")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(name[:1].lower() + name[1:] if not name[:4].isupper() else name for name in names)
