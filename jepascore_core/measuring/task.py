"""What to measure, and the listener of its progress: the argument of every way of measuring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.jacobian.engine import Engine
from jepascore_core.measuring.loading import PendingImage
from jepascore_core.records.datasets import SampleFailure
from jepascore_core.records.measurements import Measurement, MeasurementSpec
from jepascore_core.storage.store import Store


@dataclass(frozen=True)
class MeasureProgress:
    """Counts of one call so far. `rate` in images per second, None until measured."""

    num_measured: int
    num_failed: int
    rate: float | None


class ProgressListener(Protocol):
    """Listener of a measurement's progress, which may stop it."""

    def check(self) -> None:
        """Raise to stop; called often. Finished images are stored first."""

    def on_progress(self, progress: MeasureProgress, failures: Sequence[SampleFailure]) -> None:
        """Receive the counts so far and the failures since the last call."""


@dataclass(frozen=True)
class Callbacks:
    """A listener built from two functions."""

    on_progress: Callable[[MeasureProgress, Sequence[SampleFailure]], None] = lambda *_: None
    check: Callable[[], None] = lambda: None


@dataclass(frozen=True, eq=False)
class MeasureTask:
    """How to measure images that no shard has.

    Attributes:
        store: receives the shards.
        backbone: the encoder.
        spec: how to measure.
        listener: receives the progress.
        engine: from `build_engine`, for a caller that measures in several parts.
        nested: nested sketches to store as well, as a by-product of exact measurements.
        on_shard: called with the rows of every shard once it is stored.
    """

    store: Store
    backbone: Backbone
    spec: MeasurementSpec
    listener: ProgressListener = field(default_factory=Callbacks)
    engine: Engine | None = None
    nested: MeasurementSpec | None = None
    on_shard: Callable[[list[Measurement]], None] | None = None


#: A way of measuring: `measure_pending`, or the same on several devices.
Measure = Callable[[MeasureTask, Sequence[PendingImage]], MeasureProgress]
