"""Groups of duplicates as rows: their members, which one to keep, and their decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.decisions import DecisionVerdict, current_decisions, decide_each
from jepascore_core.curation.evaluation.compiler import Compiler
from jepascore_core.curation.evaluation.evaluate import KEEPER_ORDER
from jepascore_core.curation.rules.model import Keeper
from jepascore_core.curation.summary import without_gaps
from jepascore_core.errors import RuleError
from jepascore_core.scores.score_set import ScoredSample, ScoreSet, to_scored_samples
from jepascore_core.storage.store import Store

GROUP_SCHEMA = pa.schema(
    [
        ("group", pa.int64()),
        ("size", pa.int64()),
        ("sample_key", pa.string()),
        ("content_id", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("score", pa.float64()),
        ("proposal", pa.string()),
        ("decision", pa.string()),
    ]
)

#: Members of a group that are shown; a larger group shows its size.
MAX_SHOWN = 24

#: A group is identified by the row of its first member.
_MEMBERS = """
    SELECT "{groups}" AS grp, base.row_id, sample_key, content_id, label, split, "{score}" AS score,
        "{score}_rank" AS rank, lower, upper, coalesce(is_exact, true) AS is_exact,
        "{by_class}" AS class_percentile, "{overall}" AS percentile,
        row_number() OVER (PARTITION BY "{groups}" ORDER BY {order}, base.row_id) AS place
    FROM {base} AS base POSITIONAL JOIN {groups} POSITIONAL JOIN {score} POSITIONAL JOIN {by_class}
        POSITIONAL JOIN {overall}
    WHERE "{groups}" IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Samples that show the same, the one to keep first, at most `MAX_SHOWN` of `size`.

    `keeper` is the one that would be kept, or was decided to be; `verdicts` are the current decisions, by sample key.
    """

    group_id: int
    samples: tuple[ScoredSample, ...]
    size: int
    keeper: str
    num_labels: int
    num_splits: int
    verdicts: dict[str, DecisionVerdict]

    @property
    def is_decided(self) -> bool:
        """Whether every shown member has a decision."""
        return all(self.verdicts.get(sample.sample_key) in ("keep", "drop") for sample in self.samples)


@dataclass(frozen=True, slots=True)
class GroupPage:
    """A page of groups, the largest first."""

    groups: tuple[DuplicateGroup, ...]
    num_groups: int
    num_samples: int

    @property
    def num_surplus(self) -> int:
        """Samples that would be dropped, keeping one per group."""
        return self.num_samples - self.num_groups


def duplicate_groups(
    store: Store, scores: ScoreSet, radius: float | None, keep: Keeper, first: int = 0, limit: int = 10
) -> GroupPage:
    """Return groups `first`, `first + 1`, ... of near duplicates within a radius, or of identical files without one.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `evaluate`.
    """
    members = _members_sql(store, scores, radius, keep)
    counts = store.query(f"SELECT count(DISTINCT grp) AS groups, count(*) AS samples FROM ({members})").to_pylist()[0]
    rows = store.query(
        f"""
        WITH members AS ({members}), sizes AS (
            SELECT grp, count(*) AS size, count(DISTINCT label) AS num_labels, count(DISTINCT split) AS num_splits
            FROM members GROUP BY grp ORDER BY size DESC, grp LIMIT $1 OFFSET $2
        )
        SELECT * FROM members JOIN sizes USING (grp) WHERE place <= {MAX_SHOWN} ORDER BY size DESC, grp, place
        """,
        [limit, first],
    ).to_pylist()
    decided = {item.sample_key: item.verdict for item in current_decisions(store, scores.dataset_id)}
    by_group: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        by_group.setdefault(row["grp"], []).append(row)
    groups = tuple(_group(grp, found, decided) for grp, found in by_group.items())
    return GroupPage(groups, counts["groups"], counts["samples"])


def group_rows(
    store: Store, scores: ScoreSet, radius: float | None, keep: Keeper, limit: int | None = None
) -> pa.Table:
    """Return every member of every group, or of the `limit` largest, as rows of `GROUP_SCHEMA`: the one to keep first.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `evaluate`.
    """
    decided = {item.sample_key: item.verdict for item in current_decisions(store, scores.dataset_id)}
    rows = store.query(
        f"""
        WITH members AS ({_members_sql(store, scores, radius, keep)}), sizes AS (
            SELECT grp, count(*) AS size, row_number() OVER (ORDER BY count(*) DESC, grp) AS "group"
            FROM members GROUP BY grp
        )
        SELECT "group", size, sample_key, content_id, label, split, score,
            CASE place WHEN 1 THEN 'keep' ELSE 'drop' END AS proposal
        FROM members JOIN sizes USING (grp) WHERE $1 IS NULL OR "group" <= $1 ORDER BY "group", place
        """,
        [limit],
    )
    standing = pa.array([decided.get(key) for key in rows["sample_key"].to_pylist()], pa.string())
    return rows.append_column("decision", standing).cast(GROUP_SCHEMA)


def choose_keeper(
    store: Store, scores: ScoreSet, radius: float | None, group_id: int, sample_key: str, who: str
) -> int:
    """Decide to keep this member of a group and to drop all others, as one action; return its id.

    Raises:
        RuleError: if the group has no such member.
    """
    rows = store.query(
        f"SELECT sample_key, content_id FROM ({_members_sql(store, scores, radius, 'first')}) WHERE grp = $1",
        [group_id],
    ).to_pylist()
    if sample_key not in {row["sample_key"] for row in rows}:
        raise RuleError(f"The group no longer contains the sample {sample_key!r}. Reload it and choose again.")
    verdicts: dict[tuple[str, str], DecisionVerdict] = {
        (row["sample_key"], row["content_id"]): "keep" if row["sample_key"] == sample_key else "drop" for row in rows
    }
    return decide_each(store, scores.dataset_id, verdicts, who, "duplicates: keeper chosen")


def accept_all(store: Store, scores: ScoreSet, radius: float | None, keep: Keeper, who: str) -> int:
    """Apply the proposal to all groups without decisions, as one action; return the number of samples."""
    decided = {item.sample_key for item in current_decisions(store, scores.dataset_id) if item.verdict != "undecided"}
    rows = store.query(
        f"SELECT grp, sample_key, content_id, place FROM ({_members_sql(store, scores, radius, keep)})"
    ).to_pylist()
    touched = {row["grp"] for row in rows if row["sample_key"] in decided}
    verdicts: dict[tuple[str, str], DecisionVerdict] = {
        (row["sample_key"], row["content_id"]): "keep" if row["place"] == 1 else "drop"
        for row in rows
        if row["grp"] not in touched
    }
    if verdicts:
        decide_each(store, scores.dataset_id, verdicts, who, f"duplicates: kept {keep.replace('_', ' ')}")
    return len(verdicts)


def _members_sql(store: Store, scores: ScoreSet, radius: float | None, keep: Keeper) -> str:
    compiler = Compiler(store, scores)
    cached, dataset = columns(store), compiler.dataset
    score = cached.score(dataset, scores)
    return _MEMBERS.format(
        base=cached.base(dataset),
        groups=compiler.groups(radius, None),
        score=score,
        by_class=cached.percentile(dataset, score, "label"),
        overall=cached.percentile(dataset, score, None),
        order=KEEPER_ORDER[keep].format(score=f'"{score}"').replace("row_id", "base.row_id"),
    )


def _group(group_id: int, rows: list[dict[str, Any]], decided: dict[str, DecisionVerdict]) -> DuplicateGroup:
    samples = to_scored_samples(without_gaps(rows))
    verdicts = {item.sample_key: decided[item.sample_key] for item in samples if item.sample_key in decided}
    kept = [item.sample_key for item in samples if verdicts.get(item.sample_key) == "keep"]
    first = rows[0]
    return DuplicateGroup(
        group_id=group_id,
        samples=samples,
        size=first["size"],
        keeper=kept[0] if kept else samples[0].sample_key,
        num_labels=first["num_labels"],
        num_splits=first["num_splits"],
        verdicts=verdicts,
    )
