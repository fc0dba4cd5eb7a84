"""What a curation needs that takes longer than a moment: near duplicates, companions of the score, colours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from jepascore_core.companions import MIN_IMAGES, Companion, choose_knn_index
from jepascore_core.curation.colours import count_unseen, look_at_colours
from jepascore_core.curation.companion_columns import FITTED, companion_values, count_measured, is_known
from jepascore_core.curation.compiling import Compiler
from jepascore_core.curation.neighbours import choose_index, known_near_groups, near_groups
from jepascore_core.curation.rules import Between, Curation, Flag, OnePer, walk
from jepascore_core.store import Store
from jepascore_core.vectors import Progress, unheard
from jepascore_core.views.score_set import ScoreSet

#: A companion, or near duplicates, of up to so many images are there within a few seconds.
QUICK_IMAGES = 5_000


@dataclass(frozen=True, slots=True)
class Work:
    """One thing to be done once: `size` images to go through."""

    kind: Literal["near", "colours", "companion"]
    size: int
    radius: float | None = None
    backbone: str | None = None
    companion: Companion | None = None

    @property
    def is_quick(self) -> bool:
        """Whether nobody needs to be asked first."""
        return self.kind in ("companion", "near") and self.size <= QUICK_IMAGES

    @property
    def short_title(self) -> str:
        """The same in as few words as fit beside others."""
        return self.companion or ("colours" if self.kind == "colours" else f"near duplicates within {self.radius:g}")

    @property
    def title(self) -> str:
        """What a person reads while it is done."""
        if self.kind == "colours":
            return f"Looking at the colours of {self.size:,} images"
        if self.companion == "knn":
            return f"Finding the nearest neighbours of {self.size:,} images ({choose_knn_index(self.size)} index)"
        if self.companion is not None:
            return f"Working out how far {self.size:,} images are from the mean of the others ({self.companion})"
        return f"Finding near duplicates among {self.size:,} images ({choose_index(self.size)} index)"


def pending_work(store: Store, scores: ScoreSet, curation: Curation) -> tuple[Work, ...]:
    """What is to be done before a curation can be worked out within a moment.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `evaluate`.
    """
    compiler = Compiler(store, scores)
    flags = [item for rule in curation.rules for item in walk(rule) if isinstance(item, Flag)]
    steps = [step for step in curation.steps if isinstance(step, OnePer)]
    work: list[Work] = []
    if any(flag.name == "grey" for flag in flags) and (unseen := count_unseen(store, compiler.dataset)):
        work.append(Work("colours", unseen))
    grouped: list[Flag | OnePer] = [*flags, *steps]
    for radius, backbone in dict.fromkeys((item.radius, item.backbone) for item in grouped):
        if radius is not None and known_near_groups(store, compiler.score_set(backbone), radius) is None:
            work.append(Work("near", store.count_images(compiler.dataset), radius, backbone))
    return (*work, *_pending_companions(compiler, curation))


def _pending_companions(compiler: Compiler, curation: Curation) -> Iterator[Work]:
    ranges = [item.column for rule in curation.rules for item in walk(rule) if isinstance(item, Between)]
    for name, backbone in dict.fromkeys((column.definition, column.backbone) for column in ranges):
        companion = next((fitted for fitted in FITTED if fitted == name), None)
        if companion is None:
            continue
        scores = compiler.score_set(backbone)
        if not is_known(compiler.store, scores, companion):
            size = count_measured(compiler.store, scores)
            yield Work("companion", size, backbone=backbone, companion=companion)


def slow_companions(store: Store, scores: ScoreSet) -> tuple[Work, ...]:
    """Companions of the measured images that were not worked out yet and take longer than a moment."""
    size = count_measured(store, scores)
    missing = [name for name in FITTED if size >= MIN_IMAGES[name] and not is_known(store, scores, name)]
    return tuple(work for name in missing if not (work := Work("companion", size, companion=name)).is_quick)


def prepare(store: Store, scores: ScoreSet, work: Work, progress: Progress = unheard) -> None:
    """Do one piece of work; what `progress` raises ends it.

    Raises:
        TooFewImagesError: if a companion needs more images than are measured.
    """
    compiler = Compiler(store, scores)
    if work.kind == "colours":
        look_at_colours(store, compiler.dataset, progress)
    elif work.companion is not None:
        companion_values(store, compiler.score_set(work.backbone), work.companion, progress)
    elif work.radius is not None:
        near_groups(store, compiler.score_set(work.backbone), work.radius, progress)
