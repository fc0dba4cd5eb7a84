"""Samples that got another key: a file or folder was renamed, and its bytes were found again under the new name.

A decision is recorded with key and content id and belongs to that sample, also after a rename; so are tags and
corrected labels. Where several samples have the same bytes, content ids alone do not say which of them was renamed:
each version of an index is compared with the previous one, and the moves of such samples are recorded.
"""

from __future__ import annotations

import posixpath
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from jepascore_core.datasets.manifest import manifest_parts, read_part
from jepascore_core.storage.catalogue import Catalogue
from jepascore_core.storage.sample_lists import SAMPLE_LIST_SCHEMA, sample_list_of_text, unpack_samples

#: Decisions made while an index is being switched to are checked again this many times.
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Move:
    """A sample with these bytes whose key changed, or (None) that is gone.

    It applies to decisions up to `action_id`, the last one when it was recorded.
    """

    content_id: str
    old_key: str
    new_key: str | None
    action_id: int


#: The moves of a dataset in order, by content id.
Moves = Mapping[str, Sequence[Move]]


def read_moves(connection: sqlite3.Connection, dataset_id: str) -> dict[str, list[Move]]:
    """Return the recorded moves."""
    found: dict[str, list[Move]] = {}
    sql = "SELECT content_id, old_key, new_key, action_id FROM sample_moves WHERE dataset_id = ? ORDER BY move_id"
    for row in connection.execute(sql, [dataset_id]):
        found.setdefault(row["content_id"], []).append(Move(*row))
    return found


def followed(moves: Moves, key: str, content_id: str, action_id: int = 0) -> str:
    """Return the current key of the sample of a decision; 0 stands for a decision made at an unknown time."""
    for move in moves.get(content_id, ()):
        if move.old_key == key and move.new_key is not None and move.action_id >= action_id:
            key = move.new_key
    return key


def is_gone(moves: Moves, key: str, content_id: str) -> bool:
    """Return whether a sample is known to be gone, and not renamed."""
    last = next((move for move in reversed(moves.get(content_id, ())) if move.old_key == key), None)
    return last is not None and last.new_key is None


def pair_up(left: Sequence[str], arrived: Collection[str], standing: Mapping[str, Hashable]) -> dict[str, str]:
    """Pair the keys that disappeared with those that appeared, for samples of the same bytes: old key -> new key.

    Files of the same name are paired first, then the others, in order of the keys. If fewer appeared than disappeared,
    and those that disappeared differ in `standing` (what was decided), it is unknown which one was renamed: none is
    paired.
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
    """Make a version of an index the current one, and record which samples with decisions were renamed.

    Args:
        catalogue: where the dataset is.
        dataset_id: its id.
        version: name of the new version.
        old: folder of the previous version, if there is one.
        new: folder of the new version.
    """
    for attempt in range(_ATTEMPTS):
        with catalogue.transaction() as connection:
            before = _last_action(connection, dataset_id)
            decided = _decided(connection, dataset_id, new)
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


def _decided(connection: sqlite3.Connection, dataset_id: str, new: Path) -> _Decided:
    """Return what was decided and marked; of samples that only have marks, those whose bytes do not keep their keys."""
    moves = read_moves(connection, dataset_id)
    found: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    sql = """SELECT action_id, sample_key, content_id, verdict FROM decisions JOIN decision_actions USING (action_id)
        WHERE dataset_id = ? ORDER BY action_id"""
    for action_id, key, content_id, verdict in connection.execute(sql, [dataset_id]):
        found[content_id][followed(moves, key, content_id, action_id)]["journal"] = verdict
    marked = [*_marked(connection, dataset_id)]
    for recipe_id, body in connection.execute("SELECT recipe_id, body FROM recipes WHERE dataset_id = ?", [dataset_id]):
        recipe = yaml.safe_load(body)
        for item in recipe.get("decisions", ()):
            key = followed(moves, item["sample_key"], item["content_id"])
            found[item["content_id"]][key][recipe_id] = item["verdict"]
        for position, mark in enumerate(recipe.get("marks", ())):
            marked.append((0, f"{recipe_id} {position}", "", recorded_samples(mark)))
    for what, said, moved in _not_there(marked, moves, new):
        for key, content_id in moved:
            found[content_id][key][what] = said
    return {
        content_id: {key: frozenset(said.items()) for key, said in by_key.items()}
        for content_id, by_key in found.items()
    }


def recorded_samples(mark: Mapping[str, Any]) -> pa.Table:
    """Return the samples of a tag or corrected label that a recipe records.

    Raises:
        KeyError, TypeError, StoreError: for anything else.
    """
    if "packed" in mark:
        return sample_list_of_text(str(mark["packed"])).table
    columns = [[str(item[name]) for item in mark["samples"]] for name in SAMPLE_LIST_SCHEMA.names]
    return pa.table(columns, schema=SAMPLE_LIST_SCHEMA)


#: The action that marked samples, what it is about, what it says, and the samples.
_Marked = tuple[int, str, str, pa.Table]


def _marked(connection: sqlite3.Connection, dataset_id: str) -> Iterable[_Marked]:
    sql = """SELECT action_id, kind, value, is_set, samples FROM marks JOIN decision_actions USING (action_id)
        WHERE dataset_id = ? ORDER BY action_id, position"""
    for action_id, kind, value, is_set, packed in connection.execute(sql, [dataset_id]):
        what, said = (f"tag {value}", str(is_set)) if kind == "tag" else (kind, value)
        yield action_id, what, said, unpack_samples(packed)


def follow_all(moves: Moves, samples: pa.Table, action_id: int = 0) -> pa.Table:
    """Return samples (sample key, content id) under their current keys, as `followed`."""
    moved = pc.is_in(samples["content_id"], pa.array(list(moves), pa.string()))
    if not pc.any(moved).as_py():
        return samples
    some = samples.filter(moved)
    pairs = zip(some["sample_key"].to_pylist(), some["content_id"].to_pylist(), strict=True)
    keys = pa.array([followed(moves, key, content_id, action_id) for key, content_id in pairs], pa.string())
    mask = moved.combine_chunks()
    replaced = pc.replace_with_mask(samples["sample_key"].combine_chunks(), mask, keys)
    return samples.set_column(0, "sample_key", replaced)


def _not_there(
    marked: Sequence[_Marked], moves: Moves, new: Path
) -> Iterable[tuple[str, str, Iterable[Sequence[str]]]]:
    """Yield marks, in order, with the samples that have the bytes of any that an index does not have."""
    if not marked:
        return
    there = pa.concat_tables([read_part(path, SAMPLE_LIST_SCHEMA.names) for path in manifest_parts(new)])
    there = there.cast(SAMPLE_LIST_SCHEMA)
    now = [(what, said, follow_all(moves, table, action_id)) for action_id, what, said, table in marked]
    pairs = pa.concat_tables([table for _, _, table in now])
    gone = pairs.join(there, SAMPLE_LIST_SCHEMA.names, join_type="left anti")["content_id"].unique()
    for what, said, table in now:
        some = table.filter(pc.is_in(table["content_id"], gone))
        yield what, said, zip(some["sample_key"].to_pylist(), some["content_id"].to_pylist(), strict=True)


def _new_moves(decided: _Decided, old: Path, new: Path) -> list[tuple[str, str, str | None]]:
    before, now = (_keys_of(folder, decided) for folder in (old, new))
    moves: list[tuple[str, str, str | None]] = []
    for content_id, standing in decided.items():
        there, here = before.get(content_id, set()), now.get(content_id, set())
        just_left = sorted(there - here)
        missing = sorted(standing.keys() - there - here)
        # A sample that reappears under the key of a decision is that sample.
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
    """Return the sample keys of an index by content id, for these only."""
    wanted = pa.array(content_ids, pa.string())
    found: dict[str, set[str]] = defaultdict(set)
    for path in manifest_parts(folder):
        part = read_part(path, ["sample_key", "content_id"])
        part = part.filter(pc.is_in(part["content_id"], wanted))
        for key, content_id in zip(part["sample_key"].to_pylist(), part["content_id"].to_pylist(), strict=True):
            found[content_id].add(key)
    return found
