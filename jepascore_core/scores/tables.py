"""Score tables: the scores of a large dataset in one file that is laid out for looking at them.

Shards hold spectra and embeddings in the order of measuring. At a million samples joining them with the manifest,
sorting them and summing spectra takes seconds, so it is done once after a run: a table has one row a sample in order of
class, key and uri, with the score under every definition and its percentiles. Tables of one dataset version have the
same rows in the same order, so two backbones are put side by side without looking anything up. They can be deleted at
any time.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.atomic import atomic_path, write_atomically
from jepascore_core.datasets.manifest import count_rows
from jepascore_core.embeddings.files import find_vectors, vector_folder, write_vectors
from jepascore_core.errors import StoreError
from jepascore_core.records.canonical import short_hash
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.score import DEFINITIONS, Definition
from jepascore_core.scores.memo import memoized
from jepascore_core.storage.measurement_sql import INTERVAL_COLUMNS, SCORE_COLUMN, SPREAD_COLUMN
from jepascore_core.storage.store import Store
from jepascore_core.storage.ties import comparable, midrank

#: Smaller datasets are read from their shards, which takes as long as a blink.
MIN_SAMPLES = 50_000
#: While a run goes on its table may be so old, since every shard would make it anew.
MAX_AGE_SECONDS = 60.0
#: While a run goes on, embeddings may be so old: they take longer to lay out, and miss nothing but the newest images.
MAX_VECTOR_AGE_SECONDS = 3600.0
#: Former tables stay for those who are just reading them.
KEEP_SECONDS = 600.0
#: Small groups of rows: one class of a thousand is read without the others.
ROW_GROUP = 16_384
#: What is sorted does not fit into this, and is sorted on disk: the interface stays small.
MEMORY_LIMIT = "600MB"
#: Raised when the columns or what they hold change.
LAYOUT = 5
#: How often the making of a table says how far it is; one that has been silent for so long was killed.
REPORT_SECONDS = 1.0
SILENT_SECONDS = 60.0
_REPORT = "progress.json"
_SORTING = ".sorting-"

_log = logging.getLogger(__name__)
_lock = threading.Lock()
_making: set[Path] = set()
_failed: dict[Path, tuple[float, str]] = {}


@dataclass(frozen=True, slots=True)
class Making:
    """A table that is being made, in whatever process: since when (seconds since 1970), and which share is done."""

    began: float
    fraction: float


def content_version(store: Store, dataset: DatasetRecord, key: MeasurementKey) -> str:
    """Return a text that changes whenever the index or the shards behind scores change."""
    return short_hash([dataset.version, store.shard_names(key)])


def num_samples(store: Store, dataset: DatasetRecord) -> int:
    """Count the samples of the current index, 0 without one.

    The catalogue's counters belong to the latest attempt at indexing, which may not have succeeded.

    Raises:
        StoreError: if the index is damaged.
    """
    if dataset.version is None:
        return 0
    folder = store.index_folder(dataset)
    return memoized(store, ("size", dataset.dataset_id, dataset.version), lambda: count_rows(folder)[0])


def score_table(store: Store, dataset: DatasetRecord, key: MeasurementKey) -> Path | None:
    """Return the table to read; None where the shards are to be read, because there are few samples or no table yet.

    A missing table is built in a background thread, so no caller waits. During a run, a table without the newest shards
    is used, and rebuilt once a minute.
    """
    path = _table_path(store, dataset, key)
    if path is None:
        return None
    if path.is_file():
        if _lacks_vectors(store, dataset, path):
            _build_in_background(store, dataset, key, path)
        return path
    former = _newest(path.parent) if _has_active_run(store, dataset) else None
    if former is None or time.time() - former.stat().st_mtime > MAX_AGE_SECONDS:
        _build_in_background(store, dataset, key, path)
    return former


def build_score_table(store: Store, dataset: DatasetRecord, key: MeasurementKey) -> Path | None:
    """Make the table, and lay out the embeddings, unless they are there or not needed; for the worker, after a run.

    Raises:
        OSError, duckdb.Error, StoreError: if it cannot be written. Nothing depends on it but speed.
    """
    path = _table_path(store, dataset, key)
    if path is not None:
        _make(store, dataset, key, path)
    return path


def build_status(store: Store, dataset: DatasetRecord, key: MeasurementKey) -> Making | None:
    """How far the table is that is being made, if one is."""
    found = []
    for path in _folder(store, dataset, key).glob(f"{_SORTING}*/{_REPORT}"):
        try:
            if not _is_silent(path):
                found.append(Making(**json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError):
            continue  # it has just ended
    return max(found, key=lambda making: making.fraction, default=None)


def last_build_error(store: Store, dataset: DatasetRecord, key: MeasurementKey) -> str | None:
    """Why this process could not make a table, which it does not try again for some minutes; None if it could."""
    failed_at, reason = _failed.get(_folder(store, dataset, key), (0.0, ""))
    return reason if time.time() - failed_at < KEEP_SECONDS else None


def _is_silent(report: Path) -> bool:
    return time.time() - report.stat().st_mtime > SILENT_SECONDS


def _folder(store: Store, dataset: DatasetRecord, key: MeasurementKey) -> Path:
    return store.dataset_folder(dataset.dataset_id) / "scores" / str(dataset.version) / key.text


def _table_path(store: Store, dataset: DatasetRecord, key: MeasurementKey) -> Path | None:
    if num_samples(store, dataset) < MIN_SAMPLES:
        return None
    if not store.measurement_folder(key).is_dir():
        return None
    folder = _folder(store, dataset, key)
    return folder / f"{content_version(store, dataset, key)}-{LAYOUT}.parquet"


def current_vectors(store: Store, dataset: DatasetRecord, key: MeasurementKey) -> Path | None:
    """Where the embeddings of all that is measured are laid out; None where they are not, or lack the newest images."""
    path = _table_path(store, dataset, key)
    return vector_folder(path) if path is not None and vector_folder(path).is_dir() else None


def _has_active_run(store: Store, dataset: DatasetRecord) -> bool:
    return any(run.dataset_id == dataset.dataset_id for run in store.catalogue.runs(active_only=True))


def _lacks_vectors(store: Store, dataset: DatasetRecord, path: Path) -> bool:
    found = find_vectors(path)
    if found is None or found == vector_folder(path):
        return found is None
    return not _has_active_run(store, dataset) or time.time() - found.stat().st_mtime > MAX_VECTOR_AGE_SECONDS


def any_table(store: Store, dataset: DatasetRecord) -> Path | None:
    """Return any table of this version of a dataset, for what it says of the samples, whatever its scores."""
    folder = store.dataset_folder(dataset.dataset_id) / "scores" / str(dataset.version)
    return next((table for table in map(_newest, sorted(folder.glob("*"))) if table), None)


def _newest(folder: Path) -> Path | None:
    tables = [(path.stat().st_mtime, path) for path in folder.glob(f"*-{LAYOUT}.parquet")]
    return max(tables)[1] if tables else None


def _build_in_background(store: Store, dataset: DatasetRecord, key: MeasurementKey, path: Path) -> None:
    """Make a table in a thread, unless one of this folder is being made, or has just failed."""
    with _lock:
        if path.parent in _making or last_build_error(store, dataset, key) is not None:
            return
        _making.add(path.parent)

    def work() -> None:
        try:
            _make(store, dataset, key, path)
        except (OSError, duckdb.Error, StoreError) as error:
            _failed[path.parent] = time.time(), str(error)
            _log.warning("No score table for %s, pages will be slow: %s", dataset.name, error)
        finally:
            _making.discard(path.parent)

    threading.Thread(target=work, name=f"score table {dataset.name}", daemon=True).start()


def _make(store: Store, dataset: DatasetRecord, key: MeasurementKey, path: Path) -> None:
    if not path.is_file():
        _write_table(store, dataset, key, path)
    if _lacks_vectors(store, dataset, path):
        write_vectors(store, dataset, key, vector_folder(path))


def _write_table(store: Store, dataset: DatasetRecord, key: MeasurementKey, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sql = _table_sql(store, dataset, key)
    _remove_silent(path.parent)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=_SORTING) as folder:
        threads = max(1, (os.cpu_count() or 1) // 2)
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY_LIMIT, "temp_directory": folder, "threads": threads,
        }  # fmt: skip
        layout = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}"
        with (
            atomic_path(path) as temporary,
            duckdb.connect(":memory:", config=config) as connection,
            _reported(connection, Path(folder)),
        ):
            connection.execute(f"COPY ({sql}) TO {_quoted(temporary)} ({layout})")
    for former in path.parent.glob("*.parquet"):
        if former != path and time.time() - former.stat().st_mtime > KEEP_SECONDS:
            former.unlink(missing_ok=True)


@contextmanager
def _reported(connection: duckdb.DuckDBPyConnection, folder: Path) -> Iterator[None]:
    """While this lasts, say in a file how far the connection is with its query."""
    began, ended = time.time(), threading.Event()
    for option in ("enable_progress_bar = true", "enable_progress_bar_print = false", "progress_bar_time = 0"):
        connection.execute(f"SET {option}")

    def report() -> None:
        share = 0.0
        while True:
            share = min(1.0, max(share, connection.query_progress() / 100))  # it may go back, and below 0
            try:
                said = json.dumps({"began": began, "fraction": share}).encode()
                write_atomically(folder / _REPORT, said, is_durable=False)
            except OSError as error:
                _log.warning("It is not said how far a score table is: %s", error)
                return
            if ended.wait(REPORT_SECONDS):
                return

    thread = threading.Thread(target=report, name="score table progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _remove_silent(folder: Path) -> None:
    """Remove temporary files of killed processes, which may be large."""
    for report in folder.glob(f"{_SORTING}*/{_REPORT}"):
        if _is_silent(report):
            shutil.rmtree(report.parent, ignore_errors=True)


def _table_sql(store: Store, dataset: DatasetRecord, key: MeasurementKey) -> str:
    taken = ", ".join(["content_id", "rank", "is_exact", *_score_columns()])
    ranked = ", ".join(
        f"{_midrank(SCORE_COLUMN[name], partition)} AS {kind}_{name}"
        for name in DEFINITIONS
        for kind, partition in (("percentile", ""), ("class_percentile", "label, "))
    )
    return f"""
        SELECT *, {ranked} FROM (
            SELECT row_number() OVER (ORDER BY label, sample_key, uri) - 1 AS row_id,
                manifest.*, measured.* EXCLUDE (content_id)
            FROM ({store.manifest_sql(dataset)}) AS manifest
            LEFT JOIN (SELECT {taken} FROM ({store.measurements_sql(key)})) AS measured
            USING (content_id)
        ) ORDER BY row_id
    """


def _score_columns() -> list[str]:
    ends = (end for ends in INTERVAL_COLUMNS.values() for end in ends)
    return [*SCORE_COLUMN.values(), *ends, *SPREAD_COLUMN.values()]


def _midrank(column: str, partition: str) -> str:
    """As in `Store.scored_sql`, among the samples that have this score."""
    percentile = midrank(comparable(column), f"{partition}{column} IS NULL")
    return f"CASE WHEN {column} IS NOT NULL THEN {percentile} END"


def table_sql(path: Path, definition: Definition) -> str:
    """Return a SELECT of all rows of a score table under one definition.

    Columns: row_id, those of the manifest, `rank`, `is_exact`, and `score`, `lower`, `upper`, `view_spread`,
    `percentile` and `class_percentile`, which are NULL where there is no score.
    """
    made = [f"{kind}_{name}" for name in DEFINITIONS for kind in ("percentile", "class_percentile")]
    lower, upper = INTERVAL_COLUMNS[definition]
    return f"""
        SELECT * EXCLUDE ({", ".join([*_score_columns(), *made])}),
            {SCORE_COLUMN[definition]} AS score, {lower} AS lower, {upper} AS upper,
            {SPREAD_COLUMN[definition]} AS view_spread,
            percentile_{definition} AS percentile, class_percentile_{definition} AS class_percentile
        FROM read_parquet({_quoted(path)})
    """


def every_definition_sql(path: Path) -> str:
    """Return a SELECT of all rows of a score table under every definition.

    Columns: label, sample_key, is_exact, and for each definition `score_<name>` and `class_percentile_<name>`.
    """
    scores = "".join(f", {SCORE_COLUMN[name]} AS score_{name}, class_percentile_{name}" for name in DEFINITIONS)
    return f"SELECT label, sample_key, is_exact{scores} FROM read_parquet({_quoted(path)})"


def num_rows(path: Path) -> int:
    """Rows of a table; 0 if it cannot be read."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowInvalid):
        return 0


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
