"""Decisions of people about single samples: an append-only journal, from which the current state follows.

Deciding, undoing and redoing all append rows; nothing is ever changed or deleted. So undo has no limit, survives a
restart, and only undoes one's own last decision, whatever others decided meanwhile.

A client that cannot know whether an answer was lost sends its request again. Hence the token: a request with a token
that was seen before is not done a second time.
"""

from __future__ import annotations

import getpass
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from jepascore_core.curation.evaluation.evaluate import Decisions
from jepascore_core.errors import RuleError, UnknownNameError
from jepascore_core.formatting import plural
from jepascore_core.jobs.moves import followed, read_moves
from jepascore_core.scores.memo import memoized
from jepascore_core.storage.catalogue import utc_now
from jepascore_core.storage.store import Store

DecisionVerdict = Literal["keep", "drop", "undecided"]
Kind = Literal["decide", "undo", "redo"]

#: Past tense of each verdict.
VERBS: dict[DecisionVerdict, str] = {"keep": "kept", "drop": "dropped", "undecided": "left undecided"}

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
    """The current decision about a sample: that of the last action about it that was not undone.

    It belongs to the sample with this key and content id. `decided_as` is the key that the sample had then: if its file
    was renamed since, the decision followed it.
    """

    sample_key: str
    content_id: str
    verdict: DecisionVerdict
    who: str
    why: str
    decided_at: str
    action_id: int
    decided_as: str


@dataclass(frozen=True, slots=True)
class Action:
    """One row of the journal.

    An undo or redo has the affected action as `target`, and its samples: their number, how many were kept and dropped,
    and the first key.
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

    @property
    def what(self) -> str:
        """The decision in words: "kept a.png", "kept 3 and dropped 2 samples"."""
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

    Also, for the next ones in order, the key of the sample that each is about, None for an action about several.
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
            f"for example {', '.join(map(repr, lost[:3]))}. No decision was recorded."
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


def decide(
    store: Store,
    dataset_id: str,
    samples: Iterable[tuple[str, str]],
    verdict: DecisionVerdict,
    who: str,
    why: str = "",
    token: str | None = None,
) -> int:
    """Decide about samples (sample key, content id) in one action, which is undone as a whole; return its id.

    `token` identifies a request that may be repeated: the second time nothing is done, and the first id is returned.

    Raises:
        RuleError: for an unknown verdict, no name or no samples.
    """
    return decide_each(store, dataset_id, dict.fromkeys(samples, verdict), who, why, token)


def decide_each(
    store: Store,
    dataset_id: str,
    verdicts: dict[tuple[str, str], DecisionVerdict],
    who: str,
    why: str = "",
    token: str | None = None,
) -> int:
    """Decide about samples like `decide`, with a verdict for each."""
    if not verdicts or not set(verdicts.values()) <= set(DECISION_VERDICTS):
        raise RuleError(f"A decision must be one of {', '.join(DECISION_VERDICTS)}, about at least one sample.")
    if not who.strip():
        raise RuleError("A decision needs the name of its reviewer.")
    with store.catalogue.transaction() as connection:
        connection.execute("BEGIN IMMEDIATE")
        seen, former = _seen(connection, dataset_id, token)
        if seen:
            return former or 0
        action_id = _append(connection, dataset_id, "decide", who.strip(), why, None)
        _remember(connection, dataset_id, token, action_id)
        rows = [(action_id, key, content_id, verdict) for (key, content_id), verdict in verdicts.items()]
        connection.executemany("INSERT INTO decisions VALUES (?, ?, ?, ?)", rows)
    return action_id


def undo(store: Store, dataset_id: str, who: str, token: str | None = None) -> Action | None:
    """Undo the last action of a person that is still in effect; return it, or None if there is none.

    With a `token` that was seen before, nothing is done, and what was undone then is returned.
    """
    return _turn(store, dataset_id, who, "undo", token)


def redo(store: Store, dataset_id: str, who: str, token: str | None = None) -> Action | None:
    """Redo the last undo of a person, unless anything was decided since; return the restored action, or None.

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


def current_decisions(store: Store, dataset_id: str) -> tuple[Decision, ...]:
    """Return the current decision about every sample that has one, by sample key."""
    return _present_and_lost(store, dataset_id)[0]


def lost_decisions(store: Store, dataset_id: str) -> tuple[Decision, ...]:
    """Return decisions to keep or drop whose sample is gone or has other bytes, by the last known key.

    They apply again when the bytes reappear.
    """
    return _present_and_lost(store, dataset_id)[1]


def describe_lost(lost: Sequence[Decision], limit: int = 3) -> str:
    """Describe the decisions whose sample is gone, in a sentence or two; "" for none."""
    if not lost:
        return ""
    named = ", ".join(f"{item.sample_key} ({VERBS[item.verdict]})" for item in lost[:limit])
    more = f" and {len(lost) - limit:,} more" if len(lost) > limit else ""
    verb, kept = ("belongs", "It is kept and applies") if len(lost) == 1 else ("belong", "They are kept and apply")
    return (
        f"{plural(len(lost), 'decision')} {verb} to no sample of this dataset: {named}{more}. {kept} again if an"
        " image with these bytes is added."
    )


def decisions_about(store: Store, dataset_id: str, content_ids: Mapping[str, str]) -> dict[str, Decision]:
    """Return the current decisions about some samples (sample key -> content id), by sample key."""
    wanted = sorted(set(content_ids.values()))
    found = _standing(store, dataset_id, "AND content_id IN (SELECT value FROM json_each(?2))", json.dumps(wanted))
    return {item.sample_key: item for item in found if content_ids.get(item.sample_key) == item.content_id}


def verdicts(store: Store, dataset_id: str, content_ids: Mapping[str, str]) -> dict[str, DecisionVerdict]:
    """Return the current decisions to keep or drop about some samples (sample key -> content id), by sample key."""
    found = decisions_about(store, dataset_id, content_ids)
    return {key: item.verdict for key, item in found.items() if item.verdict != "undecided"}


def decisions_of(store: Store, dataset_id: str) -> Decisions:
    """Return the current decisions to keep or drop, as `evaluate` takes them."""
    found = current_decisions(store, dataset_id)
    return {(item.sample_key, item.content_id): item.verdict for item in found if item.verdict != "undecided"}


def _standing(store: Store, dataset_id: str, condition: str = "", *parameters: str) -> list[Decision]:
    """Return the last decision about each key and content id that is not undone, under its sample's current key."""
    with store.catalogue.transaction() as connection:
        moves = read_moves(connection, dataset_id)
        rows = connection.execute(
            f"""SELECT sample_key, content_id, verdict, who, why, decided_at, action_id
            FROM decisions JOIN decision_actions USING (action_id)
            WHERE dataset_id = ?1 AND action_id NOT IN ({_UNDONE}) {condition} ORDER BY action_id""",
            [dataset_id, *parameters],
        ).fetchall()
    last: dict[tuple[str, str], tuple[Any, ...]] = {}
    for key, *values in rows:
        last[followed(moves, key, values[0], values[-1]), values[0]] = (*values, key)
    return [Decision(key, *values) for (key, _), values in sorted(last.items())]


def _present_and_lost(store: Store, dataset_id: str) -> tuple[tuple[Decision, ...], tuple[Decision, ...]]:
    """Return decisions about existing samples, and those to keep or drop whose sample is gone."""
    dataset = store.catalogue.dataset(dataset_id)

    def read() -> tuple[tuple[Decision, ...], tuple[Decision, ...]]:
        found = _standing(store, dataset_id)
        if dataset.version is None or not found:
            return tuple(found), ()
        rows = store.query(
            f"""SELECT sample_key, content_id FROM ({store.manifest_sql(dataset)})
            WHERE content_id IN (SELECT unnest($1))""",
            [sorted({item.content_id for item in found})],
        )
        there = set(zip(rows["sample_key"].to_pylist(), rows["content_id"].to_pylist(), strict=True))
        present = tuple(item for item in found if (item.sample_key, item.content_id) in there)
        # A decision about the sample that now has a key replaces one about the sample that had it before; one that
        # came with a renamed file was made without knowing of that.
        latest: dict[str, int] = {}
        for item in found:
            if item.decided_as == item.sample_key:
                latest[item.sample_key] = max(item.action_id, latest.get(item.sample_key, 0))
        lost = (item for item in found if (item.sample_key, item.content_id) not in there)
        open_ones = (
            item for item in lost if item.verdict != "undecided" and item.action_id >= latest.get(item.sample_key, 0)
        )
        return present, tuple(open_ones)

    return memoized(store, ("decisions", dataset_id, dataset.version, journal_state(store, dataset_id)), read)


def history(store: Store, dataset_id: str, limit: int = 50) -> tuple[Action, ...]:
    """Return the journal, newest first."""
    with store.catalogue.transaction() as connection:
        rows = connection.execute(
            _ACTION.format(where="WHERE dataset_id = ? ORDER BY action_id DESC LIMIT ?"), [dataset_id, limit]
        ).fetchall()
    return tuple(Action(**dict(row)) for row in rows)


def journal_state(store: Store, dataset_id: str) -> int:
    """Return a number that grows with every action: the part of a cache key that identifies the state of decisions."""
    with store.catalogue.transaction() as connection:
        sql = "SELECT coalesce(max(action_id), 0) FROM decision_actions WHERE dataset_id = ?"
        return int(connection.execute(sql, [dataset_id]).fetchone()[0])


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
        row = connection.execute(_ACTION.format(where=where), [turn]).fetchone()
    return Action(**dict(row))


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
