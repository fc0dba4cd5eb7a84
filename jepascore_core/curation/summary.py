"""Summarize an evaluated curation: counts in total, by class and by clause; its samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from jepascore_core.curation.columns.cache import columns as columns_of
from jepascore_core.curation.evaluation.alone import count_alone
from jepascore_core.curation.evaluation.evaluate import Evaluation, Verdict
from jepascore_core.curation.named import asked_scores
from jepascore_core.curation.rules.model import Clause
from jepascore_core.curation.rules.printer import clause_text
from jepascore_core.formatting import class_title, natural_key
from jepascore_core.scores.score_set import Label, ScoredSample, to_scored_samples
from jepascore_core.storage.store import Store

VERDICTS: dict[Verdict, str] = {"keep": "kept", "drop": "dropped", "unscored": "unscored"}


@dataclass(frozen=True, slots=True)
class CurationCounts:
    """Samples by verdict. `num_unreadable` files have no row in the dataset and are in none of the others.

    `decided` of the samples have their verdict from a person. `unmeasured` ones, whatever their verdict, lack a score
    under the page's backbone or under one that a rule or step names.
    """

    kept: int
    dropped: int
    unscored: int
    num_unreadable: int = 0
    decided: int = 0
    unmeasured: int = 0

    @property
    def total(self) -> int:
        """Samples of the dataset."""
        return self.kept + self.dropped + self.unscored


@dataclass(frozen=True, slots=True)
class ClassBalance:
    """One class before and after. Shares are of all samples before, and of all kept ones after, 0 to 1."""

    label: Label
    title: str
    kept: int
    dropped: int
    unscored: int
    share_before: float
    share_after: float

    @property
    def total(self) -> int:
        """Samples of the class."""
        return self.kept + self.dropped + self.unscored


@dataclass(frozen=True, slots=True)
class ClauseCount:
    """One rule or step: how many samples it would drop on its own, and how many only it drops now.

    For a step the latter are those that it dropped of what the previous rules and steps had left.
    """

    clause: Clause
    text: str
    alone: int
    only: int


@dataclass(frozen=True, slots=True)
class CurationResult:
    """Counts of an evaluation; classes in natural order, clauses in the order of the curation."""

    counts: CurationCounts
    balance: tuple[ClassBalance, ...]
    clauses: tuple[ClauseCount, ...] = ()


def summarize(store: Store, evaluation: Evaluation) -> CurationResult:
    """Count the samples of an evaluation in total, by class and by clause."""
    rows = _count_by_label(store, evaluation)
    counts = _total(store, evaluation, rows)
    return CurationResult(counts, _balance(rows, counts), clause_counts(store, evaluation))


def count_verdicts(store: Store, evaluation: Evaluation) -> CurationCounts:
    """Count the samples of an evaluation by verdict."""
    return _total(store, evaluation, _count_by_label(store, evaluation))


def _total(store: Store, evaluation: Evaluation, rows: list[dict[str, Any]]) -> CurationCounts:
    totals = {name: sum(row[name] for row in rows) for name in (*VERDICTS.values(), "decided")}
    unmeasured = count_unmeasured(store, evaluation)
    return CurationCounts(**totals, num_unreadable=evaluation.dataset.num_failed, unmeasured=unmeasured)


def _count_by_label(store: Store, evaluation: Evaluation) -> list[dict[str, Any]]:
    counted = ", ".join(f"count(*) FILTER (verdict = '{key}') AS {name}" for key, name in VERDICTS.items())
    sql = f"""SELECT label, {counted}, count(decision) AS decided
        FROM {evaluation.base} POSITIONAL JOIN {evaluation.table} GROUP BY label"""
    return sorted(store.query(sql).to_pylist(), key=lambda row: natural_key(row["label"]))


def count_unmeasured(store: Store, evaluation: Evaluation) -> int:
    """Count the samples without a score (or embedding, if there are no scores) under a backbone of an evaluation."""
    cached, dataset = columns_of(store), evaluation.dataset
    asked = asked_scores(store, evaluation.scores, evaluation.curation)
    tables = dict.fromkeys(cached.measured(dataset, scores) for scores in asked)
    lacking = " OR ".join(f'"{table}" IS NULL' for table in tables)
    sql = f"SELECT count(*) FILTER ({lacking}) AS n FROM {' POSITIONAL JOIN '.join(tables)}"
    return int(store.query(sql)["n"][0].as_py())


def _balance(rows: list[dict[str, Any]], counts: CurationCounts) -> tuple[ClassBalance, ...]:
    return tuple(
        ClassBalance(
            **{name: row[name] for name in ("label", *VERDICTS.values())},
            title=class_title(row["label"], alone=len(rows) == 1),
            share_before=sum(row[name] for name in VERDICTS.values()) / counts.total,
            share_after=row["kept"] / counts.kept if counts.kept else 0.0,
        )
        for row in rows
    )


def clause_counts(store: Store, evaluation: Evaluation) -> tuple[ClauseCount, ...]:
    """Return what each rule and step of an evaluation drops."""
    rules, steps = evaluation.curation.rules, evaluation.curation.steps
    columns = []
    for position in range(len(rules)):
        others = " AND ".join(["true", *(f"r{other}" for other in range(len(rules)) if other != position)])
        columns.append(f"count(*) FILTER (NOT r{position}) AS alone{position}")
        columns.append(f"count(*) FILTER (NOT r{position} AND {others}) AS only{position}")
    for position in range(len(rules), len(rules) + len(steps)):
        columns.append(f"count(*) FILTER (reason = {position}) AS only{position}")
    if not columns:
        return ()
    row = store.query(f"SELECT {', '.join(columns)} FROM {evaluation.table}").to_pylist()[0]
    for position, step in enumerate(steps, start=len(rules)):
        row[f"alone{position}"] = count_alone(store, evaluation.scores, step)
    return tuple(
        ClauseCount(clause, clause_text(clause), row[f"alone{position}"], row[f"only{position}"])
        for position, clause in enumerate(evaluation.curation.clauses)
    )


def samples_at(store: Store, evaluation: Evaluation, row_ids: list[int]) -> dict[int, ScoredSample]:
    """Return samples by row id; those without a measurement have the score NaN."""
    columns = [columns_of(store).percentile(evaluation.dataset, evaluation.score, within) for within in ("label", None)]
    if not row_ids:
        return {}
    # Positions as constants, table by table: a join of the tables would read them completely.
    listed = ", ".join(map(str, map(int, row_ids)))
    tables = (evaluation.base, evaluation.score, *columns)
    parts = [f"(SELECT *, rowid AS place FROM {table} WHERE rowid IN ({listed}))" for table in tables]
    sql = f"""
        SELECT row_id, sample_key, content_id, label, split, "{evaluation.score}" AS score,
            "{columns[0]}" AS class_percentile, "{columns[1]}" AS percentile, "{evaluation.score}_rank" AS rank,
            lower, upper, coalesce(is_exact, true) AS is_exact
        FROM {" JOIN ".join(parts[:1] + [f"{part} USING (place)" for part in parts[1:]])} ORDER BY row_id
    """
    rows = without_gaps(store.query(sql).to_pylist())
    return dict(zip((row["row_id"] for row in rows), to_scored_samples(rows), strict=True))


def without_gaps(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of samples with missing measurements as NaN."""
    missing = {"score": math.nan, "class_percentile": math.nan, "percentile": math.nan, "rank": 0}
    return [row | {name: value for name, value in missing.items() if row[name] is None} for row in rows]
