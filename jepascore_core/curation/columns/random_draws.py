"""Draw the samples of a random or balanced budget from sorted arrays, in milliseconds at a million samples.

Samples are shuffled by a hash of their key and the seed, so that the same data gives the same samples on any machine.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jepascore_core.curation.columns.cache import Columns
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.store import Store

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def shuffled_order(columns: Columns, dataset: DatasetRecord, seed: int) -> str:
    """Return the name of a table of the row_id of all samples in shuffled order, which `shuffled_groups` uses."""
    base = columns.base(dataset)
    sql = f"SELECT row_id FROM {base} ORDER BY md5(concat(sample_key, ':', $1::VARCHAR)), row_id"
    return columns.cache_query(["shuffled order", base, seed], sql, [seed])


def shuffled_groups(
    store: Store, columns: Columns, dataset: DatasetRecord, seed: int, column: str | None, beside: str = ""
) -> str:
    """Return the name of a table of all samples by group, shuffled within each.

    Its columns are row_id, code (of the group, from 0) and position (in the shuffled order, 0 = drawn first).

    Args:
        store: where the dataset is.
        columns: its cached columns.
        dataset: whose samples to draw.
        seed: random seed.
        column: column to group by; None = one group.
        beside: table with that column, one row per sample; "" = it is a column of the samples themselves.
    """
    base, order = columns.base(dataset), shuffled_order(columns, dataset, seed)

    def made() -> pa.Table:
        rows = store.query(f"SELECT row_id FROM {order}")["row_id"].to_numpy()
        if column is None:
            return pa.table({"row_id": rows, "code": np.zeros(len(rows), np.int64), "position": np.arange(len(rows))})
        joined = f"{base} POSITIONAL JOIN {beside}" if beside else base
        groups = store.query(f'SELECT "{column}" AS value FROM {joined} ORDER BY row_id')["value"].combine_chunks()
        codes = groups.dictionary_encode(null_encoding="encode").indices.to_numpy()[rows]
        # NumPy sorts short integers by counting, ten times as fast as long ones.
        position = np.argsort(codes.astype(np.min_scalar_type(codes.max(initial=0))), kind="stable")
        return pa.table({"row_id": rows[position], "code": codes[position], "position": position})

    return columns.cache_computed(["shuffled groups", base, seed, column, beside], made)


def sample_rows(shuffled: pa.Table, alive: Integers, forced: Integers, n: int, *, in_turn: bool) -> Integers:
    """Draw samples, and return their rows.

    Args:
        shuffled: row_id, code and position of all samples, as `shuffled_groups` sorts them.
        alive: rows of the samples to draw from.
        forced: rows of those that a person decided to keep: they are drawn before all others.
        n: number to draw: of each group, or of all together.
        in_turn: draw n of all together, one of each group in turn, instead of n of each group.
    """
    rows = shuffled["row_id"].to_numpy()
    is_alive, is_forced = _at(alive, len(rows)), _at(forced, len(rows))
    among = np.flatnonzero(is_alive[rows])
    rows, codes, position = rows[among], shuffled["code"].to_numpy()[among], shuffled["position"].to_numpy()[among]
    is_late = ~is_forced[rows]
    if len(forced):
        order = np.lexsort((position, is_late, codes))
        rows, codes, position, is_late = rows[order], codes[order], position[order], is_late[order]
    is_first = np.diff(codes, prepend=-1) != 0
    turn = np.arange(len(rows)) - np.flatnonzero(is_first)[np.cumsum(is_first) - 1]
    drawn: Integers = rows
    if not in_turn:
        drawn = rows[turn < n]
    elif n < len(rows):
        when = (turn + is_late * len(rows)) * len(shuffled) + position
        drawn = rows[np.argpartition(when, n)[:n]]
    return drawn


def _at(rows: Integers, n: int) -> Flags:
    """Return whether each of n rows is one of these."""
    flags = np.zeros(n, bool)
    flags[rows] = True
    return flags
