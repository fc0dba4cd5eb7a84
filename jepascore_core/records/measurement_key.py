"""Which measurements are meant: those of one backbone under one measurement spec."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

#: A spec id ends in the hash of the spec, so that a name with a tag ("repository@v2") is not taken for a key.
_TEXT = re.compile(r"(?P<backbone>.+)@(?P<spec>[a-z]+-[a-z0-9]+-[0-9a-f]{8})")


@dataclass(frozen=True, slots=True, order=True)
class MeasurementKey:
    """Names the shards of one backbone under one spec; on pages, in commands and in rules it is "backbone@spec"."""

    backbone_id: str
    spec_id: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "backbone@spec".

        Raises:
            ValueError: if it has another form.
        """
        found = _TEXT.fullmatch(text)
        if found is None:
            raise ValueError(
                f"{text!r} is not a measurement key: write backbone id, @ and spec id, such as "
                "timm-resnet18-0123456789ab@exact-float32-01234567."
            )
        return cls(found["backbone"], found["spec"])

    @property
    def text(self) -> str:
        """The inverse of `parse`; safe as the name of a folder."""
        return f"{self.backbone_id}@{self.spec_id}"

    def __str__(self) -> str:
        return self.text

    @property
    def estimator(self) -> str:
        """How it was measured; all but "exact" is approximate."""
        return self.spec_id.partition("-")[0]

    @property
    def is_exact(self) -> bool:
        """Whether every score is the JEPA-SCORE itself."""
        return self.estimator == "exact"

    @property
    def is_calibrated(self) -> bool:
        """Whether scores are estimates with intervals, exact ones among them."""
        return self.estimator == "calibrated"

    @property
    def is_listed(self) -> bool:
        """Whether people may choose these; nested sketches serve calibrations only."""
        return self.estimator != "nested"

    @property
    def has_scores(self) -> bool:
        """Whether images have scores, not only embeddings."""
        return self.estimator != "embed"
