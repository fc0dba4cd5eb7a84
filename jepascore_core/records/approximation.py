"""What a calibrated run or a cascade is asked for, and what it reports. Records only: the web process reads them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

#: Sizes of the nested sketches that a calibration tries, those below K. Roughly a factor of 1.4 apart: neighbours
#: differ in cost by more than they differ in fidelity.
SKETCH_SIZES = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)


def nested_sizes(dimension: int) -> tuple[int, ...]:
    """Sizes of the sketches that are compared for an encoder with this many outputs; the full size is no sketch."""
    return tuple(size for size in SKETCH_SIZES if size < dimension) or (1,)


@dataclass(frozen=True, slots=True)
class ApproximationPlan:
    """How a calibrated run or a cascade goes about it.

    `target_fidelity` is the rank correlation (Spearman) with exact scores for which a number of probes is chosen;
    `num_calibration` images are measured exactly; `coverage` is the share of prediction intervals that shall hold the
    exact score. A cascade settles the `top` least and most likely samples of each class and of the dataset, at
    `confidence` for each list, and the sides of a `cut` at this percentile of the dataset, at `confidence` for each
    sample; None = not wanted.
    """

    target_fidelity: float = 0.99
    num_calibration: int = 300
    coverage: float = 0.9
    top: int | None = None
    cut: float | None = None
    confidence: float = 0.95

    @property
    def is_cascade(self) -> bool:
        """Whether anything is to be settled exactly."""
        return self.top is not None or self.cut is not None


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How well sketches with so many probes tell exact scores, on images that the fit has not seen.

    Rank correlations: `plain` of the sketch's own log-volume, `calibrated` of the ridge, with its standard error;
    errors of the ridge in nats.
    """

    probes: int
    plain: float
    calibrated: float
    standard_error: float
    mean_absolute_error: float
    root_mean_square_error: float


@dataclass(frozen=True, slots=True)
class CascadeReport:
    """What it took to settle the lists of a cascade.

    Beside the `num_known` exact scores that were there before, `num_confirmed` images were measured exactly because
    they could have mattered, in `num_rounds` rounds; of `num_checked` of them the interval is known, and `num_inside`
    had their exact score inside it.
    """

    num_lists: int
    num_known: int
    num_confirmed: int
    num_rounds: int
    num_checked: int
    num_inside: int
    is_settled: bool


@dataclass(frozen=True, slots=True)
class ApproximationReport:
    """What a calibrated run found. `spec_id` names the shards with its scores; `curve` has one entry a sketch size.

    `half_width` is the median half width of the prediction intervals and `spread` the standard deviation of the exact
    scores, in nats. `num_exact` of the `num_images` have an exact score.
    """

    spec_id: str
    dimension: int
    probes: int
    target_fidelity: float
    is_reached: bool
    num_calibration: int
    coverage: float
    half_width: float
    spread: float
    curve: tuple[Fidelity, ...]
    num_images: int = 0
    num_exact: int = 0
    cascade: CascadeReport | None = None

    @property
    def fidelity(self) -> Fidelity | None:
        """Of the chosen number of probes; None if that was given and is none of the compared sizes."""
        return next((point for point in self.curve if point.probes == self.probes), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        curve = tuple(Fidelity(**point) for point in values["curve"])
        cascade = CascadeReport(**values["cascade"]) if values["cascade"] else None
        return cls(**{**values, "curve": curve, "cascade": cascade})
