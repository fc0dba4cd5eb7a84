"""What a writer of a format receives: the rows, and what it needs to know about the dataset and the target."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from jepascore_core.exporters.formats import Link, Which
from jepascore_core.exporters.positions import Positions

#: The columns of a table export.
EXPORT_SCHEMA = pa.schema(
    [
        ("sample_key", pa.string()),
        ("uri", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("score", pa.float64()),
        ("class_percentile", pa.float64()),
        ("percentile", pa.float64()),
        ("verdict", pa.string()),
        ("reason", pa.string()),
    ]
)
#: The same where views were measured: with the standard deviation of their scores.
VIEWS_SCHEMA = EXPORT_SCHEMA.append(pa.field("view_spread", pa.float64()))
#: The columns that a writer receives: those and others that it may need.
ROW_SCHEMA = pa.schema(
    [
        *VIEWS_SCHEMA,
        ("content_id", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("num_bytes", pa.int64()),
        ("uid", pa.string()),
        ("class_label", pa.string()),
    ]
)

Batches = Iterable[pa.RecordBatch]


@dataclass(frozen=True)
class ExportContext:
    """One export.

    `labels` are those that the rows have as `class_label`, in order; `base` is the folder that its sample keys start
    from, if there is one; with `has_repeats` several samples share a file. `schema` has the columns of a table export.
    """

    which: Which
    root: str | None
    link: Link
    labels: tuple[str, ...]
    base: str | None
    has_uids: bool
    has_repeats: bool
    count: Callable[[], Positions]
    schema: pa.Schema = EXPORT_SCHEMA

    @cached_property
    def positions(self) -> Positions:
        """How samples are counted; computed on first use."""
        return self.count()
