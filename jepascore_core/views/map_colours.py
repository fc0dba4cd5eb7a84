"""What the points of a map are coloured by: a small number for each sample, and a legend of what they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.label_issues import are_label_issues_known
from jepascore_core.curation.columns.marks import tag_rows
from jepascore_core.curation.columns.names import split_names
from jepascore_core.curation.decisions import decisions_of
from jepascore_core.curation.evaluation.evaluate import evaluate
from jepascore_core.curation.journal import journal_state
from jepascore_core.curation.rules.column import Column
from jepascore_core.curation.rules.model import Curation
from jepascore_core.curation.rules.printer import to_text
from jepascore_core.curation.tags import TAG_COLOURS, tag_list
from jepascore_core.errors import RuleError
from jepascore_core.formatting import class_title
from jepascore_core.records.canonical import short_hash
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import ScoreSet, has_labels, read_version
from jepascore_core.storage.store import Store
from jepascore_core.views.browse import numbers_of, text_codes

#: What a map can be coloured by, besides `DISAGREEMENT` with a measurement key.
Property = Literal["label", "split", "percentile", "class_percentile", "verdict", "tag", "label_issue"]
Codes = npt.NDArray[np.uint8]

DISAGREEMENT = "disagreement:"
NOTHING = "nothing"
#: Groups with a colour of their own; the smaller ones share that of "other".
NAMED_GROUPS = 7
#: Steps of a scale of numbers, and the code of samples that have nothing to be coloured by.
NUM_STEPS, MISSING = 32, 255
VERDICTS = ("keep", "drop", "unscored")
MAX_KEPT = 8


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A code with what it stands for and the number of samples that have it. `colour` is a place in the palette."""

    code: int
    title: str
    count: int
    colour: int


@dataclass(frozen=True, slots=True, eq=False)
class Colouring:
    """A code for each sample in order of the keys, [N].

    Of groups the `entries` say what codes stand for, largest first, then "other". Of numbers codes are steps from `low`
    to `high`, which is above it only then; a `diverging` scale has its neutral colour in the middle.
    """

    codes: Codes
    entries: tuple[LegendEntry, ...] = ()
    low: float = 0.0
    high: float = 0.0
    diverging: bool = False


def offered_properties(store: Store, scores: ScoreSet) -> tuple[Property, ...]:
    """Return what the samples of a dataset can be coloured by."""
    dataset_id = scores.dataset_id
    found: list[Property] = ["label"] if has_labels(store, dataset_id) else []
    found += ["percentile", "class_percentile"] if scores.key.has_scores else []
    found += ["verdict"]
    found += ["split"] if split_names(store, dataset_id) else []
    found += ["tag"] if tag_list(store, dataset_id) else []
    found += ["label_issue"] if has_labels(store, dataset_id) else []
    return tuple(found)


def colouring_state(store: Store, scores: ScoreSet, by: str, rules: Curation) -> str:
    """Return a text that changes whenever the colouring may have."""
    parts: list[Any] = [
        scores.to_dict(),
        store.catalogue.dataset(scores.dataset_id).version,
        read_version(store, scores),
        by,
    ]
    if by in ("verdict", "tag"):
        parts += [journal_state(store, scores.dataset_id)]
        parts += [to_text(rules)] if by == "verdict" else [str(tag_list(store, scores.dataset_id))]
    if by == "label_issue":
        parts += [are_label_issues_known(store, scores)]
    if by.startswith(DISAGREEMENT):
        parts += [read_version(store, _other(scores, by))]
    return short_hash(parts, 20)


def colouring(store: Store, scores: ScoreSet, by: str, rules: Curation) -> Colouring:
    """Return the colouring of a dataset; `rules` count for verdicts only.

    Raises:
        RuleError: if there is no such property, or no scores for it.
        UnknownNameError, DatasetNotReadyError, TooFewImagesError: as `curation.evaluate`.
    """
    key = ("colouring", colouring_state(store, scores, by, rules))
    return memoized(store, key, lambda: _colouring(store, scores, by, rules), "colourings", MAX_KEPT)


def _colouring(store: Store, scores: ScoreSet, by: str, rules: Curation) -> Colouring:
    if by == "label" or by == "split":
        codes, names = text_codes(store, scores, Column(by))
        return grouped(codes, names)
    if by == "percentile" or by == "class_percentile":
        return scaled(_numbers(store, scores, Column(by)), 0.0, 100.0)
    if by == "label_issue":
        return scaled(_numbers(store, scores, Column(by)), 0.0, 1.0)
    if by == "verdict":
        return _verdicts(store, scores, rules)
    if by == "tag":
        return _tags(store, scores)
    if by.startswith(DISAGREEMENT):
        own, other = (_numbers(store, item, Column("percentile")) for item in (scores, _other(scores, by)))
        return scaled(other - own, -100.0, 100.0, diverging=True)
    if by == NOTHING:
        return Colouring(np.zeros(_count_samples(store, scores), np.uint8))
    raise RuleError(f"A map cannot be coloured by {by!r}. Choose another colour.")


def grouped(codes: npt.NDArray[np.int32], names: Sequence[str]) -> Colouring:
    """Colour groups [N], -1 = none: the largest have colours of their own, the others share one."""
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    order = sorted(range(len(names)), key=lambda place: (-counts[place], place))
    # "Other" for a single group would be no shorter than its name.
    own = order if len(order) <= NAMED_GROUPS + 1 else order[:NAMED_GROUPS]
    slots = np.full(len(names) + 1, len(own), np.uint8)
    slots[own] = np.arange(len(own))
    slots[-1] = MISSING
    entries = [LegendEntry(slot, class_title(names[place]), int(counts[place]), slot) for slot, place in enumerate(own)]
    rest = order[len(own) :]
    if rest:
        number = int(counts[rest].sum())
        entries.append(LegendEntry(len(own), f"other ({len(rest):,} more)", number, NAMED_GROUPS))
    return Colouring(slots[codes], (*entries, *_missing(slots[codes], class_title(None))))


def scaled(values: npt.NDArray[np.float64], low: float, high: float, *, diverging: bool = False) -> Colouring:
    """Colour numbers [N], NaN = none, by steps from low to high."""
    is_known = np.isfinite(values)
    codes = np.full(len(values), MISSING, np.uint8)
    steps = (values[is_known] - low) / (high - low) * NUM_STEPS
    codes[is_known] = np.clip(steps, 0, NUM_STEPS - 1).astype(np.uint8)
    return Colouring(codes, _missing(codes, "no value"), low, high, diverging)


def _verdicts(store: Store, scores: ScoreSet, rules: Curation) -> Colouring:
    found = evaluate(store, scores, rules, decisions_of(store, scores.dataset_id))
    case = " ".join(f"WHEN '{name}' THEN {code}" for code, name in enumerate(VERDICTS))
    sql = f"SELECT (CASE verdict {case} END)::UTINYINT AS code FROM {found.relation} ORDER BY row_id"
    codes: Codes = store.query(sql)["code"].to_numpy()
    counts = np.bincount(codes, minlength=len(VERDICTS)).tolist()
    # Blue, orange and grey, which nobody confuses.
    entries = zip(VERDICTS, counts, (0, 1, NAMED_GROUPS), strict=True)
    return Colouring(codes, tuple(LegendEntry(code, *entry) for code, entry in enumerate(entries) if entry[1]))


def _tags(store: Store, scores: ScoreSet) -> Colouring:
    """Colour each sample by its first tag in the order of the tags' keys."""
    dataset = store.catalogue.dataset(scores.dataset_id)
    tags = tag_list(store, scores.dataset_id)[:MISSING]
    place = {tag.name: number for number, tag in enumerate(tags)}
    rows = store.query(f"SELECT row_id, tag FROM {tag_rows(store, dataset)}")
    codes = np.full(_count_samples(store, scores), MISSING, np.uint8)
    held = np.array([place.get(tag, MISSING) for tag in rows["tag"].to_pylist()], np.uint8)
    np.minimum.at(codes, rows["row_id"].to_numpy(), held)
    counts = np.bincount(codes, minlength=MISSING + 1)
    entries = [
        LegendEntry(code, tag.name, int(counts[code]), TAG_COLOURS.index(tag.colour)) for code, tag in enumerate(tags)
    ]
    return Colouring(codes, (*entries, *_missing(codes, "no tag")))


def _count_samples(store: Store, scores: ScoreSet) -> int:
    base = columns(store).base(store.catalogue.dataset(scores.dataset_id))
    return int(store.query(f"SELECT count(*) AS n FROM {base}")["n"][0].as_py())


def _missing(codes: Codes, title: str) -> tuple[LegendEntry, ...]:
    number = int(np.count_nonzero(codes == MISSING))
    return (LegendEntry(MISSING, title, number, NAMED_GROUPS),) if number else ()


def _numbers(store: Store, scores: ScoreSet, column: Column) -> npt.NDArray[np.float64]:
    found = numbers_of(store, scores, column)
    assert found is not None
    return found


def _other(scores: ScoreSet, by: str) -> ScoreSet:
    try:
        key = MeasurementKey.parse(by.removeprefix(DISAGREEMENT))
    except ValueError as error:
        raise RuleError(str(error)) from error
    return ScoreSet(scores.dataset_id, key, scores.definition)
