"""What a curation needs that takes longer than a moment: near duplicates to find, colours to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jepascore_core.curation.colours import count_unseen, look_at_colours
from jepascore_core.curation.compiling import Compiler
from jepascore_core.curation.neighbours import Progress, choose_index, known_near_groups, near_groups
from jepascore_core.curation.rules import Curation, Flag, OnePer, walk
from jepascore_core.store import Store
from jepascore_core.views.score_set import ScoreSet


@dataclass(frozen=True, slots=True)
class Work:
    """One thing to be done once: `size` images to go through."""

    kind: Literal["near", "colours"]
    size: int
    radius: float | None = None
    backbone: str | None = None

    @property
    def title(self) -> str:
        """What a person reads while it is done."""
        if self.kind == "colours":
            return f"Looking at the colours of {self.size:,} images"
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
    return tuple(work)


def prepare(store: Store, scores: ScoreSet, work: Work, progress: Progress | None = None) -> None:
    """Do one piece of work; what `progress` raises ends it."""
    compiler = Compiler(store, scores)
    if work.kind == "colours":
        look_at_colours(store, compiler.dataset, progress)
    elif work.radius is not None:
        near_groups(store, compiler.score_set(work.backbone), work.radius, progress)
