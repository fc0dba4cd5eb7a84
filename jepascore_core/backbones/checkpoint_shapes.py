"""Recognise the architecture of a checkpoint by the shapes of its weights, without torch and without reading them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from jepascore_core.backbones.local import shard_names, weights_file
from jepascore_core.backbones.rows import CLIP, HALVES_90, IMAGENET
from jepascore_core.errors import CheckpointError

Shapes = Mapping[str, tuple[int, ...]]

#: Mean and std that most encoders were trained with, by name.
CHANNEL_PRESETS: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "ImageNet": (IMAGENET.mean, IMAGENET.std),
    "CLIP": (CLIP.mean, CLIP.std),
    "0.5": (HALVES_90.mean, HALVES_90.std),
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}

_VITS = {(192, 12): "tiny", (384, 12): "small", (768, 12): "base", (1024, 24): "large", (1280, 32): "huge"}
#: Patches for which timm has a ViT of this size.
_PATCHES = {"tiny": (16,), "small": (8, 16, 32), "base": (8, 16, 32), "large": (14, 16, 32), "huge": (14,)}
_DINO_SIZES = ("small", "base", "large")
_RESNETS: Mapping[tuple[tuple[int, ...], bool], int] = {
    ((2, 2, 2, 2), False): 18, ((3, 4, 6, 3), False): 34, ((3, 4, 6, 3), True): 50, ((3, 4, 23, 3), True): 101,
    ((3, 8, 36, 3), True): 152,
}  # fmt: skip
_CONVNEXTS: Mapping[tuple[tuple[int, ...], int], str] = {
    ((3, 3, 9, 3), 768): "tiny", ((3, 3, 27, 3), 768): "small", ((3, 3, 27, 3), 1024): "base",
    ((3, 3, 27, 3), 1536): "large",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recognised:
    """An architecture: the name of a backbone that has it, its dimension K, and the image size where shapes tell it."""

    backbone: str
    dimension: int
    image_size: int | None = None


def checkpoint_shapes(path: str | Path) -> Shapes | None:
    """Return the shapes of the weights in a safetensors file, an index of shards, or a folder with one.

    None for other formats, whose shapes only torch reads.

    Raises:
        CheckpointError: if there is no such file, or it is damaged.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        path = weights_file(path)
    if not path.is_file():
        raise CheckpointError(f"The checkpoint file {path} does not exist: check the path.")
    if path.name.endswith(".index.json"):
        shards = [_header(path.parent / name) for name in shard_names(path)]
        return {name: shape for shard in shards for name, shape in shard.items()}
    return _header(path) if path.suffix == ".safetensors" else None


def recognise(shapes: Shapes) -> Recognised | None:
    """Return the architecture that weights of these shapes are of; None if it is none of the usual ones."""
    return _vit(shapes) or _resnet(shapes) or _convnext(shapes)


def _header(path: Path) -> dict[str, tuple[int, ...]]:
    try:
        with safe_open(path, framework="np") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{path.name} cannot be read as safetensors ({error}): it is damaged, or another kind of file. Save the "
            "weights again."
        ) from error


def _without_prefix(shapes: Shapes, name: str) -> dict[str, tuple[int, ...]]:
    """Return the weights beside one of this name, without what stands before all of them; {} if there is none."""
    found = next((key for key in shapes if key == name or key.endswith(f".{name}")), None)
    if found is None:
        return {}
    prefix = found.removesuffix(name)
    return {key.removeprefix(prefix): shape for key, shape in shapes.items() if key.startswith(prefix)}


def _numbers(names: Iterable[str], pattern: str) -> int:
    """Return one more than the largest number in names that match."""
    found = (re.match(pattern, name) for name in names)
    return max((int(item[1]) + 1 for item in found if item), default=0)


def _vit(shapes: Shapes) -> Recognised | None:
    own = _without_prefix(shapes, "patch_embed.proj.weight")
    stem = own.get("patch_embed.proj.weight", ())
    if len(stem) != 4:
        return None
    width, patch = stem[0], stem[2]
    # Chunks of blocks, as DINOv2's training saves them, have a second number.
    depth = max(_numbers(own, r"blocks\.(\d+)\."), _numbers(own, r"blocks\.\d+\.(\d+)\."))
    size = _VITS.get((width, depth))
    if size is None:
        return None
    registers = next((own[name][1] for name in ("reg_token", "register_tokens") if len(own.get(name, ())) == 3), 0)
    image_size = _image_size(own, patch, registers)
    has_scales = any(name.endswith("ls1.gamma") for name in own)
    if has_scales and patch == 14 and size in _DINO_SIZES:
        return Recognised(f"timm:vit_{size}_patch14{'_reg4' if registers else ''}_dinov2", width, image_size)
    known = patch in _PATCHES[size] and not has_scales and not registers
    return Recognised(f"timm:vit_{size}_patch{patch}_224", width, image_size) if known else None


def _image_size(own: Shapes, patch: int, registers: int) -> int | None:
    """Return the side in pixels whose patches have positions."""
    positions = own.get("pos_embed", ())
    if len(positions) != 3:
        return None
    for others in (1, 0, 1 + registers, registers):
        side = math.isqrt(max(0, positions[1] - others))
        if side and side * side == positions[1] - others:
            return side * patch
    return None


def _resnet(shapes: Shapes) -> Recognised | None:
    own = _without_prefix(shapes, "layer1.0.conv1.weight")
    blocks = tuple(_numbers(own, rf"layer{stage}\.(\d+)\.") for stage in range(1, 5))
    is_bottleneck = "layer1.0.conv3.weight" in own
    depth = _RESNETS.get((blocks, is_bottleneck))
    return None if depth is None else Recognised(f"timm:resnet{depth}", 2048 if is_bottleneck else 512)


def _convnext(shapes: Shapes) -> Recognised | None:
    own = _without_prefix(shapes, "stages.0.blocks.0.conv_dw.weight")
    blocks = tuple(_numbers(own, rf"stages\.{stage}\.blocks\.(\d+)\.") for stage in range(4))
    width = own.get("stages.3.blocks.0.conv_dw.weight", (0,))[0]
    size = _CONVNEXTS.get((blocks, width))
    return None if size is None else Recognised(f"timm:convnext_{size}", width)
