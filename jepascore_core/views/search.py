"""Search samples by class, words of their key or label, percentile, decision and rules; in order of any number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from jepascore_core.curation import Between, Column, Curation, curation_of, evaluate
from jepascore_core.curation.columns.quality import QUALITIES
from jepascore_core.curation.evaluation.compiler import Compiler
from jepascore_core.curation.rules.column import LABEL_ISSUE
from jepascore_core.curation.summary import without_gaps
from jepascore_core.embeddings.baselines import BASELINES
from jepascore_core.errors import RuleError, matching, one_of
from jepascore_core.scores.coverage import coverage
from jepascore_core.scores.score_set import (
    SAMPLE_FIELDS,
    Label,
    ScoredSample,
    ScoreSet,
    all_samples_sql,
    label_filter,
    measured_samples_sql,
    to_scored_samples,
)
from jepascore_core.storage.store import Store
from jepascore_core.storage.ties import comparable

SearchOrder = Literal["least", "most", "key", "random"]

SEARCH_ORDERS: tuple[SearchOrder, ...] = get_args(SearchOrder)
#: Numbers that samples can be sorted by besides their scores.
SORTED_BY = (LABEL_ISSUE, *BASELINES, *QUALITIES, "pixels", "aspect")

_ORDER_SQL: dict[SearchOrder, str] = {
    "least": f"{comparable('score')}, sample_key",
    "most": f"{comparable('score')} DESC, sample_key",
    "key": "sample_key",
    "random": "md5(concat(sample_key, ':', $1::VARCHAR))",
}


@dataclass(frozen=True, slots=True)
class SampleSearch:
    """What to search among the measured samples; the default finds all. Without scores there are no percentiles.

    `text` is part of the key or of the label, in any case. `low` and `high` bound the percentile within the class, 0 to
    100. `only` and `without` are sample keys, for instance those with a decision; `rules` keep what is found.

    `by` is one of `SORTED_BY` that takes the place of `order`; samples without this number come last. `similar` is a
    similarity that takes the place of both: the most similar first, down to `least` if there is such a cut.
    """

    labels: tuple[Label, ...] | None = None
    text: str = ""
    low: float = 0.0
    high: float = 100.0
    only: Sequence[str] | None = None
    without: Sequence[str] = ()
    rules: Curation = field(default_factory=Curation)
    order: SearchOrder = "least"
    by: str | None = None
    descending: bool = False
    seed: int = 0
    similar: Column | None = None
    least: float | None = None

    @property
    def needs(self) -> Curation:
        """Rules whose `pending_work` is what this search needs."""
        if self.similar is not None:
            return curation_of([*self.rules.clauses, Between(self.similar, -1.0)])
        needed = self.by == LABEL_ISSUE or self.by in BASELINES
        sorting = [Between(_column(self.by), 0.0)] if self.by is not None and needed else []
        return curation_of([*self.rules.clauses, *sorting])


@dataclass(frozen=True, slots=True)
class FoundSamples:
    """One page of the results, among `num_samples` of the dataset. `page` counts from 1 and exists.

    `num_unscored` samples match all but the percentile, which they do not have. `numbers` are those of `by`, in the
    order of the samples; None where there is none.
    """

    samples: tuple[ScoredSample, ...]
    num_found: int
    page: int
    num_pages: int
    num_samples: int
    num_unscored: int
    numbers: tuple[float | None, ...] = ()


def search_samples(store: Store, scores: ScoreSet, wanted: SampleSearch, page: int, per_page: int) -> FoundSamples:
    """Return a page of the samples that match; the nearest page if it does not exist.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.scored_sql`.
        RuleError: as `curation.evaluate`.
        TooFewImagesError: if label issues are wanted of fewer than two classes.
    """
    condition, parameters = _condition(wanted)
    condition += _kept_sql(store, scores, wanted.rules)
    if wanted.similar is not None:
        condition += f" AND number >= {-1.0 if wanted.least is None else float(wanted.least)}"
    relation = f"FROM ({measured_samples_sql(store, scores)}) {_number_sql(store, scores, wanted)} WHERE {condition}"
    num_found = int(store.query(f"SELECT count(*) AS n {relation}", parameters)["n"][0].as_py())
    num_pages = max(1, -(-num_found // per_page))
    page = min(max(page, 1), num_pages)
    rows = store.query(
        f"SELECT {SAMPLE_FIELDS}, number {relation} ORDER BY {_order_sql(wanted)} "
        f"LIMIT {int(per_page)} OFFSET {int((page - 1) * per_page)}",
        parameters,
    ).to_pylist()
    num_scored, num_samples = coverage(store, scores)
    unscored = _num_unscored(store, scores, wanted) if num_scored < num_samples else 0
    numbers = tuple(row["number"] for row in rows)
    return FoundSamples(
        to_scored_samples(without_gaps(rows)), num_found, page, num_pages, num_samples, unscored, numbers
    )


def _column(by: str) -> Column:
    """Return the column that one of `SORTED_BY` names."""
    baseline = matching(by, BASELINES)
    return Column(by) if baseline is None else Column("score", definition=baseline)


def _order_sql(wanted: SampleSearch) -> str:
    if wanted.similar is not None:
        return "number DESC NULLS LAST, sample_key"
    if wanted.by is None:
        return _ORDER_SQL[wanted.order]
    return f"number {'DESC' if wanted.descending else 'ASC'} NULLS LAST, sample_key"


def _number_sql(store: Store, scores: ScoreSet, wanted: SampleSearch) -> str:
    """Return a join that adds the column `number`."""
    if wanted.by is None and wanted.similar is None:
        return "CROSS JOIN (SELECT NULL::DOUBLE AS number)"
    compiler = Compiler(store, scores)
    number = compiler.number(
        wanted.similar or _column(one_of(wanted.by or "", SORTED_BY, "number to sort by", RuleError))
    )
    return f"JOIN (SELECT sample_key, ({number})::DOUBLE AS number FROM {compiler.relation()}) USING (sample_key)"


def _kept_sql(store: Store, scores: ScoreSet, rules: Curation) -> str:
    """Return a further condition: rules keep the sample."""
    if not rules.clauses:
        return ""
    found = evaluate(store, scores, rules)
    kept = f"SELECT sample_key FROM {found.base} POSITIONAL JOIN {found.table} WHERE verdict = 'keep'"
    return f" AND sample_key IN ({kept})"


def _num_unscored(store: Store, scores: ScoreSet, wanted: SampleSearch) -> int:
    condition, parameters = _condition(replace(wanted, low=0.0, high=100.0))
    condition += _kept_sql(store, scores, wanted.rules)
    lacking = "score IS NULL" if scores.key.has_scores else "is_exact IS NULL"
    sql = f"SELECT count(*) AS n FROM ({all_samples_sql(store, scores)}) WHERE {lacking} AND {condition}"
    return int(store.query(sql, parameters)["n"][0].as_py())


def _condition(wanted: SampleSearch) -> tuple[str, list[Any]]:
    """Return an SQL condition and its parameters; the first one is the seed, used or not."""
    parameters: list[Any] = [str(wanted.seed)]
    parts = ["$1::VARCHAR IS NOT NULL"]

    def add(sql: str, value: Any) -> None:
        parameters.append(value)
        parts.append(sql.format(f"${len(parameters)}"))

    if wanted.text.strip():
        add("contains(lower(concat_ws(chr(10), sample_key, label)), {}::VARCHAR)", wanted.text.strip().lower())
    if wanted.low > 0:
        add("class_percentile >= {}::DOUBLE", wanted.low)
    if wanted.high < 100:
        add("class_percentile <= {}::DOUBLE", wanted.high)
    if wanted.only is not None:
        add("sample_key IN (SELECT unnest({}::VARCHAR[]))", list(wanted.only))
    if wanted.without:
        add("sample_key NOT IN (SELECT unnest({}::VARCHAR[]))", list(wanted.without))
    is_label, labels = label_filter(wanted.labels, len(parameters) + 1)
    return " AND ".join([*parts, is_label]), [*parameters, *labels]
