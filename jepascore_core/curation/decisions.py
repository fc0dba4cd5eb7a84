"""Decisions of people about single samples: rows of the append-only journal, from which the current state follows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from jepascore_core.curation.evaluation.evaluate import Decisions
from jepascore_core.curation.journal import UNDONE, append_action, journal_state
from jepascore_core.errors import RuleError
from jepascore_core.formatting import plural
from jepascore_core.jobs.moves import Moves, followed, read_moves
from jepascore_core.scores.memo import memoized
from jepascore_core.storage.store import Store

DecisionVerdict = Literal["keep", "drop", "undecided"]

#: Past tense of each verdict.
VERBS: dict[DecisionVerdict, str] = {"keep": "kept", "drop": "dropped", "undecided": "left undecided"}

DECISION_VERDICTS: tuple[DecisionVerdict, ...] = get_args(DecisionVerdict)


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
    rows = [(key, content_id, verdict) for (key, content_id), verdict in verdicts.items()]

    def write(connection: sqlite3.Connection, action_id: int) -> None:
        connection.executemany(f"INSERT INTO decisions VALUES ({action_id}, ?, ?, ?)", rows)

    return append_action(store, dataset_id, "decide", who, why, token, write)


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
    found, _ = _standing(store, dataset_id, "AND content_id IN (SELECT value FROM json_each(?2))", json.dumps(wanted))
    return {item.sample_key: item for item in found if content_ids.get(item.sample_key) == item.content_id}


def verdicts(store: Store, dataset_id: str, content_ids: Mapping[str, str]) -> dict[str, DecisionVerdict]:
    """Return the current decisions to keep or drop about some samples (sample key -> content id), by sample key."""
    found = decisions_about(store, dataset_id, content_ids)
    return {key: item.verdict for key, item in found.items() if item.verdict != "undecided"}


def decisions_of(store: Store, dataset_id: str) -> Decisions:
    """Return the current decisions to keep or drop, as `evaluate` takes them."""
    found = current_decisions(store, dataset_id)
    return {(item.sample_key, item.content_id): item.verdict for item in found if item.verdict != "undecided"}


def _standing(store: Store, dataset_id: str, condition: str = "", *parameters: str) -> tuple[list[Decision], Moves]:
    """Return the last decision about each key and content id that is not undone, under its sample's current key.

    And the moves by which samples got their keys.
    """
    with store.catalogue.transaction() as connection:
        moves = read_moves(connection, dataset_id)
        rows = connection.execute(
            f"""SELECT sample_key, content_id, verdict, who, why, decided_at, action_id
            FROM decisions JOIN decision_actions USING (action_id)
            WHERE dataset_id = ?1 AND action_id NOT IN ({UNDONE}) {condition} ORDER BY action_id""",
            [dataset_id, *parameters],
        ).fetchall()
    last: dict[tuple[str, str], tuple[Any, ...]] = {}
    for key, *values in rows:
        last[followed(moves, key, values[0], values[-1]), values[0]] = (*values, key)
    return [Decision(key, *values) for (key, _), values in sorted(last.items())], moves


def _present_and_lost(store: Store, dataset_id: str) -> tuple[tuple[Decision, ...], tuple[Decision, ...]]:
    """Return decisions about existing samples, and those to keep or drop whose sample is gone."""
    dataset = store.catalogue.dataset(dataset_id)

    def read() -> tuple[tuple[Decision, ...], tuple[Decision, ...]]:
        found, moves = _standing(store, dataset_id)
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
            item
            for item in lost
            if item.verdict != "undecided" and _known_since(moves, item) >= latest.get(item.sample_key, 0)
        )
        return present, tuple(open_ones)

    return memoized(store, ("decisions", dataset_id, dataset.version, journal_state(store, dataset_id)), read)


def _known_since(moves: Moves, item: Decision) -> int:
    """Return the last action before the sample of a decision got its present key; the decision's own if it had it."""
    if item.decided_as == item.sample_key:
        return item.action_id
    return max(move.action_id for move in moves[item.content_id] if move.new_key == item.sample_key)
