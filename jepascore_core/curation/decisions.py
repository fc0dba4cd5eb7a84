"""What people decided about single samples: an append-only journal, from which the present state follows.

Deciding, undoing and redoing all append rows; nothing is ever changed or deleted, so undo has no limit, survives a
restart, and takes back one's own last decision only, whatever somebody else decided meanwhile.
"""

from __future__ import annotations

import getpass
import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from jepascore_core.catalogue import utc_now
from jepascore_core.curation.evaluation import Decisions
from jepascore_core.errors import RuleError, UnknownNameError
from jepascore_core.store import Store
from jepascore_core.views.formats import plural

DecisionVerdict = Literal["keep", "drop", "undecided"]
Kind = Literal["decide", "undo", "redo"]

DECISION_VERDICTS: tuple[DecisionVerdict, ...] = get_args(DecisionVerdict)

#: Actions of the journal whose last undo or redo, if any, was an undo.
_UNDONE = """
    SELECT target FROM (
        SELECT target, kind, row_number() OVER (PARTITION BY target ORDER BY action_id DESC) AS place
        FROM decision_actions WHERE dataset_id = ?1 AND target IS NOT NULL
    ) WHERE place = 1 AND kind = 'undo'
"""

_ACTION = """
    SELECT action_id, kind, who, why, decided_at, target, count(sample_key) AS num_samples,
        count(sample_key) FILTER (WHERE verdict = 'keep') AS num_kept,
        count(sample_key) FILTER (WHERE verdict = 'drop') AS num_dropped, min(sample_key) AS first_key
    FROM (SELECT *, coalesce(target, action_id) AS about FROM decision_actions {where})
    LEFT JOIN (SELECT action_id AS about, sample_key, verdict FROM decisions) USING (about)
    GROUP BY action_id ORDER BY action_id DESC
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """The present decision about a sample: of the last action about it that was not undone."""

    sample_key: str
    content_id: str
    verdict: DecisionVerdict
    who: str
    why: str
    decided_at: str
    action_id: int


@dataclass(frozen=True, slots=True)
class Action:
    """One row of the journal. An undo or redo has the action that it is about as `target`, and its samples: so many,
    of which these were kept and dropped, `first_key` being the first of them."""

    action_id: int
    kind: Kind
    who: str
    why: str
    decided_at: str
    target: int | None
    num_samples: int
    num_kept: int
    num_dropped: int
    first_key: str | None

    @property
    def what(self) -> str:
        """What was decided: "kept a.png", "kept 3 and dropped 2 samples"."""
        done = [
            (number, verb)
            for number, verb in (
                (self.num_kept, "kept"),
                (self.num_dropped, "dropped"),
                (self.num_samples - self.num_kept - self.num_dropped, "left open"),
            )
            if number
        ]
        if self.num_samples == 1:
            return f"{done[0][1]} {self.first_key}"
        if len(done) == 1:
            return f"{done[0][1]} {plural(self.num_samples, 'sample')}"
        return f"{' and '.join(f'{verb} {number:,}' for number, verb in done)} samples"


@dataclass(frozen=True, slots=True)
class UndoState:
    """How many of a person's actions can be undone and redone."""

    num_undo: int
    num_redo: int


def user_name() -> str:
    """Who decides unless another name is given: the user of this computer."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"


def find_samples(store: Store, dataset_id: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """Samples (sample key, content id) by their keys or content ids; a content id stands for all samples that have it.

    Raises:
        UnknownNameError: if a name is neither; says how many are not, and the first of them.
        DatasetNotReadyError: if the dataset has no index yet.
    """
    dataset = store.catalogue.dataset(dataset_id)
    rows = store.query(
        f"""SELECT sample_key, content_id FROM ({store.manifest_sql(dataset)})
        WHERE sample_key IN (SELECT unnest($1)) OR content_id IN (SELECT unnest($1)) ORDER BY sample_key""",
        [list(names)],
    ).to_pylist()
    known = {value for row in rows for value in row.values()}
    lost = [name for name in dict.fromkeys(names) if name not in known]
    if lost:
        raise UnknownNameError(
            f"{len(lost):,} of {len(set(names)):,} names are no sample key or content id of {dataset.name}, "
            f"for example {', '.join(map(repr, lost[:3]))}. Nothing was decided."
        )
    return [(row["sample_key"], row["content_id"]) for row in rows]


def decide(
    store: Store,
    dataset_id: str,
    samples: Iterable[tuple[str, str]],
    verdict: DecisionVerdict,
    who: str,
    why: str = "",
) -> int:
    """Decide about samples (sample key, content id) in one action, which is undone as a whole; returns its id.

    Raises:
        RuleError: for an unknown verdict, no name or no samples.
    """
    return decide_each(store, dataset_id, dict.fromkeys(samples, verdict), who, why)


def decide_each(
    store: Store, dataset_id: str, verdicts: dict[tuple[str, str], DecisionVerdict], who: str, why: str = ""
) -> int:
    """Like `decide`, with a verdict for each sample."""
    if not verdicts or not set(verdicts.values()) <= set(DECISION_VERDICTS):
        raise RuleError(f"A decision is one of {', '.join(DECISION_VERDICTS)}, about at least one sample.")
    if not who.strip():
        raise RuleError("A decision needs the name of who made it.")
    with store.catalogue.transaction() as connection:
        connection.execute("BEGIN IMMEDIATE")
        action_id = _append(connection, dataset_id, "decide", who.strip(), why, None)
        rows = [(action_id, key, content_id, verdict) for (key, content_id), verdict in verdicts.items()]
        connection.executemany("INSERT INTO decisions VALUES (?, ?, ?, ?)", rows)
    return action_id


def undo(store: Store, dataset_id: str, who: str) -> Action | None:
    """Take back the last action of a person that still stands; returns it, or None if there is none."""
    return _turn(store, dataset_id, who, "undo")


def redo(store: Store, dataset_id: str, who: str) -> Action | None:
    """Take back the last undo of a person, unless something was decided since; returns what stands again, or None."""
    return _turn(store, dataset_id, who, "redo")


def undo_state(store: Store, dataset_id: str, who: str) -> UndoState:
    """What `undo` and `redo` could do now."""
    with store.catalogue.transaction() as connection:
        done, undone = _stacks(connection, dataset_id, who.strip())
    return UndoState(len(done), len(undone))


def current_decisions(store: Store, dataset_id: str) -> tuple[Decision, ...]:
    """The present decision about every sample that anybody decided about, by sample key."""
    with store.catalogue.transaction() as connection:
        rows = connection.execute(
            f"""SELECT sample_key, content_id, verdict, who, why, decided_at, action_id FROM (
                SELECT decisions.*, who, why, decided_at,
                    row_number() OVER (PARTITION BY sample_key ORDER BY action_id DESC) AS place
                FROM decisions JOIN decision_actions USING (action_id)
                WHERE dataset_id = ?1 AND action_id NOT IN ({_UNDONE})
            ) WHERE place = 1 ORDER BY sample_key""",
            [dataset_id],
        ).fetchall()
    return tuple(Decision(**dict(row)) for row in rows)


def verdicts(store: Store, dataset_id: str, sample_keys: Iterable[str]) -> dict[str, DecisionVerdict]:
    """The present decisions to keep or drop about some samples, by sample key."""
    with store.catalogue.transaction() as connection:
        rows = connection.execute(
            f"""SELECT sample_key, verdict, max(action_id) FROM decisions JOIN decision_actions USING (action_id)
            WHERE dataset_id = ?1 AND sample_key IN (SELECT value FROM json_each(?2)) AND action_id NOT IN ({_UNDONE})
            GROUP BY sample_key""",
            [dataset_id, json.dumps(list(sample_keys))],
        ).fetchall()
    return {row["sample_key"]: row["verdict"] for row in rows if row["verdict"] != "undecided"}


def decisions_of(store: Store, dataset_id: str) -> Decisions:
    """The present decisions to keep or drop, as `evaluate` takes them."""
    found = current_decisions(store, dataset_id)
    return {(item.sample_key, item.content_id): item.verdict for item in found if item.verdict != "undecided"}


def history(store: Store, dataset_id: str, limit: int = 50) -> tuple[Action, ...]:
    """The journal, newest first."""
    with store.catalogue.transaction() as connection:
        rows = connection.execute(
            _ACTION.format(where="WHERE dataset_id = ? ORDER BY action_id DESC LIMIT ?"), [dataset_id, limit]
        ).fetchall()
    return tuple(Action(**dict(row)) for row in rows)


def journal_state(store: Store, dataset_id: str) -> int:
    """A number that grows with every action: the part of a cache key that says whether anybody decided anything."""
    with store.catalogue.transaction() as connection:
        sql = "SELECT coalesce(max(action_id), 0) FROM decision_actions WHERE dataset_id = ?"
        return int(connection.execute(sql, [dataset_id]).fetchone()[0])


def _turn(store: Store, dataset_id: str, who: str, kind: Literal["undo", "redo"]) -> Action | None:
    with store.catalogue.transaction() as connection:
        connection.execute("BEGIN IMMEDIATE")
        done, undone = _stacks(connection, dataset_id, who.strip())
        stack = done if kind == "undo" else undone
        if not stack:
            return None
        _append(connection, dataset_id, kind, who.strip(), "", stack[-1])
        row = connection.execute(_ACTION.format(where="WHERE action_id = ?"), [stack[-1]]).fetchone()
    return Action(**dict(row))


def _stacks(connection: sqlite3.Connection, dataset_id: str, who: str) -> tuple[list[int], list[int]]:
    """A person's actions that stand and that were undone, the next one to undo or redo last."""
    done: list[int] = []
    undone: list[int] = []
    sql = "SELECT action_id, kind FROM decision_actions WHERE dataset_id = ? AND who = ? ORDER BY action_id"
    for action_id, kind in connection.execute(sql, [dataset_id, who]):
        if kind == "decide":
            done.append(action_id)
            undone.clear()
        elif kind == "undo":
            undone.append(done.pop())
        else:
            done.append(undone.pop())
    return done, undone


def _append(connection: sqlite3.Connection, dataset_id: str, kind: Kind, who: str, why: str, target: int | None) -> int:
    found = connection.execute(
        "INSERT INTO decision_actions (dataset_id, kind, target, who, why, decided_at) VALUES (?, ?, ?, ?, ?, ?)",
        [dataset_id, kind, target, who, why, utc_now()],
    )
    return int(found.lastrowid or 0)
