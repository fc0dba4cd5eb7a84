"""`open_clip:<model>:<tag>`: the image tower of a CLIP model; the embedding is its projected, unnormalised output."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import open_clip
from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from open_clip.convert import convert_state_dict
from open_clip.model import resize_pos_embed
from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model
from open_clip.transform import PreprocessCfg, merge_preprocess_dict
from torch import Tensor, nn

from jepascore_core.backbones.backbone import LoadedEncoder
from jepascore_core.backbones.fetch import hub_file, url_file
from jepascore_core.backbones.local import (
    load_strictly,
    read_checkpoint,
    require_preprocessing,
    unprefixed,
    weights_of,
)
from jepascore_core.backbones.registry import find_spec, unknown_backbone
from jepascore_core.backbones.specs import BackboneSpec
from jepascore_core.backbones.unused_weights import OPEN_CLIP, is_listed, listed
from jepascore_core.backbones.weight_tracker import WeightTracker, mark_unneeded
from jepascore_core.errors import PreprocessingError, UnknownNameError, WeightsUnavailableError
from jepascore_core.records.backbones import BackboneRef, Preprocessing

#: A minimal text tower: open_clip builds one with every image tower, and it is discarded.
TINY_TEXT = {"context_length": 4, "vocab_size": 8, "width": 8, "heads": 1, "layers": 1}

_FITS = {"shortest": "crop", "squash": "squash"}


class FirstOutput(nn.Module):
    """An image tower that returns (embedding, tokens), reduced to its embedding."""

    def __init__(self, tower: nn.Module) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, images: Tensor) -> Tensor:
        """Return the embedding, [B, C, H, W] -> [B, K]."""
        embedding: Tensor = self.tower(images)[0]
        return embedding


def load_open_clip(ref: BackboneRef) -> LoadedEncoder:
    """Build the image tower alone and load every weight of it.

    Raises:
        UnknownNameError: for an unknown model, tag or pooling, or a model with the wrong activation.
        PreprocessingError: for a checkpoint without mean, std or image size, or unsupported settings.
        CheckpointError, WeightsUnavailableError: from the weights.
    """
    spec, model, tag = open_clip_spec(ref)
    if ref.pooling not in (None, "native", "projection"):
        raise UnknownNameError(f"{spec.name} does not support pooling {ref.pooling!r}; choose projection.")
    settings = _settings(model, tag)
    if not tag:
        require_preprocessing(ref, _hint(settings))
    path = weights_path(ref, spec.name, model, tag)
    checkpoint = read_checkpoint(path)
    clip = _build(model, ref.image_size)
    note = _load_weights(clip, checkpoint, path.name)
    if ref.image_size and hasattr(clip.visual, "set_input_size"):
        # Towers from timm are built at their native size and resized with their weights.
        clip.visual.set_input_size(ref.image_size)
    preprocessing = _preprocessing(settings, clip.visual.image_size, ref)
    tower = FirstOutput(clip.visual) if getattr(clip.visual, "output_tokens", False) else clip.visual
    return LoadedEncoder(tower, spec, "projection", preprocessing, note)


def weights_path(ref: BackboneRef, name: str, model: str, tag: str) -> Path:
    """Return the file with the weights of both towers: the checkpoint, or the library's own.

    Raises:
        WeightsUnavailableError: if they are not on this machine and cannot be fetched.
    """
    if ref.checkpoint is not None:
        return Path(ref.checkpoint)
    return _library_weights(name, get_pretrained_cfg(model, tag), ref.offline)


def open_clip_spec(ref: BackboneRef) -> tuple[BackboneSpec, str, str]:
    """Return the table's row, or one derived from the name; model; tag ("" with a checkpoint and no tag).

    A checkpoint for a name with a tag is a copy of those published weights, with their preprocessing.

    Raises:
        UnknownNameError: with near matches, or the name of the model whose activation fits the weights.
    """
    model, _, tag = ref.name.removeprefix("open_clip:").partition(":")
    model, tag = model.replace("/", "-"), tag.lower().replace("-", "_")
    tags = list_pretrained_tags_by_model(model)
    if model not in open_clip.list_models() or ((tag or ref.checkpoint is None) and tag not in tags):
        pairs = [pair for pair in open_clip.list_pretrained() if not _has_wrong_activation(*pair)]
        raise unknown_backbone(ref.name, [f"open_clip:{known}:{its_tag}" for known, its_tag in pairs])
    if _has_wrong_activation(model, tag):
        raise UnknownNameError(
            f"The weights open_clip:{model}:{tag} were trained with QuickGELU, which this model does not use. "
            f"Choose open_clip:{model}-quickgelu:{tag}."
        )
    name = f"open_clip:{model}:{tag}" if tag else f"open_clip:{model}"
    derived = BackboneSpec(
        name=name,
        family="CLIP",
        library="open_clip",
        architecture=model,
        pooling="projection",
        dimension=None,
        image_size=None,
        licence="unknown",
        is_jepa=False if tag else None,
        note="Contrastive with text: the score's theory does not hold." if tag else "",
    )
    return find_spec(name) or derived, model, tag


def _has_wrong_activation(model: str, tag: str) -> bool:
    """Return whether weights trained with QuickGELU would run with GELU, about which open_clip only warns."""
    return bool(get_pretrained_cfg(model, tag).get("quick_gelu") and not _config(model).get("quick_gelu"))


def _config(model: str) -> dict[str, Any]:
    config: dict[str, Any] = open_clip.get_model_config(model)
    return config


def _build(model: str, image_size: int | None) -> open_clip.CustomTextCLIP:
    config = _config(model)
    vision = config["vision_cfg"]
    if "timm_model_name" in vision:
        vision["timm_model_pretrained"] = False
    elif image_size:
        vision["image_size"] = image_size
    quick_gelu = config.get("quick_gelu", False)
    return open_clip.CustomTextCLIP(config["embed_dim"], vision, TINY_TEXT, quick_gelu=quick_gelu)


def _settings(model: str, tag: str) -> dict[str, Any]:
    """Return open_clip's preprocessing of the tag, or of the model's first tag."""
    tags = [tag] if tag else list_pretrained_tags_by_model(model)
    return dict(merge_preprocess_dict(PreprocessCfg(), get_pretrained_cfg(model, tags[0]) if tags else {}))


def _preprocessing(settings: Mapping[str, Any], image_size: Any, ref: BackboneRef) -> Preprocessing:
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    fit = _FITS.get(settings["resize_mode"])
    if fit is None:
        raise PreprocessingError(f"open_clip's resize mode {settings['resize_mode']!r} is not supported.")
    return Preprocessing(
        height=height,
        width=width,
        mean=tuple(ref.mean or settings["mean"]),
        std=tuple(ref.std or settings["std"]),
        resize=min(height, width),
        interpolation=settings["interpolation"],
        fit=fit,
    )


def _hint(settings: Mapping[str, Any]) -> str:
    mean, std = (" ".join(f"{value:g}" for value in settings[key]) for key in ("mean", "std"))
    return f"open_clip's own weights of this model use mean {mean}, std {std}."


def _library_weights(name: str, config: Mapping[str, Any], offline: bool) -> Path:
    if location := config.get("hf_hub"):
        repository, _, filename = location.rpartition("/")
        wanted = filename or HF_WEIGHTS_NAME
        safe = f"{wanted.rpartition('.')[0]}.safetensors" if filename else HF_SAFE_WEIGHTS_NAME
        return hub_file(name, repository, [safe, wanted], offline)
    if url := config.get("url"):
        return url_file(name, url, offline)
    raise WeightsUnavailableError(f"open_clip has no address for the weights of {name}; pass --checkpoint FILE.")


def _load_weights(clip: open_clip.CustomTextCLIP, checkpoint: Mapping[str, Any], source: str) -> str:
    """Load every weight of the image tower, and return a note on what was converted.

    Only the listed weights of a full CLIP checkpoint may be unused.
    """
    expected = [f"visual.{name}" for name in clip.visual.state_dict()]
    tracker = WeightTracker()
    state = unprefixed(tracker.mark(weights_of(checkpoint, source)), expected)
    state = convert_state_dict(clip, state)
    if not any(name.startswith("visual.") for name in state):
        state = {f"visual.{name}": value for name, value in state.items()}
    tokens = state.get("visual.positional_embedding", ())
    resize_pos_embed(state, clip)
    beside = {name: value for name, value in state.items() if is_listed(name, listed(OPEN_CLIP))}
    mark_unneeded(beside.values())
    tower = {name.removeprefix("visual."): value for name, value in state.items() if name not in beside}
    load_strictly(clip.visual, tower, (), source)
    tracker.require_all_used(source)
    new = tower.get("positional_embedding", ())
    return f"Position embedding resampled from {len(tokens)} to {len(new)} tokens." if len(tokens) != len(new) else ""
