"""Counters and row buffer used while building an index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from jepascore_core.datasets.manifest import write_part
from jepascore_core.records.datasets import Sample, SampleFailure

#: Rows of the first part. Each following one has twice as many, up to the size that is asked for: what is indexed is
#: seen within seconds, and a large dataset still has few parts.
FIRST_PART = 64


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """Progress of an index. `indexed + failed + pending = total` at every moment; during the scan the total grows.

    `reused` counts those of the indexed samples that this call took over from the previous index without reading them;
    `ignored` counts files that are not images, by extension.
    """

    total: int = 0
    indexed: int = 0
    failed: int = 0
    reused: int = 0
    ignored: Mapping[str, int] = field(default_factory=dict)

    @property
    def pending(self) -> int:
        """Samples not processed yet."""
        return self.total - self.indexed - self.failed


class Outcome(NamedTuple):
    """The row of one item of the scan, and whether it was reused."""

    row: Sample | SampleFailure
    reused: bool = False


class IndexWriter:
    """Counts outcomes, and buffers rows until there are enough for a part. Not thread-safe."""

    def __init__(self, folder: Path, part_size: int, on_progress: Callable[[IndexProgress], None]) -> None:
        self.progress = IndexProgress()
        self.metadata_types: dict[str, pa.DataType] = {}
        self._folder = folder
        self._part_size = part_size
        self._next_part = min(FIRST_PART, part_size)
        self._on_progress = on_progress
        self._samples: list[Sample] = []
        self._failures: list[SampleFailure] = []

    def report(self) -> None:
        """Report the progress to the caller, which may raise to stop."""
        self._on_progress(self.progress)

    def count_scanned(self, found: int, indexed: int, failed: int) -> None:
        """Count a batch of scanned items, and those of it that an earlier call finished."""
        now = self.progress
        self.progress = replace(now, total=now.total + found, indexed=now.indexed + indexed, failed=now.failed + failed)

    def set_ignored(self, ignored: Mapping[str, int]) -> None:
        """Record how many files are not images, once the scan is complete."""
        self.progress = replace(self.progress, ignored=dict(ignored))

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count rows and buffer them; write a part when there are enough."""
        samples = [outcome.row for outcome in outcomes if isinstance(outcome.row, Sample)]
        failures = [outcome.row for outcome in outcomes if isinstance(outcome.row, SampleFailure)]
        self._samples += samples
        self._failures += failures
        now = self.progress
        self.progress = replace(
            now,
            indexed=now.indexed + len(samples),
            failed=now.failed + len(failures),
            reused=now.reused + sum(outcome.reused for outcome in outcomes),
        )
        if len(self._samples) + len(self._failures) >= self._next_part:
            self.flush()
            self._next_part = min(2 * self._next_part, self._part_size)

    def flush(self) -> None:
        """Write the buffered rows. Each half is cleared once it is on disk, so that a retry never writes it twice."""
        write_part(self._folder, [], self._failures)
        self._failures = []
        write_part(self._folder, self._samples, [], self.metadata_types)
        self._samples = []
