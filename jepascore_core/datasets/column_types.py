"""User columns that are found while a source is read: their names and types, so that all rows fit into one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from jepascore_core.datasets.columns import common_type
from jepascore_core.datasets.listing import PassedOver
from jepascore_core.datasets.uris import clean_text

#: Fields with further names are left out, as objects with a name for every sample have no end of them.
MAX_COLUMNS = 200
#: Longer texts are cut.
MAX_TEXT = 2000
LEFT_OUT = f"fields with names beyond the first {MAX_COLUMNS}"

_TYPES: dict[type, pa.DataType] = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
_EXACT_FLOAT, _LARGEST = 2**53, 2**63


class ColumnTypes:
    """Collects the columns of rows; `types` is filled meanwhile. Names that differ only by case are one column."""

    def __init__(self, types: dict[str, pa.DataType], ignored: PassedOver) -> None:
        self.types = types
        self._ignored = ignored
        self._spelled: dict[str, str] = {}
        self._inexact: set[str] = set()

    def take(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a row that are texts, numbers or booleans, under the names of their columns."""
        row: dict[str, Any] = {}
        for field, value in fields.items():
            if type(value) not in _TYPES or value != value:
                continue
            name = self._column(clean_text(field).strip() or "column", row)
            if name is None:
                self._ignored[LEFT_OUT] += 1
                self._ignored.examples.setdefault(LEFT_OUT, clean_text(field))
                continue
            row[name] = self._noted(name, clean_text(value[:MAX_TEXT]) if isinstance(value, str) else value)
        return row

    def _column(self, name: str, row: Mapping[str, Any]) -> str | None:
        unique, repeat = name, 1
        while (spelled := self._spelled.get(unique.casefold())) is None or spelled in row:
            if spelled is None:
                if len(self._spelled) >= MAX_COLUMNS:
                    return None
                self._spelled[unique.casefold()] = unique
                continue
            repeat += 1
            unique = f"{name}_{repeat}"
        return spelled

    def _noted(self, name: str, value: Any) -> Any:
        """Widen the type of a column, if it must hold this value; whole numbers beyond 64 bits are texts."""
        if type(value) is int and not -_LARGEST <= value < _LARGEST:
            value = str(value)
        kind = _TYPES[type(value)]
        if kind == pa.int64() and abs(value) > _EXACT_FLOAT:
            self._inexact.add(name)
        kind = common_type((kind, self.types.get(name, kind)))
        self.types[name] = pa.string() if kind == pa.float64() and name in self._inexact else kind
        return value
