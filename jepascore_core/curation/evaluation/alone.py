"""How many samples one rule or step drops on its own: without other rules, steps and decisions."""

from __future__ import annotations

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.evaluation.compiler import Compiler
from jepascore_core.curation.evaluation.evaluate import PART_COLUMNS
from jepascore_core.curation.rules.model import Budget, Clause, Deduplicate, Rule
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store


def count_alone(store: Store, scores: ScoreSet, clause: Clause) -> int:
    """Count what a rule or step would drop; what it needs has to be computed before (see `pending_work`).

    Raises:
        UnknownNameError, RuleError: as `evaluate`.
    """
    compiler = Compiler(store, scores)
    match clause:
        case Deduplicate():
            groups = compiler.groups_of(clause)
            sql = f'SELECT count("{groups}") - count(DISTINCT "{groups}") AS n FROM {groups}'
        case Budget():
            sql = _budget_sql(compiler, clause)
        case _:
            return _count_failing(compiler, clause)
    return int(store.query(f"SELECT n FROM {columns(store).cache_query(['dropped', sql], sql)}")["n"][0].as_py())


def _count_failing(compiler: Compiler, rule: Rule) -> int:
    compiled = compiler.compile_rule(rule)
    # The margin is not needed, but has parameters of its own, which all have to be named.
    both = f"SELECT {compiled.holds} AS holds, {compiled.margin} AS margin FROM {compiler.relation()}"
    sql = f"SELECT count(*) FILTER (NOT holds) AS n FROM ({both})"
    return int(compiler.store.query(sql, compiler.parameters)["n"][0].as_py())


def _budget_sql(compiler: Compiler, step: Budget) -> str:
    """Return a SELECT of n: whichever samples are drawn, their number follows from how many are available."""
    cached, base = compiler.columns, compiler.columns.base(compiler.dataset)
    group = f"GROUP BY {PART_COLUMNS[step.per]}" if step.per else ""
    there, drawn_from = "count(*)", base
    if step.draw in ("diverse", "farthest"):
        embedded = cached.embedded(compiler.dataset, compiler.score_set(step.backbone))
        there, drawn_from = f'count(*) FILTER ("{embedded}")', f"{base} POSITIONAL JOIN {embedded}"
    elif step.by is not None:
        number = compiler.number(step.by)
        there, drawn_from = f"count({number})", compiler.relation()
    return f"""SELECT coalesce(sum(everything) - sum(least(there, {step.n})), 0)::BIGINT AS n
        FROM (SELECT count(*) AS everything, {there} AS there FROM {drawn_from} {group})"""
