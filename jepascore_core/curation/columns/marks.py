"""Tags and corrected labels as columns: which samples of the current version of a dataset have them.

The journal holds lists of samples. Each is looked up once for a version of the dataset, whatever its length; which of
them hold then follows from row numbers alone, so that a key press costs little beside a million tagged samples.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from jepascore_core.curation.columns.cache import Columns, columns
from jepascore_core.curation.journal import UNDONE
from jepascore_core.jobs.moves import follow_all, read_moves
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.scores.memo import memoized
from jepascore_core.storage.sample_lists import SAMPLE_LIST_SCHEMA, unpack_samples
from jepascore_core.storage.store import Store

#: Lists of at least so many samples are looked up alone; of shorter ones, those of so many actions together.
LARGE_LIST = 10_000
ACTIONS_TOGETHER = 256

_ROWS = pa.schema([("action_id", pa.int64()), ("position", pa.int64()), ("row_id", pa.int64())])
_HELD = """
    SELECT action_id, position, kind, value, is_set FROM marks JOIN decision_actions USING (action_id)
    WHERE dataset_id = ?1 AND action_id NOT IN ({undone}) ORDER BY action_id, position
"""
_STATE = """
    SELECT coalesce(max(action.action_id), 0) FROM decision_actions AS action
    LEFT JOIN decision_actions AS about ON action.target = about.action_id
    WHERE action.dataset_id = ? AND coalesce(about.kind, action.kind) <> 'decide'
"""


@dataclass(frozen=True, slots=True)
class _Listed:
    """One list of samples in the journal."""

    action_id: int
    position: int
    num_samples: int


def marks_state(store: Store, dataset_id: str) -> int:
    """Return a number that grows with every action on tags or labels: in a cache key it stands for their state."""
    with store.catalogue.transaction() as connection:
        return int(connection.execute(_STATE, [dataset_id]).fetchone()[0])


def tag_rows(store: Store, dataset: DatasetRecord) -> str:
    """Return the cached table of current tags: row_id, tag; a row for each tag of each sample.

    Raises:
        DatasetNotReadyError: if the dataset has no index yet.
    """
    sql = """SELECT row_id, value AS tag FROM {held} WHERE kind = 'tag' GROUP BY row_id, value
        HAVING arg_max(is_set, action_id) ORDER BY row_id, tag"""
    return _current(store, dataset, "tag rows", sql)


def label_rows(store: Store, dataset: DatasetRecord) -> str:
    """Return the cached table of corrected labels: row_id, corrected_label; only of samples that have another one.

    Raises:
        DatasetNotReadyError: if the dataset has no index yet.
    """
    base = columns(store).base(dataset)
    sql = f"""SELECT row_id, corrected_label FROM (
            SELECT row_id, arg_max(value, action_id) AS corrected_label FROM {{held}}
            WHERE kind = 'relabel' GROUP BY row_id HAVING arg_max(is_set, action_id)
        ) JOIN {base} USING (row_id) WHERE corrected_label IS DISTINCT FROM label ORDER BY row_id"""
    return _current(store, dataset, "label rows", sql)


def tag_counts(store: Store, dataset: DatasetRecord) -> dict[str, int]:
    """Return the number of samples of each tag that any has, in alphabetical order of the tags.

    Raises:
        DatasetNotReadyError: if anything was marked and the dataset has no index.
    """
    if not marks_state(store, dataset.dataset_id):
        return {}
    rows = store.query(f"SELECT tag, count(*) AS n FROM {tag_rows(store, dataset)} GROUP BY tag ORDER BY tag")
    return dict(zip(rows["tag"].to_pylist(), rows["n"].to_pylist(), strict=True))


def tag_column(store: Store, dataset: DatasetRecord, tag: str) -> str:
    """Return the column of whether each sample has a tag."""
    cached, rows = columns(store), tag_rows(store, dataset)
    return _membership(cached, dataset, ["tag", rows, tag], f"SELECT row_id FROM {rows} WHERE tag = $1", [tag])


def tags_column(store: Store, dataset: DatasetRecord) -> str:
    """Return the column of the tags of each sample, a list in alphabetical order; empty without any."""
    cached, rows = columns(store), tag_rows(store, dataset)
    sql = f"""SELECT coalesce(tags, []) AS "{{name}}" FROM {cached.base(dataset)} LEFT JOIN (
            SELECT row_id, list(tag ORDER BY tag) AS tags FROM {rows} GROUP BY row_id
        ) USING (row_id) ORDER BY row_id"""
    return cached.cache_query(["tags", rows], sql)


def corrected_label_column(store: Store, dataset: DatasetRecord) -> str:
    """Return the column of corrected labels, NULL where the label was not corrected."""
    cached, rows = columns(store), label_rows(store, dataset)
    base = cached.base(dataset)
    sql = f'SELECT corrected_label AS "{{name}}" FROM {base} LEFT JOIN {rows} USING (row_id) ORDER BY row_id'
    return cached.cache_query(["corrected label", rows], sql)


def relabelled_column(store: Store, dataset: DatasetRecord, label: str | None) -> str:
    """Return the column of whether the label of each sample was corrected, to this one unless None."""
    cached, rows = columns(store), label_rows(store, dataset)
    chosen = "true" if label is None else "corrected_label = $1"
    sql = f"SELECT row_id FROM {rows} WHERE {chosen}"
    return _membership(cached, dataset, ["relabelled", rows, label], sql, [] if label is None else [label])


def _membership(cached: Columns, dataset: DatasetRecord, key: list[object], rows: str, values: list[object]) -> str:
    base = cached.base(dataset)
    sql = f"""SELECT chosen IS NOT NULL AS "{{name}}" FROM {base}
        LEFT JOIN (SELECT DISTINCT row_id, true AS chosen FROM ({rows})) USING (row_id) ORDER BY row_id"""
    return cached.cache_query([*key, base], sql, values)


def _current(store: Store, dataset: DatasetRecord, what: str, sql: str) -> str:
    cached = columns(store)
    base, state = cached.base(dataset), marks_state(store, dataset.dataset_id)
    key = [what, base, state]
    return cached.cache_query(key, sql.replace("{held}", _held(store, dataset, base, state)))


def _held(store: Store, dataset: DatasetRecord, base: str, state: int) -> str:
    """Return the cached table of all marks that were not undone: row_id, kind, value, is_set, action_id, position."""
    cached = columns(store)
    with store.catalogue.transaction() as connection:
        found = connection.execute(_HELD.format(undone=UNDONE), [dataset.dataset_id]).fetchall()
    names = ("action_id", "position", "kind", "value", "is_set")
    types = (pa.int64(), pa.int64(), pa.string(), pa.string(), pa.bool_())
    values = ([row[name] if name != "is_set" else bool(row[name]) for row in found] for name in names)
    held = pa.table([pa.array(*pair) for pair in zip(values, types, strict=True)], names=names)
    marks = cached.cache_table(["marks held", base, state], held)
    rows = cached.cache_computed(["mark rows", base, state], lambda: _all_rows(store, dataset, base))
    return cached.cache_query(["held", base, state], f"SELECT * FROM {rows} JOIN {marks} USING (action_id, position)")


def _all_rows(store: Store, dataset: DatasetRecord, base: str) -> pa.Table:
    """Return the rows of every list in the journal; new ones, and the last few short ones, are looked up now."""
    with store.catalogue.transaction() as connection:
        sql = """SELECT action_id, position, num_samples FROM marks JOIN decision_actions USING (action_id)
            WHERE dataset_id = ? ORDER BY action_id, position"""
        listed = [_Listed(*row) for row in connection.execute(sql, [dataset.dataset_id])]
    large = [item for item in listed if item.num_samples >= LARGE_LIST]
    small = [item for item in listed if item.num_samples < LARGE_LIST]
    batches = [[item] for item in large]
    batches += [small[first : first + ACTIONS_TOGETHER] for first in range(0, len(small), ACTIONS_TOGETHER)]

    def rows_of(batch: Sequence[_Listed]) -> pa.Table:
        key = ("mark rows", base, *((item.action_id, item.position) for item in (batch[0], batch[-1])))
        return memoized(store, key, lambda: _look_up(store, dataset, base, batch))

    return pa.concat_tables([_ROWS.empty_table(), *map(rows_of, batches)])


def _look_up(store: Store, dataset: DatasetRecord, base: str, batch: Sequence[_Listed]) -> pa.Table:
    wanted = json.dumps([item.action_id for item in batch])
    with store.catalogue.transaction() as connection:
        moves = read_moves(connection, dataset.dataset_id)
        found = connection.execute(
            """SELECT action_id, position, samples FROM marks
            WHERE action_id IN (SELECT value FROM json_each(?)) ORDER BY action_id, position""",
            [wanted],
        ).fetchall()
    asked = {(item.action_id, item.position) for item in batch}
    lists = [
        (action_id, position, follow_all(moves, unpack_samples(packed), action_id))
        for action_id, position, packed in found
        if (action_id, position) in asked
    ]
    samples = pa.concat_tables([SAMPLE_LIST_SCHEMA.empty_table(), *(table for *_, table in lists)])
    for number, name in enumerate(("action_id", "position")):
        values = [pa.repeat(pa.scalar(item[number], pa.int64()), len(item[2])) for item in lists]
        samples = samples.append_column(name, pa.chunked_array(values, pa.int64()))
    cached = columns(store)
    # Named by what is in it: the memoized result outlives the table.
    named = cached.cache_table(["marked", base, sorted(asked)], samples)
    sql = f"SELECT action_id, position, row_id FROM {named} JOIN {base} USING (sample_key, content_id)"
    return store.query(sql).cast(_ROWS)


def tags_about(store: Store, dataset: DatasetRecord, content_ids: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the tags of some samples (sample key -> content id), by sample key; only of those that have any.

    Raises:
        DatasetNotReadyError: if the dataset has no index yet.
    """
    found: dict[str, list[str]] = {}
    if not marks_state(store, dataset.dataset_id):
        return {}
    for key, tag in _about(store, dataset, content_ids, tag_rows(store, dataset), "tag"):
        found.setdefault(key, []).append(tag)
    return {key: tuple(tags) for key, tags in found.items()}


def corrected_labels_about(store: Store, dataset: DatasetRecord, content_ids: Mapping[str, str]) -> dict[str, str]:
    """Return the corrected labels of some samples (sample key -> content id), by sample key.

    Raises:
        DatasetNotReadyError: if the dataset has no index yet.
    """
    if not marks_state(store, dataset.dataset_id):
        return {}
    return dict(_about(store, dataset, content_ids, label_rows(store, dataset), "corrected_label"))


def _about(
    store: Store, dataset: DatasetRecord, content_ids: Mapping[str, str], rows: str, value: str
) -> Iterable[tuple[str, str]]:
    """Yield sample key and value of the samples with these keys and bytes."""
    base = columns(store).base(dataset)
    found = store.query(
        f"""SELECT sample_key, content_id, {value} FROM {rows} JOIN {base} USING (row_id)
        WHERE content_id IN (SELECT unnest($1)) ORDER BY row_id, {value}""",
        [sorted(set(content_ids.values()))],
    )
    for key, content_id, said in zip(*(column.to_pylist() for column in found.columns), strict=True):
        if content_ids.get(key) == content_id:
            yield key, said


def marked_samples(store: Store, dataset: DatasetRecord, column: str) -> pa.Table:
    """Return the samples (sample key, content id) for which a column of this module is true, ordered by key."""
    base = columns(store).base(dataset)
    sql = f'SELECT sample_key, content_id FROM {base} POSITIONAL JOIN {column} WHERE "{column}" ORDER BY row_id'
    return store.query(sql).cast(SAMPLE_LIST_SCHEMA)
