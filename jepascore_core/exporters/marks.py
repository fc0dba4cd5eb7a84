"""Tags and corrected labels in exports: columns of their own where a dataset has any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.marks import corrected_label_column, tag_counts, tags_column
from jepascore_core.curation.relabelling import count_relabelled
from jepascore_core.exporters.formats import Labels
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.store import Store

#: Names of the columns; tags are a list of texts, and in CSV one text.
TAGS, CORRECTED_LABEL = "tags", "corrected_label"
#: What separates tags in CSV; no tag contains it.
SEPARATOR = ";"


@dataclass(frozen=True, slots=True)
class ExportMarks:
    """Tags and corrected labels of one export, read from cached tables by position.

    `fields` are its columns: none where no sample has a tag, or a corrected label. `class_label` is SQL of the label
    that folders and class numbers go by.
    """

    tables: tuple[str, ...]
    selected: tuple[str, ...]
    fields: tuple[tuple[str, pa.DataType], ...]
    class_label: str
    tag_counts: dict[str, int]
    num_relabelled: int

    @property
    def provenance(self) -> dict[str, Any]:
        """What a provenance file says of them."""
        return {"tags": self.tag_counts, "num_relabelled": self.num_relabelled}


def export_marks(store: Store, dataset: DatasetRecord, labels: Labels) -> ExportMarks:
    """Return the tags and corrected labels of a dataset for an export whose folders go by these labels."""
    tables, selected, fields = list[str](), list[str](), list[tuple[str, pa.DataType]]()
    counts, corrected = tag_counts(store, dataset), count_relabelled(store, dataset.dataset_id)
    if counts:
        tables.append(tags_column(store, dataset))
        selected.append(f'"{tables[-1]}" AS {TAGS}')
        fields.append((TAGS, pa.list_(pa.string())))
    class_label = "label"
    if corrected:
        tables.append(corrected_label_column(store, dataset))
        selected.append(f'"{tables[-1]}" AS {CORRECTED_LABEL}')
        fields.append((CORRECTED_LABEL, pa.string()))
        class_label = f'coalesce("{tables[-1]}", label)' if labels == "corrected" else "label"
    return ExportMarks(tuple(tables), tuple(selected), tuple(fields), class_label, counts, corrected)


def class_labels_of(store: Store, dataset: DatasetRecord, marks: ExportMarks) -> tuple[str, ...]:
    """Return the labels that folders and class numbers go by, in order."""
    joined = " POSITIONAL JOIN ".join([columns(store).base(dataset), *marks.tables])
    sql = f"SELECT DISTINCT {marks.class_label} AS label FROM {joined}"
    return tuple(store.query(f"SELECT label FROM ({sql}) WHERE label IS NOT NULL ORDER BY label")["label"].to_pylist())


def flat(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows with lists of tags as one text, for formats whose cells hold no lists; "" without any."""
    for number, field in enumerate(batch.schema):
        if pa.types.is_list(field.type):
            batch = batch.set_column(number, field.name, pc.binary_join(batch.column(number), SEPARATOR))
    return batch
