"""Backbones to choose from: what they are, what they cost on this machine, and where their weights are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jepascore_core.backbones.presence import has_weights
from jepascore_core.backbones.registry import list_specs
from jepascore_core.backbones.specs import BackboneSpec
from jepascore_core.backbones.speed import MachineSpeed, machine_speed
from jepascore_core.formatting import duration_text
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.theory import theory_note, theory_text
from jepascore_core.scores.titles import measured_titles
from jepascore_core.storage.store import Store

#: Upper limits of the cost classes in seconds per image; beyond the last is "very slow".
COST_CLASSES = {"instant": 0.1, "fast": 1.0, "moderate": 10.0, "slow": 60.0}

#: Between the parts of a label; the name comes first and never contains it.
SEPARATOR = " · "

WeightsPlace = Literal["here", "to fetch", "to give"]

WEIGHTS_TEXT: dict[WeightsPlace, str] = {
    "here": "weights on this machine",
    "to fetch": "weights to download",
    "to give": "needs a checkpoint",
}


@dataclass(frozen=True, slots=True)
class BackboneOption:
    """One backbone to choose. `seconds` is the expected time of an exact score of an image; None if unknown.

    `tflop` are 10^12 floating-point operations of an exact score. `weights` says where they are: on this machine, to be
    downloaded, or to be given as a checkpoint, because none are published. `num_images` are those of the dataset that
    it is offered for, 0 without one; `warning` says why it does not suit them.
    """

    name: str
    family: str
    dimension: int | None
    image_size: int | None
    pooling: str
    licence: str
    is_non_commercial: bool
    is_jepa: bool | None
    note: str
    tflop: float | None
    seconds: float | None
    weights: WeightsPlace
    num_images: int = 0
    warning: str = ""

    @property
    def cost(self) -> str:
        """The cost class; "" if unknown."""
        if self.seconds is None:
            return ""
        return next((name for name, limit in COST_CLASSES.items() if self.seconds <= limit), "very slow")

    @property
    def label(self) -> str:
        """One line with the facts for a choice; a search in it finds name, family, licence and cost."""
        parts = (
            self.name,
            self.family,
            f"K = {self.dimension}" if self.dimension else "",
            f"{duration_text(self.seconds)} per image ({self.cost})" if self.seconds is not None else "",
            f"{duration_text(self.seconds * self.num_images)} for all" if self.seconds and self.num_images else "",
            WEIGHTS_TEXT[self.weights],
            self.licence,
        )
        return SEPARATOR.join(filter(None, parts))

    @property
    def cautions(self) -> tuple[str, ...]:
        """Sentences to read before choosing it."""
        licence = f"Its weights are licensed {self.licence}." if self.is_non_commercial else ""
        return tuple(filter(None, (self.warning, theory_text(self.is_jepa, self.note), licence)))


@dataclass(frozen=True, slots=True)
class TheoryNote:
    """Why the scores of a backbone, named by its title, must not be read as densities."""

    title: str
    text: str


def backbone_options(store: Store) -> tuple[BackboneOption, ...]:
    """Return all known backbones, with their cost on the fastest known device of this machine."""
    speed = machine_speed(store.home)
    return tuple(_option(spec, speed) for spec in list_specs())


def matching(options: Sequence[BackboneOption], search: str) -> tuple[BackboneOption, ...]:
    """Return the options whose label contains every word of `search`, in any case and order."""
    words = search.lower().split()
    return tuple(option for option in options if all(word in option.label.lower() for word in words))


def cost_basis(store: Store) -> str:
    """Return a sentence that says how times are estimated."""
    speed = machine_speed(store.home)
    source = "measured by runs on this machine" if speed.is_measured else "predicted from its matrix product speed"
    return (
        f"Estimated time for exact scores on {speed.device}, {source}. A sketch of r passes takes about r / K of that "
        "(K: embedding dimension)."
    )


def theory_notes(store: Store, score_sets: Sequence[ScoreSet]) -> tuple[TheoryNote, ...]:
    """Return the notes to show with these scores: one for each backbone among them that the theory does not cover."""
    known, titles = store.catalogue.backbones(), measured_titles(store)
    notes: dict[str, TheoryNote] = {}
    for scores in score_sets:
        info = known.get(scores.backbone_id)
        if info is not None and scores.key.has_scores and (text := theory_note(info)):
            title = titles.get(scores.key, info.name)
            notes.setdefault(scores.backbone_id, TheoryNote(title, text))
    return tuple(notes.values())


def _option(spec: BackboneSpec, speed: MachineSpeed) -> BackboneOption:
    return BackboneOption(
        name=spec.name,
        family=spec.family,
        dimension=spec.dimension,
        image_size=spec.image_size,
        pooling=spec.pooling,
        licence=spec.licence,
        is_non_commercial=spec.is_non_commercial,
        is_jepa=spec.is_jepa,
        note=spec.note,
        tflop=None if spec.flop is None else spec.flop / 1e12,
        seconds=None if spec.flop is None else spec.flop / speed.flop_per_second,
        weights=_place(spec),
    )


def _place(spec: BackboneSpec) -> WeightsPlace:
    if has_weights(spec):
        return "here"
    return "to fetch" if spec.source is not None and (spec.source.repository or spec.source.url) else "to give"
