"""A request to measure a dataset, and the prediction of its cost."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from jepascore_core.records.approximation import ApproximationPlan, ApproximationReport
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.canonical import JsonRecord
from jepascore_core.records.counted import Counted
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.pilots import Pilot


class RunState(StrEnum):
    """Life of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_active(self) -> bool:
        """Whether a worker is, or will be, busy with it."""
        return self in (RunState.QUEUED, RunState.RUNNING)


@dataclass(frozen=True, slots=True)
class Run(Counted):
    """One request to measure a dataset under a backbone and a spec; counted in distinct images (content ids).

    The counters always obey `num_measured + num_failed + num_pending = num_total`. `num_reused` says how many of the
    measured ones were there before the run began. `rate` is in images per second.

    A calibrated run counts an image once, whether it is measured exactly (calibration) or sketched; its `rate` is the
    mean over what is left, cheap and dear. A cascade also counts every exact measurement that confirms a sketched
    image, as soon as it is known to be needed: its total grows from round to round.

    While `is_precision_open` the worker may still replace the precision in `spec` by a faster one that is as good. A
    `pilot` says which images alone are measured and counted.
    """

    run_id: str
    dataset_id: str
    backbone: BackboneRef
    spec: MeasurementSpec
    device: str
    backbone_id: str | None
    state: RunState
    num_total: int
    num_measured: int
    num_failed: int
    num_reused: int
    rate: float | None
    message: str
    cancel_requested: bool
    created_at: str
    started_at: str | None
    finished_at: str | None
    heartbeat: float | None
    plan: ApproximationPlan | None = None
    report: ApproximationReport | None = None
    is_precision_open: bool = False
    pilot: Pilot | None = None

    @property
    def can_be_forgotten(self) -> bool:
        """Whether it ended early and nothing rests on it: what it measured itself is told by the run that did."""
        has_ended_early = self.state in (RunState.CANCELLED, RunState.FAILED)
        return has_ended_early and self.num_measured == self.num_reused

    @property
    def result_spec_id(self) -> str:
        """Spec id of the shards with this run's scores."""
        return self.report.spec_id if self.report else self.spec.spec_id

    @property
    def key(self) -> MeasurementKey | None:
        """Names the measurements with this run's scores; None while its backbone was never loaded."""
        return MeasurementKey(self.backbone_id, self.result_spec_id) if self.backbone_id else None

    @property
    def num_processed(self) -> int:
        """Images that are measured or failed."""
        return self.num_measured + self.num_failed


class ProbeState(StrEnum):
    """Life of a cost probe."""

    QUEUED = "queued"
    FINISHED = "finished"
    FAILED = "failed"

    @property
    def is_active(self) -> bool:
        """Whether a worker is, or will be, busy with it."""
        return self is ProbeState.QUEUED


@dataclass(frozen=True, slots=True)
class CostProbe:
    """Predicted cost of a run, from a few timed passes on the worker's device."""

    probe_id: str
    dataset_id: str
    backbone: BackboneRef
    spec: MeasurementSpec
    device: str
    state: ProbeState
    message: str
    created_at: str
    result: ProbeResult | None
    plan: ApproximationPlan | None = None
    is_precision_open: bool = False
    pilot: Pilot | None = None


@dataclass(frozen=True, slots=True)
class ProbeResult(JsonRecord):
    """What a probe found. Times in seconds, memory in bytes.

    `may_be_faster` where a run has yet to try out a faster precision than the timed one.
    """

    backbone_id: str
    dimension: int
    device: str
    num_total: int
    num_pending: int
    seconds_per_image: float
    peak_bytes: int
    precision: str = "float32"
    may_be_faster: bool = False

    @property
    def seconds_total(self) -> float:
        """Predicted duration of the run."""
        return self.num_pending * self.seconds_per_image
