"""One computation of a curation that takes longer than a moment: of what, how long, and what it is called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from jepascore_core.curation.columns.near_duplicates import choose_index
from jepascore_core.curation.rules.parser import parse_column
from jepascore_core.embeddings.baselines import Baseline, choose_knn_index
from jepascore_core.formatting import duration_text

#: Any computation on the embeddings of up to this many images takes a few seconds at most.
QUICK_IMAGES = 5_000
#: Work that is predicted to take at most this many seconds on two cores starts without a question, too.
QUICK_SECONDS = 5.0

_SHORT_TITLES = {
    "colours": "colours",
    "radii": "radii of near duplicates",
    "labels": "label issues",
    "cut": "effect of the cut",
    "curve": "accuracy against share kept",
    "pca": "map",
    "pacmap": "map by neighbours",
}


@dataclass(frozen=True, slots=True)
class PrecomputeStep:
    """One computation, done once, over `size` images.

    Clusters have their number and a seed; a diverse choice has the number to choose, candidates as `Candidates.pack`
    writes them, and the seconds that it may take. Label issues have the number of classes, distances to a `reference`
    dataset its number of images, and both the estimated seconds. The effect of a cut, and the curve of many, have the
    measurement key of the embeddings and the estimated seconds; the first has the cut as `Cut.pack` writes it.
    `similarity` is the column of a similarity, as text.
    """

    kind: Literal[
        "near", "radii", "colours", "baseline", "clusters", "diverse", "labels", "reference", "cut", "curve", "similar",
        "pca", "pacmap",
    ]  # fmt: skip
    size: int
    radius: float | None = None
    backbone: str | None = None
    baseline: Baseline | None = None
    number: int = 0
    seed: int = 0
    candidates: str = field(default="", repr=False)
    seconds: float = 0.0
    reference: str | None = None
    embeddings: str = ""
    similarity: str = ""

    @property
    def is_quick(self) -> bool:
        """Whether it is so short that it is done without asking."""
        if self.kind in ("cut", "curve", "similar", "pca", "pacmap"):
            return self.seconds <= QUICK_SECONDS
        has_estimate = self.kind in ("labels", "reference") or self.reference is not None
        is_slow = self.kind == "colours" or (has_estimate and self.seconds > QUICK_SECONDS)
        return not is_slow and self.size <= QUICK_IMAGES

    @property
    def short_title(self) -> str:
        """Its title in a few words."""
        match self.kind:
            case "clusters":
                return f"{self.number:,} clusters"
            case "diverse":
                return f"{self.number:,} diverse images"
            case "reference":
                return f"distances to {self.reference}"
            case "similar":
                return f"similarity to {self._query}"
        if self.kind in _SHORT_TITLES:
            return _SHORT_TITLES[self.kind]
        return self.baseline or f"near duplicates within {self.radius:g}"

    @property
    def _query(self) -> str:
        column = parse_column(self.similarity)
        return f'"{column.query}"'

    @property
    def _estimate(self) -> str:
        return "" if self.is_quick else f" (about {duration_text(self.seconds)} on two cores)"

    @property
    def title(self) -> str:
        """Its title while it is done."""
        if self.kind == "colours":
            return f"Checking {self.size:,} images for colour"
        if self.kind == "clusters":
            return f"Finding {self.number:,} clusters of {self.size:,} images"
        if self.kind == "diverse":
            at_most = f" (up to {duration_text(self.seconds)} on two cores)" if not self.is_quick else ""
            beside = f" and from {self.reference}" if self.reference else ""
            return f"Choosing {self.number:,} of {self.size:,} images far from each other{beside}{at_most}"
        if self.kind == "labels":
            return f"Judging the labels of {self.size:,} images of {self.number:,} classes{self._estimate}"
        if self.kind == "reference":
            nearest = f"Finding the nearest of {self.number:,} images of {self.reference}"
            return f"{nearest} for {self.size:,} images{self._estimate}"
        if self.kind == "similar":
            return f"Comparing {self.size:,} images with {self._query}"
        if self.kind in ("cut", "curve"):
            return f"Training probes on {self.size:,} images, kept and at random{self._estimate}"
        if self.kind in ("pca", "pacmap"):
            return f"Placing {self.size:,} images on a map{self._estimate}"
        return self._neighbours_title

    @property
    def _neighbours_title(self) -> str:
        if self.kind == "radii":
            return f"Finding the nearest neighbours of {self.size:,} images ({choose_index(self.size)} index)"
        if self.baseline == "knn":
            return f"Finding the nearest neighbours of {self.size:,} images ({choose_knn_index(self.size)} index)"
        if self.baseline is not None:
            return f"Computing how far {self.size:,} images are from the mean of the others ({self.baseline})"
        return f"Finding near duplicates among {self.size:,} images ({choose_index(self.size)} index)"
