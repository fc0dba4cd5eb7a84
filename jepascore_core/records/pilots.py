"""A pilot: a run that measures some images of a dataset only, to see whether all are worth it."""

from __future__ import annotations

from dataclasses import dataclass

from jepascore_core.records.canonical import JsonRecord


@dataclass(frozen=True, slots=True)
class Pilot(JsonRecord):
    """`num_images` distinct images of the dataset, or of each class, without a label together as one.

    They are the first by content id, which is a hash: a random sample, the same whoever asks, and a larger pilot
    contains a smaller one.
    """

    num_images: int
    per_class: bool = False

    @property
    def text(self) -> str:
        """What it measures, in a few words."""
        noun = "image" if self.num_images == 1 else "images"
        return f"pilot of {self.num_images:,} {noun}{' of each class' if self.per_class else ''}"
