"""The journal of what people do to samples: decisions, tags and corrected labels, in one append-only order.

Acting, undoing and redoing all append rows; nothing is ever changed or deleted. So undo has no limit, survives a
restart, and only undoes one's own last action, whatever others did meanwhile.

A client that cannot know whether an answer was lost sends its request again. Hence the token: a request with a token
that was seen before is not done a second time.
"""

from __future__ import annotations

import getpass
import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from jepascore_core.errors import RuleError, UnknownNameError
from jepascore_core.formatting import plural
from jepascore_core.storage.catalogue import utc_now
from jepascore_core.storage.sample_lists import SampleList, sample_list
from jepascore_core.storage.store import Store

#: What is done to samples, and what turns it back.
Deed = Literal["decide", "tag", "relabel"]
Kind = Literal["decide", "tag", "relabel", "undo", "redo"]

#: Actions of the journal (of the dataset ?1) whose last undo or redo, if any, was an undo.
UNDONE = """
    SELECT target FROM (
        SELECT target, kind, row_number() OVER (PARTITION BY target ORDER BY action_id DESC) AS place
        FROM decision_actions WHERE dataset_id = ?1 AND target IS NOT NULL
    ) WHERE place = 1 AND kind = 'undo'
"""

_ACTION = """
    SELECT action_id, kind, who, why, decided_at, target, count(sample_key) AS num_samples,
        count(sample_key) FILTER (WHERE verdict = 'keep') AS num_kept,
        count(sample_key) FILTER (WHERE verdict = 'drop') AS num_dropped, min(sample_key) AS first_key, about
    FROM (SELECT *, coalesce(target, action_id) AS about FROM decision_actions {where})
    LEFT JOIN (SELECT action_id AS about, sample_key, verdict FROM decisions) USING (about)
    GROUP BY action_id ORDER BY action_id DESC
"""

_MARKS = """
    SELECT action_id AS about, kind, value, is_set, num_samples, first_key FROM marks
    JOIN decision_actions USING (action_id) WHERE action_id IN (SELECT value FROM json_each(?)) ORDER BY position
"""


@dataclass(frozen=True, slots=True)
class MarkChange:
    """One tag added to or removed from samples, or one label that they got; "" is the original label again."""

    kind: Deed
    value: str
    is_set: bool
    num_samples: int
    first_key: str

    @property
    def what(self) -> str:
        """The change in words: "tagged 3 samples blurred"."""
        samples = self.first_key if self.num_samples == 1 else plural(self.num_samples, "sample")
        if self.kind == "tag":
            return f"tagged {samples} {self.value}" if self.is_set else f"removed the tag {self.value} from {samples}"
        return f"relabelled {samples} as {self.value}" if self.is_set else f"gave {samples} the original label again"


@dataclass(frozen=True, slots=True)
class Action:
    """One row of the journal.

    An undo or redo has the affected action as `target`, and its samples: their number, how many were kept and dropped,
    and the first key. Tags and corrected labels are in `marks`.
    """

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
    marks: tuple[MarkChange, ...] = ()

    @property
    def what(self) -> str:
        """The action in words: "kept a.png", "kept 3 and dropped 2 samples", "tagged a.png blurred"."""
        if self.marks:
            return ", ".join(mark.what for mark in self.marks)
        done = [
            (number, verb)
            for number, verb in (
                (self.num_kept, "kept"),
                (self.num_dropped, "dropped"),
                (self.num_samples - self.num_kept - self.num_dropped, "left undecided"),
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
    """How many of a person's actions can be undone and redone.

    Also, for the next ones in order, the key of the sample that each decides about, None for an action about several,
    or about tags or labels.
    """

    num_undo: int
    num_redo: int
    next_undo: tuple[str | None, ...] = ()
    next_redo: tuple[str | None, ...] = ()


def user_name() -> str:
    """Return the default reviewer: the user of this computer."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"


def find_samples(store: Store, dataset_id: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return samples (sample key, content id) by keys or content ids; a content id means all samples that have it.

    Raises:
        UnknownNameError: if a name is neither; the message counts them and names the first.
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
            f"{len(lost):,} of {len(set(names)):,} names are not a sample key or content id of {dataset.name}, "
            f"for example {', '.join(map(repr, lost[:3]))}. Nothing was recorded."
        )
    return [(row["sample_key"], row["content_id"]) for row in rows]


def known_samples(store: Store, dataset_id: str, samples: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Return those of some samples (sample key, content id) that the dataset has."""
    dataset = store.catalogue.dataset(dataset_id)
    wanted = set(samples)
    rows = store.query(
        f"""SELECT sample_key, content_id FROM ({store.manifest_sql(dataset)})
        WHERE sample_key IN (SELECT unnest($1))""",
        [[key for key, _ in wanted]],
    ).to_pylist()
    return frozenset(wanted & {(row["sample_key"], row["content_id"]) for row in rows})


def append_action(
    store: Store,
    dataset_id: str,
    kind: Deed,
    who: str,
    why: str,
    token: str | None,
    write: Callable[[sqlite3.Connection, int], None],
) -> int:
    """Append an action, whose rows `write` adds within the same transaction; return its id.

    `token` identifies a request that may be repeated: the second time nothing is done, and the first id is returned.

    Raises:
        RuleError: without the name of a person.
    """
    if not who.strip():
        raise RuleError("Nothing was recorded: it needs the name of its reviewer.")
    with store.catalogue.transaction() as connection:
        connection.execute("BEGIN IMMEDIATE")
        seen, former = _seen(connection, dataset_id, token)
        if seen:
            return former or 0
        action_id = _append(connection, dataset_id, kind, who.strip(), why, None)
        _remember(connection, dataset_id, token, action_id)
        write(connection, action_id)
    return action_id


@dataclass(frozen=True, slots=True)
class PackedMark:
    """A tag or label of samples, packed for the journal before its transaction begins."""

    value: str
    is_set: bool
    first_key: str
    samples: SampleList


def packed_mark(value: str, is_set: bool, samples: pa.Table) -> PackedMark:
    """Pack what samples (a table of `SAMPLE_LIST_SCHEMA`) get or, without `is_set`, lose."""
    first = samples["sample_key"][0].as_py() if samples.num_rows else ""
    return PackedMark(value, is_set, first, sample_list(samples))


def write_marks(marks: Sequence[PackedMark], connection: sqlite3.Connection, action_id: int) -> None:
    """Write the marks of an action, in order."""
    rows = [
        (action_id, position, mark.value, mark.is_set, mark.samples.num_samples, mark.first_key, mark.samples.packed)
        for position, mark in enumerate(marks)
    ]
    connection.executemany("INSERT INTO marks VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def undo(store: Store, dataset_id: str, who: str, token: str | None = None) -> Action | None:
    """Undo the last action of a person that is still in effect; return it, or None if there is none.

    With a `token` that was seen before, nothing is done, and what was undone then is returned.
    """
    return _turn(store, dataset_id, who, "undo", token)


def redo(store: Store, dataset_id: str, who: str, token: str | None = None) -> Action | None:
    """Redo the last undo of a person, unless they acted since; return the restored action, or None.

    `token` as for `undo`.
    """
    return _turn(store, dataset_id, who, "redo", token)


def undo_state(store: Store, dataset_id: str, who: str, limit: int = 0) -> UndoState:
    """Return what `undo` and `redo` could do now, with the samples of the next `limit` of each."""
    with store.catalogue.transaction() as connection:
        done, undone = _stacks(connection, dataset_id, who.strip())
        shown = [*done[len(done) - min(limit, len(done)) :], *undone[len(undone) - min(limit, len(undone)) :]]
        found = connection.execute(
            """SELECT action_id, min(sample_key) AS key FROM decisions
            WHERE action_id IN (SELECT value FROM json_each(?)) GROUP BY action_id HAVING count(*) = 1""",
            [json.dumps(shown)],
        )
        keys = {row["action_id"]: row["key"] for row in found}
    next_undo, next_redo = (tuple(keys.get(item) for item in stack[::-1][:limit]) for stack in (done, undone))
    return UndoState(len(done), len(undone), next_undo, next_redo)


def history(store: Store, dataset_id: str, limit: int = 50) -> tuple[Action, ...]:
    """Return the journal, newest first."""
    with store.catalogue.transaction() as connection:
        return _actions(connection, "WHERE dataset_id = ? ORDER BY action_id DESC LIMIT ?", dataset_id, limit)


def journal_state(store: Store, dataset_id: str) -> int:
    """Return a number that grows with every action: in a cache key it stands for the state of the journal."""
    with store.catalogue.transaction() as connection:
        sql = "SELECT coalesce(max(action_id), 0) FROM decision_actions WHERE dataset_id = ?"
        return int(connection.execute(sql, [dataset_id]).fetchone()[0])


def last_actions(store: Store) -> dict[str, str]:
    """Return when anything was last decided, tagged, relabelled, undone or redone, by dataset id."""
    with store.catalogue.transaction() as connection:
        sql = """SELECT dataset_id, decided_at FROM decision_actions
            WHERE action_id IN (SELECT max(action_id) FROM decision_actions GROUP BY dataset_id)"""
        return dict(map(tuple, connection.execute(sql)))


def _actions(connection: sqlite3.Connection, where: str, *parameters: object) -> tuple[Action, ...]:
    rows = [dict(row) for row in connection.execute(_ACTION.format(where=where), parameters)]
    marks: dict[int, list[MarkChange]] = {}
    for row in connection.execute(_MARKS, [json.dumps([row["about"] for row in rows])]):
        about, kind, value, is_set, num_samples, first_key = row
        marks.setdefault(about, []).append(MarkChange(kind, value, bool(is_set), num_samples, first_key))
    return tuple(_action(row, tuple(marks.get(row.pop("about"), ()))) for row in rows)


def _action(row: dict[str, Any], marks: tuple[MarkChange, ...]) -> Action:
    if marks:
        # A renamed tag is removed from and added to the same samples; a label each has samples of its own.
        count = sum if marks[0].kind == "relabel" else max
        row |= {"num_samples": count(mark.num_samples for mark in marks), "first_key": marks[0].first_key}
    return Action(**row, marks=marks)


def _turn(store: Store, dataset_id: str, who: str, kind: Literal["undo", "redo"], token: str | None) -> Action | None:
    with store.catalogue.transaction() as connection:
        connection.execute("BEGIN IMMEDIATE")
        seen, turn = _seen(connection, dataset_id, token)
        if not seen:
            done, undone = _stacks(connection, dataset_id, who.strip())
            stack = done if kind == "undo" else undone
            turn = _append(connection, dataset_id, kind, who.strip(), "", stack[-1]) if stack else None
            # That there was nothing is recorded as well: by the time of a repeated request there may be something.
            _remember(connection, dataset_id, token, turn)
        if turn is None:
            return None
        where = "WHERE action_id = (SELECT coalesce(target, action_id) FROM decision_actions WHERE action_id = ?)"
        return _actions(connection, where, turn)[0]


def _seen(connection: sqlite3.Connection, dataset_id: str, token: str | None) -> tuple[bool, int | None]:
    """Return whether a token was seen before, and the row of the journal that it led to, if any."""
    sql = "SELECT action_id FROM decision_tokens WHERE dataset_id = ? AND token = ?"
    row = connection.execute(sql, [dataset_id, token]).fetchone() if token is not None else None
    return row is not None, row["action_id"] if row is not None else None


def _remember(connection: sqlite3.Connection, dataset_id: str, token: str | None, action_id: int | None) -> None:
    if token is not None:
        connection.execute("INSERT INTO decision_tokens VALUES (?, ?, ?)", [dataset_id, token, action_id])


def _stacks(connection: sqlite3.Connection, dataset_id: str, who: str) -> tuple[list[int], list[int]]:
    """Return a person's actions that are in effect and that were undone, the next one to undo or redo last."""
    done: list[int] = []
    undone: list[int] = []
    sql = "SELECT action_id, kind FROM decision_actions WHERE dataset_id = ? AND who = ? ORDER BY action_id"
    for action_id, kind in connection.execute(sql, [dataset_id, who]):
        if kind == "undo":
            undone.append(done.pop())
        elif kind == "redo":
            done.append(undone.pop())
        else:
            done.append(action_id)
            undone.clear()
    return done, undone


def _append(connection: sqlite3.Connection, dataset_id: str, kind: Kind, who: str, why: str, target: int | None) -> int:
    found = connection.execute(
        "INSERT INTO decision_actions (dataset_id, kind, target, who, why, decided_at) VALUES (?, ?, ?, ?, ?, ?)",
        [dataset_id, kind, target, who, why, utc_now()],
    )
    return int(found.lastrowid or 0)
