"""Rows that an index already has, looked up by digest: about 25 bytes of memory per row, however long its path."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from jepascore_core.datasets.candidates import Candidate
from jepascore_core.datasets.item_uris import file_of
from jepascore_core.datasets.manifest import failure_parts, manifest_parts, read_part, to_samples, write_table
from jepascore_core.datasets.reading import file_state, state_as_read
from jepascore_core.errors import SampleError
from jepascore_core.records.canonical import canonical_json
from jepascore_core.records.datasets import Sample, SampleFailure
from jepascore_core.records.quality import QUALITY_VERSION

_PARTS_KEPT = 4


class PreviousRows:
    """The samples of an earlier index, by sample key and uri. Thread-safe.

    Rows are requested roughly in the order in which they were written, so a few parts in memory are enough.
    """

    def __init__(self, folder: Path, distrusted: Collection[str] = ()) -> None:
        """Index the rows; those of files whose uri is in `distrusted` are not found."""
        self._distrusted = frozenset(distrusted)
        self._rows = _Rows(manifest_parts(folder), ["sample_key", "uri"], _key_digests)
        self._part = functools.lru_cache(maxsize=_PARTS_KEPT)(self._read)
        self._lock = threading.Lock()

    def find(self, candidates: Sequence[Candidate]) -> list[Sample | None]:
        """Return the earlier row of each candidate, or None."""
        positions = self._rows.find([_digest(item.sample_key, item.uri) for item in candidates])
        return [
            self._row(int(position)) if position >= 0 and item.uri not in self._distrusted else None
            for item, position in zip(candidates, positions, strict=True)
        ]

    def _row(self, position: int) -> Sample:
        part = self._rows.part_of(position)
        with self._lock:
            return self._part(part)[position - int(self._rows.starts[part])]

    def _read(self, part: int) -> list[Sample]:
        return list(to_samples(read_part(self._rows.parts[part])))


class FinishedRows:
    """Rows that an interrupted attempt at the same index already finished.

    A sample counts as finished only if the scan still has the same values for it (uri, label, split and user columns),
    its file has the same size and time, and its quality was measured; a failure, if its file has not changed since it
    was recorded.
    """

    def __init__(self, folder: Path, added: Collection[str], distrusted: Collection[str] = ()) -> None:
        """Index the rows; those of files whose uri is in `distrusted` do not count as finished.

        `added` are columns of the rows that do not come from the scan.
        """
        self._distrusted = frozenset(distrusted)
        self._added = frozenset(added)
        self._samples = _Rows(manifest_parts(folder), None, self._sample_digests)
        self._failures = _Rows(failure_parts(folder), ["sample_key", "uri"], _key_digests)
        self._written = [path.stat().st_mtime_ns for path in self._failures.parts]

    def match(self, items: Sequence[Candidate | SampleFailure]) -> list[type[Sample] | type[SampleFailure] | None]:
        """Return for each item of the scan whether it is finished as a sample, as a failure, or not at all."""
        samples = self._samples.find([self._item_digest(item) for item in items], mark=True)
        failures = self._failures.find([_digest(item.sample_key, item.uri) for item in items])
        for number, item in enumerate(items):
            if failures[number] >= 0 and _changed_since(
                item.uri, self._written[self._failures.part_of(failures[number])]
            ):
                failures[number] = -1
        self._failures.seen[failures[failures >= 0]] = True
        return [
            Sample if sample >= 0 else SampleFailure if failure >= 0 else None
            for sample, failure in zip(samples, failures, strict=True)
        ]

    def remove_stale(self) -> None:
        """Remove the rows that no item of the scan matched, because their files are gone or their labels changed."""
        for rows in (self._samples, self._failures):
            for number, path in enumerate(rows.parts):
                kept = rows.seen[rows.starts[number] : rows.starts[number + 1]]
                if kept.all():
                    continue
                if kept.any():
                    write_table(path, read_part(path).filter(pa.array(kept)))
                else:
                    path.unlink()

    def _item_digest(self, item: Candidate | SampleFailure) -> bytes:
        if isinstance(item, SampleFailure) or not self._samples.parts or item.uri in self._distrusted:
            return b""
        try:
            state = file_state(item.uri)
        except SampleError:
            return b""
        return _digest(item.sample_key, item.uri, item.label, item.split, item.metadata, *state)

    def _sample_digests(self, table: pa.Table) -> Iterator[bytes]:
        for row in to_samples(table):
            metadata = {name: value for name, value in row.metadata.items() if name not in self._added}
            state = state_as_read(row.uri, row.num_bytes, row.modified_ns)
            outdated = () if has_quality(row) else ("quality",)
            yield _digest(row.sample_key, row.uri, row.label, row.split, metadata, *state, *outdated)


class _Rows:
    """Positions of rows across several files, by binary search in their digests."""

    def __init__(
        self, parts: list[Path], columns: list[str] | None, digests_of: Callable[[pa.Table], Iterator[bytes]]
    ) -> None:
        digests = [np.fromiter(digests_of(read_part(path, columns)), dtype="S16") for path in parts]
        values = np.concatenate(digests) if digests else np.empty(0, "S16")
        self.parts = parts
        self.starts = np.cumsum([0, *map(len, digests)])
        self.seen = np.zeros(len(values), dtype=bool)
        self._order = np.argsort(values, kind="stable")
        self._sorted = values[self._order]

    def part_of(self, position: int) -> int:
        """Return the index of the file that contains a row."""
        return int(np.searchsorted(self.starts, position, side="right")) - 1

    def find(self, wanted: Sequence[bytes], mark: bool = False) -> np.ndarray:
        """Return the position of each digest, or -1; `mark` marks those found as seen."""
        values = np.array(wanted, dtype="S16")
        places = np.searchsorted(self._sorted, values)
        inside = places < len(self._sorted)
        found = np.zeros(len(values), dtype=bool)
        found[inside] = self._sorted[places[inside]] == values[inside]
        positions = np.full(len(values), -1, dtype=np.int64)
        positions[found] = self._order[places[found]]
        if mark:
            self.seen[positions[found]] = True
        return positions


def has_quality(row: Sample) -> bool:
    """Return whether the image quality of a sample is stored, and of the current version."""
    return row.quality is not None and row.quality.quality_version == QUALITY_VERSION


def _changed_since(uri: str, nanoseconds: int) -> bool:
    """Whether a file was written, replaced or given other permissions after a time, even if it is dated earlier."""
    try:
        found = os.stat(file_of(uri))  # noqa: PTH116
    except (OSError, ValueError):
        return False
    return max(found.st_ctime_ns, found.st_mtime_ns) > nanoseconds


def _digest(*identity: Any) -> bytes:
    return xxhash.xxh3_128_digest(canonical_json(identity).encode())


def _key_digests(table: pa.Table) -> Iterator[bytes]:
    for key, uri in zip(table["sample_key"].to_pylist(), table["uri"].to_pylist(), strict=True):
        yield _digest(key, uri)
