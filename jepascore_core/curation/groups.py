"""Groups of duplicates as rows: their members, which one to keep, and their decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.decisions import DecisionVerdict, current_decisions, decide_each
from jepascore_core.curation.evaluation.compiler import Compiler
from jepascore_core.curation.evaluation.evaluate import keeper_order
from jepascore_core.curation.rules.model import Deduplicate
from jepascore_core.curation.summary import without_gaps
from jepascore_core.errors import RuleError
from jepascore_core.formatting import count_text, percent_text, plural
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

#: More than this share of a dataset are seldom copies: dropping them, or one group of this share, is asked about first.
MAX_DROPPED_SHARE, MAX_GROUP_SHARE = 0.2, 0.05
#: A group of fewer samples is looked at in a moment, whatever share of a small dataset it is.
MIN_LARGEST = 10

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
    """A page of groups, the largest first; `num_samples` are in all of them."""

    groups: tuple[DuplicateGroup, ...]
    num_groups: int
    num_samples: int

    @property
    def num_surplus(self) -> int:
        """Samples that would be dropped, keeping one per group."""
        return self.num_samples - self.num_groups


@dataclass(frozen=True, slots=True)
class AcceptPlan:
    """What accepting all proposals does: samples that it drops, and what is then left of the dataset.

    Groups in which somebody decided already are left alone. `largest` is the number of samples of the largest group.
    """

    num_dropped: int
    num_kept: int
    largest: int
    num_samples: int

    @property
    def warning(self) -> str:
        """Why it should be confirmed, in a sentence; "" if nothing is unusual."""
        if self.num_dropped > MAX_DROPPED_SHARE * self.num_samples:
            share = self.num_dropped / self.num_samples
            return (
                f"This drops {percent_text(share)} of the dataset. That is rare for copies: the images may only "
                "resemble each other."
            )
        if self.largest >= MIN_LARGEST and self.largest > MAX_GROUP_SHARE * self.num_samples:
            return (
                f"The largest group has {count_text(self.largest)} of {plural(self.num_samples, 'sample')}, of which "
                "one stays. Look at it first: chains of similar images form one group."
            )
        return ""


def duplicate_groups(store: Store, scores: ScoreSet, step: Deduplicate, first: int = 0, limit: int = 10) -> GroupPage:
    """Return groups `first`, `first + 1`, ... of which a step keeps one each.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `evaluate`.
    """
    members = _members_sql(store, scores, step)
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


def group_rows(store: Store, scores: ScoreSet, step: Deduplicate, limit: int | None = None) -> pa.Table:
    """Return every member of every group, or of the `limit` largest, as rows of `GROUP_SCHEMA`: the one to keep first.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `evaluate`.
    """
    decided = {item.sample_key: item.verdict for item in current_decisions(store, scores.dataset_id)}
    rows = store.query(
        f"""
        WITH members AS ({_members_sql(store, scores, step)}), sizes AS (
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


def choose_keeper(store: Store, scores: ScoreSet, step: Deduplicate, group_id: int, sample_key: str, who: str) -> int:
    """Decide to keep this member of a group and to drop all others, as one action; return its id.

    Raises:
        RuleError: if the group has no such member.
    """
    rows = store.query(
        f"SELECT sample_key, content_id FROM ({_members_sql(store, scores, step)}) WHERE grp = $1",
        [group_id],
    ).to_pylist()
    if sample_key not in {row["sample_key"] for row in rows}:
        raise RuleError(f"The group no longer contains the sample {sample_key!r}. Reload it and choose again.")
    verdicts: dict[tuple[str, str], DecisionVerdict] = {
        (row["sample_key"], row["content_id"]): "keep" if row["sample_key"] == sample_key else "drop" for row in rows
    }
    return decide_each(store, scores.dataset_id, verdicts, who, "duplicates: keeper chosen")


def plan_accept(store: Store, scores: ScoreSet, step: Deduplicate) -> AcceptPlan:
    """Return what `accept_all` would do now.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `evaluate`.
    """
    decided = {item.sample_key: item.verdict for item in current_decisions(store, scores.dataset_id)}
    settled = sorted(key for key, verdict in decided.items() if verdict != "undecided")
    gone = sorted(key for key, verdict in decided.items() if verdict == "drop")
    base = columns(store).base(store.catalogue.dataset(scores.dataset_id))
    found = store.query(
        f"""
        WITH members AS (
            SELECT grp, sample_key IN (SELECT unnest($1::VARCHAR[])) AS is_settled
            FROM ({_members_sql(store, scores, step)})
        ), sizes AS (SELECT count(*) AS size, bool_or(is_settled) AS is_settled FROM members GROUP BY grp)
        SELECT coalesce(sum(size - 1) FILTER (NOT is_settled), 0)::BIGINT AS dropped,
            coalesce(max(size), 0) AS largest,
            (SELECT count(*) FROM {base}) AS samples,
            (SELECT count(*) FROM {base} WHERE sample_key IN (SELECT unnest($2::VARCHAR[]))) AS gone
        FROM sizes
        """,
        [settled, gone],
    ).to_pylist()[0]
    left = found["samples"] - found["gone"] - found["dropped"]
    return AcceptPlan(found["dropped"], left, found["largest"], found["samples"])


def accept_all(store: Store, scores: ScoreSet, step: Deduplicate, who: str) -> int:
    """Apply the proposal to all groups without decisions, as one action; return the number of samples."""
    decided = {item.sample_key for item in current_decisions(store, scores.dataset_id) if item.verdict != "undecided"}
    rows = store.query(
        f"SELECT grp, sample_key, content_id, place FROM ({_members_sql(store, scores, step)})"
    ).to_pylist()
    touched = {row["grp"] for row in rows if row["sample_key"] in decided}
    verdicts: dict[tuple[str, str], DecisionVerdict] = {
        (row["sample_key"], row["content_id"]): "keep" if row["place"] == 1 else "drop"
        for row in rows
        if row["grp"] not in touched
    }
    if verdicts:
        decide_each(store, scores.dataset_id, verdicts, who, f"duplicates: kept {step.keep.replace('_', ' ')}")
    return len(verdicts)


def _members_sql(store: Store, scores: ScoreSet, step: Deduplicate) -> str:
    compiler = Compiler(store, scores)
    cached, dataset = columns(store), compiler.dataset
    score = cached.score(dataset, scores)
    return _MEMBERS.format(
        base=cached.base(dataset),
        groups=compiler.groups_of(step),
        score=score,
        by_class=cached.percentile(dataset, score, "label"),
        overall=cached.percentile(dataset, score, None),
        order=keeper_order(store, scores, step.keep, score).replace("row_id", "base.row_id"),
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
