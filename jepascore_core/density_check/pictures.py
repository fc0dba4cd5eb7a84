"""How well scores of encoders of rendered pictures predict their true density.

Records without torch, which the web process may read. `density_check.pictures_experiment` measures them; the result
comes with the package.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from jepascore_core.density_check.results import SHIPPED
from jepascore_core.errors import StoreError

PICTURES_NAME = "pictures.json"
#: Two encoders whose training differs only in the seed.
RENDERED_ENCODERS = ("bundled:rendered-a", "bundled:rendered-b")


@dataclass(frozen=True, slots=True)
class DensityOnPictures:
    """Scores of one encoder against the true log density of fresh pictures.

    `spearman` and `pearson` are those of the score (rank definition), `slope` is the change of the log density per nat
    of score. `within` is Spearman's correlation within one product, the mean over those of at least 5 %, where
    knowing the frequencies of products does not help; `by_product` is the correlation reached by the mean log density
    of a picture's product alone. `spearman_top` maps a number of largest singular values to the
    correlation of the sum of their logarithms; `tangent` is that of the volume along the pictures' manifold, which
    only a renderer provides. `unrounded` is `spearman` for pictures that are not rounded to 8 bits. `points` are pairs
    (true log density, score), for a figure.
    """

    backbone: str
    num_pictures: int
    seed: int
    spearman: float
    pearson: float
    slope: float
    within: float
    by_product: float
    spearman_top: dict[str, float]
    tangent: float
    unrounded: float
    points: list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class WithinProduct:
    """What one encoder's score tells within one product, whose true log density is log p(z) minus the log volume v.

    v is that of the renderer. All but the last two are Spearman's correlations: of the score, and of the volume along
    the manifold (`tangent`), with the truth; of the score with log p(z) and with -v; of the `stretch`, the log volume
    of encoder after renderer, with v; and of score - v with the truth. The last two are standard deviations in nats.
    """

    backbone: str
    product: str
    spread: float
    score: float
    tangent: float
    score_latents: float
    score_volume: float
    stretch_volume: float
    score_less_volume: float
    sd_latents: float
    sd_volume: float


@dataclass(frozen=True, slots=True)
class DefectsFound:
    """How well one ranking of the rendered demo finds planted contaminants: AUROC for each kind, 0.5 is chance.

    `order` is a definition of the score, a baseline, or "lowest": the lowest percentile among score, knn and
    mahalanobis. AUROCs are means over the demos of `seeds`.
    """

    backbone: str
    order: str
    seeds: list[int]
    auroc: dict[str, float]

    @property
    def mean(self) -> float:
        """Return the mean over all kinds."""
        return sum(self.auroc.values()) / len(self.auroc)


@dataclass(frozen=True, slots=True)
class PicturesReport:
    """Density for each encoder, agreement of both (Spearman's correlation of their scores), and what finds defects.

    `within` has each encoder and each frequent product.
    """

    density: tuple[DensityOnPictures, ...]
    agreement: float
    defects: tuple[DefectsFound, ...]
    within: tuple[WithinProduct, ...]


def load_pictures_report(path: Path = SHIPPED / PICTURES_NAME) -> PicturesReport:
    """Return the report that ships with the package.

    Raises:
        StoreError: if the file is missing or damaged.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        density = tuple(DensityOnPictures(**row) for row in values["density"])
        defects = tuple(DefectsFound(**row) for row in values["defects"])
        within = tuple(WithinProduct(**row) for row in values["within"])
        return PicturesReport(density, values["agreement"], defects, within)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StoreError(f"{path} cannot be read ({error}): reinstall jepascore.") from error


def report_json(report: PicturesReport) -> bytes:
    """Return the file that `load_pictures_report` reads."""
    return (json.dumps(asdict(report), separators=(",", ":")) + "\n").encode()
