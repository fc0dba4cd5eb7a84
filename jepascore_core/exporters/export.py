"""Rules -> list and provenance, in one pass over the samples in order of their keys."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from jepascore_core.catalogue import utc_now
from jepascore_core.curation.legacy import CurationCounts, CurationRule, rules_to_dict, verdict_sql
from jepascore_core.errors import ExportError
from jepascore_core.exporters.publishing import staged
from jepascore_core.exporters.writers import (
    EXPORT_SCHEMA,
    Writer,
    write_csv,
    write_jsonl,
    write_parquet,
    write_txt,
)
from jepascore_core.records import DatasetRecord, MeasurementSpec
from jepascore_core.store import Store
from jepascore_core.views.score_set import ScoreSet

ExportFormat = Literal["txt", "csv", "jsonl", "parquet"]
Which = Literal["kept", "dropped", "unscored", "all"]

FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
WHICH: tuple[Which, ...] = get_args(Which)
PROVENANCE_VERSION = 1

_WRITERS: dict[ExportFormat, Writer] = {
    "txt": write_txt,
    "csv": write_csv,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
}
_MIME: dict[ExportFormat, str] = {
    "txt": "text/plain",
    "csv": "text/csv",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}
_VERDICTS: dict[Which, str] = {"kept": "keep", "dropped": "drop", "unscored": "unscored"}


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written. `sha256` is that of the list."""

    path: Path
    provenance_path: Path
    num_rows: int
    counts: CurationCounts
    sha256: str


@dataclass(frozen=True, slots=True)
class Download:
    """An export as bytes, for a browser."""

    file_name: str
    mime: str
    data: bytes
    provenance_name: str
    provenance: bytes
    num_rows: int


def export(
    store: Store,
    scores: ScoreSet,
    rules: Sequence[CurationRule],
    path: Path,
    *,
    file_format: ExportFormat | None = None,
    which: Which = "kept",
    overwrite: bool = False,
) -> ExportReport:
    """Write a list and, beside it, `<name>.provenance.json`: both, or nothing.

    Args:
        store: where the scores are.
        scores: the scores that the rules look at.
        rules: what to keep; none keeps everything that was measured.
        path: the list.
        file_format: txt, csv, jsonl or parquet; None = by the suffix of `path`.
        which: kept, dropped, unscored or all samples; a text list shows no verdict and so cannot be of "all".
        overwrite: replace existing files.

    Raises:
        ExportError: if it cannot be written in whole; nothing of it is left behind.
        UnknownNameError: if there is no such dataset.
        DatasetNotReadyError: if it has no index yet.
    """
    path = Path(path)
    chosen = _checked(file_format or path.suffix.removeprefix(".").lower(), which)
    provenance_path = path.with_name(f"{path.name}.provenance.json")
    question = _Question(store, scores, rules)
    with staged([path, provenance_path], overwrite) as (temporary, temporary_provenance):
        with temporary.open("xb") as sink:
            _WRITERS[chosen](sink, question.rows(which))
        with temporary.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        listed = {"file": path.name, "format": chosen, "which": which, "sha256": digest}
        provenance = question.provenance(listed)
        temporary_provenance.write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")
    return ExportReport(path, provenance_path, question.num_rows, question.counts, digest)


def export_bytes(
    store: Store, scores: ScoreSet, rules: Sequence[CurationRule], file_format: ExportFormat, which: Which = "kept"
) -> Download:
    """The same files as bytes. They go through the disk, so that memory holds little more than the result.

    Raises:
        ExportError, UnknownNameError, DatasetNotReadyError: as `export`.
    """
    chosen = _checked(file_format, which)
    name = suggested_name(store.catalogue.dataset(scores.dataset_id).name, which, chosen)
    with tempfile.TemporaryDirectory(prefix="jepascore-export-") as folder:
        report = export(store, scores, rules, Path(folder) / name, file_format=chosen, which=which)
        return Download(
            file_name=name,
            mime=_MIME[chosen],
            data=report.path.read_bytes(),
            provenance_name=report.provenance_path.name,
            provenance=report.provenance_path.read_bytes(),
            num_rows=report.num_rows,
        )


def suggested_name(dataset_name: str, which: Which, file_format: ExportFormat) -> str:
    """A file name that is safe everywhere: ("My / data", "kept", "csv") -> "My-data-kept.csv"."""
    stem = re.sub(r"[^A-Za-z0-9._]+", "-", dataset_name).strip("-.")[:60] or "dataset"
    return f"{stem}-{which}.{file_format}"


def _checked(file_format: str, which: str) -> ExportFormat:
    if which not in WHICH:
        raise ExportError(f"There is no list of {which!r} samples. Choose one of {', '.join(WHICH)}.")
    if file_format == "txt" and which == "all":
        raise ExportError("A text list has no verdicts: choose kept, dropped or unscored, or CSV, JSONL or Parquet.")
    for known in FORMATS:
        if file_format == known:
            return known
    raise ExportError(f"There is no export format {file_format!r}. Choose one of {', '.join(FORMATS)}.")


class _Question:
    """The samples with their verdicts, counted and fingerprinted while they are read.

    The query names its shards, which never change: counts, list and fingerprint are of one moment, also during a run.
    """

    def __init__(self, store: Store, scores: ScoreSet, rules: Sequence[CurationRule]) -> None:
        self._store, self._scores, self._rules = store, scores, rules
        self._dataset: DatasetRecord = store.catalogue.dataset(scores.dataset_id)
        self._sql, self._parameters = verdict_sql(store, scores, rules)
        self._spec = _spec(store, scores)
        self._verdicts: Counter[str] = Counter()
        self._fingerprint = hashlib.sha256()
        self.num_rows = 0

    @property
    def counts(self) -> CurationCounts:
        """By verdict, complete once all rows were read."""
        found = self._verdicts
        return CurationCounts(found["keep"], found["drop"], found["unscored"], self._dataset.num_failed)

    def rows(self, which: Which) -> Iterator[pa.RecordBatch]:
        """The samples of a list in order of their keys, as batches of `EXPORT_SCHEMA`."""
        columns = ", ".join(EXPORT_SCHEMA.names)
        sql = f"SELECT {columns}, content_id FROM ({self._sql}) ORDER BY sample_key, uri"
        for batch in self._store.stream(sql, self._parameters):
            self._note(batch)
            if which != "all":
                batch = batch.filter(pc.equal(batch["verdict"], _VERDICTS[which]))
            self.num_rows += batch.num_rows
            yield batch.select(EXPORT_SCHEMA.names).cast(EXPORT_SCHEMA)

    def _note(self, batch: pa.RecordBatch) -> None:
        self._verdicts.update(batch["verdict"].to_pylist())
        pairs = zip(batch["sample_key"].to_pylist(), batch["content_id"].to_pylist(), strict=True)
        self._fingerprint.update("".join(f"{json.dumps(pair)}\n" for pair in pairs).encode("ascii"))

    def provenance(self, listed: dict[str, Any]) -> dict[str, Any]:
        """Everything that one needs to make the same list again, or to judge it."""
        scores, dataset = self._scores, self._dataset
        known = self._store.catalogue.backbones().get(scores.backbone_id)
        return {
            "provenance_version": PROVENANCE_VERSION,
            "created_at": utc_now(),
            "jepascore_version": _version(),
            "score": "JEPA-SCORE in nats; higher = more likely under the backbone's implicit density (more typical)",
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
            "measurement_spec": {"spec_id": scores.spec_id, **self._spec.to_dict()},
            "definition": scores.definition,
            "curation": rules_to_dict(self._rules),
            "counts": {**dataclasses.asdict(self.counts), "total": self.counts.total},
            "list": {**listed, "num_rows": self.num_rows},
        }


def _spec(store: Store, scores: ScoreSet) -> MeasurementSpec:
    try:
        return store.spec(scores.backbone_id, scores.spec_id)
    except FileNotFoundError as error:
        raise ExportError("Nothing was measured with this backbone yet. Start a run first.") from error


def _version() -> str:
    try:
        return importlib.metadata.version("jepascore")
    except importlib.metadata.PackageNotFoundError:
        return "unknown (not installed)"
