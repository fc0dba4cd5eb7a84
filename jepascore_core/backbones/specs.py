"""Metadata of a backbone before it is loaded, and lookup of names.

Data only, so that the web process may read it. The rows are in `table`; any other model of timm or open_clip works,
too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jepascore_core.backbones.arithmetic import Shape, score_flop
from jepascore_core.records.backbones import Preprocessing

#: How position embeddings are resampled for another image size (see `positions`).
Resampling = Literal["timm", "dino", "plain"]


@dataclass(frozen=True, slots=True)
class WeightSource:
    """Where published weights are: files of a hub repository, the first existing one is used, or an address.

    `saved_as` names the file in torch's cache where the address does not name it uniquely. With neither repository nor
    address the weights must be given as a checkpoint.
    """

    repository: str = ""
    filenames: tuple[str, ...] = ()
    url: str = ""
    saved_as: str = ""


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """Metadata of a backbone before it is loaded.

    `pooling` defines the embedding: "token" (class token), "avg" (average of the patch tokens or feature map),
    "projection" (CLIP's projected image embedding) or "native" (whatever the module returns). `dimension` K and
    `image_size` in pixels are None if known only after loading. `is_jepa` is True for self-supervised joint embeddings
    without negatives, which the score's theory covers; False for contrastive, supervised and reconstruction
    objectives; None if unknown. `shape` has the sizes of the architecture; `source` is the location of the
    weights. Both are None if only the library has them. `resampling` is how positions are resampled; `evaluation`
    describes how the authors evaluate (preprocessing, pooling), with the source. `augmentation` is how the training
    made views of an image, as `backbones.augmentation` reads it; "" if unknown.
    """

    name: str
    family: str
    library: str
    architecture: str
    pooling: str
    dimension: int | None
    image_size: int | None
    licence: str
    is_jepa: bool | None
    note: str = ""
    preprocessing: Preprocessing | None = None
    shape: Shape | None = None
    source: WeightSource | None = None
    resampling: Resampling = "timm"
    evaluation: str = ""
    augmentation: str = ""

    @property
    def flop(self) -> float | None:
        """Floating-point operations of one exact score, if the architecture and K are known."""
        if self.shape is None or self.image_size is None or self.dimension is None:
            return None
        return score_flop(self.shape, self.image_size, self.dimension)

    @property
    def is_non_commercial(self) -> bool:
        """Whether the weights' licence forbids commercial use."""
        return "non-commercial" in self.licence
