"""`timm:<model>`: any encoder of timm, with hub weights or a checkpoint, pooled as its spec says."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import timm
from timm.data import resolve_data_config
from timm.models import get_pretrained_cfg
from torch import Tensor, nn

from jepascore_core.backbones.backbone import LoadedEncoder
from jepascore_core.backbones.dinov3_encoder import read_dinov3, use_periods
from jepascore_core.backbones.fetch import hub_file, url_file
from jepascore_core.backbones.local import (
    compare,
    load_strictly,
    read_checkpoint,
    require_preprocessing,
    unprefixed,
    weights_of,
)
from jepascore_core.backbones.positions import resampled
from jepascore_core.backbones.preprocessing import STATED_AS, adjusted, resampling
from jepascore_core.backbones.registry import find_spec, unknown_backbone
from jepascore_core.backbones.specs import BackboneSpec, Resampling
from jepascore_core.backbones.table import TABLE
from jepascore_core.backbones.unused_weights import TIMM, TRAINING_HEADS, is_listed, listed
from jepascore_core.backbones.weight_tracker import WeightTracker, mark_unneeded
from jepascore_core.errors import PreprocessingError, UnknownNameError, WeightsUnavailableError
from jepascore_core.records.backbones import BackboneRef, Preprocessing

_FITS = {"center": "crop", "squash": "squash", "border": "pad"}
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
#: The weight by which timm's converters recognise DINOv2's and BEiT's own files.
_TELLING = "mask_token"
#: Architectures that only one family has.
_NAMED = re.compile(r"^vit_.*_dinov[23]$")


def load_timm(ref: BackboneRef) -> LoadedEncoder:
    """Build the encoder without its classifier, load every weight, and set its pooling.

    Raises:
        UnknownNameError: for a model or pooling that timm does not have.
        PreprocessingError: for a checkpoint without mean, std or image size, or an unsupported size.
        CheckpointError, WeightsUnavailableError: from the weights.
    """
    spec, config = timm_spec(ref)
    if "." not in spec.name:
        require_preprocessing(ref, hint(config))
    preprocessing = timm_preprocessing(config, spec, ref)
    # The file first: a missing file should fail before a large encoder is built.
    path = Path(ref.checkpoint) if ref.checkpoint is not None else _library_weights(spec.name, config, ref.offline)
    weights, tracker = weights_of(read_checkpoint(path), path.name), WeightTracker()
    plan = BuildPlan(spec.architecture, config, preprocessing, resampling=resampling(spec.resampling, ref))
    encoder = build_encoder(plan)
    file = read_dinov3(unprefixed(tracker.mark(weights), encoder.state_dict()), plan.architecture, path.name)
    if file.architecture != plan.architecture:
        spec, plan = replace(spec, architecture=file.architecture), replace(plan, architecture=file.architecture)
        encoder = build_encoder(plan)
    notes = [
        file.note,
        load_weights(encoder, plan, file.state, path.name),
        use_periods(encoder, file.periods, path.name),
    ]
    tracker.require_all_used(path.name)
    pooling = set_pooling(encoder, ref.pooling or spec.pooling, spec.name)
    return LoadedEncoder(encoder, spec, pooling, preprocessing, " ".join(filter(None, notes)))


@dataclass(frozen=True)
class BuildPlan:
    """Arguments for building an encoder in timm: `options` are those that differ from the architecture's.

    An encoder that `keeps_head` ends in a linear layer (`num_classes`), which must be loaded from the file.
    `resampling` is how positions are resampled.
    """

    architecture: str
    config: Mapping[str, Any]
    preprocessing: Preprocessing
    options: Mapping[str, Any] = field(default_factory=dict)
    num_classes: int = 0
    keeps_head: bool = False
    resampling: Resampling = "timm"

    def keywords(self) -> dict[str, Any]:
        """Arguments of `timm.create_model`."""
        keywords: dict[str, Any] = {
            "in_chans": self.preprocessing.channels,
            "pretrained_cfg": self.config.get("tag") or None,
        }
        if self.config.get("fixed_input_size"):
            keywords["img_size"] = (self.preprocessing.height, self.preprocessing.width)
        return {**keywords, **self.options}


def timm_spec(ref: BackboneRef) -> tuple[BackboneSpec, dict[str, Any]]:
    """Return the table's row, or one derived from timm's configuration, and that configuration.

    A checkpoint for a name with a tag is a copy of those published weights, with their preprocessing. One for a name
    without tag is custom: its family, licence and preprocessing are unknown.

    Raises:
        UnknownNameError: with near matches.
    """
    architecture, _, tag = ref.name.removeprefix("timm:").partition(".")
    try:
        found = get_pretrained_cfg(ref.name.removeprefix("timm:")) if timm.is_model(architecture) else None
    except RuntimeError:  # timm's message for a tag that the architecture does not have
        found = None
    if found is None:
        raise unknown_backbone(ref.name, [f"timm:{known}" for known in timm.list_models(pretrained=True)])
    published = bool(tag) or ref.checkpoint is None
    # Without a tag timm uses its default one: made explicit, so that both spellings mean the same row.
    name = f"timm:{architecture}.{found.tag}" if published and found.tag else f"timm:{architecture}"
    derived = BackboneSpec(
        name=name,
        family="timm",
        library="timm",
        architecture=architecture,
        pooling="native",
        dimension=None,
        image_size=None,
        licence=(found.license if published else None) or "unknown",
        is_jepa=None,
    )
    return find_spec(name) or _like_its_family(derived, tag, ref), found.to_dict()


def _like_its_family(spec: BackboneSpec, tag: str, ref: BackboneRef) -> BackboneSpec:
    """Apply the evaluation settings of the authors of DINOv2 or DINOv3, to files as to tags."""
    architecture = spec.architecture.removesuffix("_qkvb")
    is_theirs = _NAMED.search(architecture) and (not tag or tag.startswith(("lvd", "sat")))
    row = next((row for row in TABLE if row.library == "timm" and row.architecture == architecture), None)
    if row is None or not is_theirs or ref.preprocessing == "timm":
        return spec
    return replace(
        spec,
        pooling=row.pooling,
        preprocessing=row.preprocessing,
        resampling=row.resampling,
        evaluation=row.evaluation,
    )


def timm_preprocessing(config: Mapping[str, Any], spec: BackboneSpec, ref: BackboneRef) -> Preprocessing:
    """Return the authors' evaluation settings where they differ from timm's, adjusted to what was requested.

    The shorter side before the crop scales with the image size, as timm's crop share does.
    """
    theirs = spec.preprocessing
    own = _as_timm(config, spec.image_size, BackboneRef(spec.name))
    if theirs is not None and theirs != own and ref.preprocessing != "timm":
        return adjusted(theirs, ref)
    return _as_timm(config, ref.image_size or spec.image_size, ref)


def _as_timm(config: Mapping[str, Any], size: int | None, ref: BackboneRef) -> Preprocessing:
    """Return timm's own settings, for an image size if given."""
    settings = resolve_data_config(pretrained_cfg=dict(config))
    height, width = (size, size) if size else settings["input_size"][1:]
    return Preprocessing(
        height=height,
        width=width,
        mean=tuple(ref.mean or settings["mean"]),
        std=tuple(ref.std or settings["std"]),
        resize=math.floor(min(height, width) / settings["crop_pct"]),
        interpolation=settings["interpolation"],
        fit=_FITS[settings["crop_mode"]],
    )


def hint(config: Mapping[str, Any]) -> str:
    """State what timm's own weights of an architecture use, for users who must give their own values."""
    settings = resolve_data_config(pretrained_cfg=dict(config))
    mean, std = (" ".join(f"{value:g}" for value in settings[key]) for key in ("mean", "std"))
    size = settings["input_size"][1]
    return f"timm's own weights of this architecture use mean {mean}, std {std}, image size {size}."


def build_encoder(plan: BuildPlan) -> nn.Module:
    """Build an encoder with timm's initial weights, without classes unless the plan includes them.

    Raises:
        PreprocessingError: for channels or a size that the architecture does not support.
    """
    settings = plan.preprocessing
    try:
        encoder: nn.Module = timm.create_model(
            plan.architecture, **{"num_classes": plan.num_classes, **plan.keywords()}
        )
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise PreprocessingError(
            f"{plan.architecture} cannot be built for {settings.channels} x {settings.height} x {settings.width} "
            f"images: {error}"
        ) from error
    patch = getattr(getattr(encoder, "patch_embed", None), "patch_size", None)
    if plan.config.get("fixed_input_size") and patch:
        require_whole_patches(plan.architecture, patch, settings)
    return encoder


def require_whole_patches(architecture: str, patch: tuple[int, int], settings: Preprocessing) -> None:
    """Require a size that is a multiple of the patch: the rest would be cut off.

    Raises:
        PreprocessingError: naming the patch size.
    """
    if settings.height % patch[0] or settings.width % patch[1]:
        raise PreprocessingError(
            f"{architecture} cuts images into patches of {patch[0]} pixels; an image size of {settings.height} "
            f"would lose the border. Choose a multiple of {patch[0]}."
        )


def _library_weights(name: str, config: Mapping[str, Any], offline: bool) -> Path:
    if repository := config.get("hf_hub_id"):
        filenames = (config["hf_hub_filename"],) if config.get("hf_hub_filename") else _HUB_FILES
        return hub_file(name, repository, filenames, offline)
    if url := config.get("url"):
        return url_file(name, url, offline)
    raise WeightsUnavailableError(
        f"timm has no weights for {name}. Choose another one (`jepascore backbones`), or pass --checkpoint FILE with "
        f"{STATED_AS}."
    )


def load_weights(
    encoder: nn.Module, plan: BuildPlan, state: Mapping[str, Tensor], source: str, unused: tuple[str, ...] = ()
) -> str:
    """Load every weight, converted by timm if necessary; return a note on what was converted.

    Only the weights that are listed for timm's architectures, and `unused`, may be unused.

    Raises:
        CheckpointError: listing missing, unexpected and wrongly shaped weights.
    """
    expected = encoder.state_dict()
    classifier = plan.config.get("classifier") or ()
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    # An encoder without classes lacks its whole head, including parts that timm does not call classifier.
    heads = {*(name.partition(".")[0] for name in names), *listed(TRAINING_HEADS), *listed(TIMM)}
    spare = {*unused} if plan.keeps_head else {*heads, *unused}
    state, note = _resized(encoder, state, plan.resampling)
    fit = compare(expected, state, spare)
    if not fit.is_complete and all("pos" in name for name in fit.reshaped):
        # Only positions may differ in shape: timm would also resample patches, which changes the encoder. The mask
        # token is included, because timm recognises formats by it.
        needed = {name: state[name] for name in state if name in expected or not is_listed(name, spare - {_TELLING})}
        converted = _convert(needed, plan)
        if converted is not None:
            note = note or _resampled(expected, state)
            mark_unneeded(state[name] for name in state if is_listed(name, spare) and name not in expected)
            state = converted
    load_strictly(encoder, state, spare, source)
    return note


def _convert(state: Mapping[str, Tensor], plan: BuildPlan) -> dict[str, Tensor] | None:
    """Convert the weights to timm's names and this image size by timm's own (strict) conversion; None if it fails."""
    overlay = {
        "state_dict": dict(state),
        "num_classes": plan.num_classes,
        "label_offset": None,
        # Set to the file's own number of channels, otherwise timm would sum three channels into one.
        "input_size": (plan.preprocessing.channels, *plan.config["input_size"][1:]),
    }
    try:
        model = timm.create_model(
            plan.architecture,
            pretrained=True,
            pretrained_cfg_overlay=overlay,
            **{"num_classes": plan.num_classes, **plan.keywords()},
        )
    except (AssertionError, AttributeError, KeyError, RuntimeError, TypeError, ValueError):
        return None
    converted: dict[str, Tensor] = model.state_dict()
    return converted


def _resized(encoder: nn.Module, state: Mapping[str, Tensor], way: Resampling) -> tuple[Mapping[str, Tensor], str]:
    """Resample positions as the authors do, if timm does not; return the weights and a note."""
    own, grid = getattr(encoder, "pos_embed", None), getattr(getattr(encoder, "patch_embed", None), "grid_size", None)
    positions = state.get("pos_embed")
    if way == "timm" or own is None or grid is None or positions is None or positions.ndim != own.ndim:
        return state, ""
    prefix = 0 if getattr(encoder, "no_embed_class", False) else int(encoder.num_prefix_tokens)  # type: ignore[arg-type]
    new = resampled(positions, grid, prefix, way)
    if new is positions:
        return state, ""
    return {**state, "pos_embed": new}, f"{_resampled({'pos_embed': own}, state)[:-1]}, as its authors do."


def _resampled(expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    old, new = state.get("pos_embed"), expected.get("pos_embed")
    # The largest square is the grid of patches; one token more or less may have moved into the class token.
    if old is None or new is None or math.isqrt(old.shape[1]) == math.isqrt(new.shape[1]):
        return ""
    return f"Position embedding resampled from {old.shape[1]} to {new.shape[1]} tokens."


def _native_pooling(encoder: nn.Module) -> str:
    """Return the encoder's default pooling under our name."""
    pool = getattr(encoder, "global_pool", None) or getattr(getattr(encoder, "head", None), "global_pool", None)
    kind = pool if isinstance(pool, str) else getattr(pool, "pool_type", None)
    return kind if kind in ("token", "avg") else "native"


def set_pooling(encoder: nn.Module, wanted: str, name: str) -> str:
    """Set the encoder's pooling and return the one in effect.

    "avg" on an encoder trained with a class token averages the normalised patch tokens.
    """
    native = _native_pooling(encoder)
    if wanted in ("native", native):
        return native
    # Only token encoders have their pooling as a name that can be changed.
    of_tokens = isinstance(getattr(encoder, "global_pool", None), str)
    valid = {"native", native} | ({"avg"} if of_tokens else set())
    if of_tokens and getattr(encoder, "cls_token", None) is not None:
        valid.add("token")
    if wanted not in valid:
        raise UnknownNameError(f"{name} does not support pooling {wanted!r}; choose one of {', '.join(sorted(valid))}.")
    encoder.reset_classifier(0, global_pool=wanted)  # type: ignore[operator]
    return wanted
