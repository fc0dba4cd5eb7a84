"""Helpers for the table of backbones: one call per family, one line per model. Data only."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jepascore_core.backbones.arithmetic import Shape
from jepascore_core.backbones.specs import BackboneSpec, Resampling, WeightSource
from jepascore_core.records.backbones import Preprocessing

NON_COMMERCIAL = "cc-by-nc-4.0 (non-commercial)"

_TIMM_FILES = ("model.safetensors", "pytorch_model.bin")
_CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
HF_FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Preprocessing of a family, for any image size: the shorter side becomes size / `share` before the crop."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    share: float = 1.0
    interpolation: str = "bicubic"
    fit: str = "crop"

    def at(self, size: int) -> Preprocessing:
        """Return the preprocessing for square inputs of this size in pixels."""
        return Preprocessing(
            size, size, self.mean, self.std, math.floor(size / self.share), self.interpolation, self.fit
        )


#: How libraries' own weights are evaluated.
AS_TIMM = "timm's configuration of the weights"
AS_OPEN_CLIP = "open_clip's configuration of the weights"

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: timm's crop shares; 0.875 is the traditional resize to 256 pixels before a crop of 224.
IMAGENET = Recipe(IMAGENET_MEAN, IMAGENET_STD)
IMAGENET_95 = Recipe(IMAGENET_MEAN, IMAGENET_STD, 0.95)
IMAGENET_90 = Recipe(IMAGENET_MEAN, IMAGENET_STD, 0.9)
IMAGENET_875 = Recipe(IMAGENET_MEAN, IMAGENET_STD, 0.875)
IMAGENET_875_BILINEAR = Recipe(IMAGENET_MEAN, IMAGENET_STD, 0.875, "bilinear")
#: DINOv3's README: both sides to the size, bilinear.
IMAGENET_SQUASHED = Recipe(IMAGENET_MEAN, IMAGENET_STD, interpolation="bilinear", fit="squash")
SATELLITE_SQUASHED = Recipe((0.43, 0.411, 0.296), (0.213, 0.156, 0.143), interpolation="bilinear", fit="squash")
HALVES_90 = Recipe((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 0.9)
SIGLIP = Recipe((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), fit="squash")
CLIP = Recipe((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
CLIP_SQUASHED = Recipe(CLIP.mean, CLIP.std, fit="squash")


@dataclass(frozen=True, slots=True)
class Model:
    """One row's own values; K and the size are None if only the weights define them.

    `weights` is a hub repository, a file of VISReg's or an address, if the library does not define it. `recipe`
    replaces the family's, `note` is appended to the family's.
    """

    name: str
    dimension: int | None
    size: int | None
    shape: Shape
    weights: str = ""
    recipe: Recipe | None = None
    note: str = ""
    architecture: str = ""


def family(
    title: str,
    library: str,
    pooling: str,
    licence: str,
    is_jepa: bool,
    recipe: Recipe | None,
    *models: Model,
    note: str = "",
    evaluation: str = "",
    resampling: Resampling = "timm",
) -> tuple[BackboneSpec, ...]:
    """Return the rows of one family."""
    return tuple(
        BackboneSpec(
            name=f"{library}:{model.name}",
            family=title,
            library=library,
            architecture=model.architecture or model.name.replace(":", ".").partition(".")[0],
            pooling=pooling,
            dimension=model.dimension,
            image_size=model.size,
            licence=licence,
            is_jepa=is_jepa,
            note=" ".join(filter(None, (note, model.note))),
            preprocessing=_preprocessing(model.recipe or recipe, model.size),
            shape=model.shape,
            source=_source(library, model),
            resampling=resampling,
            evaluation=evaluation,
        )
        for model in models
    )


def _preprocessing(recipe: Recipe | None, size: int | None) -> Preprocessing | None:
    return recipe.at(size) if recipe and size else None


def _source(library: str, model: Model) -> WeightSource:
    if model.weights.startswith("https:"):
        # iBOT's files all have the same name, so torch's cache needs a distinct one for each.
        return WeightSource(url=model.weights, saved_as=f"ibot_{model.name}.pth" if library == "ibot" else "")
    if library == "timm":
        return WeightSource(f"timm/{model.name}", _TIMM_FILES)
    if library == "visreg":
        return WeightSource("BooBooWu/visreg", (model.weights,))
    if library == "open_clip":
        return WeightSource(f"timm/{model.weights}", _CLIP_FILES)
    return WeightSource(model.name, HF_FILES) if library == "hf" else WeightSource()
