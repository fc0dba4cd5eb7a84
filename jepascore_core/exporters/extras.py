"""Columns that a table export may have besides its own: image quality, and what embeddings say of labels."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from jepascore_core.curation import Curation, Evaluation, curation_of
from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.label_issues import label_issue_column
from jepascore_core.curation.columns.quality import QUALITIES, QUALITY_ISSUE
from jepascore_core.curation.rules.column import LABEL_ISSUE, LIKELY_LABEL, Column
from jepascore_core.curation.rules.model import Between
from jepascore_core.exporters.formats import ExtraColumns
from jepascore_core.storage.store import Store

_FIELDS: dict[ExtraColumns, list[tuple[str, pa.DataType]]] = {
    "quality": [*((name, pa.float64()) for name in QUALITIES), (QUALITY_ISSUE, pa.string())],
    "labels": [(LABEL_ISSUE, pa.float64()), (LIKELY_LABEL, pa.string())],
}


def with_extras(schema: pa.Schema, extras: Sequence[ExtraColumns]) -> pa.Schema:
    """Return a schema with more columns behind its own."""
    return pa.schema([*schema, *(field for name in extras for field in _FIELDS[name])])


def extras_work(extras: Sequence[ExtraColumns]) -> Curation:
    """Return rules whose `pending_work` is what these columns need; none that drop anything are meant by it."""
    return curation_of([Between(Column(LABEL_ISSUE), 0.0)]) if "labels" in extras else Curation()


def extras_sql(store: Store, evaluation: Evaluation, extras: Sequence[ExtraColumns]) -> tuple[list[str], list[str]]:
    """Return SELECT expressions of more columns, and the tables to join by position.

    Raises:
        TooFewImagesError: if labels are wanted of fewer than two classes.
    """
    selected, tables = list[str](), list[str]()
    if "quality" in extras:
        for name in (*QUALITIES, QUALITY_ISSUE):
            table = columns(store).quality(evaluation.dataset, name)
            selected.append(f'"{table}" AS {name}')
            tables.append(table)
    if "labels" in extras:
        table = label_issue_column(store, evaluation.scores)
        selected += [f'"{table}" AS {LABEL_ISSUE}', f'"{table}_likely" AS {LIKELY_LABEL}']
        tables.append(table)
    return selected, tables
