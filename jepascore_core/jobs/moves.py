"""Samples that got another key: a file or folder was renamed, and its bytes were found again under the new name.

A decision is recorded with key and content id and belongs to that sample, also when the sample is renamed. Where
several samples have the same bytes it is known which of them went and which came: each version of an index is compared
with the one before, and the moves of samples that somebody decided about are written down.
"""

from __future__ import annotations

import posixpath
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from jepascore_core.datasets.manifest import manifest_parts, read_part
from jepascore_core.storage.catalogue import Catalogue

#: Decisions that are made while an index is switched to are looked at again this often.
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Move:
    """A sample with these bytes went from one key to another, or (None) went and did not come back.

    It concerns decisions up to `action_id`, the last one when it was noticed.
    """

    content_id: str
    old_key: str
    new_key: str | None
    action_id: int


#: The moves of a dataset in their order, by content id.
Moves = Mapping[str, Sequence[Move]]


def read_moves(connection: sqlite3.Connection, dataset_id: str) -> dict[str, list[Move]]:
    """What is written down."""
    found: dict[str, list[Move]] = {}
    sql = "SELECT content_id, old_key, new_key, action_id FROM sample_moves WHERE dataset_id = ? ORDER BY move_id"
    for row in connection.execute(sql, [dataset_id]):
        found.setdefault(row["content_id"], []).append(Move(*row))
    return found


def followed(moves: Moves, key: str, content_id: str, action_id: int = 0) -> str:
    """The key that the sample of a decision has now; 0 stands for a decision of which nobody knows when it was made."""
    for move in moves.get(content_id, ()):
        if move.old_key == key and move.new_key is not None and move.action_id >= action_id:
            key = move.new_key
    return key


def is_gone(moves: Moves, key: str, content_id: str) -> bool:
    """Whether it is known that a sample went and did not come back under another key."""
    last = next((move for move in reversed(moves.get(content_id, ())) if move.old_key == key), None)
    return last is not None and last.new_key is None


def pair_up(left: Sequence[str], arrived: Collection[str], standing: Mapping[str, Hashable]) -> dict[str, str]:
    """Which of the keys that went is which of those that came, for samples of the same bytes: old key -> new key.

    Files of the same name first, then the others, in order of the keys. Where fewer came than went, and not all of
    those that went had the same `standing` (what was decided), nobody knows which one came: none of them is paired.
    """
    pairs: dict[str, str] = {}
    by_name: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for place, keys in enumerate((left, arrived)):
        for key in keys:
            by_name[posixpath.basename(key)][place].append(key)
    for went, came in by_name.values():
        pairs |= _in_order(went, came, standing)
    came = [key for key in arrived if key not in set(pairs.values())]
    return pairs | _in_order([key for key in left if key not in pairs], came, standing)


def _in_order(left: Sequence[str], arrived: Sequence[str], standing: Mapping[str, Hashable]) -> dict[str, str]:
    if len(left) > len(arrived) and len({standing.get(key) for key in left}) > 1:
        return {}
    return dict(zip(sorted(left), sorted(arrived), strict=False))


def switch_version(catalogue: Catalogue, dataset_id: str, version: str, old: Path | None, new: Path) -> None:
    """Make a version of an index the current one, and write down which samples with decisions it calls otherwise.

    Args:
        catalogue: where the dataset is.
        dataset_id: its id.
        version: name of the new version.
        old: folder of the version until now, if there is one.
        new: folder of the new one.
    """
    for attempt in range(_ATTEMPTS):
        with catalogue.transaction() as connection:
            before = _last_action(connection, dataset_id)
            decided = _decided(connection, dataset_id)
        moves = _new_moves(decided, old, new) if old is not None and decided else []
        with catalogue.transaction() as connection:
            connection.execute("BEGIN IMMEDIATE")
            if _last_action(connection, dataset_id) != before and attempt < _ATTEMPTS - 1:
                continue
            connection.executemany(
                "INSERT INTO sample_moves (dataset_id, content_id, old_key, new_key, action_id) VALUES (?, ?, ?, ?, ?)",
                [(dataset_id, content_id, old_key, new_key, before) for content_id, old_key, new_key in moves],
            )
            connection.execute("UPDATE datasets SET version = ? WHERE dataset_id = ?", [version, dataset_id])
            return


#: Content id -> key that a decision is about now -> what was decided about it, by the journal and by saved recipes.
_Decided = dict[str, dict[str, frozenset[tuple[str, str]]]]


def _last_action(connection: sqlite3.Connection, dataset_id: str) -> int:
    sql = "SELECT coalesce(max(action_id), 0) FROM decision_actions WHERE dataset_id = ?"
    return int(connection.execute(sql, [dataset_id]).fetchone()[0])


def _decided(connection: sqlite3.Connection, dataset_id: str) -> _Decided:
    moves = read_moves(connection, dataset_id)
    found: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    sql = """SELECT action_id, sample_key, content_id, verdict FROM decisions JOIN decision_actions USING (action_id)
        WHERE dataset_id = ? ORDER BY action_id"""
    for action_id, key, content_id, verdict in connection.execute(sql, [dataset_id]):
        found[content_id][followed(moves, key, content_id, action_id)]["journal"] = verdict
    for recipe_id, body in connection.execute("SELECT recipe_id, body FROM recipes WHERE dataset_id = ?", [dataset_id]):
        for item in yaml.safe_load(body).get("decisions", ()):
            key = followed(moves, item["sample_key"], item["content_id"])
            found[item["content_id"]][key][recipe_id] = item["verdict"]
    return {
        content_id: {key: frozenset(said.items()) for key, said in by_key.items()}
        for content_id, by_key in found.items()
    }


def _new_moves(decided: _Decided, old: Path, new: Path) -> list[tuple[str, str, str | None]]:
    before, now = (_keys_of(folder, decided) for folder in (old, new))
    moves: list[tuple[str, str, str | None]] = []
    for content_id, standing in decided.items():
        there, here = before.get(content_id, set()), now.get(content_id, set())
        just_left = sorted(there - here)
        missing = sorted(standing.keys() - there - here)
        # What came back under the key that a decision knows is that sample.
        arrived = here - there - standing.keys()
        pairs = pair_up(just_left, arrived, standing)
        pairs |= pair_up(missing, arrived - set(pairs.values()), standing)
        moves += [
            (content_id, key, pairs.get(key))
            for key in (*just_left, *missing)
            if key in standing and (key in pairs or key in there)
        ]
    return moves


def _keys_of(folder: Path, content_ids: Iterable[str]) -> dict[str, set[str]]:
    """Sample keys of an index by content id, of these only."""
    wanted = pa.array(content_ids, pa.string())
    found: dict[str, set[str]] = defaultdict(set)
    for path in manifest_parts(folder):
        part = read_part(path, ["sample_key", "content_id"])
        part = part.filter(pc.is_in(part["content_id"], wanted))
        for key, content_id in zip(part["sample_key"].to_pylist(), part["content_id"].to_pylist(), strict=True):
            found[content_id].add(key)
    return found
