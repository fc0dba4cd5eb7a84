"""The counts of a run: measured + failed + pending = total at every moment, in memory and in the catalogue."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jepascore_core.measuring.task import MeasureProgress, ProgressListener
from jepascore_core.records.approximation import ApproximationReport
from jepascore_core.records.datasets import SampleFailure
from jepascore_core.records.runs import Run
from jepascore_core.storage.catalogue import Catalogue
from jepascore_core.storage.rereads import mark_failures

#: Counters are written at most this often, in seconds.
REPORT_SECONDS = 0.3


@dataclass(frozen=True)
class Stage:
    """A part of a run in which every image takes the same number of passes.

    Attributes:
        message: status message.
        passes: backward passes per image.
        later_passes: passes that the later stages are expected to take, over all of their images.
    """

    message: str
    passes: int = 1
    later_passes: int = 0


class RunProgress(ProgressListener):
    """Listens to the measuring of one run, stage by stage, and writes its counts to the catalogue.

    `failed_ids` are the content ids that failed in this run or an earlier attempt at it.
    """

    def __init__(self, catalogue: Catalogue, run: Run, check: Callable[[], None]) -> None:
        self._catalogue, self._run, self._check = catalogue, run, check
        self._written_at = time.monotonic()
        self._num_reused: int | None = None
        self._stage, self._num_images, self._before = Stage(""), 0, MeasureProgress(0, 0, None)
        self.failed_ids = {failure.content_id or "" for failure in catalogue.run_failures(run.run_id)}
        self.approximation = run.report
        self.total = self.measured = self.failed = 0

    @property
    def pending(self) -> int:
        """Number of images still to measure."""
        return self.total - self.measured - self.failed

    def check(self) -> None:
        """Raise if the run should stop."""
        self._check()

    def reset(self, total: int, measured: int, failed: int) -> None:
        """Set the initial counts."""
        self.total, self.measured, self.failed = total, measured, failed

    def begin(self, stage: Stage, num_images: int) -> None:
        """Start a stage of `num_images` images."""
        self._stage, self._num_images = stage, num_images
        self._before = MeasureProgress(self.measured, self.failed, None)

    def on_progress(self, progress: MeasureProgress, failures: Sequence[SampleFailure]) -> None:
        """Add the counts of the stage to those before it, and record failures immediately."""
        self.measured = self._before.num_measured + progress.num_measured
        self.failed = self._before.num_failed + progress.num_failed
        if failures:
            self.failed_ids |= {failure.content_id for failure in failures if failure.content_id}
            self._catalogue.add_run_failures(self._run.run_id, failures)
            mark_failures(self._catalogue, self._run.dataset_id, failures)
        if failures or time.monotonic() - self._written_at >= REPORT_SECONDS:
            self.report(self._stage.message, self._mean_rate(progress))

    def report(self, message: str, rate: float | None = None) -> None:
        """Write the counts to the catalogue, with a status message."""
        self._written_at = time.monotonic()
        if self._num_reused is None:
            # Images measured before the first report were measured before the run.
            self._num_reused = self.measured
        self._catalogue.update_run(
            self._run.run_id,
            num_total=self.total,
            num_measured=self.measured,
            num_failed=self.failed,
            num_reused=self._num_reused,
            rate=rate,
            message=message,
        )

    def set_approximation(self, report: ApproximationReport) -> None:
        """Record the report of the approximation so far."""
        self.approximation = report
        self._catalogue.update_run(self._run.run_id, report=report.to_dict())

    def _mean_rate(self, progress: MeasureProgress) -> float | None:
        """Return images per second over the rest of the run, given the rate of this stage."""
        stage, rate = self._stage, progress.rate
        left = self._num_images - progress.num_measured - progress.num_failed
        passes_left = left * stage.passes + stage.later_passes
        if not rate or passes_left <= 0 or self.pending <= 0:
            return rate
        return self.pending * rate * stage.passes / passes_left
