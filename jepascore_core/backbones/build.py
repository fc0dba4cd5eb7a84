"""Load backbones: from a name, a checkpoint or any module."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jepascore_core.backbones.identity import backbone_id
from jepascore_core.backbones.releases import RELEASES
from jepascore_core.errors import EncoderError, PreprocessingError, UnknownNameError, unknown
from jepascore_core.records.backbones import OWN, BackboneInfo, BackboneRef, Preprocessing

if TYPE_CHECKING:
    import torch
    from torch import nn

    from jepascore_core.backbones.backbone import Backbone, LoadedEncoder


def load_backbone(
    name: str,
    checkpoint: str | Path | None = None,
    device: str | torch.device = "auto",
    pooling: str | None = None,
    image_size: int | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    offline: bool = False,
    preprocessing: str | None = None,
) -> Backbone:
    """Load a backbone by name or by path.

    Names are `timm:<model>`, `open_clip:<model>:<tag>`, `hf:<owner>/<name>`, `bundled:<name>`, `trained:<name>`, and
    those of releases, such as `ijepa:<model>.<tag>`; a path is a folder or file that `jepascore train` wrote.

    Args:
        name: `jepascore backbones` lists the known ones; any model of timm and open_clip works, and any repository in
            transformers' format with a supported architecture.
        checkpoint: safetensors or torch file, or folder, to load instead of the published weights. Under a name with
            a tag it is a copy of those; under one without it needs mean, std and image size.
        device: "auto" (CUDA, then MPS, then CPU), "cpu", "cuda", "cuda:1" or "mps".
        pooling: "token", "avg", "projection" or "native", instead of what the backbone's spec says.
        image_size: side of the square input in pixels, instead of what the spec says.
        mean: of pixels between 0 and 1: one number for all three channels, 3 values, or [value] for greyscale.
        std: likewise.
        offline: use only weights that are on this machine.
        preprocessing: "authors" (the default): preprocessing, resampling of positions and pooling of DINOv3's
            tokens are those of the family's authors; "timm": those of timm.

    Raises:
        UnknownNameError: for a name, pooling or device that does not exist.
        WeightsUnavailableError, CheckpointError, PreprocessingError, EncoderError: as their names say.
    """
    from jepascore_core.backbones.bundled_encoder import backbone_name

    ref = BackboneRef(
        name=backbone_name(name),
        checkpoint=None if checkpoint is None else str(checkpoint),
        pooling=pooling,
        image_size=image_size,
        mean=_values(mean, 3),
        std=_values(std, 3),
        offline=offline,
        preprocessing=None if preprocessing == "authors" else preprocessing,
    )
    return load_ref(ref, device)


def load_ref(ref: BackboneRef, device: str | torch.device = "auto") -> Backbone:
    """Load a backbone from a record of another process, as `load_backbone`."""
    from jepascore_core.backbones.devices import resolve_device

    target = resolve_device(device)
    return _finish(_load(ref), target)


def id_at_path(text: str) -> str:
    """Return the backbone id at a path that `jepascore train` wrote; any other text unchanged.

    The path may follow "trained:". The encoder is loaded, since the id hashes its weights.

    Raises:
        UnknownNameError, CheckpointError: as `load_backbone`.
    """
    from jepascore_core.backbones.bundled_encoder import backbone_name, spec_at

    name = backbone_name(text)
    return text if name == text and spec_at(name) is None else load_ref(BackboneRef(name), "cpu").info.backbone_id


def wrap_encoder(
    module: nn.Module,
    name: str,
    *,
    preprocessing: Preprocessing | None = None,
    image_size: int | None = None,
    channels: int = 3,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    device: str | torch.device | None = None,
) -> Backbone:
    """Make a backbone from any differentiable module [B, C, H, W] -> [B, K].

    The module itself is put in evaluation mode and its parameters stop needing gradients. Its id is derived from `name`
    and its weights: give modules with equal weights but different computations different names.

    With `preprocessing`, or `image_size`, `mean` and `std`, it measures image files; without, only preprocessed
    tensors. With at least `image_size` and `channels`, it is run once here, so that K is known
    (`info.dimension`, otherwise 0 until something is measured).

    Args:
        module: the encoder, in any floating precision.
        name: display name.
        preprocessing: all settings at once, instead of the following ones.
        image_size: side of the square input in pixels.
        channels: of the input, when no mean is given.
        mean: of pixels between 0 and 1: one number for all channels, or a value for each.
        std: likewise.
        device: where to put it; None leaves it where it is.

    Raises:
        EncoderError: if it does not map images to [B, K], finite and differentiable.
        PreprocessingError: if mean and std are given without each other or without an image size.
    """
    from torch import nn

    from jepascore_core.backbones.backbone import NO_PREPROCESSING, LoadedEncoder
    from jepascore_core.backbones.devices import resolve_device
    from jepascore_core.backbones.specs import BackboneSpec

    if not isinstance(module, nn.Module):
        raise EncoderError(f"An encoder must be a torch.nn.Module, not a {type(module).__name__}: wrap it in one.")
    means, stds = _values(mean, channels), _values(std, channels)
    _check_numbers(image_size, means, stds)
    if preprocessing is None and means and stds and image_size:
        preprocessing = Preprocessing(image_size, image_size, means, stds)
    elif means or stds or (preprocessing and image_size):
        raise PreprocessingError("Give image_size, mean and std together, or preprocessing instead of them.")
    shape = (channels, image_size, image_size) if image_size else None
    spec = BackboneSpec(name, "custom", "custom", name, "native", None, image_size, "unknown", None)
    place = device or next((value.device for value in module.parameters()), "cpu")
    loaded = LoadedEncoder(module, spec, "native", preprocessing or NO_PREPROCESSING)
    return _finish(loaded, resolve_device(place), shape)


def _load(ref: BackboneRef) -> LoadedEncoder:
    library = ref.name.partition(":")[0]
    _check_numbers(ref.image_size, ref.mean, ref.std)
    _check_preprocessing(ref, library)
    if library == OWN:
        raise UnknownNameError(
            f"{ref.name} are imported embeddings, without an encoder that could run. "
            "Import them again with `jepascore embeddings import`, or choose a backbone."
        )
    if library == "timm":
        from jepascore_core.backbones.timm_encoder import load_timm

        return load_timm(ref)
    if library == "open_clip":
        from jepascore_core.backbones.open_clip_encoder import load_open_clip

        return load_open_clip(ref)
    if library == "hf":
        from jepascore_core.backbones.hf_encoder import load_hf

        return load_hf(ref)
    if library in RELEASES:
        from jepascore_core.backbones.release_encoder import load_release

        return load_release(ref)
    return _load_bundled(ref)


def _load_bundled(ref: BackboneRef) -> LoadedEncoder:
    from jepascore_core.backbones.backbone import LoadedEncoder
    from jepascore_core.backbones.bundled_encoder import load_bundled
    from jepascore_core.backbones.registry import find_spec, unknown_backbone

    spec = find_spec(ref.name)
    if spec is None:
        raise unknown_backbone(ref.name)
    if ref != BackboneRef(ref.name, pooling=ref.pooling, offline=ref.offline):
        raise PreprocessingError(f"{ref.name} has its own weights and preprocessing: leave those options out.")
    if ref.pooling not in (None, "native", spec.pooling):
        raise UnknownNameError(f"{ref.name} does not support pooling {ref.pooling!r}; choose {spec.pooling}.")
    module, facts = load_bundled(ref.name)
    return LoadedEncoder(module, spec, spec.pooling, Preprocessing.from_dict(facts["preprocessing"]))


def _finish(loaded: LoadedEncoder, device: torch.device, shape: tuple[int, int, int] | None = None) -> Backbone:
    """Set evaluation mode, device and no parameter gradients; measure K by a real pass if the input shape is known."""
    from jepascore_core.backbones.backbone import Backbone, check_contract
    from jepascore_core.backbones.transforms import build_transform
    from jepascore_core.backbones.weights import hash_weights

    spec, settings = loaded.spec, loaded.preprocessing
    encoder = loaded.encoder.eval().requires_grad_(False)
    weights_hash = hash_weights(encoder)
    encoder = encoder.to(device)
    if settings.mean:
        build_transform(settings)  # fails now rather than at the first image
        shape = (settings.channels, settings.height, settings.width)
    dimension = check_contract(encoder, shape, device) if shape else 0
    if spec.dimension not in (None, dimension):
        raise EncoderError(f"{spec.name} should have K = {spec.dimension}, but its embedding has {dimension} values.")
    info = BackboneInfo(
        backbone_id=backbone_id(spec.library, spec.architecture, weights_hash, loaded.pooling, settings),
        name=spec.name,
        library=spec.library,
        architecture=spec.architecture,
        pooling=loaded.pooling,
        dimension=dimension,
        preprocessing=settings,
        weights_hash=weights_hash,
        num_parameters=sum(value.numel() for value in encoder.parameters()),
        family=spec.family,
        licence=spec.licence,
        is_jepa=spec.is_jepa,
        note=" ".join(filter(None, (spec.note, loaded.note))),
    )
    return Backbone(info, encoder, device)


def _check_preprocessing(ref: BackboneRef, library: str) -> None:
    """Raise an error for preprocessing that does not exist, or that would have no effect."""
    if ref.preprocessing not in (None, "timm"):
        raise unknown("preprocessing", ref.preprocessing, ("authors", "timm"))
    if ref.preprocessing and library == "open_clip":
        raise PreprocessingError(f"{ref.name} only has open_clip's preprocessing: leave --preprocessing out.")


def _values(value: float | Sequence[float] | None, channels: int) -> tuple[float, ...] | None:
    if value is None:
        return None
    if isinstance(value, (int, float)):
        return (float(value),) * channels
    return tuple(float(item) for item in value)


def _check_numbers(image_size: int | None, mean: tuple[float, ...] | None, std: tuple[float, ...] | None) -> None:
    """Raise an error for invalid settings."""
    if image_size is not None and image_size < 1:
        raise PreprocessingError(f"The image size must be at least 1 pixel, not {image_size}.")
    for option, values in (("mean", mean), ("std", std)):
        if values is not None and (len(values) not in (1, 3) or not all(map(math.isfinite, values))):
            raise PreprocessingError(f"{option} needs 1 or 3 finite numbers, not {list(values)}.")
    if std is not None and min(std) <= 0:
        raise PreprocessingError(f"std must be above 0, not {list(std)}.")
    if mean is not None and std is not None and len(mean) != len(std):
        raise PreprocessingError(f"mean and std must have the same number of values, not {len(mean)} and {len(std)}.")
