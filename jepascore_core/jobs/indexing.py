"""Build or continue a dataset's index as a version beside the current one, then switch to it. Needs no torch."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jepascore_core.datasets.indexing import IndexProgress, build_index
from jepascore_core.datasets.manifest import count_rows, manifest_parts, read_part
from jepascore_core.datasets.sources import SourceOptions
from jepascore_core.errors import SourceError
from jepascore_core.jobs.moves import switch_version
from jepascore_core.records.datasets import DatasetRecord, DatasetState
from jepascore_core.storage.catalogue import new_id
from jepascore_core.storage.rereads import changed_files, forget_changed
from jepascore_core.storage.store import Store
from jepascore_core.storage.uploaded_files import forget_upload

#: Counters are written at most this often, in seconds: a write costs as much as twenty unchanged files.
REPORT_SECONDS = 0.25
#: A new source is accepted for the same dataset if it contains at least this share of its samples.
MIN_SHARE_THERE = 0.5
CANCELLED_AGAIN = "Cancelled: the dataset is unchanged, and what was read is kept"


def build_dataset_index(store: Store, dataset: DatasetRecord, check: Callable[[], None]) -> str:
    """Build the next version of a dataset's index beside the current one, then switch to it.

    An unfinished version is continued. The version before the current one is kept for readers that still have it open.
    If this raises, the current version is unchanged, but the counters are those of the attempt. If the dataset is to be
    moved, the new source must contain its images.

    Raises:
        SourceError: if the source as a whole cannot be read.
        RunCancelled, WorkerStopped: from `check`.
    """
    folder = store.dataset_folder(dataset.dataset_id)
    catalogue = store.catalogue
    wanted = dataset.wanted or {}
    asked = {name: wanted.get(name, getattr(dataset, name)) for name in ("kind", "options", "source")}
    reread = wanted.get("reread")
    oldest = max(dataset.version or "", f"index-{reread}" if reread else "")
    version = _unfinished_version(folder, oldest) or f"index-{new_id()}"
    distrusted = changed_files(catalogue, dataset.dataset_id)
    current = folder / dataset.version if dataset.version else None

    first: list[tuple[float, int]] = []
    reported = 0.0

    def on_progress(progress: IndexProgress) -> None:
        nonlocal reported
        check()
        done, now = progress.indexed + progress.failed, time.monotonic()
        if now - reported < REPORT_SECONDS:
            return
        reported = now
        if done and not first:
            first.append((now, done))
        rate = (done - first[0][1]) / (now - first[0][0]) if first and now > first[0][0] else None
        catalogue.update_dataset(
            dataset.dataset_id,
            num_total=progress.total,
            num_indexed=progress.indexed,
            num_failed=progress.failed,
            rate=rate,
            message="Reading and checking every image" if done else "Looking for images",
        )

    catalogue.update_dataset(dataset.dataset_id, message="Looking for images")
    final = build_index(
        Path(asked["source"]),
        SourceOptions.from_dict(asked["options"]),
        folder / version,
        store.thumbs_folder,
        folder / "unpacked",
        None if reread else current,
        on_progress,
        distrusted=distrusted,
    )
    is_move = current is not None and asked["source"] != dataset.source
    moved = check_move(current, folder / version, dataset, asked["source"], wanted) if current and is_move else ""
    switch_version(catalogue, dataset.dataset_id, version, current, folder / version)
    catalogue.update_dataset(
        dataset.dataset_id,
        num_total=final.total,
        num_indexed=final.indexed,
        num_failed=final.failed,
        rate=None,
        ignored=dict(final.ignored),
        **asked,
    )
    if catalogue.dataset(dataset.dataset_id).wanted == dataset.wanted:  # else more was requested meanwhile
        catalogue.update_dataset(dataset.dataset_id, wanted=None)
    forget_changed(catalogue, dataset.dataset_id, distrusted)
    _remove_old_versions(folder, keep={version, dataset.version})
    if is_move:
        forget_upload(store.home, dataset.source, catalogue.datasets())
    return moved + _counts_text(final.indexed, final.failed, final.reused)


def check_move(old: Path, new: Path, dataset: DatasetRecord, source: str, wanted: dict[str, Any]) -> str:
    """Compare the index of a new source with the previous one; return the result as a text.

    Raises:
        SourceError: if too few images of the dataset are there, unless the move was requested `anyway`.
    """
    before, now = (_keys_and_bytes(folder) for folder in (old, new))
    total = before.num_rows
    same_bytes = pc.is_in(before["content_id"], pc.unique(now["content_id"]))
    num_same = pc.sum(same_bytes).as_py() or 0
    num_same_keys = before.join(now, ["sample_key", "content_id"], join_type="inner").num_rows
    if num_same < MIN_SHARE_THERE * total and not wanted.get("anyway"):
        shutil.rmtree(new, ignore_errors=True)
        raise SourceError(
            f"The dataset did not move: only {num_same:,} of {total:,} samples of {dataset.name} have the same bytes "
            f"at {source}. Check the path, or add it under another name. If the images were replaced, run "
            f"`jepascore datasets move {shlex.quote(dataset.name)} {shlex.quote(source)} --anyway`."
        )
    renamed = f", {num_same - num_same_keys:,} of them under another key" if num_same > num_same_keys else ""
    return f"Moved to {source}: {num_same:,} of {total:,} samples are there with the same bytes{renamed}. Now "


def _keys_and_bytes(folder: Path) -> pa.Table:
    names = ["sample_key", "content_id"]
    return pa.concat_tables([read_part(path, names) for path in manifest_parts(folder)])


def keep_former_index(store: Store, dataset: DatasetRecord, error: str) -> None:
    """Restore a dataset after the next version failed: it is as before, with the error.

    Raises:
        StoreError: if the existing index is damaged.
    """
    counts = _former_counts(store, dataset)
    message = _counts_text(counts["num_indexed"], counts["num_failed"])
    store.catalogue.update_dataset(
        dataset.dataset_id, state=DatasetState.READY, message=message, error=error, wanted=None, **counts
    )


def leave_unfinished(store: Store, dataset: DatasetRecord) -> None:
    """Restore a dataset after the next version was cancelled; the next attempt continues with what was read.

    Raises:
        StoreError: if the existing index is damaged.
    """
    counts = _former_counts(store, dataset)
    store.catalogue.update_dataset(dataset.dataset_id, state=DatasetState.CANCELLED, message=CANCELLED_AGAIN, **counts)


def _former_counts(store: Store, dataset: DatasetRecord) -> dict[str, Any]:
    """Return the counters of the current version, in place of those of an attempt."""
    num_indexed, num_failed = count_rows(store.index_folder(dataset))
    total = num_indexed + num_failed
    return {"num_total": total, "num_indexed": num_indexed, "num_failed": num_failed, "rate": None}


def _counts_text(num_indexed: int, num_failed: int, num_reused: int = 0) -> str:
    unchanged = f", {num_reused} of them unchanged" if num_reused else ""
    return f"{num_indexed} samples{unchanged}, {num_failed} failed"


def _unfinished_version(folder: Path, oldest: str) -> str | None:
    """Return the newest index folder if it is younger than this name: a cancelled or killed attempt."""
    versions = sorted(path.name for path in folder.glob("index-*"))
    return versions[-1] if versions and versions[-1] > oldest else None


def _remove_old_versions(folder: Path, keep: set[str | None]) -> None:
    for path in folder.glob("index-*"):
        if path.name not in keep:
            shutil.rmtree(path, ignore_errors=True)
