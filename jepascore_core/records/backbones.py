"""A backbone: what was asked for, and what was loaded."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

from jepascore_core.records.canonical import JsonRecord

#: Library of embeddings that were computed elsewhere and imported.
OWN = "own"


@dataclass(frozen=True, slots=True)
class Preprocessing(JsonRecord):
    """How a decoded image becomes the encoder's input; part of the backbone id.

    `resize` is the shorter side before the crop, in pixels; `fit` is "crop" (resize, then centre crop), "squash" (both
    sides resized regardless of aspect) or "pad" (longer side resized, rest filled).
    """

    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: int | None = None
    interpolation: str = "bicubic"
    fit: str = "crop"

    @property
    def channels(self) -> int:
        """Number of colour channels the encoder reads: 1 or 3."""
        return len(self.mean)


@dataclass(frozen=True, slots=True)
class BackboneRef(JsonRecord):
    """What a person asks for: enough to load it again elsewhere. `preprocessing` is "timm", or None: the authors'."""

    name: str
    checkpoint: str | None = None
    pooling: str | None = None
    image_size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    offline: bool = False
    preprocessing: str | None = None

    @property
    def is_own(self) -> bool:
        """Whether these are imported embeddings, without an encoder that could run."""
        return self.name.startswith(f"{OWN}:")


@dataclass(frozen=True, slots=True)
class BackboneInfo:
    """What was loaded. `backbone_id` depends on everything that changes an embedding, and on nothing else."""

    backbone_id: str
    name: str
    library: str
    architecture: str
    pooling: str
    dimension: int
    preprocessing: Preprocessing
    weights_hash: str
    num_parameters: int
    family: str = "unknown"
    licence: str = "unknown"
    is_jepa: bool | None = None
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls(**{**values, "preprocessing": Preprocessing.from_dict(values["preprocessing"])})
