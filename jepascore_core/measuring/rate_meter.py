"""Count finished images, and measure their rate."""

from __future__ import annotations

import time
from collections import deque

from jepascore_core.measuring.rows import FinishedBatch
from jepascore_core.measuring.task import MeasureProgress

#: Number of batches over which the rate is averaged.
WINDOW = 50


class RateMeter:
    """Counts of one call, and the rate over its latest batches."""

    def __init__(self) -> None:
        self._num_measured = self._num_failed = 0
        self._recent: deque[tuple[float, int]] = deque([(time.monotonic(), 0)], maxlen=WINDOW)

    def record(self, batch: FinishedBatch) -> None:
        """Count a batch that has just finished."""
        self._num_measured += len(batch.rows)
        self._num_failed += len(batch.failures)
        self._recent.append((time.monotonic(), self._num_measured + self._num_failed))

    @property
    def progress(self) -> MeasureProgress:
        """Counts and rate so far."""
        (first, before), (last, done) = self._recent[0], self._recent[-1]
        rate = (done - before) / (last - first) if last > first else None
        return MeasureProgress(self._num_measured, self._num_failed, rate)
