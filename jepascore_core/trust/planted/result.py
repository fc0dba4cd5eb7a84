"""What planted defects show: the numbers of each score and kind, the best score, a sentence and a rule to copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from jepascore_core.formatting import number_text
from jepascore_core.trust.planted.statistics import MeanAuroc

Direction = Literal["less likely", "more likely", "unclear"]

#: A score finds a kind if the 95 % interval of its AUROC lies above this: "acceptable discrimination" by Hosmer and
#: Lemeshow (2000). Below, a budget of 5 % holds mostly clean images.
FINDS = 0.7
#: Share of defects in the mixture whose lowest-scoring images are reviewed: the cut that the app proposes first.
SHARE = 0.05
#: Name of the percentile of the score within the class of an image.
WITHIN_CLASS = "class"
#: AUROC of a score that knows nothing of defects.
CHANCE = 0.5
#: Scores from embeddings alone.
BASELINES = ("knn", "mahalanobis", "norm")
#: A score whose mean AUROC is behind the best one's by less than this is as good, however narrow the interval: of 50
#: pairs of a defect and a clean image it orders one more in the wrong way.
NEGLIGIBLE = 0.02


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
    means: tuple[MeanAuroc, ...]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of `dataclasses.asdict`, also from JSON."""
        return cls(
            values["num_clean"],
            values["num_failed"],
            values["seed"],
            tuple(PlantedScore(**row) for row in values["scores"]),
            tuple(PlantedKind(**{**row, "examples": tuple(row["examples"])}) for row in values["kinds"]),
            tuple(PlantedCell(**row) for row in values["cells"]),
            tuple(MeanAuroc(**row) for row in values["means"]),
        )

    def score(self, name: str) -> PlantedScore | None:
        """Return the score with this name; None if it was not tested."""
        return next((score for score in self.scores if score.name == name), None)

    def mean(self, score: str) -> MeanAuroc:
        """Return the AUROC of a score over all kinds."""
        return next(mean for mean in self.means if mean.score == score)

    def cell(self, kind: str, score: str) -> PlantedCell:
        """Return the numbers of one score and one kind."""
        return next(cell for cell in self.cells if (cell.kind, cell.score) == (kind, score))

    def found_by(self, score: str) -> tuple[str, ...]:
        """Return the titles of the kinds that a score finds."""
        found = {cell.kind for cell in self.cells if cell.score == score and cell.finds}
        return tuple(kind.title for kind in self.kinds if kind.name in found)

    def reversed_by(self, score: str) -> tuple[str, ...]:
        """Return the titles of the kinds that a score ranks as more likely than clean images."""
        found = {cell.kind for cell in self.cells if cell.score == score and cell.is_reversed}
        return tuple(kind.title for kind in self.kinds if kind.name in found)

    @property
    def best(self) -> PlantedScore:
        """The score with the largest mean AUROC of those that find anything, else of all; of equal ones the first."""
        finders = [score for score in self.scores if self.found_by(score.name)]
        return max(finders or self.scores, key=lambda score: self.mean(score.name).mean)

    def is_as_good(self, score: str) -> bool:
        """Whether a score finds something and its mean AUROC is not clearly behind the best one's.

        It is clearly behind if the 95 % interval of the difference lies above 0 and the difference above `NEGLIGIBLE`.
        """
        found = self.mean(score)
        return bool(self.found_by(score)) and (found.behind_lower <= 0.0 or found.behind <= NEGLIGIBLE)

    @property
    def helps(self) -> bool:
        """Whether the best score finds a kind, and on average over all kinds orders better than chance."""
        return bool(self.found_by(self.best.name)) and self.mean(self.best.name).lower > CHANCE

    @property
    def rule(self) -> str | None:
        """The rule that drops the lowest 5 % of the best score; None if no score helps."""
        return self.best.rule if self.helps else None

    @property
    def found_by_none(self) -> tuple[PlantedKind, ...]:
        """The kinds that no score finds."""
        found = {cell.kind for cell in self.cells if cell.finds}
        return tuple(kind for kind in self.kinds if kind.name not in found)

    @property
    def summary(self) -> str:
        """Say in a few sentences which score finds which defect, and which none finds."""
        return self.summary_of("rank")

    def summary_of(self, own: str) -> str:
        """Return the summary with the score `own` beside the best one."""
        total, best = len(self.kinds), self.best
        found = self.found_by(best.name)
        if not found:
            return f"None of the scores finds any of the {total} kinds of planted defects."
        mean = self.mean(best.name)
        texts = [
            f"{best.title} is best: mean AUROC {mean.mean:.2f} (95 % interval {mean.lower:.2f} to {mean.upper:.2f}); "
            f"it finds {len(found)} of {total} kinds of planted defects ({listed(found)})."
        ]
        tested = self.score(own)
        if tested is not None and tested is not best:
            texts.append(self._beside_best(tested))
        if tested is not None and (turned := self.reversed_by(own)):
            texts.append(f"{tested.title} ranks these above clean images: {listed(turned)}.")
        if self.found_by_none:
            texts.append(f"No score finds: {listed([kind.title for kind in self.found_by_none])}.")
        return " ".join(texts)

    def _beside_best(self, score: PlantedScore) -> str:
        found, mean = self.found_by(score.name), self.mean(score.name)
        which = f" ({listed(found)})" if found else ""
        behind, lower, upper = (
            number_text(value, ".2f") for value in (mean.behind, mean.behind_lower, mean.behind_upper)
        )
        return (
            f"{score.title} finds {len(found)}{which}; its mean AUROC is {mean.mean:.2f}, {behind} behind "
            f"({lower} to {upper})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary, ready for JSON, with what follows from the numbers."""
        cells = [{**asdict(cell), "direction": cell.direction, "finds": cell.finds} for cell in self.cells]
        concluded = {"best": self.best.name, "rule": self.rule, "summary": self.summary}
        return {**asdict(self), "cells": cells, "share": SHARE, **concluded}


def listed(titles: Sequence[str]) -> str:
    """Name kinds within a sentence: "noise, strong JPEG"."""
    return ", ".join(title[:1].lower() + title[1:] if not title[:4].isupper() else title for title in titles)
