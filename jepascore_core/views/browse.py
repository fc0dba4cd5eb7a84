"""The whole dataset as one list, filtered by rules and decisions, in order of any column; needs no backbone.

A filter or an order is one array over all samples: at a million rows a list is put together in milliseconds, and a page
of it is read by row number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.marks import tag_rows, tags_about
from jepascore_core.curation.columns.random_draws import shuffled_order
from jepascore_core.curation.decisions import decisions_of
from jepascore_core.curation.evaluation.compiler import Compiler
from jepascore_core.curation.evaluation.evaluate import Evaluator, evaluate
from jepascore_core.curation.evaluation.mark_column import marked_state
from jepascore_core.curation.journal import journal_state
from jepascore_core.curation.rules.column import META, TEXTS, Column
from jepascore_core.curation.rules.model import Between, Curation, Rule, curation_of
from jepascore_core.curation.rules.parser import parse_column
from jepascore_core.curation.rules.printer import rule_text, to_text
from jepascore_core.embeddings.baselines import BASELINES
from jepascore_core.errors import RuleError
from jepascore_core.formatting import natural_key
from jepascore_core.records.canonical import short_hash
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import Label, ScoreSet, read_version
from jepascore_core.storage.store import Store
from jepascore_core.storage.ties import comparable

Decided = Literal["any", "keep", "drop", "open"]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int32]
Codes = npt.NDArray[np.int32]

DECIDED: tuple[Decided, ...] = get_args(Decided)
#: Orders that are not those of a column.
BY_KEY, AT_RANDOM = "key", "random"
LIST_CHANGED = "The list has changed since these images were selected, so nothing was done. Select them again."
#: What is kept for each store: 4 MB each of lists, orders and codes at a million samples, 8 of numbers, 1 of filters.
MAX_VIEWS, MAX_ORDERS, MAX_CODES, MAX_NUMBERS, MAX_FILTERS = 6, 6, 16, 6, 24


@dataclass(frozen=True, slots=True)
class BrowseQuery:
    """Which samples of the dataset of `scores` to list, in which order.

    `scores` are those of rules and orders that name no backbone, `score_set.no_scores` where there is none. `rules`
    keep what is listed; decisions do not count in them. `sort` is "key", "random" or a column as rules write it;
    samples without a value come last.
    """

    scores: ScoreSet
    rules: Curation = field(default_factory=Curation)
    decided: Decided = "any"
    sort: str = BY_KEY
    descending: bool = False
    seed: int = 0

    @property
    def column(self) -> Column | None:
        """The column to sort by; None for an order of its own.

        Raises:
            RuleSyntaxError: if `sort` is not a column.
        """
        return None if self.sort in (BY_KEY, AT_RANDOM) else parse_column(self.sort)

    @property
    def needs(self) -> Curation:
        """Rules whose `pending_steps` are what this list needs."""
        column = self.column
        sorting = [] if column is None or is_text(column) else [Between(column, 0.0)]
        return curation_of([*self.rules.clauses, *sorting])


@dataclass(frozen=True, slots=True, eq=False)
class BrowseView:
    """The rows of a list in order, [total]; `identity` changes whenever what is listed or its order may have."""

    identity: str
    rows: Rows


@dataclass(frozen=True, slots=True)
class BrowsedSample:
    """One sample of a list. `value` is that of the column that the list is sorted by."""

    sample_key: str
    content_id: str
    label: Label
    width: int
    height: int
    value: float | str | None
    verdict: str | None
    tags: tuple[str, ...] = ()


def is_text(column: Column) -> bool:
    """Whether a column holds texts; one of the user's own is taken for numbers if all of it are."""
    return column.name in TEXTS


def browse(store: Store, query: BrowseQuery) -> BrowseView:
    """Return the list of a query.

    Raises:
        UnknownNameError, DatasetNotReadyError, RuleError: as `curation.evaluate`.
        TooFewImagesError: if the order needs more images than are measured.
    """
    identity = _identity(store, query)

    def make() -> BrowseView:
        order = sorted_rows(store, query)
        wanted = all_of([*rule_filters(store, query.scores, query.rules), decided_filter(store, query)])
        return BrowseView(identity, order if wanted is None else order[wanted[order]])

    return memoized(store, ("browse", identity), make, "browse views", MAX_VIEWS)


def browsed_samples(store: Store, query: BrowseQuery, view: BrowseView, first: int, number: int) -> list[BrowsedSample]:
    """Return a part of a list."""
    rows = view.rows[first : first + number]
    if not len(rows):
        return []
    dataset = store.catalogue.dataset(query.scores.dataset_id)
    base = columns(store).base(dataset)
    # As constants: parts of the table without them are not read.
    listed = ", ".join(map(str, sorted(rows.tolist())))
    read = store.query(
        f"SELECT row_id, sample_key, content_id, label, width, height FROM {base} WHERE row_id IN ({listed})"
    ).to_pylist()
    samples = {row.pop("row_id"): row for row in read}
    values = _values_at(store, query, rows)
    verdicts = decisions_of(store, dataset.dataset_id)
    tags = tags_about(store, dataset, {item["sample_key"]: item["content_id"] for item in samples.values()})
    found = []
    for row, value in zip(rows.tolist(), values, strict=True):
        key, content_id = samples[row]["sample_key"], samples[row]["content_id"]
        verdict = verdicts.get((key, content_id))
        found.append(BrowsedSample(**samples[row], value=value, verdict=verdict, tags=tags.get(key, ())))
    return found


def position_of(store: Store, query: BrowseQuery, view: BrowseView, sample_key: str) -> int | None:
    """Return where a sample is in a list, from 0; None if it is not in it."""
    base = columns(store).base(store.catalogue.dataset(query.scores.dataset_id))
    found = store.query(f"SELECT row_id FROM {base} WHERE sample_key = $1 LIMIT 1", [sample_key])["row_id"]
    places = np.flatnonzero(view.rows == (found[0].as_py() if len(found) else -1))
    return int(places[0]) if len(places) else None


def samples_in(
    store: Store, query: BrowseQuery, view: BrowseView, ranges: Sequence[tuple[int, int]]
) -> list[tuple[str, str]]:
    """Return the samples (sample key, content id) of some ranges [first, end) of a list, in its order."""
    rows = _rows_in(view, ranges)
    base = columns(store).base(store.catalogue.dataset(query.scores.dataset_id))
    if len(rows) <= 1000:
        listed = ", ".join(map(str, rows.tolist())) or "-1"
        found = store.query(f"SELECT row_id, sample_key, content_id FROM {base} WHERE row_id IN ({listed})").to_pylist()
        by_row = {row["row_id"]: (row["sample_key"], row["content_id"]) for row in found}
        return [by_row[row] for row in rows.tolist()]
    table = store.query(f"SELECT sample_key, content_id FROM {base} ORDER BY row_id").take(rows)
    return list(zip(table["sample_key"].to_pylist(), table["content_id"].to_pylist(), strict=True))


def all_have_tag(
    store: Store, query: BrowseQuery, view: BrowseView, ranges: Sequence[tuple[int, int]], tag: str
) -> bool:
    """Return whether every sample of some ranges [first, end) of a list has a tag."""
    dataset = store.catalogue.dataset(query.scores.dataset_id)
    found = store.query(f"SELECT row_id FROM {tag_rows(store, dataset)} WHERE tag = $1", [tag])["row_id"].to_numpy()
    return bool(np.isin(_rows_in(view, ranges), found).all())


def _rows_in(view: BrowseView, ranges: Sequence[tuple[int, int]]) -> Rows:
    return np.concatenate([view.rows[first:end] for first, end in ranges] or [np.zeros(0, np.int32)])


def all_of(filters: Sequence[Flags | None]) -> Flags | None:
    """Return where all filters [N] hold; None, which stands for everywhere, where there is none."""
    known = [item for item in filters if item is not None]
    if not known:
        return None
    holds = known[0]
    for item in known[1:]:
        holds = holds & item
    return holds


def rule_filters(store: Store, scores: ScoreSet, rules: Curation) -> list[Flags]:
    """Return where each rule holds, [N] each; steps, which need all rules, make one filter of everything.

    Raises:
        UnknownNameError, DatasetNotReadyError, RuleError: as `curation.evaluate`.
    """
    if rules.steps:
        found = evaluate(store, scores, rules)
        kept: Flags = store.query(f"SELECT verdict = 'keep' AS kept FROM {found.table}")["kept"].to_numpy().astype(bool)
        return [kept]
    return [_rule_filter(store, scores, rule) for rule in rules.rules]


def _rule_filter(store: Store, scores: ScoreSet, rule: Rule) -> Flags:
    def make() -> Flags:
        compiler = Compiler(store, scores)
        compiled = compiler.compile_rule(rule)
        # The margin is named, since it has parameters of its own, but not computed.
        both = f"SELECT coalesce({compiled.holds}, false) AS holds, {compiled.margin} FROM {compiler.relation()}"
        flags: Flags = store.query(f"SELECT holds FROM ({both})", compiler.parameters)["holds"].to_numpy().astype(bool)
        return flags

    key = (
        "filter",
        scores,
        read_version(store, scores),
        rule_text(rule),
        marked_state(store, scores.dataset_id, [rule]),
    )
    return memoized(store, key, make, "browse filters", MAX_FILTERS)


def decision_codes(store: Store, scores: ScoreSet) -> Codes:
    """Return the decision about each sample, [N]: 0 none, 1 keep, 2 drop."""
    version = store.catalogue.dataset(scores.dataset_id).version
    key = ("decision codes", scores.dataset_id, version, journal_state(store, scores.dataset_id))

    def make() -> Codes:
        evaluator = Evaluator(store, scores, Curation(), decisions_of(store, scores.dataset_id))
        name = evaluator.decided
        sql = f"""SELECT (CASE "{name}" WHEN 'keep' THEN 1 WHEN 'drop' THEN 2 ELSE 0 END)::INTEGER AS code
            FROM {evaluator.base} POSITIONAL JOIN {name}"""
        codes: Codes = store.query(sql)["code"].to_numpy()
        return codes

    return memoized(store, key, make, "browse codes", MAX_CODES)


def decided_filter(store: Store, query: BrowseQuery) -> Flags | None:
    """Return where the wanted decision is, [N]; None = anywhere."""
    if query.decided == "any":
        return None
    flags: Flags = decision_codes(store, query.scores) == ("open", "keep", "drop").index(query.decided)
    return flags


def sorted_rows(store: Store, query: BrowseQuery) -> Rows:
    """Return all rows of the dataset in the order of a query, [N]; equal ones in order of their keys."""
    about = query.sort, query.descending, query.seed if query.sort == AT_RANDOM else 0
    key = ("order", query.scores, read_version(store, query.scores), about)
    return memoized(store, key, lambda: _sorted_rows(store, query), "browse orders", MAX_ORDERS)


def _sorted_rows(store: Store, query: BrowseQuery) -> Rows:
    cache = columns(store)
    dataset = store.catalogue.dataset(query.scores.dataset_id)
    column = query.column
    if query.sort == AT_RANDOM:
        drawn = store.query(f"SELECT row_id FROM {shuffled_order(cache, dataset, query.seed)}")["row_id"]
        shuffled: Rows = drawn.to_numpy().astype(np.int32)
        return shuffled
    if column is None or column.name == "key":
        number = store.query(f"SELECT count(*) AS n FROM {cache.base(dataset)}")["n"][0].as_py()
        rows = np.arange(number, dtype=np.int32)
        return rows[::-1].copy() if query.descending else rows
    values = numbers_of(store, query.scores, column)
    if values is None:
        codes, _ = text_codes(store, query.scores, column)
        values = np.where(codes < 0, np.nan, codes)
    # A stable sort of negated values: equal ones stay in order of their keys, missing ones last.
    order: Rows = np.argsort(-values if query.descending else values, kind="stable").astype(np.int32)
    return order


def numbers_of(store: Store, scores: ScoreSet, column: Column) -> npt.NDArray[np.float64] | None:
    """Return a column as numbers [N], NaN where it has none; None for one of texts.

    Raises:
        UnknownNameError, RuleError, TooFewImagesError: as `Compiler.number`.
    """
    if is_text(column):
        return None

    def make() -> npt.NDArray[np.float64] | None:
        compiler = Compiler(store, scores)
        value = compiler.number(column)
        if column.name == META and not _is_numeric(store, compiler, column, value):
            return None
        if column.name == "score" and column.definition not in BASELINES:
            value = comparable(value)
        found = store.query(f"SELECT ({value})::DOUBLE AS value FROM {compiler.relation()}")["value"]
        values: npt.NDArray[np.float64] = found.to_numpy()
        return values

    key = ("numbers", scores, read_version(store, scores), column)
    return memoized(store, key, make, "browse numbers", MAX_NUMBERS)


def _is_numeric(store: Store, compiler: Compiler, column: Column, number: str) -> bool:
    """Return whether a column of the user's own has numbers only, and any."""
    counted = f"count({number}) AS numbers, count({compiler.text(column)}) AS texts"
    (row,) = store.query(f"SELECT {counted} FROM {compiler.relation()}").to_pylist()
    return bool(0 < row["numbers"] == row["texts"])


def text_codes(store: Store, scores: ScoreSet, column: Column) -> tuple[Codes, tuple[str, ...]]:
    """Return a column of texts as positions [N] in its sorted distinct texts, -1 where it has none; and those.

    Raises:
        UnknownNameError, RuleError: as `Compiler.text`.
    """

    def make() -> tuple[Codes, tuple[str, ...]]:
        compiler = Compiler(store, scores)
        sql = f"SELECT ({compiler.text(column)})::VARCHAR AS value FROM {compiler.relation()}"
        found = store.query(sql)["value"].combine_chunks().dictionary_encode()
        names = found.dictionary.to_pylist()
        order = sorted(range(len(names)), key=lambda place: natural_key(names[place]))
        rank = np.empty(len(names) + 1, np.int32)
        rank[order] = np.arange(len(names))
        rank[-1] = -1
        codes = found.indices.fill_null(len(names)).to_numpy()
        return rank[codes], tuple(names[place] for place in order)

    key = ("codes", scores, read_version(store, scores), column)
    return memoized(store, key, make, "browse codes", MAX_CODES)


def _values_at(store: Store, query: BrowseQuery, rows: Rows) -> list[float | str | None]:
    """Return the values of some rows in the column that a list is sorted by."""
    column = query.column
    if column is None or column.name in ("key", "label"):
        return [None] * len(rows)
    numbers = numbers_of(store, query.scores, column)
    if numbers is not None:
        return [None if np.isnan(value) else value for value in numbers[rows].tolist()]
    codes, names = text_codes(store, query.scores, column)
    return [None if code < 0 else names[code] for code in codes[rows].tolist()]


def _identity(store: Store, query: BrowseQuery) -> str:
    dataset = store.catalogue.dataset(query.scores.dataset_id)
    if dataset.version is None:
        store.index_folder(dataset)  # says that it is not ready
    journal = journal_state(store, dataset.dataset_id) if query.decided != "any" else 0
    parts = [
        dataset.dataset_id, dataset.version, query.scores.to_dict(), read_version(store, query.scores), query.decided,
        journal, marked_state(store, dataset.dataset_id, query.rules.rules), to_text(query.rules), query.sort,
        query.descending, query.seed,
    ]  # fmt: skip
    return short_hash(parts, 20)


def check_ranges(view: BrowseView, identity: str, ranges: Sequence[tuple[int, int]]) -> None:
    """Check that a selection was made in this list.

    Raises:
        RuleError: if the list has changed since, or holds nothing there.
    """
    is_there = bool(ranges) and all(0 <= first < end <= len(view.rows) for first, end in ranges)
    if view.identity != identity or not is_there:
        raise RuleError(LIST_CHANGED)
