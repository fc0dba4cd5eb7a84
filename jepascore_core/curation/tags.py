"""Tags of samples: rows of the append-only journal, which follow renamed files as decisions do.

What a tag is called is part of these rows; its colour and its key are settings, of which the last one counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.marks import marks_state, tag_counts
from jepascore_core.curation.journal import UNDONE, append_action, packed_mark, write_marks
from jepascore_core.errors import RuleError, one_of, unknown
from jepascore_core.jobs.moves import follow_all, read_moves
from jepascore_core.storage.sample_lists import SAMPLE_LIST_SCHEMA, unpack_samples
from jepascore_core.storage.store import Store

#: The house palette by name, in its order; figures.style has the shades.
TAG_COLOURS = ("blue", "orange", "green", "pink", "gold", "sky", "violet", "grey")
#: Keys that put tags on samples.
DIGITS = range(1, 10)
MAX_TAG = 60


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of a dataset: how many samples have it, its colour, and its key, 1 to 9, if it has one."""

    name: str
    num_samples: int
    colour: str
    digit: int | None


@dataclass(frozen=True, slots=True)
class TagChange:
    """A tag that samples (a table of `SAMPLE_LIST_SCHEMA`) get or, without `is_set`, lose."""

    tag: str
    samples: pa.Table
    is_set: bool = True


def checked_tag(name: str) -> str:
    """Return the name of a tag without spaces around it.

    Raises:
        RuleError: if it is empty, too long, or has characters that lists of tags cannot hold.
    """
    tag = name.strip()
    if not 0 < len(tag) <= MAX_TAG or ";" in tag or not tag.isprintable():
        raise RuleError(f"A tag needs a name of 1 to {MAX_TAG} characters without ; and line breaks, not {name!r}.")
    return tag


def add_tag(
    store: Store, dataset_id: str, samples: pa.Table, tag: str, who: str, why: str = "", token: str | None = None
) -> int:
    """Tag samples (sample key, content id) in one action, which is undone as a whole; return its id.

    `token` identifies a request that may be repeated: the second time nothing is done, and the first id is returned.

    Raises:
        RuleError: for an invalid name of a tag or reviewer, or no samples.
    """
    return change_tags(store, dataset_id, [TagChange(checked_tag(tag), samples)], who, why, token)


def remove_tag(
    store: Store, dataset_id: str, samples: pa.Table, tag: str, who: str, why: str = "", token: str | None = None
) -> int:
    """Remove a tag from samples like `add_tag`."""
    return change_tags(store, dataset_id, [TagChange(checked_tag(tag), samples, False)], who, why, token)


def change_tags(
    store: Store, dataset_id: str, changes: Sequence[TagChange], who: str, why: str = "", token: str | None = None
) -> int:
    """Add and remove tags in one action, a tag once; `add_tag` says the rest."""
    if not any(change.samples.num_rows for change in changes):
        raise RuleError("No sample is given: nothing was tagged.")
    marks = [packed_mark(change.tag, change.is_set, change.samples) for change in changes]

    def write(connection: sqlite3.Connection, action_id: int) -> None:
        write_marks(marks, connection, action_id)
        for change in changes:
            if change.is_set:
                _ensure(connection, dataset_id, change.tag)

    return append_action(store, dataset_id, "tag", who, why, token, write)


def create_tag(store: Store, dataset_id: str, name: str) -> None:
    """Add a tag that no sample has yet, with a free colour and key; nothing happens if it exists.

    Raises:
        RuleError: for an invalid name.
    """
    with store.catalogue.transaction() as connection:
        _ensure(connection, dataset_id, checked_tag(name))


def rename_tag(store: Store, dataset_id: str, old: str, new: str, who: str, *, merge: bool = False) -> int:
    """Rename a tag; with `merge`, samples of both then have the new one. One action; return its id.

    Saved recipes keep the samples that they recorded, under the old name.

    Raises:
        UnknownNameError: if there is no such tag.
        RuleError: if the new name is taken and `merge` is not set, or the other way round, or for an invalid name.
    """
    old, new = known_tag(store, dataset_id, old), checked_tag(new)
    names = tag_names(store, dataset_id)
    if old == new:
        raise RuleError(f"The tag is called {old} already.")
    if new in names and not merge:
        raise RuleError(f"There is a tag {new} already. Merge the two, or choose another name.")
    if merge:
        known_tag(store, dataset_id, new)
    samples = _tagged(store, dataset_id, old)
    if samples.num_rows:
        changes = [TagChange(new, samples), TagChange(old, samples, False)]
        action_id = change_tags(store, dataset_id, changes, who, "merged" if merge else "renamed")
    else:
        action_id = 0
    with store.catalogue.transaction() as connection:
        if not merge:
            sql = """INSERT OR REPLACE INTO tags
                SELECT dataset_id, ?, colour, digit FROM tags WHERE dataset_id = ? AND name = ?"""
            connection.execute(sql, [new, dataset_id, old])
        _retire(connection, dataset_id, old)
    return action_id


def delete_tag(store: Store, dataset_id: str, name: str, who: str) -> int:
    """Remove a tag from all samples and from the list of tags; return the number of samples that had it.

    Raises:
        UnknownNameError: if there is no such tag.
    """
    tag = known_tag(store, dataset_id, name)
    samples = _tagged(store, dataset_id, tag)
    if samples.num_rows:
        change_tags(store, dataset_id, [TagChange(tag, samples, False)], who, "deleted")
    with store.catalogue.transaction() as connection:
        _retire(connection, dataset_id, tag)
    return int(samples.num_rows)


def set_tag(store: Store, dataset_id: str, name: str, *, colour: str | None = None, digit: int | None = None) -> None:
    """Give a tag a colour of `TAG_COLOURS`, or a key, 1 to 9, which another tag then loses.

    Raises:
        UnknownNameError: if there is no such tag or colour.
        RuleError: for any other key.
    """
    tag = known_tag(store, dataset_id, name)
    if digit is not None and digit not in DIGITS:
        raise RuleError(f"The key of a tag is a digit from 1 to 9, not {digit}.")
    with store.catalogue.transaction() as connection:
        _ensure(connection, dataset_id, tag)
        where = [dataset_id, tag]
        if colour is not None:
            number = TAG_COLOURS.index(one_of(colour, TAG_COLOURS, "colour"))
            connection.execute("UPDATE tags SET colour = ? WHERE dataset_id = ? AND name = ?", [number, *where])
        if digit is not None:
            connection.execute("UPDATE tags SET digit = NULL WHERE dataset_id = ? AND digit = ?", [dataset_id, digit])
            connection.execute("UPDATE tags SET digit = ? WHERE dataset_id = ? AND name = ?", [digit, *where])


def tag_list(store: Store, dataset_id: str) -> tuple[Tag, ...]:
    """Return the tags of a dataset with their counts: those with a key in its order, then the others by name."""
    dataset = store.catalogue.dataset(dataset_id)
    counts = tag_counts(store, dataset) if dataset.version is not None else {}
    found = _settings(store, dataset_id)
    digits = {digit: name for name, (_, digit) in found.items() if digit is not None and digit > 0}
    tags = []
    for name in sorted({*counts, *found}):
        colour, digit = found.get(name, (len(TAG_COLOURS) - 1, None))
        if digit is not None and digit <= 0:
            if name not in counts:
                continue  # deleted
            # One that came back by undo has its key again, unless samples have the tag that has it now.
            digit = -digit if digit and not counts.get(digits.get(-digit, "")) else None
            digits |= {} if digit is None else {digit: name}
        tags.append(Tag(name, counts.get(name, 0), TAG_COLOURS[colour], digit))
    own = [tag if tag.digit is None or digits[tag.digit] == tag.name else replace(tag, digit=None) for tag in tags]
    return tuple(sorted(own, key=lambda tag: (tag.digit is None, tag.digit, tag.name)))


def tag_names(store: Store, dataset_id: str) -> tuple[str, ...]:
    """Return the names of all tags of a dataset, those that samples once had included, in alphabetical order."""
    with store.catalogue.transaction() as connection:
        sql = """SELECT value FROM marks JOIN decision_actions USING (action_id)
            WHERE dataset_id = ?1 AND kind = 'tag' UNION
            SELECT name FROM tags WHERE dataset_id = ?1 AND (digit IS NULL OR digit > 0) ORDER BY 1"""
        return tuple(row[0] for row in connection.execute(sql, [dataset_id]))


def known_tag(store: Store, dataset_id: str, name: str) -> str:
    """Return the name of a tag that there is, or once was.

    Raises:
        UnknownNameError: if there never was; similar ones are suggested.
    """
    names = tag_names(store, dataset_id)
    if name not in names:
        raise unknown("tag", name, names, where=store.catalogue.dataset(dataset_id).name)
    return name


def _tagged(store: Store, dataset_id: str, tag: str) -> pa.Table:
    """Return the samples that have a tag under their current keys, also those that are gone for the moment."""
    with store.catalogue.transaction() as connection:
        moves = read_moves(connection, dataset_id)
        sql = f"""SELECT action_id, is_set, samples FROM marks JOIN decision_actions USING (action_id)
            WHERE dataset_id = ?1 AND kind = 'tag' AND value = ?2 AND action_id NOT IN ({UNDONE})"""
        rows = connection.execute(sql, [dataset_id, tag]).fetchall()
    if not rows:
        return SAMPLE_LIST_SCHEMA.empty_table()
    lists = []
    for action_id, is_set, packed in rows:
        samples = follow_all(moves, unpack_samples(packed), action_id)
        for name, value in (("action_id", action_id), ("is_set", bool(is_set))):
            samples = samples.append_column(name, pa.repeat(pa.scalar(value), len(samples)))
        lists.append(samples)
    cached = columns(store)
    key = ["tagged", dataset_id, tag, marks_state(store, dataset_id), len(moves)]
    named = cached.cache_table(key, pa.concat_tables(lists))
    return store.query(
        f"""SELECT sample_key, content_id FROM {named} GROUP BY ALL HAVING arg_max(is_set, action_id)
        ORDER BY sample_key, content_id"""
    ).cast(SAMPLE_LIST_SCHEMA)


def _settings(store: Store, dataset_id: str) -> dict[str, tuple[int, int | None]]:
    with store.catalogue.transaction() as connection:
        rows = connection.execute("SELECT name, colour, digit FROM tags WHERE dataset_id = ?", [dataset_id])
        return {name: (colour % len(TAG_COLOURS), digit) for name, colour, digit in rows}


def _retire(connection: sqlite3.Connection, dataset_id: str, tag: str) -> None:
    """Mark a tag as deleted: its key is stored as a negative number, 0 for none, so that undo brings back all of it."""
    sql = "UPDATE tags SET digit = -coalesce(abs(digit), 0) WHERE dataset_id = ? AND name = ?"
    connection.execute(sql, [dataset_id, tag])


def _ensure(connection: sqlite3.Connection, dataset_id: str, tag: str) -> None:
    """Give a tag without settings the first colour and key that no other one has; a deleted one has its own again."""
    rows = connection.execute("SELECT name, colour, digit FROM tags WHERE dataset_id = ?", [dataset_id]).fetchall()
    found = {name: (colour, digit) for name, colour, digit in rows}
    if tag in found and (found[tag][1] is None or found[tag][1] > 0):
        return
    alive = [(colour, digit) for colour, digit in found.values() if digit is None or digit > 0]
    colours, digits = [colour for colour, _ in alive], [digit for _, digit in alive]
    least = min(range(len(TAG_COLOURS)), key=lambda number: (colours.count(number), number))
    former_colour, former = found.get(tag, (least, 0))
    free = [number for number in (-former, *DIGITS) if number in DIGITS and number not in digits]
    values = [dataset_id, tag, former_colour, free[0] if free else None]
    connection.execute("INSERT OR REPLACE INTO tags VALUES (?, ?, ?, ?)", values)
