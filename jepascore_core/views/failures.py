"""Failures as a CSV table."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from jepascore_core.records.datasets import SampleFailure
from jepascore_core.storage.spreadsheets import table_csv

COLUMNS = ("sample_key", "uri", "stage", "error_class", "message", "content_id")


def failures_csv(failures: Iterable[SampleFailure]) -> bytes:
    """Return one line per failure, in the given order, under a header; safe in a spreadsheet."""
    rows = [failure.to_dict() for failure in failures]
    return table_csv(pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in COLUMNS])))
