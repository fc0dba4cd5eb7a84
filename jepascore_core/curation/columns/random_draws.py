"""Which samples a random or balanced budget takes: a matter of sorted arrays, in milliseconds at a million samples.

A sample's lot depends on its key and the seed only, so that the same data gives the same samples on any machine.
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


def lot_order(columns: Columns, dataset: DatasetRecord, seed: int) -> str:
    """Table of the row_id of all samples in the order of their lots, on which `lots` of any groups rest."""
    base = columns.base(dataset)
    sql = f"SELECT row_id FROM {base} ORDER BY md5(concat(sample_key, ':', $1::VARCHAR)), row_id"
    return columns.hold(["order of lots", base, seed], sql, [seed])


def lots(
    store: Store, columns: Columns, dataset: DatasetRecord, seed: int, column: str | None, beside: str = ""
) -> str:
    """Table of all samples by group and then by lot: row_id, code (of the group, from 0), lot (0 = drawn first).

    Args:
        store: where the dataset is.
        columns: what is held of it.
        dataset: whose samples to draw.
        seed: another seed gives other lots.
        column: what the groups are by; None = all are one.
        beside: table with that column, one row a sample; "" = it is one of the samples' own.
    """
    base, order = columns.base(dataset), lot_order(columns, dataset, seed)

    def made() -> pa.Table:
        rows = store.query(f"SELECT row_id FROM {order}")["row_id"].to_numpy()
        if column is None:
            return pa.table({"row_id": rows, "code": np.zeros(len(rows), np.int64), "lot": np.arange(len(rows))})
        joined = f"{base} POSITIONAL JOIN {beside}" if beside else base
        groups = store.query(f'SELECT "{column}" AS value FROM {joined} ORDER BY row_id')["value"].combine_chunks()
        codes = groups.dictionary_encode(null_encoding="encode").indices.to_numpy()[rows]
        # numpy sorts short integers by counting, ten times as fast as long ones.
        lot = np.argsort(codes.astype(np.min_scalar_type(codes.max(initial=0))), kind="stable")
        return pa.table({"row_id": rows[lot], "code": codes[lot], "lot": lot})

    return columns.hold_made(["lots", base, seed, column, beside], made)


def drawn(lots: pa.Table, alive: Integers, forced: Integers, n: int, *, in_turn: bool) -> Integers:
    """Rows of the samples that are drawn.

    Args:
        lots: row_id, code and lot of all samples, as `lots` sorts them.
        alive: rows of the samples to draw from.
        forced: rows of those of them that a person keeps: they are drawn before all others.
        n: how many are drawn: of each group, or of all together.
        in_turn: draw n of all together, one of each group in turn, instead of n of each group.
    """
    rows = lots["row_id"].to_numpy()
    is_alive, is_forced = _at(alive, len(rows)), _at(forced, len(rows))
    among = np.flatnonzero(is_alive[rows])
    rows, codes, lot = rows[among], lots["code"].to_numpy()[among], lots["lot"].to_numpy()[among]
    is_late = ~is_forced[rows]
    if len(forced):
        order = np.lexsort((lot, is_late, codes))
        rows, codes, lot, is_late = rows[order], codes[order], lot[order], is_late[order]
    is_first = np.diff(codes, prepend=-1) != 0
    turn = np.arange(len(rows)) - np.flatnonzero(is_first)[np.cumsum(is_first) - 1]
    drawn: Integers = rows
    if not in_turn:
        drawn = rows[turn < n]
    elif n < len(rows):
        when = (turn + is_late * len(rows)) * len(lots) + lot
        drawn = rows[np.argpartition(when, n)[:n]]
    return drawn


def _at(rows: Integers, n: int) -> Flags:
    """Whether each of n rows is one of these."""
    flags = np.zeros(n, bool)
    flags[rows] = True
    return flags
