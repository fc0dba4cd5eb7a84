"""Write finished rows as shards: few files, but little loss in a crash."""

from __future__ import annotations

import time

from jepascore_core.measuring.rows import FinishedBatch
from jepascore_core.measuring.task import MeasureTask
from jepascore_core.records.measurements import Measurement

#: A shard is written when it has this many images, or when it is due (`flush_interval`).
SHARD_IMAGES = 1024


def flush_interval(elapsed: float) -> float:
    """Return the seconds between shards after `elapsed` seconds of a run.

    A new run shows its first results soon; in a crash a long one loses at most 2 % of its time, 5 minutes at most, and
    it writes few files.
    """
    return min(max(0.02 * elapsed, 3.0), 300.0)


class ShardWriter:
    """The rows of a task that no shard has yet."""

    def __init__(self, task: MeasureTask) -> None:
        self._task = task
        self._rows: list[Measurement] = []
        self._nested_rows: list[Measurement] = []
        self._started = self._flushed = time.monotonic()

    def append(self, batch: FinishedBatch) -> None:
        """Keep the rows of a batch until the next shard is written."""
        self._rows += batch.rows
        self._nested_rows += batch.nested_rows

    def flush_if_due(self) -> None:
        """Write a shard if it is full or due."""
        now = time.monotonic()
        is_late = now - self._flushed >= flush_interval(now - self._started)
        if len(self._rows) >= SHARD_IMAGES or (self._rows and is_late):
            self.flush()

    def flush(self) -> None:
        """Write the finished rows as one shard, by-products after the rows that they came with."""
        task, rows, nested_rows = self._task, self._rows, self._nested_rows
        self._rows, self._nested_rows = [], []
        backbone_id = task.backbone.info.backbone_id
        if rows:
            task.store.write_measurements(backbone_id, task.spec, rows)
        if nested_rows and task.nested is not None:
            task.store.write_measurements(backbone_id, task.nested, nested_rows)
        if rows and task.on_shard is not None:
            task.on_shard(rows)
        self._flushed = time.monotonic()
