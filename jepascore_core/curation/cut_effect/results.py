"""The effect of a cut as a record: accuracies, their difference with an interval, classes, a sentence and a colour."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from jepascore_core.curation.cut_effect.samples import HeldOut
from jepascore_core.curation.cut_effect.statistics import Interval
from jepascore_core.formatting import number_text, plural

CutVerdict = Literal["better", "no better", "worse"]
CutColour = Literal["green", "orange", "red"]

COLOURS: dict[CutVerdict, CutColour] = {"better": "green", "no better": "orange", "worse": "red"}
#: Where half the interval is wider, the sentence says how small a difference the images could have shown.
WIDE = 0.01

SAME_ENCODER = (
    "The embeddings are those of the encoder that scored, so this is partly circular: a cut that suits the encoder may "
    "suit its probe. Embeddings of another encoder are a stricter judge."
)
USES_LABELS = (
    "Label issues were judged with all labels, those of held-out images among them, so the gain of a cut by them is "
    "somewhat overstated here."
)


@dataclass(frozen=True, slots=True)
class ClassEffect:
    """What a cut does to one class; `difference` is kept minus random, its interval corrected for all classes."""

    label: str
    num_judged: int
    num_training: int
    num_kept: int
    accuracy_random: float
    accuracy_kept: float
    difference: Interval

    @property
    def is_clear(self) -> bool:
        """Whether it gains or loses beyond chance."""
        return self.difference.is_above_zero or self.difference.is_below_zero


@dataclass(frozen=True, slots=True)
class CutEffect:
    """Accuracy of a linear probe on held-out images, trained on what a cut keeps, on random subsets, on everything.

    Attributes:
        embeddings: measurement key of the embeddings, as text.
        held_out: "test" or "validation" for the dataset's own `split`; "folds" by content id.
        num_judged: different held-out images; the cut never touches them.
        num_training: samples to train on; in folds all, of which each probe sees those of the other folds.
        num_kept: how many of these the cut keeps.
        num_classes: classes among all of them.
        num_left_out: samples neither trained on nor held out: without a label, an embedding or a verdict, or in
            another held-out split.
        num_copies: samples not trained on because the same image is held out.
        num_folds: folds held out in turn; 1 for a split.
        num_seeds: random subsets, each with as many samples of each class as are kept.
        strength: inverse strength of the probe's penalty.
        accuracy_all: of the probe trained on everything, as a share.
        accuracy_kept: of the probe trained on what is kept.
        accuracy_random: mean over random subsets, and where one of them lies 19 times of 20.
        difference: kept minus random, paired, with a 95 % interval.
        against_all: kept minus everything, paired, with a 95 % interval.
        classes: those with the largest gain first.
    """

    embeddings: str
    held_out: HeldOut
    split: str | None
    num_judged: int
    num_training: int
    num_kept: int
    num_classes: int
    num_left_out: int
    num_copies: int
    num_folds: int
    num_seeds: int
    strength: float
    accuracy_all: float
    accuracy_kept: float
    accuracy_random: Interval
    difference: Interval
    against_all: Interval
    classes: tuple[ClassEffect, ...]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_dict`, also from JSON."""
        fields = {name: values[name] for name in cls.__slots__}
        for name in ("accuracy_random", "difference", "against_all"):
            fields[name] = Interval(*fields[name])
        classes = (
            ClassEffect(**{**{name: item[name] for name in ClassEffect.__slots__},
                           "difference": Interval(*item["difference"])})
            for item in values["classes"]
        )  # fmt: skip
        return cls(**{**fields, "classes": tuple(classes)})

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary, ready for JSON, with what follows from the numbers."""
        classes = [{**asdict(item), "is_clear": item.is_clear} for item in self.classes]
        concluded = {"verdict": self.verdict, "colour": self.colour, "sentence": self.sentence}
        return {**asdict(self), "classes": classes, **concluded}

    @property
    def verdict(self) -> CutVerdict:
        """Whether the cut beats random ones of the same size per class; "no better" where the interval holds 0."""
        return verdict_on(self.difference)

    @property
    def colour(self) -> CutColour:
        """Green, orange or red."""
        return COLOURS[self.verdict]

    @property
    def sentence(self) -> str:
        """Say what the cut does, and how well these images can tell."""
        texts = [f"{_VERDICTS[self.verdict]} {points_text(self.difference)}."]
        half = (self.difference.upper - self.difference.lower) / 2
        if self.verdict == "no better" and half > WIDE:
            texts.append(
                f"With {plural(self.num_judged, 'held-out image')} a difference below {100 * half:.1f} points could "
                "not be seen."
            )
        if self.against_all.is_below_zero:
            texts.append(f"It costs accuracy against training on everything: {points_text(self.against_all)}.")
        elif self.against_all.is_above_zero:
            texts.append(f"It also beats training on everything: {points_text(self.against_all)}.")
        return " ".join(texts)

    @property
    def judged_text(self) -> str:
        """Say what accuracies are measured on."""
        return held_out_text(self.num_judged, self.split, self.num_folds)

    @property
    def gaining(self) -> tuple[ClassEffect, ...]:
        """Classes that gain beyond chance, the most first."""
        return tuple(item for item in self.classes if item.difference.is_above_zero)

    @property
    def losing(self) -> tuple[ClassEffect, ...]:
        """Classes that lose beyond chance, the most first."""
        return tuple(item for item in reversed(self.classes) if item.difference.is_below_zero)


_VERDICTS: dict[CutVerdict, str] = {
    "better": "This cut does better than a random one of the same size per class:",
    "no better": "This cut does no better than a random one of the same size per class:",
    "worse": "This cut does worse than a random one of the same size per class:",
}


def verdict_on(difference: Interval) -> CutVerdict:
    """Say what a difference to random cuts means; "no better" where its interval holds 0."""
    if difference.is_above_zero:
        return "better"
    return "worse" if difference.is_below_zero else "no better"


def held_out_text(num_judged: int, split: str | None, num_folds: int) -> str:
    """Say what accuracies are measured on."""
    images = plural(num_judged, "held-out image")
    if split is not None:
        return f"{images} of the split {split}"
    return f"{images} in {plural(num_folds, 'fold')}"


def points_text(difference: Interval) -> str:
    """Write a difference in percentage points with its interval: "+1.8 points (95 % interval +0.9 to +2.7)"."""
    value, lower, upper = (number_text(100 * part, "+.1f") for part in difference)
    return f"{value} points of accuracy (95 % interval {lower} to {upper})"
