"""Frozen records that travel between the rooms. Nothing here reads, writes or computes more than an identifier."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import xxhash

from jepascore_core.approximation import ApproximationPlan, ApproximationReport
from jepascore_core.engine_version import engine_version


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces, so that equal values have equal text (and equal hashes)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def short_hash(value: Any, length: int = 12) -> str:
    """First `length` hexadecimal digits of the xxh3-128 of the canonical JSON of `value`."""
    return xxhash.xxh3_128_hexdigest(canonical_json(value).encode())[:length]


class _JsonRecord:
    """Mixin: to and from plain dictionaries, tuples restored, unknown keys refused by the constructor."""

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary, ready for JSON; without a `preprocessing` of None, which earlier versions did not have."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value or key != "preprocessing"}  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


@dataclass(frozen=True, slots=True)
class Preprocessing(_JsonRecord):
    """How a decoded image becomes the encoder's input; part of the backbone id. `resize` is the shorter side before the
    crop, in pixels; `fit` is "crop" (resize, then centre crop), "squash" (both sides resized regardless of aspect) or
    "pad" (longer side resized, rest filled)."""

    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: int | None = None
    interpolation: str = "bicubic"
    fit: str = "crop"

    @property
    def channels(self) -> int:
        """Number of colour channels the encoder reads: 1 or 3."""
        return len(self.mean)


@dataclass(frozen=True, slots=True)
class BackboneRef(_JsonRecord):
    """What a person asks for: enough to load it again elsewhere. `preprocessing` is "timm", or None: the authors'."""

    name: str
    checkpoint: str | None = None
    pooling: str | None = None
    image_size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    offline: bool = False
    preprocessing: str | None = None


@dataclass(frozen=True, slots=True)
class BackboneInfo:
    """What was loaded. `backbone_id` depends on everything that changes an embedding, and on nothing else."""

    backbone_id: str
    name: str
    library: str
    architecture: str
    pooling: str
    dimension: int
    preprocessing: Preprocessing
    weights_hash: str
    num_parameters: int
    family: str = "unknown"
    licence: str = "unknown"
    is_jepa: bool | None = None
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls(**{**values, "preprocessing": Preprocessing.from_dict(values["preprocessing"])})


@dataclass(frozen=True, slots=True)
class MeasurementSpec(_JsonRecord):
    """Which numbers are taken of each image: estimator, precision and, for a sketch, number of probes and seed.

    "nested" stands for sketches of every size up to `probes` in one. `calibration` is the hash of what else a
    calibrated score depends on: the calibration images, the coverage of the intervals, the version of the fit.
    """

    estimator: str = "exact"
    precision: str = "float32"
    probes: int | None = None
    seed: int = 0
    engine_version: int = 0  # stands for today's
    calibration: str | None = None

    def __post_init__(self) -> None:
        if not self.engine_version:
            object.__setattr__(self, "engine_version", engine_version(self.precision))

    @property
    def spec_id(self) -> str:
        """Readable name plus hash; the folder of this spec's shards."""
        values = self.to_dict()
        if self.calibration is None:
            del values["calibration"]  # specs without one keep the ids that they had before there were any
        return f"{self.estimator}-{self.precision}-{short_hash(values, 8)}"

    @property
    def is_exact(self) -> bool:
        """Whether its score is the JEPA-SCORE itself rather than something that tells of it."""
        return self.estimator == "exact"

    @property
    def exact(self) -> MeasurementSpec:
        """Exact scores from passes of the same kind."""
        return MeasurementSpec("exact", self.precision, engine_version=self.engine_version)

    def sketch(self, probes: int | None = None) -> MeasurementSpec:
        """Sketches from passes of the same kind and with the same seed, by default of the same size."""
        return MeasurementSpec("sketch", self.precision, probes or self.probes, self.seed, self.engine_version)

    def nested(self, probes: int) -> MeasurementSpec:
        """Sketches of every size up to `probes`, from passes of the same kind and with the same seed."""
        return MeasurementSpec("nested", self.precision, probes, self.seed, self.engine_version)


@dataclass(frozen=True, slots=True)
class SampleFailure(_JsonRecord):
    """Why a sample has no manifest row or no measurement."""

    sample_key: str
    uri: str
    stage: str
    error_class: str
    message: str
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a manifest. `content_id` is the xxh3-128 of the encoded bytes; `metadata` holds the user's columns."""

    sample_key: str
    uri: str
    label: str | None
    split: str | None
    content_id: str
    width: int
    height: int
    num_bytes: int
    modified_ns: int
    metadata: dict[str, Any] = field(default_factory=dict)


class DatasetState(StrEnum):
    """Life of a dataset's index."""

    INDEXING = "indexing"
    READY = "ready"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DatasetRecord:
    """A dataset in the catalogue. `version` names the folder with the current manifest (None before the first one).

    The counters always obey `num_indexed + num_failed + num_pending = num_total`. `rate` is in samples per second.
    `ignored` counts the files that the current index passed over, by extension.

    Where there is an index, what is asked for the next one is in `wanted` ("kind" and "options") until that is
    complete; if it fails the dataset stays what it was, and `error` says why.
    """

    dataset_id: str
    name: str
    source: str
    kind: str
    options: dict[str, Any]
    state: DatasetState
    version: str | None
    num_total: int
    num_indexed: int
    num_failed: int
    rate: float | None
    message: str
    cancel_requested: bool
    created_at: str
    heartbeat: float | None
    ignored: dict[str, int]
    error: str | None = None
    wanted: dict[str, Any] | None = None

    @property
    def num_pending(self) -> int:
        """Samples not yet looked at."""
        return self.num_total - self.num_indexed - self.num_failed

    @property
    def seconds_left(self) -> float | None:
        """Predicted remaining time, or None while no rate is known."""
        return self.num_pending / self.rate if self.rate else None


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
class Run:
    """One request to measure a dataset under a backbone and a spec; counted in distinct images (content ids).

    The counters always obey `num_measured + num_failed + num_pending = num_total`. `num_reused` says how many of the
    measured ones were there before the run began. `rate` is in images per second.

    A calibrated run counts an image once, whether it is measured exactly (calibration) or sketched; its `rate` is the
    mean over what is left, cheap and dear. A cascade also counts every exact measurement that confirms a sketched
    image, as soon as it is known to be needed: its total grows from round to round.

    While `is_precision_open` the worker may still replace the precision in `spec` by a faster one that is as good.
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
    def num_pending(self) -> int:
        """Images still to be measured."""
        return self.num_total - self.num_measured - self.num_failed

    @property
    def seconds_left(self) -> float | None:
        """Predicted remaining time, or None while no rate is known."""
        return self.num_pending / self.rate if self.rate else None


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """One request to write an export with the worker: the whole of it at `path`, or nothing.

    Counted in samples of the list; `num_total` is 0 until it is known. `rate` is in samples per second.
    """

    export_id: str
    dataset_id: str
    path: str
    file_format: str
    options: dict[str, Any]
    state: RunState
    num_total: int
    num_written: int
    rate: float | None
    message: str
    cancel_requested: bool
    created_at: str
    started_at: str | None
    finished_at: str | None
    heartbeat: float | None

    @property
    def num_pending(self) -> int:
        """Samples still to be written."""
        return self.num_total - self.num_written

    @property
    def seconds_left(self) -> float | None:
        """Predicted remaining time, or None while no rate is known."""
        return self.num_pending / self.rate if self.rate else None


class ProbeState(StrEnum):
    """Life of a cost probe."""

    QUEUED = "queued"
    FINISHED = "finished"
    FAILED = "failed"


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


@dataclass(frozen=True, slots=True)
class ProbeResult(_JsonRecord):
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


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """One image under one backbone and spec.

    `log_singular_values` [K] descending, natural logarithms ([r] for a sketch, one after the other for nested ones);
    `embedding` [K]; scores in nats, `seconds` its share of the batch's time. `features` [F] cost nothing beyond the
    forward pass and tell of the score; the last one is the logarithm of the embedding's length.
    """

    content_id: str
    log_singular_values: npt.NDArray[np.float32]
    rank: int
    score: float
    score_paper: float
    embedding: npt.NDArray[np.float16]
    seconds: float
    features: npt.NDArray[np.float32] | None = None
