"""Evaluate a curation to a verdict for every sample: rules, then duplicates, then the budget; decisions override.

Verdicts are "keep", "drop", or "unscored" where a rule needs a missing measurement. Nothing is dropped silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.embedding_draws import Candidates, cluster_column, diverse_rows
from jepascore_core.curation.columns.random_draws import sample_rows, shuffled_groups, shuffled_order
from jepascore_core.curation.evaluation.compiler import Compiler
from jepascore_core.curation.rules.column import REFERENCE_DISTANCE, Column
from jepascore_core.curation.rules.model import Budget, Curation, Deduplicate, Keeper, Part, Step
from jepascore_core.curation.settling import settle
from jepascore_core.errors import RuleError
from jepascore_core.records.canonical import short_hash
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.scores.measured import measured_choices
from jepascore_core.scores.no_scores import no_scores_text
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store

Verdict = Literal["keep", "drop", "unscored"]
Decided = Literal["keep", "drop"]

#: Decisions of people: (sample key, content id) -> keep or drop. They follow the bytes to their current key; a sample
#: with other bytes has to be decided again.
Decisions = Mapping[tuple[str, str], Decided]

#: Backbones whose scores are prefetched: 60 MB each at a million samples.
NUM_AHEAD = 2

KEEPER_ORDER: dict[Keeper, str] = {
    "most_likely": "{score} DESC NULLS LAST",
    "largest": "width::BIGINT * height DESC, num_bytes DESC",
    "first": "row_id",
}

#: Columns by which a budget per class or split is drawn.
PART_COLUMNS: dict[Part, str] = {"class": "label", "split": "split"}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of a curation, from which counts, previews, histograms and exports are read.

    `table` is cached in memory, one row per sample ordered by key: verdict, decision, margin, reason (position of the
    clause that drops it, -1 for a decision, NULL if it is not dropped) and r0, r1, ...: whether each rule holds. `base`
    has the samples and `score` the page's scores, beside it.
    """

    dataset: DatasetRecord
    curation: Curation
    scores: ScoreSet
    decisions: Decisions = field(repr=False, hash=False)
    table: str
    base: str
    score: str

    @property
    def relation(self) -> str:
        """Return the FROM clause of all three; rows are identified by the row_id of the base."""
        return f"{self.base} POSITIONAL JOIN {self.score} POSITIONAL JOIN {self.table}"


def evaluate(store: Store, scores: ScoreSet, curation: Curation, decisions: Decisions | None = None) -> Evaluation:
    """Evaluate what a curation keeps. Repeated evaluations of unchanged data are answered from memory.

    Args:
        store: where the dataset and the scores are.
        scores: the default for rules that name no backbone or definition.
        curation: rules and steps.
        decisions: decisions of people; None = nothing.

    Raises:
        UnknownNameError: if there is no such dataset or backbone.
        DatasetNotReadyError: if it has no index yet.
        RuleError: if a rule names a column that the dataset does not have.
    """
    return Evaluator(store, scores, curation, decisions).evaluate()


def keeper_order(store: Store, scores: ScoreSet, keep: Keeper, score: str) -> str:
    """Return the SQL order in which the sample to keep of a group comes first; `score` is the score column.

    Raises:
        RuleError: if the most likely one is wanted, and there are no scores.
    """
    if keep == "most_likely" and not scores.key.has_scores:
        reason = no_scores_text(store, scores.dataset_id, scores.key)
        raise RuleError(f'{reason} Until then keep "largest" or "first" of each group, not the most likely.')
    return KEEPER_ORDER[keep].format(score=f'"{score}"')


def prefetch_changes(store: Store, scores: ScoreSet) -> None:
    """Compute what the next change of a curation may wait for.

    That is the order in which budgets draw with the default seed, and the scores of some other backbones.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `evaluate`.
    """
    cached, dataset = columns(store), store.catalogue.dataset(scores.dataset_id)
    shuffled_order(cached, dataset, Budget(1).seed)
    for choice in measured_choices(store, scores.dataset_id)[:NUM_AHEAD]:
        cached.score(dataset, choice.scores(scores.dataset_id, scores.definition))


class Evaluator:
    """Evaluates rules in one query, then each step on what is left. Each is compiled once, on first use.

    Use one for a single request only: it is not updated when more is measured.

    Raises:
        UnknownNameError, DatasetNotReadyError, RuleError: from its methods, as `evaluate`.
    """

    def __init__(self, store: Store, scores: ScoreSet, curation: Curation, decisions: Decisions | None = None) -> None:
        self.store, self.scores, self.curation, self.decisions = store, scores, curation, decisions or {}
        self.columns = columns(store)
        self._tables: list[str] = []

    @cached_property
    def compiler(self) -> Compiler:
        """Compiler of the rules."""
        return Compiler(self.store, self.scores)

    @property
    def dataset(self) -> DatasetRecord:
        """The dataset that is curated."""
        return self.compiler.dataset

    @cached_property
    def base(self) -> str:
        """Name of the table of samples."""
        return self.columns.base(self.dataset)

    @cached_property
    def score(self) -> str:
        """Name of the score column."""
        return self.columns.score(self.dataset, self.scores)

    @cached_property
    def decided(self) -> str:
        """Name of the column of decisions."""
        return self._decided(self.decisions)

    def evaluate(self) -> Evaluation:
        """Return the verdicts of all samples."""
        table = self._after(len(self.curation.steps))
        if self.curation.steps:
            table = self.columns.cache_query(
                ["verdicts", table], f"SELECT * EXCLUDE (row_id, alive) FROM {table} ORDER BY row_id"
            )
        return Evaluation(
            self.dataset, self.curation, self.scores, self.decisions, table=table, base=self.base, score=self.score
        )

    def candidates(self) -> Candidates:
        """Return the candidates of the curation's diverse budget: what its rules and other steps leave."""
        *steps, budget = self.curation.steps
        assert isinstance(budget, Budget)
        return self._candidates(self._after(len(steps)), self.compiler.score_set(budget.backbone))

    def _after(self, num_steps: int) -> str:
        """Return the table after the rules and the first steps."""
        if not self._tables:
            self._tables.append(self._rules())
        for position in range(len(self._tables) - 1, num_steps):
            self._tables.append(self._step(self._tables[-1], self.curation.steps[position], position))
        return self._tables[num_steps]

    def _decided(self, decisions: Decisions) -> str:
        samples = settle(self.store, self.dataset, tuple(decisions)).samples
        rows = sorted((*samples[pair], verdict) for pair, verdict in decisions.items() if pair in samples)
        names = ("sample_key", "content_id", "decision")
        values = list(zip(*rows, strict=True)) if rows else [(), (), ()]
        table = pa.table(dict(zip(names, map(list, values), strict=True)), pa.schema([(n, pa.string()) for n in names]))
        key = [self.base, short_hash(rows, 20)]
        cached = self.columns.cache_table(["decisions", *key], table)
        sql = f"""SELECT decision AS "{{name}}" FROM {self.base} LEFT JOIN {cached} USING (sample_key, content_id)
            ORDER BY row_id"""
        return self.columns.cache_query(["decided", *key], sql)

    def _rules(self) -> str:
        compiled = [self.compiler.compile_rule(rule) for rule in self.curation.rules]
        decision = self.compiler.use(self.decided)
        names = [f"r{position}" for position in range(len(compiled))]
        listed = "".join(f", {item.holds} AS {name}" for item, name in zip(compiled, names, strict=True))
        margins = ", ".join(item.margin for item in compiled)
        margin = f"least({margins})" if len(compiled) > 1 else margins or "NULL::DOUBLE"
        holds = " AND ".join(names) or "true"
        failing = " ".join(f"WHEN NOT r{position} THEN {position}" for position in range(len(compiled)))
        reason = f"CASE {failing} END" if failing else "NULL"
        alive = f", row_id, coalesce(decision = 'keep' OR ({holds}) AND decision IS NULL, false) AS alive"
        sql = f"""
            SELECT decision, {"".join(f"{name}, " for name in names)}
                CASE WHEN decision IS NOT NULL THEN decision WHEN ({holds}) IS NULL THEN 'unscored'
                    WHEN {holds} THEN 'keep' ELSE 'drop' END AS verdict,
                CASE WHEN decision IS NULL THEN margin END AS margin,
                CASE WHEN decision = 'drop' THEN -1 WHEN decision IS NULL AND NOT ({holds}) THEN {reason} END::INTEGER
                    AS reason
                {alive if self.curation.steps else ""}
            FROM (SELECT row_id, {decision} AS decision, {margin} AS margin{listed} FROM {self.compiler.relation()})
        """
        key = ["rules", self.base, self.decided, *self.compiler.tables, sql, self.compiler.parameters]
        return self.columns.cache_query(key, sql, self.compiler.parameters)

    def _step(self, table: str, step: Step, position: int) -> str:
        """Apply a step: the samples that it leaves stay alive; others are dropped, unless decided otherwise."""
        if isinstance(step, Deduplicate):
            losers, key = self._one_per(table, step)
            lost = f"alive AND row_id IN ({losers})"
        else:
            winners, key = self._budget(table, step)
            lost = f"alive AND row_id NOT IN ({winners})"
        place = len(self.curation.rules) + position
        sql = f"""
            SELECT * REPLACE (
                CASE WHEN lost AND decision IS NULL THEN 'drop' ELSE verdict END AS verdict,
                CASE WHEN lost THEN NULL ELSE margin END AS margin,
                CASE WHEN lost AND decision IS NULL THEN {place} ELSE reason END AS reason,
                alive AND NOT lost AS alive
            ) FROM (SELECT *, {lost} AS lost FROM {table})
        """
        return self.columns.cache_query(["step", table, *key], f"SELECT * EXCLUDE (lost) FROM ({sql})")

    def _one_per(self, table: str, step: Deduplicate) -> tuple[str, list[Any]]:
        groups = self.compiler.groups_of(step)
        order = keeper_order(self.store, self.scores, step.keep, self.score)
        sql = f"""
            SELECT row_id FROM {table} JOIN (
                SELECT row_id, "{groups}" AS grp, width, height, num_bytes, "{self.score}"
                FROM {self.base} POSITIONAL JOIN {groups} POSITIONAL JOIN {self.score} WHERE grp IS NOT NULL
            ) USING (row_id) WHERE alive
            QUALIFY row_number() OVER (
                PARTITION BY grp ORDER BY decision = 'keep' DESC NULLS LAST, {order}, row_id
            ) > 1
        """
        return sql, [groups, self.score, step.keep]

    def _budget(self, table: str, step: Budget) -> tuple[str, list[Any]]:
        if step.draw == "diverse":
            return self._diverse(table, step)
        if step.draw == "farthest":
            return self._farthest(table, step)
        if step.by is not None:
            return self._extreme(table, step, step.by)
        column, beside = PART_COLUMNS[step.per] if step.per else None, ""
        if step.draw == "balanced":
            column = "label"
        elif step.draw == "clusters":
            scores = self.compiler.score_set(step.backbone)
            column = beside = cluster_column(self.store, scores, step.clusters or 2, step.seed)
        cached = shuffled_groups(self.store, self.columns, self.dataset, step.seed, column, beside)
        key = ["drawn", table, cached, step.n, step.per, step.draw]

        def made() -> pa.Table:
            left = self.store.query(f"SELECT row_id, decision = 'keep' AS forced FROM {table} WHERE alive")
            alive, forced = left["row_id"].to_numpy(), left["forced"].fill_null(False).to_numpy()
            shuffled = self.store.query(f"SELECT * FROM {cached}")
            return pa.table(
                {"row_id": sample_rows(shuffled, alive, alive[forced], step.n, in_turn=step.draw != "random")}
            )

        return f"SELECT row_id FROM {self.columns.cache_computed(key, made)}", key

    def _diverse(self, table: str, step: Budget) -> tuple[str, list[Any]]:
        scores, reference = self.compiler.score_set(step.backbone), self.compiler.budget_reference(step)
        there = reference and self.columns.score(self.store.catalogue.dataset(reference.dataset_id), reference)
        key = ["diverse", table, self.columns.score(self.dataset, scores), step.n, there]

        def made() -> pa.Table:
            candidates = self._candidates(table, scores)
            return pa.table({"row_id": diverse_rows(self.store, scores, candidates, step.n, reference=reference)})

        return f"SELECT row_id FROM {self.columns.cache_computed(key, made)}", key

    def _farthest(self, table: str, step: Budget) -> tuple[str, list[Any]]:
        """Return the samples that are farthest from a reference, after those that a person keeps; ties in order."""
        column = Column(REFERENCE_DISTANCE, step.backbone, reference=step.reference)
        distance = self.compiler.reference_column(column, str(step.reference))
        embedded = self.columns.embedded(self.dataset, self.compiler.score_set(step.backbone))
        sql = f"""
            SELECT row_id FROM {table} JOIN (
                SELECT row_id, "{distance}" AS distance
                FROM {self.base} POSITIONAL JOIN {distance} POSITIONAL JOIN {embedded} WHERE "{embedded}"
            ) USING (row_id) WHERE alive
            ORDER BY coalesce(decision = 'keep', false) DESC, distance DESC NULLS LAST, row_id LIMIT {int(step.n)}
        """
        return sql, [distance, embedded, step.n, "farthest"]

    def _extreme(self, table: str, step: Budget, by: Column) -> tuple[str, list[Any]]:
        """Return the samples with the largest or smallest number in a column, after those that a person keeps."""
        compiler = Compiler(self.store, self.scores)
        number = compiler.number(by)
        order = "DESC" if step.draw == "highest" else "ASC"
        sql = f"""
            SELECT row_id FROM {table} JOIN (
                SELECT row_id, ({number})::DOUBLE AS number FROM {compiler.relation()}
            ) USING (row_id) WHERE alive AND number IS NOT NULL
            ORDER BY coalesce(decision = 'keep', false) DESC, number {order}, row_id LIMIT {int(step.n)}
        """
        return sql, [*compiler.tables, number, step.n, step.draw]

    def _candidates(self, table: str, scores: ScoreSet) -> Candidates:
        embedded = self.columns.embedded(self.dataset, scores)
        sql = f"""SELECT CASE WHEN NOT (alive AND is_embedded) THEN 0 WHEN decision = 'keep' THEN 2 ELSE 1 END::UTINYINT
                AS flag
            FROM {table} JOIN (SELECT row_id, "{embedded}" AS is_embedded FROM {self.base} POSITIONAL JOIN {embedded})
                USING (row_id) ORDER BY row_id"""
        cached = self.columns.cache_query(["candidates", table, embedded], sql)
        flags = self.store.query(f"SELECT flag FROM {cached}")["flag"].to_numpy()
        return Candidates(str(self.dataset.version), flags)
