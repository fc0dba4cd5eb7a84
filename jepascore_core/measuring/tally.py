"""Counting what is done of one request: measured + failed + pending = total, at every moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.jacobian.engine import Engine
from jepascore_core.measuring.loading import PendingImage
from jepascore_core.measuring.multi_device import Measure
from jepascore_core.measuring.pipeline import Progress, measure_pending
from jepascore_core.records.approximation import ApproximationReport
from jepascore_core.records.datasets import SampleFailure
from jepascore_core.records.measurements import Measurement, MeasurementSpec
from jepascore_core.storage.store import Store


class Tally:
    """Counts of one request, told to whoever asked for it, and the way to be stopped.

    `failed_ids` are the content ids that failed in this request or an earlier attempt of it.
    """

    def __init__(
        self,
        check: Callable[[], None],
        write: Callable[[Tally, str, float | None, bool], None],
        keep_failures: Callable[[list[SampleFailure]], None],
        failed_ids: Iterable[str] = (),
        report: ApproximationReport | None = None,
        keep_report: Callable[[ApproximationReport], None] = lambda _: None,
        measure: Measure = measure_pending,
    ) -> None:
        """`write` gets the tally, a sentence for people, the rate and whether it must not be put off."""
        self._measure = measure
        self.check, self._write, self._keep_failures, self._keep_report = check, write, keep_failures, keep_report
        self.failed_ids = set(failed_ids)
        self.report = report
        self.total = self.measured = self.failed = 0

    @property
    def pending(self) -> int:
        """What is still to be done."""
        return self.total - self.measured - self.failed

    def open(self, total: int, measured: int, failed: int) -> None:
        """Set the counts that hold before anything is measured."""
        self.total, self.measured, self.failed = total, measured, failed

    def tell(self, message: str, rate: float | None = None, is_urgent: bool = True) -> None:
        """Pass the counts on."""
        self._write(self, message, rate, is_urgent)

    def conclude(self, report: ApproximationReport) -> None:
        """Keep what was found so far."""
        self.report = report
        self._keep_report(report)

    def measure(
        self,
        store: Store,
        backbone: Backbone,
        spec: MeasurementSpec,
        pending: Sequence[PendingImage],
        message: str,
        *,
        passes: int = 1,
        later_passes: int = 0,
        engine: Engine | None = None,
        nested: MeasurementSpec | None = None,
        on_shard: Callable[[list[Measurement]], None] | None = None,
    ) -> None:
        """`measure_pending`, counted. An image takes so many `passes` now; `later_passes` in all are still to come."""
        measured, failed = self.measured, self.failed

        def on_progress(progress: Progress, failures: list[SampleFailure]) -> None:
            self.measured, self.failed = measured + progress.num_measured, failed + progress.num_failed
            if failures:
                self.failed_ids |= {failure.content_id for failure in failures if failure.content_id}
                self._keep_failures(failures)
            left = (len(pending) - progress.num_measured - progress.num_failed) * passes + later_passes
            self.tell(message, self._mean_rate(progress.rate, left, passes), bool(failures))

        self._measure(
            store,
            backbone,
            spec,
            pending,
            on_progress=on_progress,
            check=self.check,
            engine=engine,
            nested=nested,
            on_shard=on_shard,
        )
        self.tell(message)

    def _mean_rate(self, rate: float | None, passes_left: int, passes: int) -> float | None:
        """Images per second over what is left, given the rate of images that take `passes` each."""
        if not rate or passes_left <= 0 or self.pending <= 0:
            return rate
        return self.pending * rate * passes / passes_left
