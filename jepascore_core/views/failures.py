"""Failures as a table that any program reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from jepascore_core.records import SampleFailure

COLUMNS = ("sample_key", "uri", "stage", "error_class", "message", "content_id")


def failures_csv(failures: Iterable[SampleFailure]) -> str:
    """One line a failure, in the given order, under a header."""
    sink = io.StringIO()
    writer = csv.DictWriter(sink, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(failure.to_dict() for failure in failures)
    return sink.getvalue()
