"""A curation -> a list or folder and its provenance, in one pass over the samples in order of their keys."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from jepascore_core.curation import Curation, CurationCounts, Decisions, chip_text, evaluate
from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.names import metadata_names
from jepascore_core.curation.recipes import Recipe, fingerprint_lines, make_recipe, to_dict
from jepascore_core.curation.summary import count_unmeasured
from jepascore_core.datasets.manifest import read_failures
from jepascore_core.datasets.uris import path_to_uri
from jepascore_core.errors import ExportError
from jepascore_core.exporters import archives, folders, writers
from jepascore_core.exporters.formats import FORMATS, LINKS, SPECS, WHICH, ExportFormat, Link, Which
from jepascore_core.exporters.job import ROW_SCHEMA, Batches, Job
from jepascore_core.exporters.positions import base_of, positions_of
from jepascore_core.exporters.publishing import staged
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.catalogue import utc_now
from jepascore_core.storage.rereads import changes_marked
from jepascore_core.storage.store import Store

PROVENANCE_VERSION = 2

#: Called with the number of samples written and of all to be written; whatever it raises ends the export, of which
#: nothing is left.
Progress = Callable[[int, int], None]

#: Samples that are written between two calls: images take their time, rows do not.
PIECE = {True: 16, False: 256}

_FILE_WRITERS: dict[ExportFormat, Callable[[BinaryIO, Batches, Job], None]] = {
    "txt": writers.write_txt,
    "csv": writers.write_csv,
    "jsonl": writers.write_jsonl,
    "parquet": writers.write_parquet,
    "yolo": writers.write_yolo,
    "coco": writers.write_coco,
    "uids": writers.write_uids,
    "indices": writers.write_indices,
    "zip": archives.write_zip,
}
_FOLDER_WRITERS: dict[ExportFormat, Callable[[Path, Batches, Job], None]] = {
    "tree": folders.write_tree,
    "imagefolder": folders.write_imagefolder,
    "imagefolder_csv": folders.write_imagefolder_csv,
    "datasets": archives.write_datasets,
    "webdataset": archives.write_webdataset,
    "fiftyone": folders.write_fiftyone,
}
_VERDICTS: dict[Which, str] = {"kept": "keep", "dropped": "drop", "unscored": "unscored"}
#: The format that a suffix stands for where none is named.
_BY_SUFFIX: dict[str, ExportFormat] = {
    ".txt": "txt", ".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet", ".zip": "zip", ".json": "coco",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How to export. `root`: a folder that paths are to be relative to; `link`: how folders get their images."""

    which: Which = "kept"
    root: str | None = None
    link: Link = "copy"


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written. `sha256` is that of the list, None for a folder."""

    path: Path
    provenance_path: Path
    num_rows: int
    counts: CurationCounts
    sha256: str | None


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
    curation: Curation,
    path: Path,
    *,
    file_format: ExportFormat | None = None,
    options: ExportOptions = ExportOptions(),
    decisions: Decisions | None = None,
    recipe: Recipe | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    export_id: str | None = None,
) -> ExportReport:
    """Write a list or folder and, beside it, `<name>.provenance.json`: both, or nothing. Sources are only read.

    Args:
        store: where the scores are.
        scores: the scores that rules look at where they name none.
        curation: what to keep; an empty one keeps everything.
        path: the file or folder; its parent exists.
        file_format: None = by the suffix of `path`.
        options: which samples, and how.
        decisions: what people decided.
        recipe: the recipe that this is, for the provenance; made from the rest if it is not given.
        overwrite: replace existing files; an existing folder is never replaced.
        progress: told how far it is; may raise to end the export.
        export_id: who asked for it: goes into the provenance, and another attempt removes what a killed one left.

    Raises:
        ExportError: if it cannot be written in whole; nothing of it is left behind.
        UnknownNameError, DatasetNotReadyError, RuleError: as `curation.evaluate`.
    """
    path = Path(path)
    targets = targets_of(path)
    chosen = checked_format(file_format or _by_suffix(path), options)
    question = _Question(store, scores, curation, decisions, recipe)
    if overwrite:
        _refuse_sources(store, store.catalogue.dataset(scores.dataset_id), targets)
    marking = changes_marked(store.catalogue, scores.dataset_id)
    with marking, staged(list(targets), overwrite, export_id) as (temporary, temporary_provenance):
        rows = question.rows(options.which, PIECE[SPECS[chosen].has_images], progress)
        job = question.job(options)
        digest = _write(temporary, chosen, rows, job)
        listed = {
            "name": path.name, "format": chosen, **dataclasses.asdict(options), "sha256": digest,
            **({"order": job.positions.order} if chosen == "indices" else {}),
        }  # fmt: skip
        asked = {"export_id": export_id} if export_id else {}
        text = json.dumps({**question.provenance(listed), **asked}, indent=2)
        temporary_provenance.write_text(f"{text}\n", encoding="utf-8")
    return ExportReport(*targets, question.num_rows, question.counts, digest)


def targets_of(path: Path) -> tuple[Path, Path]:
    """The file or folder of an export, and the provenance file beside it.

    Raises:
        ExportError: for a path without a name of its own, such as "/" or ".".
    """
    if not path.name:
        raise ExportError(f"{path} is a folder. Choose a name in it.")
    return path, path.with_name(f"{path.name}.provenance.json")


def _refuse_sources(store: Store, dataset: DatasetRecord, targets: Iterable[Path]) -> None:
    """Source files are never changed, whatever is to be overwritten."""
    sql = f"SELECT 1 FROM ({store.manifest_sql(dataset)}) WHERE uri = ? LIMIT 1"
    for path in (str(target.resolve()) for target in targets if target.exists()):
        if path == dataset.source or store.query(sql, [path_to_uri(path)]).num_rows:
            raise ExportError(f"{path} is a source of the dataset {dataset.name}. Choose another name.")


def condition_of(which: Which) -> str:
    """Which rows of an evaluation belong to a list, in SQL."""
    return "true" if which == "all" else f"verdict = '{_VERDICTS[which]}'"


def _write(temporary: Path, chosen: ExportFormat, rows: Batches, job: Job) -> str | None:
    """Write the rows; returns the hash of a file."""
    if SPECS[chosen].is_folder:
        _FOLDER_WRITERS[chosen](temporary, rows, job)
        return None
    with temporary.open("xb") as sink:
        _FILE_WRITERS[chosen](sink, rows, job)
    with temporary.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()


def export_bytes(
    store: Store,
    scores: ScoreSet,
    curation: Curation,
    file_format: ExportFormat,
    options: ExportOptions = ExportOptions(),
    decisions: Decisions | None = None,
) -> Download:
    """A file format as bytes. They go through the disk, so that memory holds little more than the result.

    Raises:
        ExportError: also for a format that is a folder.
        UnknownNameError, DatasetNotReadyError, RuleError: as `export`.
    """
    chosen = checked_format(file_format, options)
    if SPECS[chosen].is_folder:
        raise ExportError(f"{SPECS[chosen].title} is a folder: write it to this computer instead.")
    name = suggested_name(store.catalogue.dataset(scores.dataset_id).name, options.which, chosen)
    with tempfile.TemporaryDirectory(prefix="jepascore-export-") as folder:
        path = Path(folder) / name
        report = export(store, scores, curation, path, file_format=chosen, options=options, decisions=decisions)
        return Download(
            file_name=name,
            mime=SPECS[chosen].mime,
            data=report.path.read_bytes(),
            provenance_name=report.provenance_path.name,
            provenance=report.provenance_path.read_bytes(),
            num_rows=report.num_rows,
        )


def suggested_name(dataset_name: str, which: Which, file_format: ExportFormat) -> str:
    """A name that is safe everywhere: ("My / data", "kept", "csv") -> "My-data-kept.csv"."""
    stem = re.sub(r"[^A-Za-z0-9._]+", "-", dataset_name).strip("-.")[:60] or "dataset"
    special = f"-{file_format}" if file_format in ("yolo", "coco", "uids", "indices") else ""
    return f"{stem}-{which}{special}{SPECS[file_format].suffix or f'-{file_format}'}"


def _by_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    fitting = [spec.name for spec in SPECS.values() if suffix and spec.suffix == suffix and suffix not in _BY_SUFFIX]
    if not suffix or fitting:
        choice = f"{' or '.join(fitting)} (--format)" if fitting else "one (--format), or a suffix"
        raise ExportError(f"The name {path.name} does not say which format is meant: choose {choice}.")
    return _BY_SUFFIX.get(suffix, suffix.removeprefix("."))


def checked_format(file_format: str, options: ExportOptions) -> ExportFormat:
    """The format of this name.

    Raises:
        ExportError: if there is none, or if it cannot do what the options ask for.
    """
    if options.which not in WHICH:
        raise ExportError(f"There is no list of {options.which!r} samples. Choose one of {', '.join(WHICH)}.")
    if options.link not in LINKS:
        raise ExportError(f"Images cannot be placed by {options.link!r}. Choose one of {', '.join(LINKS)}.")
    chosen = next((known for known in FORMATS if known == file_format), None)
    if chosen is None:
        raise ExportError(f"There is no export format {file_format!r}. Choose one of {', '.join(FORMATS)}.")
    if options.which == "all" and not SPECS[chosen].has_verdicts:
        raise ExportError(
            f"{SPECS[chosen].title} has no verdicts: choose kept, dropped or unscored, or another format."
        )
    if options.link != "copy" and not SPECS[chosen].links:
        raise ExportError(f"{SPECS[chosen].title}: nothing is linked there. Leave --link out, or choose copy.")
    return chosen


class _Question:
    """The samples with their verdicts, counted and fingerprinted while they are read.

    The verdicts are worked out once: counts, list and fingerprint are of one moment, also during a run.
    """

    def __init__(
        self,
        store: Store,
        scores: ScoreSet,
        curation: Curation,
        decisions: Decisions | None,
        recipe: Recipe | None,
    ) -> None:
        self._store, self._scores = store, scores
        self._dataset: DatasetRecord = store.catalogue.dataset(scores.dataset_id)
        self._recipe = recipe or make_recipe(store, scores, curation, self._dataset.name, decisions)
        self._found = evaluate(store, scores, curation, decisions)
        self._unmeasured = count_unmeasured(store, self._found)
        self._verdicts: Counter[str] = Counter()
        self._fingerprint = hashlib.sha256()
        self._decided = 0
        self.num_rows = 0

    @property
    def counts(self) -> CurationCounts:
        """By verdict, complete once all rows were read."""
        found = self._verdicts
        unreadable = self._dataset.num_failed
        return CurationCounts(
            found["keep"], found["drop"], found["unscored"], unreadable, self._decided, self._unmeasured
        )

    def job(self, options: ExportOptions) -> Job:
        """What the writer is told."""
        return Job(
            which=options.which,
            root=options.root,
            link=options.link,
            labels=self._labels,
            base=base_of(self._dataset),
            has_uids=self._uid is not None,
            has_repeats=self._has_repeats,
            count=lambda: positions_of(self._dataset, self._all_keys),
        )

    @property
    def _has_repeats(self) -> bool:
        sql = f"SELECT count(*) > count(DISTINCT uri) AS repeats FROM {self._found.base}"
        return bool(self._store.query(sql)["repeats"][0].as_py())

    def _all_keys(self) -> list[str]:
        """Sample keys of all images, also of those that could not be read."""
        readable = self._store.query(f"SELECT sample_key FROM {self._found.base}")["sample_key"].to_pylist()
        return readable + read_failures(self._store.index_folder(self._dataset))["sample_key"].to_pylist()

    @cached_property
    def _labels(self) -> tuple[str, ...]:
        sql = f"SELECT DISTINCT label FROM {self._found.base} WHERE label IS NOT NULL ORDER BY label"
        return tuple(self._store.query(sql)["label"].to_pylist())

    @cached_property
    def _uid(self) -> str | None:
        """The column of the dataset's own uids, if there is one."""
        has_uid = "uid" in metadata_names(self._store, self._dataset.dataset_id)
        return columns(self._store).metadata(self._dataset, "uid") if has_uid else None

    def rows(self, which: Which, size: int, progress: Progress | None) -> Iterator[pa.RecordBatch]:
        """The samples of a list in order of their keys, as batches of `ROW_SCHEMA` of at most this size."""
        total = self._count(which)
        for batch in self._store.stream(self._sql(), [self._reasons]):
            self._note(batch)
            if which != "all":
                batch = batch.filter(pc.equal(batch["verdict"], _VERDICTS[which]))
            # In small pieces: between two of them an export can be ended.
            for first in range(0, batch.num_rows, size):
                piece = batch.slice(first, size)
                yield piece.select(ROW_SCHEMA.names).cast(ROW_SCHEMA)
                self.num_rows += piece.num_rows
                if progress is not None:
                    progress(self.num_rows, total)
            if progress is not None:
                progress(self.num_rows, total)

    def _count(self, which: Which) -> int:
        sql = f"SELECT count(*) AS n FROM {self._found.table} WHERE {condition_of(which)}"
        return int(self._store.query(sql)["n"][0].as_py())

    @property
    def _reasons(self) -> list[str]:
        return [chip_text(chip) for chip in self._found.curation.chips]

    def _sql(self) -> str:
        found, held = self._found, columns(self._store)
        by_class = held.percentile(self._dataset, found.score, "label")
        overall = held.percentile(self._dataset, found.score, None)
        uid = f'"{self._uid}"' if self._uid else "NULL::VARCHAR"
        joined = f"{found.relation} POSITIONAL JOIN {by_class} POSITIONAL JOIN {overall}"
        joined += f" POSITIONAL JOIN {self._uid}" if self._uid else ""
        return f"""
            SELECT sample_key, uri, label, split, "{found.score}" AS score, "{by_class}" AS class_percentile,
                "{overall}" AS percentile, verdict, decision,
                CASE WHEN reason = -1 THEN 'decision' WHEN reason >= 0 THEN ($1::VARCHAR[])[reason + 1] END AS reason,
                content_id, width, height, num_bytes, {uid} AS uid
            FROM {joined} ORDER BY row_id
        """

    def _note(self, batch: pa.RecordBatch) -> None:
        self._verdicts.update(batch["verdict"].to_pylist())
        self._decided += batch.num_rows - batch["decision"].null_count
        self._fingerprint.update(fingerprint_lines(batch["sample_key"].to_pylist(), batch["content_id"].to_pylist()))

    def provenance(self, listed: dict[str, Any]) -> dict[str, Any]:
        """Everything that one needs to make the same list again, or to judge it."""
        dataset, scores = self._dataset, self._scores
        known = self._store.catalogue.backbones().get(scores.backbone_id)
        return {
            "provenance_version": PROVENANCE_VERSION,
            "created_at": utc_now(),
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
            "recipe": to_dict(self._recipe),
            "counts": {**dataclasses.asdict(self.counts), "total": self.counts.total},
            "list": {**listed, "num_rows": self.num_rows},
        }
