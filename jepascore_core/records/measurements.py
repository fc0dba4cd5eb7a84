"""A measurement and what it depends on besides the image and the backbone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from jepascore_core.records.canonical import JsonRecord, short_hash
from jepascore_core.records.engine_version import engine_version
from jepascore_core.records.measurement_key import MeasurementKey


@dataclass(frozen=True, slots=True)
class MeasurementSpec(JsonRecord):
    """Which numbers are taken of each image: estimator, precision and, for a sketch, number of probes and seed.

    "nested" stands for sketches of every size up to `probes` in one. `calibration` is the hash of what else a
    calibrated score depends on: the calibration images, the coverage of the intervals, the version of the fit.
    With an `augmentation` (its text) the score is the expectation over `views` views of the image, not of the image.
    "embed" stands for embeddings alone, from one forward pass.
    """

    estimator: str = "exact"
    precision: str = "float32"
    probes: int | None = None
    seed: int = 0
    engine_version: int = 0  # stands for today's
    calibration: str | None = None
    views: int = 1
    augmentation: str | None = None

    def __post_init__(self) -> None:
        if not self.engine_version:
            object.__setattr__(self, "engine_version", engine_version(self.precision))

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary, ready for JSON; without views where there are none, as earlier versions wrote it."""
        values = JsonRecord.to_dict(self)
        if not self.has_views:
            del values["views"], values["augmentation"]
        return values

    @property
    def spec_id(self) -> str:
        """Readable name plus hash; the folder of this spec's shards."""
        values = self.to_dict()
        if self.calibration is None:
            del values["calibration"]  # specs without one keep the ids that they had before there were any
        return f"{self.estimator}-{self.precision}-{short_hash(values, 8)}"

    def key(self, backbone_id: str) -> MeasurementKey:
        """Name the measurements of a backbone under this spec."""
        return MeasurementKey(backbone_id, self.spec_id)

    @property
    def is_exact(self) -> bool:
        """Whether its score is the JEPA-SCORE itself rather than something that tells of it."""
        return self.estimator == "exact"

    @property
    def has_scores(self) -> bool:
        """Whether images get scores, not only embeddings."""
        return self.estimator != "embed"

    @property
    def has_views(self) -> bool:
        """Whether augmented views are measured instead of the image itself."""
        return self.augmentation is not None

    @property
    def views_text(self) -> str:
        """Say how many views there are, "" without any."""
        return f"{self.views} view{'s' if self.views > 1 else ''}" if self.has_views else ""

    @property
    def exact(self) -> MeasurementSpec:
        """Exact scores from passes of the same kind."""
        return replace(self, estimator="exact", probes=None, seed=0, calibration=None)

    def sketch(self, probes: int | None = None) -> MeasurementSpec:
        """Sketches from passes of the same kind and with the same seed, by default of the same size."""
        return replace(self, estimator="sketch", probes=probes or self.probes, calibration=None)

    def nested(self, probes: int) -> MeasurementSpec:
        """Sketches of every size up to `probes`, from passes of the same kind and with the same seed."""
        return replace(self, estimator="nested", probes=probes, calibration=None)


@dataclass(frozen=True, slots=True, eq=False)
class ViewScores:
    """What each view of one image scores, [n] in nats, in order of the views, under each definition."""

    rank: npt.NDArray[np.float64]
    paper: npt.NDArray[np.float64]
    tail: npt.NDArray[np.float64]
    top: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """One image under one backbone and spec.

    `log_singular_values` [K] descending, natural logarithms ([r] for a sketch, one after the other for nested ones);
    `embedding` [K]; scores in nats, `seconds` its share of the batch's time. `features` [F] cost nothing beyond the
    forward pass and tell of the score; the last one is the logarithm of the embedding's length.

    Where views are measured, `views` holds the score of each, the scores combine them, `rank` is the smallest of their
    ranks, there is no spectrum, and the embedding is that of the image itself.

    An embed run has the embedding alone: `rank` and scores are None.
    """

    content_id: str
    log_singular_values: npt.NDArray[np.float32] | None
    rank: int | None
    score: float | None
    score_paper: float | None
    embedding: npt.NDArray[np.float16]
    seconds: float
    features: npt.NDArray[np.float32] | None = None
    views: ViewScores | None = None
