"""Build an index: scan, then read, hash, decode and preview every image in threads, and append manifest parts.

The scan is first written to a file, so that the total is known and memory use does not grow with the number of
samples. Threads process small chunks, whose results are collected in the order of the scan.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import pyarrow as pa

from jepascore_core.datasets.candidates import Candidate, ScanPlan, SourceOptions
from jepascore_core.datasets.content import content_id
from jepascore_core.datasets.decoding import decode_noted
from jepascore_core.datasets.existing_rows import FinishedRows, PreviousRows, has_quality
from jepascore_core.datasets.index_writer import IndexProgress, IndexWriter, Outcome
from jepascore_core.datasets.manifest import manifest_parts, write_empty_part
from jepascore_core.datasets.quality import measure_quality
from jepascore_core.datasets.reading import file_state, read_content, state_as_read
from jepascore_core.datasets.scan_log import append_items, read_items
from jepascore_core.datasets.sources import scan
from jepascore_core.datasets.thumbnails import ensure_thumbnail, small_copy, thumbnail_path
from jepascore_core.errors import SampleError, SourceError
from jepascore_core.records.datasets import Sample, SampleFailure

__all__ = ["IndexProgress", "build_index"]

#: Metadata column that notes how an image was converted beyond decoding (absent for most).
NOTE_COLUMN = "decoding"

_CHUNK = 16
_SCAN_BATCH = 1000
_CHUNKS_AHEAD = 4

_T = TypeVar("_T")
Item = Candidate | SampleFailure


def build_index(
    source: str | Path,
    options: SourceOptions,
    folder: Path,
    thumbs_root: Path,
    workspace: Path,
    previous: Path | None,
    on_progress: Callable[[IndexProgress], None],
    part_size: int = 2000,
    num_threads: int | None = None,
    distrusted: Collection[str] = (),
) -> IndexProgress:
    """Index a source into `folder`; resume what an earlier, interrupted call has not finished.

    Args:
        source: folder, table, zip archive or idx file.
        options: how to read it.
        folder: where parts are written; one caller at a time.
        thumbs_root: root of the previews.
        workspace: where archives are unpacked; it persists between calls.
        previous: folder of the last complete index. Samples whose uri, size and time are the same are reused
            without being read; label, split and user columns always come from this scan.
        on_progress: called often, from this thread; it may raise (RunCancelled) to stop. Finished rows are kept.
        part_size: samples in one part, at most; the first ones are smaller.
        num_threads: default: twice the number of processors, at least 4 and at most 16.
        distrusted: uris of files that are read even if their size and time are the same.

    Raises:
        SourceError: if the source as a whole cannot be read, or contains no image.
        StoreError: if parts or previews cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob("*.tmp"):
        leftover.unlink()
    writer = IndexWriter(folder, part_size, on_progress)
    plan = scan(source, options, workspace, writer.report)
    scan_log = folder / "scan.tmp"
    try:
        _scan_to(
            scan_log,
            plan,
            FinishedRows(folder, frozenset({NOTE_COLUMN}) - set(plan.metadata_types), distrusted),
            writer,
        )
        writer.metadata_types = {NOTE_COLUMN: pa.string(), **plan.metadata_types}
        if writer.progress.total == 0:
            raise _no_image(source, plan)
        context = _Context(thumbs_root, PreviousRows(previous, distrusted) if previous else None)
        _process_all(_in_lists(read_items(scan_log), _CHUNK), context, writer, num_threads or _default_threads())
    finally:
        scan_log.unlink(missing_ok=True)
    if not manifest_parts(folder):
        write_empty_part(folder, writer.metadata_types)
    return writer.progress


class _Context(NamedTuple):
    """What all threads share."""

    thumbs_root: Path
    previous: PreviousRows | None


def _default_threads() -> int:
    return max(4, min(16, 2 * (os.cpu_count() or 1)))


def _no_image(source: str | Path, plan: ScanPlan) -> SourceError:
    passed = ", ".join(f"{count} {name}" for name, count in plan.ignored.most_common(5))
    found = f" Skipped: {passed}." if passed else ""
    return SourceError(
        f"{source} contains no image (read as {plan.kind}).{found} Check the path, or choose another kind."
    )


def _in_lists(items: Iterable[_T], length: int) -> Iterator[list[_T]]:
    iterator = iter(items)
    while some := list(islice(iterator, length)):
        yield some


def _scan_to(scan_log: Path, plan: ScanPlan, finished: FinishedRows, writer: IndexWriter) -> None:
    """Write all unfinished items to the scan log, and remove rows from the index that the scan contradicts."""
    scan_log.touch()
    for items in _in_lists(plan.items, _SCAN_BATCH):
        states = finished.match(items)
        append_items(scan_log, (item for item, state in zip(items, states, strict=True) if state is None))
        writer.count_scanned(len(items), states.count(Sample), states.count(SampleFailure))
        writer.report()
    writer.set_ignored(plan.ignored)
    finished.remove_stale()


def _process_all(chunks: Iterable[list[Item]], context: _Context, writer: IndexWriter, num_threads: int) -> None:
    """Process chunks in threads and collect the outcomes in order. Finished rows are written even if it is stopped."""
    stop = threading.Event()
    waiting: deque[Future[list[Outcome]]] = deque()

    def enter_next() -> None:
        writer.add(waiting.popleft().result())
        writer.report()

    with ThreadPoolExecutor(num_threads, thread_name_prefix="index") as pool:
        try:
            for chunk in chunks:
                waiting.append(pool.submit(_process, chunk, context, stop))
                if len(waiting) >= num_threads * _CHUNKS_AHEAD:
                    enter_next()
            while waiting:
                enter_next()
        except BaseException:
            stop.set()
            for future in waiting:
                if not future.cancel() and future.exception() is None:
                    writer.add(future.result())
            raise
        finally:
            writer.flush()


def _process(chunk: list[Item], context: _Context, stop: threading.Event) -> list[Outcome]:
    """Return the outcomes of a chunk, in order; fewer if `stop` is set."""
    candidates = [item for item in chunk if isinstance(item, Candidate)]
    earlier = iter(context.previous.find(candidates) if context.previous else [None] * len(candidates))
    outcomes = []
    for item in chunk:
        if stop.is_set():
            break
        outcomes.append(
            _index_one(item, next(earlier), context.thumbs_root) if isinstance(item, Candidate) else Outcome(item)
        )
    return outcomes


def _index_one(item: Candidate, earlier: Sample | None, thumbs_root: Path) -> Outcome:
    """Reuse an unchanged row, or read, hash and decode the image and write its preview."""
    identifier = None
    try:
        if earlier is not None and _is_current(earlier, thumbs_root):
            note = {NOTE_COLUMN: earlier.metadata[NOTE_COLUMN]} if NOTE_COLUMN in earlier.metadata else {}
            metadata = {**note, **item.metadata}
            return Outcome(replace(earlier, label=item.label, split=item.split, metadata=metadata), reused=True)
        content = read_content(item.uri)
        identifier = content_id(content.data)
        image, note_text = decode_noted(content.data)
    except SampleError as error:
        cause = type(error.__cause__ or error).__name__
        return Outcome(SampleFailure(item.sample_key, item.uri, error.stage, cause, str(error), identifier))
    small = small_copy(image)
    ensure_thumbnail(thumbs_root, identifier, small)
    return Outcome(
        Sample(
            item.sample_key,
            item.uri,
            item.label,
            item.split,
            identifier,
            image.width,
            image.height,
            *content.state,
            metadata={NOTE_COLUMN: note_text, **item.metadata} if note_text else item.metadata,
            quality=measure_quality(small),
        )
    )


def _is_current(earlier: Sample, thumbs_root: Path) -> bool:
    """Return whether the file is unchanged, its stored quality is of the current version, and its preview exists."""
    if not has_quality(earlier):
        return False
    unchanged = file_state(earlier.uri) == state_as_read(earlier.uri, earlier.num_bytes, earlier.modified_ns)
    return unchanged and thumbnail_path(thumbs_root, earlier.content_id).exists()
