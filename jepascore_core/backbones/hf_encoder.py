"""`hf:<owner>/<name>`, or `hf:<any name> --checkpoint FOLDER`: encoders in transformers' format, without transformers.

The folder's config.json defines the architecture; its weights are renamed for timm's or open_clip's modules. No code
from the folder is run.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from torch import nn

from jepascore_core.backbones.backbone import LoadedEncoder
from jepascore_core.backbones.fetch import hub_file
from jepascore_core.backbones.hf_config import HfConfig
from jepascore_core.backbones.hf_models_encoder import KINDS, Kind
from jepascore_core.backbones.local import (
    read_checkpoint,
    read_json,
    require_preprocessing,
    shard_names,
    weights_file,
    weights_of,
)
from jepascore_core.backbones.preprocessing import adjusted, from_processor, stated
from jepascore_core.backbones.registry import find_spec, unknown_backbone
from jepascore_core.backbones.rows import HF_FILES
from jepascore_core.backbones.specs import BackboneSpec
from jepascore_core.backbones.timm_encoder import require_whole_patches, set_pooling
from jepascore_core.backbones.weight_tracker import WeightTracker
from jepascore_core.errors import CheckpointError, UnknownNameError, WeightsUnavailableError
from jepascore_core.records.backbones import BackboneRef, Preprocessing

_PROCESSORS = ("preprocessor_config.json", "video_preprocessor_config.json")


def load_hf(ref: BackboneRef) -> LoadedEncoder:
    """Build the encoder from the config, load every weight of it, and set its size and pooling.

    Raises:
        UnknownNameError: for a name that is not a repository, or an unsupported pooling.
        PreprocessingError: if neither the table, nor the folder, nor the caller defines the preprocessing.
        CheckpointError, WeightsUnavailableError: from the folder.
    """
    row = find_spec(ref.name)
    folder, path = _given(Path(ref.checkpoint)) if ref.checkpoint is not None else _fetched(ref)
    config = HfConfig(read_json(folder / "config.json"), "timm" if ref.preprocessing == "timm" else None)
    kind = KINDS.get(config.kind)
    if kind is None:
        raise CheckpointError(
            f"{folder / 'config.json'} describes a {config.kind!r}; supported models of transformers are: "
            f"{', '.join(KINDS)}."
        )
    preprocessing = _preprocessing(row, folder, ref)
    require_whole_patches(config.architecture, (config.patch, config.patch), preprocessing)
    tracker = WeightTracker()
    encoder = kind.load(config, tracker.mark(weights_of(read_checkpoint(path), path.name)), preprocessing, path.name)
    tracker.require_all_used(path.name)
    size = min(preprocessing.height, preprocessing.width)
    note = f"Positions resampled from {config.image_size} to {size} pixels." if size != config.image_size else ""
    spec = row or _derived(ref.name, config, kind)
    return LoadedEncoder(encoder, spec, _pool(encoder, kind, ref.pooling, spec), preprocessing, note)


def _given(checkpoint: Path) -> tuple[Path, Path]:
    """Return the folder and the weights file of a checkpoint, which may be given as either."""
    folder = checkpoint.parent if checkpoint.is_file() else checkpoint
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"There is no config.json in {folder}; a folder in transformers' format has one.")
    return folder, checkpoint if checkpoint.is_file() else weights_file(folder)


def _fetched(ref: BackboneRef) -> tuple[Path, Path]:
    """Return the folder and the weights file of the hub's repository, from its cache if possible."""
    repository = ref.name.removeprefix("hf:")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+(@[\w.-]+)?", repository):
        raise unknown_backbone(ref.name)
    folder = hub_file(ref.name, repository, ("config.json",), ref.offline).parent
    path = hub_file(ref.name, repository, HF_FILES, ref.offline)
    for shard in shard_names(path) if path.name.endswith(".index.json") else ():
        hub_file(ref.name, repository, (shard,), ref.offline)
    # Without a processor, the table or the caller must define the preprocessing.
    with suppress(WeightsUnavailableError):
        hub_file(ref.name, repository, _PROCESSORS, ref.offline)
    return folder, path


def _preprocessing(row: BackboneSpec | None, folder: Path, ref: BackboneRef) -> Preprocessing:
    if row is not None and row.preprocessing is not None:
        return adjusted(row.preprocessing, ref)
    if None not in (ref.image_size, ref.mean, ref.std):
        return stated(ref)
    found = next((folder / name for name in _PROCESSORS if (folder / name).is_file()), None)
    if found is None:
        require_preprocessing(ref, f"{folder} has no {_PROCESSORS[0]} with it.")
        return stated(ref)
    return adjusted(from_processor(read_json(found), found.name), ref)


def _derived(name: str, config: HfConfig, kind: Kind) -> BackboneSpec:
    """Derive the spec of a name that is not in the table from its kind of model."""
    return BackboneSpec(
        name=name,
        family=kind.family,
        library="hf",
        architecture=config.architecture,
        pooling=kind.pooling,
        dimension=None,
        image_size=None,
        licence="unknown",
        is_jepa=None if config.is_fine_tuned else kind.is_jepa,
        note=kind.note,
    )


def _pool(encoder: nn.Module, kind: Kind, wanted: str | None, spec: BackboneSpec) -> str:
    if kind.pooling != "projection":
        return set_pooling(encoder, wanted or kind.pooling, spec.name)
    if wanted not in (None, "native", "projection"):
        raise UnknownNameError(f"{spec.name} does not support pooling {wanted!r}; choose projection.")
    return "projection"
