"""What a list can be filtered by: the values of each column with their counts, under all other filters.

A facet is a column of rules. What is chosen of it is one rule of the list, so that filters are rules, and rules that no
facet can show stay beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from jepascore_core.curation.columns.marks import marks_state, tag_rows
from jepascore_core.curation.columns.names import metadata_names, split_names
from jepascore_core.curation.columns.quality import QUALITY_ISSUE
from jepascore_core.curation.rules.column import META, Column
from jepascore_core.curation.rules.marked import Marked
from jepascore_core.curation.rules.model import And, Between, Curation, IsIn, Not, Or, Rule
from jepascore_core.curation.rules.printer import column_text, rule_text
from jepascore_core.curation.tags import tag_list
from jepascore_core.formatting import class_title
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import Label, ScoreSet, has_labels, read_version
from jepascore_core.storage.store import Store
from jepascore_core.views.browse import (
    DECIDED,
    BrowseQuery,
    Codes,
    Flags,
    Rows,
    all_of,
    browse,
    decided_filter,
    decision_codes,
    numbers_of,
    rule_filters,
    text_codes,
)

#: Bars of a column of numbers, and what is kept of its outliers: the outermost bars reach to the ends.
NUM_BINS = 32
OUTLIERS = 0.005
#: Beyond these, ten to their power is no number any more.
MAX_DIGITS = 300
#: A column whose largest values are so many times its middle is drawn on a logarithmic axis.
SKEWED = 8.0
#: Values of a column that are offered; a column of the user's own with more different texts than these is none.
MAX_VALUES = 5000
MAX_OWN_VALUES, MAX_OWN_COLUMNS = 1000, 12

Bins = npt.NDArray[np.float64]

#: Facets that are no columns.
TAGS, DECISIONS = "tag", "decided"
NO_TAG = "No tag"

_TITLES = {
    "label": "Class",
    "split": "Split",
    "score": "Score (nats)",
    QUALITY_ISSUE: "Image issues",
    "pixels": "Size (pixels)",
    "aspect": "Aspect (width / height)",
    "sharpness": "Sharpness",
    "brightness": "Brightness",
    "contrast": "Contrast",
}
_NUMBERS = ("pixels", "aspect", "sharpness", "brightness", "contrast")


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value with the number of samples that have it under all other filters. None = missing."""

    value: Label
    title: str
    count: int


@dataclass(frozen=True, slots=True)
class Facet:
    """One column to filter by. `name` is the column as rules write it, "decided", or "tag": a sample may have several.

    A facet of values has them in their order, and those that are `chosen`; one of numbers has the `edges` of its bars,
    [bins + 1], their `counts`, and the chosen limits `low` and `high`, None where there is none.
    """

    name: str
    title: str
    kind: Literal["values", "numbers", "decided", "tags"]
    values: tuple[FacetValue, ...] = ()
    chosen: tuple[Label, ...] = ()
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Facets:
    """All facets of a list. `rest` are the rules that none of them shows, each as text that `and` can join."""

    facets: tuple[Facet, ...]
    rest: tuple[str, ...]
    num_listed: int
    num_samples: int


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    """A column ready to be counted: a code per sample, [N], from -1 for a missing value, and what codes stand for."""

    column: Column
    title: str
    codes: npt.NDArray[np.integer]
    values: tuple[Label, ...] = ()
    titles: tuple[str, ...] = ()
    edges: tuple[float, ...] = field(default=())


@dataclass(frozen=True, slots=True, eq=False)
class _Tagged:
    """The tags of a dataset; of each tag of each sample, [M], the row, the position in `names`, if it is the first."""

    names: tuple[str, ...]
    rows: Rows
    codes: Codes
    is_first: Flags


def facets(store: Store, query: BrowseQuery) -> Facets:
    """Return what the list of a query can be filtered by.

    Raises:
        UnknownNameError, DatasetNotReadyError, RuleError: as `browse.browse`.
    """
    counted = _counted_columns(store, query.scores)
    tagged = _tagged(store, query.scores)
    chosen, rest = _split_rules(query.rules, counted, tagged.names)
    filters = {name: all_of(rule_filters(store, query.scores, Curation((rule,)))) for name, rule in chosen.items()}
    filters[""] = all_of(rule_filters(store, query.scores, Curation(rest, query.rules.steps)))
    filters[DECISIONS] = decided_filter(store, query)
    found = [_facet(item, chosen.get(column_text(item.column)), _under_others(filters, item)) for item in counted]
    decisions = decision_codes(store, query.scores)
    marked = [_decided(decisions, query, _without(filters, DECISIONS))]
    if tagged.names:
        marked.append(_tag_facet(tagged, chosen.get(TAGS), _without(filters, TAGS), len(decisions)))
    place = _num_leading(counted)
    found[place:place] = marked
    everything = all_of(list(filters.values()))
    num_listed = len(decisions) if everything is None else int(np.count_nonzero(everything))
    return Facets(tuple(found), tuple(map(_enclosed, rest)), num_listed, len(decisions))


def prepare(store: Store, query: BrowseQuery) -> None:
    """Read what the list of a query and its facets are made of, so that a browser that asks for them waits less.

    Raises:
        UnknownNameError, DatasetNotReadyError, RuleError: as `browse.browse`.
    """
    browse(store, query)
    _counted_columns(store, query.scores)
    _tagged(store, query.scores)
    decision_codes(store, query.scores)


def _num_leading(counted: Sequence[_Counted]) -> int:
    """Decisions and tags come after classes and splits."""
    return sum(item.column.name in ("label", "split") for item in counted)


def _under_others(filters: dict[str, Flags | None], item: _Counted) -> Flags | None:
    return _without(filters, column_text(item.column))


def _without(filters: dict[str, Flags | None], name: str) -> Flags | None:
    return all_of([flags for other, flags in filters.items() if other != name])


def _enclosed(rule: Rule) -> str:
    text = rule_text(rule)
    return f"({text})" if isinstance(rule, And | Or) else text


def _split_rules(
    rules: Curation, counted: Sequence[_Counted], tags: Sequence[str]
) -> tuple[dict[str, Rule], tuple[Rule, ...]]:
    """Return the first rule of each facet by its name, and the others."""
    known = {column_text(item.column): item for item in counted}
    chosen: dict[str, Rule] = {}
    rest = []
    for rule in rules.rules:
        name = column_text(rule.column) if isinstance(rule, IsIn | Between) else ""
        item = known.get(name)
        fits = item is not None and isinstance(rule, Between) == bool(item.edges)
        if chosen_tags(rule, tags):
            name, fits = TAGS, True
        if fits and name not in chosen:
            chosen[name] = rule
        else:
            rest.append(rule)
    return chosen, tuple(rest)


def _facet(item: _Counted, rule: Rule | None, among: Flags | None) -> Facet:
    codes = item.codes if among is None else item.codes[among]
    name = column_text(item.column)
    if item.edges:
        counts = np.bincount(codes[codes >= 0], minlength=len(item.edges) - 1)
        low, high = (rule.low, rule.high) if isinstance(rule, Between) else (None, None)
        return Facet(name, item.title, "numbers", edges=item.edges, counts=tuple(counts.tolist()), low=low, high=high)
    counts = np.bincount(codes + 1, minlength=len(item.values) + 1)
    chosen = rule.values if isinstance(rule, IsIn) else ()
    numbers = [*counts[1:].tolist(), int(counts[0])]
    listed = zip((*item.values, None), (*item.titles, class_title(None)), numbers, strict=True)
    has_missing = bool((item.codes < 0).any()) or None in chosen
    values = [FacetValue(*parts) for parts in listed if parts[0] is not None or has_missing]
    unknown = [FacetValue(value, class_title(value), 0) for value in chosen if value not in (*item.values, None)]
    return Facet(name, item.title, "values", (*unknown, *values), chosen=chosen)


def chosen_tags(rule: Rule | None, names: Sequence[str]) -> tuple[Label, ...]:
    """Return the tags of which a rule asks for any, None for no tag at all; () where it asks for something else."""
    match rule:
        case Marked(name="tag", value=str(tag), samples=None):
            return (tag,)
        case Or(rules=rules):
            found = [chosen_tags(item, names) for item in rules]
            return tuple(tags[0] for tags in found) if all(len(tags) == 1 and tags[0] for tags in found) else ()
        case Not(rule=inner):
            return (None,) if names and set(chosen_tags(inner, names)) == set(names) else ()
    return ()


def _tagged(store: Store, scores: ScoreSet) -> _Tagged:
    dataset = store.catalogue.dataset(scores.dataset_id)
    names = tuple(tag.name for tag in tag_list(store, dataset.dataset_id))
    key = ("facet tags", dataset.dataset_id, dataset.version, marks_state(store, dataset.dataset_id), names)

    def make() -> _Tagged:
        found = store.query(f"SELECT row_id, tag FROM {tag_rows(store, dataset)} ORDER BY row_id")
        rows = found["row_id"].to_numpy().astype(np.int32)
        texts = found["tag"].combine_chunks().dictionary_encode()
        place = np.array([names.index(name) for name in texts.dictionary.to_pylist()], np.int32)
        return _Tagged(names, rows, place[texts.indices.to_numpy()], np.diff(rows, prepend=-1) != 0)

    if not names:
        return _Tagged((), np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, bool))
    return memoized(store, key, make, "facet tags", 2)


def _tag_facet(tagged: _Tagged, rule: Rule | None, among: Flags | None, num_samples: int) -> Facet:
    holds = slice(None) if among is None else among[tagged.rows]
    counts = np.bincount(tagged.codes[holds], minlength=len(tagged.names)).tolist()
    number = num_samples if among is None else int(np.count_nonzero(among))
    untagged = number - int(np.count_nonzero(tagged.is_first[holds]))
    values = [FacetValue(name, name, count) for name, count in zip(tagged.names, counts, strict=True)]
    chosen = chosen_tags(rule, tagged.names)
    unknown = [FacetValue(name, str(name), 0) for name in chosen if name not in (*tagged.names, None)]
    return Facet(TAGS, "Tag", "tags", (*unknown, *values, FacetValue(None, NO_TAG, untagged)), chosen=chosen)


def _decided(codes: Codes, query: BrowseQuery, among: Flags | None) -> Facet:
    counts = np.bincount(codes if among is None else codes[among], minlength=3).tolist()
    titles = {"open": "Undecided", "keep": "Keep", "drop": "Drop"}
    values = tuple(FacetValue(name, title, counts[place]) for place, (name, title) in enumerate(titles.items()))
    chosen = () if query.decided == DECIDED[0] else (query.decided,)
    return Facet(DECISIONS, "Decision", "decided", values, chosen)


def _counted_columns(store: Store, scores: ScoreSet) -> tuple[_Counted, ...]:
    """Return the columns that this dataset can be filtered by, each coded once."""
    key = ("facet columns", scores, read_version(store, scores))

    def make() -> tuple[_Counted, ...]:
        found = []
        names = ["label"] if has_labels(store, scores.dataset_id) else []
        names += ["split"] if split_names(store, scores.dataset_id) else []
        names += ["score"] if scores.is_measured and scores.key.has_scores else []
        columns = [Column(name) for name in (*names, QUALITY_ISSUE, *_NUMBERS)]
        columns += [Column(META, key=name) for name in metadata_names(store, scores.dataset_id)[:MAX_OWN_COLUMNS]]
        for column in columns:
            item = _coded(store, scores, column)
            if item is not None:
                found.append(item)
        return tuple(found)

    return memoized(store, key, make, "browse facets", 2)


def _coded(store: Store, scores: ScoreSet, column: Column) -> _Counted | None:
    """Return a column coded; None where there is nothing to choose from."""
    title = column.key if column.name == META else _TITLES[column.name]
    numbers = numbers_of(store, scores, column)
    if numbers is not None:
        return _binned(column, str(title), numbers)
    codes, names = text_codes(store, scores, column)
    most = MAX_OWN_VALUES if column.name == META else MAX_VALUES
    is_one = len(names) + bool((codes < 0).any()) < 2
    if len(names) > most or (is_one and column.name != "label"):
        return None
    return _Counted(column, str(title), codes, names, tuple(class_title(name) for name in names))


def _binned(column: Column, title: str, numbers: npt.NDArray[np.float64]) -> _Counted | None:
    is_known = np.isfinite(numbers)
    known = numbers[is_known]
    if not len(known) or known.min() == known.max():
        return None
    edges = bin_edges(known)
    codes = np.full(len(numbers), -1, np.int8)
    inner = np.searchsorted(edges, known, "right") - 1
    codes[is_known] = np.clip(inner, 0, len(edges) - 2)
    return _Counted(column, title, codes, edges=tuple(edges.tolist()))


def bin_edges(known: npt.NDArray[np.float64], bins: int = NUM_BINS) -> Bins:
    """Return the edges of bars for these numbers, ascending; evenly spaced, or on a logarithmic axis where skewed.

    Outliers are in the outermost bars, whose edges are the smallest and the largest number.
    """
    low, middle, high = np.quantile(known, [OUTLIERS, 0.5, 1 - OUTLIERS])
    is_whole = bool((known == np.floor(known)).all())
    if low > 0 and high > SKEWED * middle:
        inner = np.geomspace(low, high, bins + 1)
    else:
        inner = np.linspace(low, high, bins + 1)
    inner = np.floor(inner) if is_whole else _rounded(inner)
    edges: Bins = np.unique([known.min(), *inner[(inner > known.min()) & (inner < known.max())], known.max()])
    return edges


def _rounded(values: Bins) -> Bins:
    """Round numbers to what their differences need, so that limits are short to write."""
    span = float(values[-1] - values[0])
    step = max(span / max(len(values) - 1, 1), np.finfo(np.float64).tiny)
    digits = 2 - int(np.floor(np.log10(step))) if span > 0 else 6
    return np.round(values, min(max(digits, 0), MAX_DIGITS))
