"""Write what a recipe keeps as a list or folder with its provenance, in one pass over the samples ordered by key."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from jepascore_core.curation import CurationCounts, Evaluation
from jepascore_core.curation.recipes import Recipe, evaluate_recipe
from jepascore_core.datasets.uris import path_to_uri
from jepascore_core.errors import ExportError
from jepascore_core.exporters import archives, folders, writers
from jepascore_core.exporters.context import Batches, ExportContext
from jepascore_core.exporters.formats import SPECS, ExportFormat
from jepascore_core.exporters.options import ExportOptions, checked_format, format_of_path, suggested_name
from jepascore_core.exporters.publishing import staged, targets_of
from jepascore_core.exporters.query import ExportQuery, Progress
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.rereads import changes_marked
from jepascore_core.storage.store import Store

#: Samples written between two calls: images take longer than rows.
PIECE = {True: 16, False: 256}

_FILE_WRITERS: dict[ExportFormat, Callable[[BinaryIO, Batches, ExportContext], None]] = {
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
_FOLDER_WRITERS: dict[ExportFormat, Callable[[Path, Batches, ExportContext], None]] = {
    "tree": folders.write_tree,
    "imagefolder": folders.write_imagefolder,
    "imagefolder_csv": folders.write_imagefolder_csv,
    "datasets": archives.write_datasets,
    "webdataset": archives.write_webdataset,
    "fiftyone": folders.write_fiftyone,
}


@dataclass(frozen=True, slots=True)
class ExportReport:
    """Result of an export. `sha256` is that of the list, None for a folder."""

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
    provenance: bytes
    num_rows: int


def export(
    store: Store,
    dataset_id: str,
    recipe: Recipe,
    path: Path,
    *,
    file_format: ExportFormat | None = None,
    options: ExportOptions = ExportOptions(),
    evaluation: Evaluation | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    export_id: str | None = None,
) -> ExportReport:
    """Write a list or folder and, beside it, `<name>.provenance.json`: both or neither. Sources are only read.

    Args:
        store: where the scores are.
        dataset_id: the dataset whose samples are listed.
        recipe: what to keep, by which scores, with which decisions; recorded in the provenance.
        path: the file or folder; its parent must exist.
        file_format: None = from the suffix of `path`.
        options: which samples to list, and how.
        evaluation: of this recipe and dataset, if it exists already; None = evaluate it now.
        overwrite: replace existing files; an existing folder is never replaced.
        progress: called with the number of samples written and the total; may raise to stop the export.
        export_id: the request behind it, recorded in the provenance; leftovers of a killed attempt of it are removed.

    Raises:
        ExportError: if it cannot be written completely; nothing is left behind.
        UnknownNameError, DatasetNotReadyError, RuleError: as `curation.evaluate`.
        TooFewImagesError: if label issues are wanted of fewer than two classes.
    """
    path = Path(path)
    targets = targets_of(path)
    chosen = checked_format(file_format or format_of_path(path), options)
    query = ExportQuery(store, recipe, evaluation or evaluate_recipe(store, dataset_id, recipe), options)
    if overwrite:
        _refuse_sources(store, store.catalogue.dataset(dataset_id), targets)
    marking = changes_marked(store.catalogue, dataset_id)
    with marking, staged(list(targets), overwrite, export_id) as (temporary, temporary_provenance):
        rows = query.rows(options.which, PIECE[SPECS[chosen].has_images], progress)
        context = query.context(options)
        digest = _write(temporary, chosen, rows, context)
        listed = {
            "name": path.name, "format": chosen, **dataclasses.asdict(options), "sha256": digest,
            **({"order": context.positions.order} if chosen == "indices" else {}),
        }  # fmt: skip
        requested = {"export_id": export_id} if export_id else {}
        text = json.dumps({**query.provenance(listed), **requested}, indent=2)
        temporary_provenance.write_text(f"{text}\n", encoding="utf-8")
    return ExportReport(*targets, query.num_rows, query.counts, digest)


def _refuse_sources(store: Store, dataset: DatasetRecord, targets: Iterable[Path]) -> None:
    """Refuse to overwrite source files."""
    sql = f"SELECT 1 FROM ({store.manifest_sql(dataset)}) WHERE uri = ? LIMIT 1"
    for path in (str(target.resolve()) for target in targets if target.exists()):
        if path == dataset.source or store.query(sql, [path_to_uri(path)]).num_rows:
            raise ExportError(f"{path} is a source of the dataset {dataset.name}. Choose another name.")


def _write(temporary: Path, chosen: ExportFormat, rows: Batches, context: ExportContext) -> str | None:
    """Write the rows; return the hash of a file."""
    if SPECS[chosen].is_folder:
        _FOLDER_WRITERS[chosen](temporary, rows, context)
        return None
    with temporary.open("xb") as sink:
        _FILE_WRITERS[chosen](sink, rows, context)
    with temporary.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()


def export_bytes(
    store: Store,
    dataset_id: str,
    recipe: Recipe,
    file_format: ExportFormat,
    options: ExportOptions = ExportOptions(),
    evaluation: Evaluation | None = None,
) -> Download:
    """Return a file format as bytes, written to disk first so that memory holds little more than the result.

    Raises:
        ExportError: also for a format that is a folder.
        UnknownNameError, DatasetNotReadyError, RuleError: as `export`.
    """
    chosen = checked_format(file_format, options)
    if SPECS[chosen].is_folder:
        raise ExportError(f"{SPECS[chosen].title} is a folder. Save it to a folder on the server instead.")
    name = suggested_name(store.catalogue.dataset(dataset_id).name, options.which, chosen)
    with tempfile.TemporaryDirectory(prefix="jepascore-export-") as folder:
        path = Path(folder) / name
        report = export(store, dataset_id, recipe, path, file_format=chosen, options=options, evaluation=evaluation)
        return Download(
            file_name=name,
            mime=SPECS[chosen].mime,
            data=report.path.read_bytes(),
            provenance=report.provenance_path.read_bytes(),
            num_rows=report.num_rows,
        )
