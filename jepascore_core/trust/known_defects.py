"""What a review of the lowest-scoring images finds, where a column of the dataset names the defects of its samples.

N defects are known, a reviewer looks at the lowest 5 % of the images: how many are found by the score, by the best
baseline score, and by chance?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jepascore_core.curation.columns.baselines import baseline_column
from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.measured import count_measured
from jepascore_core.curation.columns.names import metadata_names
from jepascore_core.curation.precompute.steps import slow_baselines
from jepascore_core.embeddings.baselines import MIN_IMAGES
from jepascore_core.formatting import plural
from jepascore_core.scores.measured import MeasuredChoice, measured_choices
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import ScoreSet, has_labels, version_key
from jepascore_core.scores.tables import current_vectors
from jepascore_core.storage.store import Store
from jepascore_core.trust.agreement import BASELINE_TITLES, DEFECT_COLUMN, SCORE_TITLE
from jepascore_core.trust.cache import cached_json
from jepascore_core.trust.planted.evaluate import evaluate_scores
from jepascore_core.trust.planted.result import SHARE, PlantedCell

Values = npt.NDArray[np.float64]

#: Increased when the numbers are computed in another way.
METHOD = 1
SCORE = "score"
#: Images of the review that are shown, the lowest first.
NUM_EXAMPLES = 24
#: Larger datasets have their result on the command line: it would take a page longer than a moment.
MAX_AT_ONCE = 50_000
#: What a score of one image cannot show.
ELSEWHERE = "Labels looks for wrong labels, Duplicates for copies."
#: An AUROC compares two of each at least.
MIN_KIND = 2
_PERCENT = 100 * SHARE


@dataclass(frozen=True, slots=True)
class ReviewOrder:
    """An order in which images are reviewed: by a score, from low to high, in the dataset or within their classes.

    `num_found` defects are in the budget, ties in random order; `auroc` is the mean over kinds of how often a defect is
    below a clean image. `rule` keeps all but the lowest 5 %.
    """

    name: str
    title: str
    is_baseline: bool
    within_class: bool
    rule: str
    num_found: int
    auroc: float

    @property
    def reviewed(self) -> str:
        """The rule that keeps only what is reviewed."""
        return self.rule.replace(">=", "<")


@dataclass(frozen=True, slots=True)
class ReviewedSample:
    """A sample of the recommended review; `defect` is None where it is clean."""

    sample_key: str
    content_id: str
    defect: str | None


@dataclass(frozen=True, slots=True)
class KnownDefects:
    """What is found among `num_samples` samples with a score, of which `kinds` maps defects to their number.

    The first of `orders` is the recommended one, which finds most; `budget` is how many images its rule drops. `cells`
    has each order for each kind of which there are two at least.
    """

    num_samples: int
    budget: int
    kinds: Mapping[str, int]
    orders: tuple[ReviewOrder, ...]
    cells: tuple[PlantedCell, ...]
    examples: tuple[ReviewedSample, ...]

    @property
    def num_defects(self) -> int:
        """All that could be found."""
        return sum(self.kinds.values())

    @property
    def by_chance(self) -> float:
        """Defects that a review of random images finds on average."""
        return self.budget * self.num_defects / self.num_samples

    @property
    def recommended(self) -> ReviewOrder:
        """The order that finds most."""
        return self.orders[0]

    @property
    def score(self) -> ReviewOrder:
        """The better of the orders by the JEPA-SCORE."""
        return _best([order for order in self.orders if not order.is_baseline])

    @property
    def baseline(self) -> ReviewOrder | None:
        """The best of the orders by baseline scores; None without any."""
        found = [order for order in self.orders if order.is_baseline]
        return _best(found) if found else None

    def cell(self, kind: str, order: str) -> PlantedCell:
        """Return the numbers of one kind and one order."""
        return next(cell for cell in self.cells if (cell.kind, cell.score) == (kind, order))

    @property
    def found_by_none(self) -> tuple[str, ...]:
        """Kinds that no order ranks below clean images, as far as their number can tell."""
        found = {cell.kind for cell in self.cells if cell.direction == "less likely"}
        return tuple(kind for kind in dict.fromkeys(cell.kind for cell in self.cells) if kind not in found)

    @property
    def failed_by_score(self) -> tuple[str, ...]:
        """Kinds that some order finds, and that the JEPA-SCORE does not rank below clean images."""
        cells = [cell for cell in self.cells if cell.score == self.score.name and cell.auroc <= 0.5]
        return tuple(cell.kind for cell in cells if cell.kind not in self.found_by_none)

    @property
    def headline(self) -> str:
        """Say in two sentences what the recommended review finds, and what chance finds."""
        best = self.recommended
        within = " within their classes" if best.within_class else ""
        return (
            f"Review the {plural(self.budget, 'image')} that {best.title} ranks lowest{within}: "
            f"{best.num_found:,} of them are among the {plural(self.num_defects, 'known defect')}. "
            f"Random images would hold {self.by_chance:.0f}."
        )

    @property
    def limits(self) -> tuple[str, ...]:
        """Sentences about kinds of defects that the score, or no score, finds."""
        sentences = []
        if failed := self.failed_by_score:
            sentences.append(
                f"{SCORE_TITLE} does not find these kinds: {kind_list(failed)}. To this encoder such images look as "
                "likely as clean ones, or likelier."
            )
        if missed := self.found_by_none:
            sentences.append(f"No score finds: {kind_list(missed)}. {ELSEWHERE}")
        return tuple(sentences)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary, ready for JSON, with what follows from the numbers."""
        concluded = {
            "num_defects": self.num_defects,
            "by_chance": self.by_chance,
            "recommended": self.recommended.name,
            "rule": self.recommended.rule,
            "summary": " ".join([self.headline, *self.limits]),
        }
        return {**asdict(self), "kinds": dict(self.kinds), **concluded}


def kind_title(kind: str) -> str:
    """Write a kind as words: "near duplicate" for "near_duplicate"."""
    return kind.replace("_", " ")


def kind_list(kinds: Sequence[str]) -> str:
    """List kinds as words: "blended, blurred and grey"."""
    *most, last = map(kind_title, kinds)
    return f"{', '.join(most)} and {last}" if most else last


def names_defects(store: Store, dataset_id: str) -> bool:
    """Whether a dataset has a column that names the defects of its samples.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    return DEFECT_COLUMN in metadata_names(store, dataset_id)


def result_to_show(store: Store, dataset_id: str) -> tuple[MeasuredChoice, KnownDefects] | None:
    """Return what the first page shows of a dataset: under the first backbone that measured all of it.

    None where defects or scores are not known, or where there are too many images to compute it at once.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `known_defects`.
    """
    if not names_defects(store, dataset_id):
        return None
    first = next((choice for choice in measured_choices(store, dataset_id) if choice.key.has_scores), None)
    if first is None or not first.is_complete or first.num_samples > MAX_AT_ONCE:
        return None
    found = known_defects(store, first.scores(dataset_id))
    return None if found is None else (first, found)


def known_defects(store: Store, scores: ScoreSet) -> KnownDefects | None:
    """Compare what reviews by every score find; quick baseline scores are computed, slow ones left out until they are.

    None where no column names defects, or no measured sample has or lacks one.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    if not names_defects(store, scores.dataset_id):
        return None
    slow = [str(work.baseline) for work in slow_baselines(store, scores)]
    about = [METHOD, scores.definition, slow]

    def compute() -> KnownDefects | None:
        vectors = current_vectors(store, store.catalogue.dataset(scores.dataset_id), scores.key)
        name = f"known-defects-{scores.definition}"
        return _from_dict(cached_json(vectors, name, about, lambda: {"found": _compare(store, scores, slow)})["found"])

    return memoized(store, ("known defects", scores, version_key(store, scores), *slow), compute)


def _from_dict(found: dict[str, Any] | None) -> KnownDefects | None:
    if found is None:
        return None
    rows = {
        "orders": tuple(ReviewOrder(**row) for row in found["orders"]),
        "cells": tuple(PlantedCell(**row) for row in found["cells"]),
        "examples": tuple(ReviewedSample(**row) for row in found["examples"]),
    }
    return KnownDefects(**{**found, **rows})


def _compare(store: Store, scores: ScoreSet, slow: Sequence[str]) -> dict[str, Any] | None:
    names = _percentile_columns(store, scores, slow)
    cache, dataset = columns(store), store.catalogue.dataset(scores.dataset_id)
    base, defect = cache.base(dataset), cache.metadata(dataset, DEFECT_COLUMN)
    score = cache.score(dataset, scores)
    beside = " POSITIONAL JOIN ".join(dict.fromkeys([base, *names.values(), defect, score]))
    listed = ", ".join(f'"{column}" AS "{name}"' for name, column in names.items())
    rows = store.query(f"""SELECT sample_key, content_id, coalesce("{defect}", '') AS defect, {listed}
        FROM {beside} WHERE "{score}" IS NOT NULL ORDER BY sample_key""")
    kinds = np.array(rows["defect"].to_pylist(), dtype=np.str_)
    counts = {str(kind): int((kinds == kind).sum()) for kind in np.unique(kinds) if kind}
    if not counts or len(kinds) - sum(counts.values()) < MIN_KIND:
        return None
    values = {name: rows[name].to_numpy().astype(np.float64) for name in names}
    judged = [kind for kind, count in counts.items() if count >= MIN_KIND]
    cells = evaluate_scores(values, kinds.tolist(), judged)
    is_defect = kinds != ""
    first = [_order(name, values[name], is_defect, round(SHARE * len(kinds)), cells) for name in names]
    chosen = _best(first).name
    budget = int((values[chosen] < _PERCENT).sum())
    lowest = np.argsort(values[chosen], kind="stable")[: min(NUM_EXAMPLES, budget)]
    orders = [_order(name, values[name], is_defect, budget, cells) for name in names]
    orders.sort(key=lambda order: order.name != chosen)
    keys, ids = rows["sample_key"].take(lowest).to_pylist(), rows["content_id"].take(lowest).to_pylist()
    examples = [ReviewedSample(*row) for row in zip(keys, ids, [str(kinds[i]) or None for i in lowest], strict=True)]
    found = KnownDefects(len(kinds), budget, counts, tuple(orders), tuple(cells), tuple(examples))
    return asdict(found)


def _percentile_columns(store: Store, scores: ScoreSet, slow: Sequence[str]) -> dict[str, str]:
    """Columns of percentiles by the name of their order."""
    cache, dataset = columns(store), store.catalogue.dataset(scores.dataset_id)
    num_images = count_measured(store, scores)
    raw = {SCORE: cache.score(dataset, scores)}
    for baseline in BASELINE_TITLES:
        if num_images >= MIN_IMAGES[baseline] and baseline not in slow:
            is_norm = baseline == "norm"
            raw[baseline] = (
                cache.score(dataset, scores, baseline) if is_norm else baseline_column(store, scores, baseline)
            )
    places = {"": None, "class": "label"} if has_labels(store, scores.dataset_id) else {"": None}
    return {
        f"{name} within class" if within else name: cache.percentile(dataset, column, within)
        for name, column in raw.items()
        for within in places.values()
    }


def _order(
    name: str, values: Values, is_defect: npt.NDArray[np.bool_], budget: int, cells: Sequence[PlantedCell]
) -> ReviewOrder:
    score, _, within = name.partition(" ")
    found = [cell.auroc for cell in cells if cell.score == name]
    column = "class_percentile" if within else "percentile"
    return ReviewOrder(
        name=name,
        title=SCORE_TITLE if score == SCORE else next(text for key, text in BASELINE_TITLES.items() if key == score),
        is_baseline=score != SCORE,
        within_class=bool(within),
        rule=f"{column if score == SCORE else f'{column}[{score}]'} >= {_PERCENT:g}",
        num_found=round(found_in_budget(values, is_defect, budget)),
        auroc=float(np.mean(found)) if found else 0.5,
    )


def found_in_budget(values: Values, is_defect: npt.NDArray[np.bool_], budget: int) -> float:
    """Count defects among the `budget` lowest values [N], the mean over all orders of equal ones; NaN never counts."""
    known = np.isfinite(values)
    _, groups = np.unique(values[known], return_inverse=True)
    seen = np.concatenate([[0], np.cumsum(np.bincount(groups))])
    found = np.concatenate([[0], np.cumsum(np.bincount(groups, is_defect[known]))])
    return float(np.interp(budget, seen, found))


def _best(orders: Sequence[ReviewOrder]) -> ReviewOrder:
    return max(orders, key=lambda order: (order.num_found, order.auroc))
