"""What somebody asks to be measured, and the same with every question settled."""

from __future__ import annotations

from dataclasses import dataclass

from jepascore_core.records.approximation import ApproximationPlan
from jepascore_core.records.augmentation import AUTO
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.pilots import Pilot


@dataclass(frozen=True, slots=True)
class MeasurementRequest:
    """A dataset, by name or id, to be measured under a backbone.

    Attributes:
        dataset: name or id.
        backbone: which encoder, with its settings.
        estimator: one of `measuring.specs.ESTIMATORS`.
        precision: of the passes; "auto" leaves the fastest one that is as good to the worker.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        probes: of a sketch; a calibrated run chooses unless told.
        seed: of a sketch's output combinations.
        plan: how a calibrated run or a cascade goes about it.
        views: augmented views per image, over which the paper's expectation is taken.
        augmentation: how views are made: "crops" or "warps", both with parameters if wanted ("crops:flip=0"), or
            "auto": as the backbone's training where that is known, else "crops"; with one view, none.
        pilot: which images alone are measured; None = all.
    """

    dataset: str
    backbone: BackboneRef
    estimator: str = "exact"
    precision: str = "auto"
    device: str = "auto"
    probes: int | None = None
    seed: int = 0
    plan: ApproximationPlan | None = None
    views: int = 1
    augmentation: str = AUTO
    pilot: Pilot | None = None


@dataclass(frozen=True, slots=True)
class ResolvedRequest:
    """A `MeasurementRequest` that was found to make sense: what runs and cost probes are queued with.

    While `is_precision_open` the worker may replace the precision in `spec` by a faster one that is as good.
    """

    dataset_id: str
    backbone: BackboneRef
    spec: MeasurementSpec
    device: str
    plan: ApproximationPlan | None = None
    is_precision_open: bool = False
    pilot: Pilot | None = None
