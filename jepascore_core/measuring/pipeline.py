"""One run, from pending samples to shards: load -> encode and differentiate -> score -> store."""

from __future__ import annotations

from collections.abc import Iterable

from jepascore_core.measuring.batch_runner import BatchRunner
from jepascore_core.measuring.loading import PendingImage, load_ahead
from jepascore_core.measuring.rate_meter import RateMeter
from jepascore_core.measuring.shard_writer import ShardWriter
from jepascore_core.measuring.task import MeasureProgress, MeasureTask


def measure_pending(task: MeasureTask, pending: Iterable[PendingImage]) -> MeasureProgress:
    """Measure pending images on one device and store them shard by shard. Returns the final progress.

    Raises:
        OutOfMemoryError: if one image and one cotangent at a time do not fit.
    """
    runner, writer, meter = BatchRunner(task), ShardWriter(task), RateMeter()
    with load_ahead(pending, task.backbone) as loaded:
        try:
            for batch in runner.run(loaded):
                writer.append(batch)
                writer.flush_if_due()
                meter.record(batch)
                task.listener.on_progress(meter.progress, batch.failures)
        finally:
            # Also when cancelled or failing: what was measured is kept.
            for batch in runner.close():
                writer.append(batch)
            writer.flush()
    return meter.progress
