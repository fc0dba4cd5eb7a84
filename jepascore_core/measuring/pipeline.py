"""One run, from pending samples to shards: load -> encode and differentiate -> score -> store."""

from __future__ import annotations

from collections.abc import Iterable

from jepascore_core.measuring.batch_runner import BatchRunner
from jepascore_core.measuring.embedding import embed_pending
from jepascore_core.measuring.loading import PendingImage, load_ahead
from jepascore_core.measuring.rate_meter import RateMeter
from jepascore_core.measuring.rows import FinishedBatch
from jepascore_core.measuring.shard_writer import ShardWriter
from jepascore_core.measuring.task import MeasureProgress, MeasureTask
from jepascore_core.measuring.view_collector import ViewCollector


def measure_pending(task: MeasureTask, pending: Iterable[PendingImage]) -> MeasureProgress:
    """Measure pending images on one device and store them shard by shard. Return the final progress.

    Raises:
        OutOfMemoryError: if one image and one cotangent at a time do not fit.
    """
    if not task.spec.has_scores:
        return embed_pending(task, pending)
    runner, writer, meter = BatchRunner(task), ShardWriter(task), RateMeter()
    collect = ViewCollector(task.backbone, task.spec.views).collect if task.spec.has_views else _as_it_is
    with load_ahead(pending, task.backbone, task.spec) as loaded:
        try:
            for batch in map(collect, runner.run(loaded)):
                writer.append(batch)
                writer.flush_if_due()
                meter.record(batch)
                task.listener.on_progress(meter.progress, batch.failures)
        finally:
            # Also if cancelled or failed: measured images are kept.
            for batch in runner.close():
                writer.append(collect(batch))
            writer.flush()
    return meter.progress


def _as_it_is(batch: FinishedBatch) -> FinishedBatch:
    return batch
