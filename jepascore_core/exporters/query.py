"""What an export reads: the samples of an evaluation ordered by key, and the provenance of the list."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jepascore_core.curation import CurationCounts, Evaluation, clause_text
from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.names import metadata_names
from jepascore_core.curation.evaluation.compiler import Compiler
from jepascore_core.curation.fingerprint import fingerprint_lines
from jepascore_core.curation.named import reference_columns
from jepascore_core.curation.recipes import Recipe, to_dict
from jepascore_core.curation.rules.column import Column
from jepascore_core.curation.rules.printer import column_text
from jepascore_core.curation.summary import count_unmeasured
from jepascore_core.datasets.manifest import read_failures
from jepascore_core.exporters.context import EXPORT_SCHEMA, ROW_SCHEMA, VIEWS_SCHEMA, ExportContext
from jepascore_core.exporters.extras import extras_sql, with_extras
from jepascore_core.exporters.formats import Which
from jepascore_core.exporters.marks import ExportMarks, class_labels_of, export_marks
from jepascore_core.exporters.options import ExportOptions
from jepascore_core.exporters.positions import base_of, positions_of
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.storage.catalogue import utc_now
from jepascore_core.storage.store import Store
from jepascore_core.trust.evidence import trust_verdict

PROVENANCE_VERSION = 2

#: Called with the number of samples written and the total; raising stops the export, of which nothing is left.
Progress = Callable[[int, int], None]

_SCORE = "JEPA-SCORE in nats; higher = more likely under the backbone's implicit density (more typical)"
_NO_SCORE = "none: the backbone was run for embeddings only"
_VERDICTS: dict[Which, str] = {"kept": "keep", "dropped": "drop", "unscored": "unscored"}


def condition_of(which: Which) -> str:
    """Return the SQL condition of the rows of an evaluation that belong to a list."""
    return "true" if which == "all" else f"verdict = '{_VERDICTS[which]}'"


class ExportQuery:
    """The samples of one evaluation with their verdicts, counted and fingerprinted while they are read.

    Counts, list and fingerprint are consistent, also during a run.
    """

    def __init__(
        self, store: Store, recipe: Recipe, evaluation: Evaluation, options: ExportOptions = ExportOptions()
    ) -> None:
        self._extras, self._class_labels = options.columns, options.labels
        self._store, self._recipe, self._evaluation = store, recipe, evaluation
        self._dataset = evaluation.dataset
        self._unmeasured = count_unmeasured(store, evaluation)
        self._verdicts: Counter[str] = Counter()
        self._fingerprint = hashlib.sha256()
        self._decided = 0
        self.num_rows = 0

    @property
    def counts(self) -> CurationCounts:
        """Counts by verdict, complete once all rows were read."""
        verdicts, unreadable = self._verdicts, self._dataset.num_failed
        return CurationCounts(
            verdicts["keep"], verdicts["drop"], verdicts["unscored"], unreadable, self._decided, self._unmeasured
        )

    def context(self, options: ExportOptions) -> ExportContext:
        """Return what the writer needs to know."""
        return ExportContext(
            which=options.which,
            root=options.root,
            link=options.link,
            labels=class_labels_of(self._store, self._dataset, self._marks),
            base=base_of(self._dataset),
            has_uids=self._uid is not None,
            has_repeats=self._has_repeats,
            count=lambda: positions_of(self._dataset, self._all_keys),
            schema=self.schema,
        )

    @property
    def schema(self) -> pa.Schema:
        """The columns of a table of these samples."""
        own = VIEWS_SCHEMA if self._store.has_views(self._evaluation.scores.key) else EXPORT_SCHEMA
        return self._with_compared(with_extras(own, self._extras))

    @property
    def row_schema(self) -> pa.Schema:
        """The columns of the rows that a writer receives."""
        return self._with_compared(with_extras(ROW_SCHEMA, self._extras))

    def _with_compared(self, schema: pa.Schema) -> pa.Schema:
        return pa.schema([*schema, *((name, pa.float64()) for name in self._compared), *self._marks.fields])

    @cached_property
    def _marks(self) -> ExportMarks:
        return export_marks(self._store, self._dataset, self._class_labels)

    @cached_property
    def _compared(self) -> dict[str, Column]:
        """Columns that compare with reference datasets, by name: later ones of one kind are numbered."""
        found: dict[str, Column] = {}
        for column in reference_columns(self._evaluation.curation):
            number = sum(other.name == column.name for other in found.values()) + 1
            found[column.name if number == 1 else f"{column.name}_{number}"] = column
        return found

    @property
    def _has_repeats(self) -> bool:
        sql = f"SELECT count(*) > count(DISTINCT uri) AS repeats FROM {self._evaluation.base}"
        return bool(self._store.query(sql)["repeats"][0].as_py())

    def _all_keys(self) -> list[str]:
        """Return the sample keys of all images, including unreadable ones."""
        readable = self._store.query(f"SELECT sample_key FROM {self._evaluation.base}")["sample_key"].to_pylist()
        return [*readable, *read_failures(self._store.index_folder(self._dataset))["sample_key"].to_pylist()]

    @cached_property
    def _uid(self) -> str | None:
        """Return the column of the dataset's own uids, if there is one."""
        has_uid = "uid" in metadata_names(self._store, self._dataset.dataset_id)
        return columns(self._store).metadata(self._dataset, "uid") if has_uid else None

    def rows(self, which: Which, size: int, progress: Progress | None) -> Iterator[pa.RecordBatch]:
        """Yield the samples of a list ordered by key, in small batches: `ROW_SCHEMA` and more columns."""
        schema, total = self.row_schema, self._count(which)
        for batch in self._store.stream(self._sql(), [self._reasons]):
            self._note(batch)
            if which != "all":
                batch = batch.filter(pc.equal(batch["verdict"], _VERDICTS[which]))
            # In small batches: an export can be stopped between two of them.
            for first in range(0, batch.num_rows, size):
                piece = batch.slice(first, size)
                yield piece.select(schema.names).cast(schema)
                self.num_rows += piece.num_rows
                if progress is not None:
                    progress(self.num_rows, total)
            if progress is not None:
                progress(self.num_rows, total)

    def _count(self, which: Which) -> int:
        sql = f"SELECT count(*) AS n FROM {self._evaluation.table} WHERE {condition_of(which)}"
        return int(self._store.query(sql)["n"][0].as_py())

    @property
    def _reasons(self) -> list[str]:
        return [clause_text(clause) for clause in self._evaluation.curation.clauses]

    def _sql(self) -> str:
        evaluation, cached = self._evaluation, columns(self._store)
        by_class = cached.percentile(self._dataset, evaluation.score, "label")
        overall = cached.percentile(self._dataset, evaluation.score, None)
        uid = f'"{self._uid}"' if self._uid else "NULL::VARCHAR"
        joined = f"{evaluation.relation} POSITIONAL JOIN {by_class} POSITIONAL JOIN {overall}"
        more, tables = extras_sql(self._store, evaluation, self._extras)
        compiler = Compiler(self._store, evaluation.scores)
        compared = {name: compiler.reference_column(item, str(item.reference)) for name, item in self._compared.items()}
        more = [*more, *(f'"{table}" AS {name}' for name, table in compared.items()), *self._marks.selected]
        tables = list(dict.fromkeys([*tables, *compared.values(), *self._marks.tables]))
        joined += "".join(f" POSITIONAL JOIN {table}" for table in ([self._uid] if self._uid else []) + tables)
        return f"""
            SELECT sample_key, uri, label, split, "{evaluation.score}" AS score, "{by_class}" AS class_percentile,
                "{overall}" AS percentile, verdict, decision,
                CASE WHEN reason = -1 THEN 'decision' WHEN reason >= 0 THEN ($1::VARCHAR[])[reason + 1] END AS reason,
                "{evaluation.score}_view_spread" AS view_spread,
                content_id, width, height, num_bytes, {self._marks.class_label} AS class_label,
                {", ".join([f"{uid} AS uid", *more])}
            FROM {joined} ORDER BY row_id
        """

    def _note(self, batch: pa.RecordBatch) -> None:
        self._verdicts.update(batch["verdict"].to_pylist())
        self._decided += batch.num_rows - batch["decision"].null_count
        self._fingerprint.update(fingerprint_lines(batch["sample_key"].to_pylist(), batch["content_id"].to_pylist()))

    def provenance(self, listed: dict[str, Any]) -> dict[str, Any]:
        """Return everything that is needed to reproduce or assess the list."""
        dataset, scores = self._dataset, self._evaluation.scores
        known = self._store.catalogue.backbones().get(scores.backbone_id)
        return {
            "provenance_version": PROVENANCE_VERSION,
            "created_at": utc_now(),
            "score": _SCORE if scores.key.has_scores else _NO_SCORE,
            "dataset": {
                "dataset_id": dataset.dataset_id,
                "name": dataset.name,
                "source": dataset.source,
                "kind": dataset.kind,
                "options": dataset.options,
                "version": dataset.version,
                "fingerprint": f"sha256:{self._fingerprint.hexdigest()}",
                "num_samples": self.counts.total,
                "num_unreadable": dataset.num_failed,
            },
            "backbone": known.to_dict() if known else {"backbone_id": scores.backbone_id},
            "trust": [self._trust(item.key) for item in self._recipe.scores if item.key.has_scores],
            "recipe": to_dict(self._recipe),
            "counts": {**dataclasses.asdict(self.counts), "total": self.counts.total},
            "list": {**listed, "num_rows": self.num_rows},
            "marks": self._marks.provenance,
            **({"columns": self._column_texts} if self._compared else {}),
        }

    @property
    def _column_texts(self) -> dict[str, str]:
        return {name: column_text(item) for name, item in self._compared.items()}

    def _trust(self, key: MeasurementKey) -> dict[str, Any]:
        """Return the verdict on the scores of a backbone, as it is now."""
        scores = dataclasses.replace(self._evaluation.scores, key=key)
        return {"backbone_id": key.backbone_id, "spec_id": key.spec_id, **trust_verdict(self._store, scores).to_dict()}
