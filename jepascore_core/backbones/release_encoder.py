"""Original checkpoints (`ijepa:`, `vjepa2:`, `vjepa2_1:`, `ibot:`, `mocov3:`, `lejepa:`, `visreg:`) under timm's names.

A name is the release, a timm architecture and, for published weights, their tag: "ibot:vit_base_patch16_224.in22k".
Every weight of the encoder must be present, and every other one listed as unused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import timm
from timm.models import get_pretrained_cfg
from torch import Tensor, nn

from jepascore_core.backbones.backbone import LoadedEncoder
from jepascore_core.backbones.fetch import source_file
from jepascore_core.backbones.local import (
    WRAPPED,
    entry_of,
    load_strictly,
    read_checkpoint,
    require_preprocessing,
    unprefixed,
)
from jepascore_core.backbones.preprocessing import adjusted, resampling, stated
from jepascore_core.backbones.registry import find_spec, unknown_backbone
from jepascore_core.backbones.releases import RELEASES, Release, entries_of
from jepascore_core.backbones.specs import BackboneSpec, WeightSource
from jepascore_core.backbones.timm_encoder import BuildPlan, build_encoder, hint, load_weights, set_pooling
from jepascore_core.backbones.unused_weights import TRAINING_HEADS, is_listed, listed
from jepascore_core.backbones.vjepa2_encoder import build_vjepa2, fold_frames, image_branch, vjepa2_size
from jepascore_core.backbones.weight_tracker import WeightTracker, mark_unneeded
from jepascore_core.errors import CheckpointError, UnknownNameError
from jepascore_core.records.backbones import BackboneRef, Preprocessing


def load_release(ref: BackboneRef) -> LoadedEncoder:
    """Build the architecture, load the release's encoder into it and set its pooling.

    Raises:
        UnknownNameError: for an architecture that timm does not have, or an unsupported pooling.
        PreprocessingError: for custom weights without mean, std or image size.
        CheckpointError, WeightsUnavailableError: from the weights.
    """
    spec = release_spec(ref)
    config = _config(spec.architecture)
    if spec.preprocessing is None:
        require_preprocessing(ref, hint(config) if config else "")
    # The file first: a missing file should fail before a large encoder is built.
    path = (
        Path(ref.checkpoint) if ref.checkpoint else source_file(spec.name, spec.source or WeightSource(), ref.offline)
    )
    release = RELEASES[spec.library]
    entry = entry_of(read_checkpoint(path), entries_of(spec.library, spec.name.partition(".")[2]), path.name)
    tracker, spare = WeightTracker(), listed(release.unused)
    beside = spare if release.keeps_head else (*spare, *listed(TRAINING_HEADS))
    state = _branch(unprefixed(tracker.mark(entry), beside=beside), release.branch, spare, path.name)
    preprocessing = adjusted(spec.preprocessing, ref) if spec.preprocessing else stated(ref)
    if video := vjepa2_size(spec.library, spec.architecture):
        encoder: nn.Module = build_vjepa2(video, preprocessing)
        state = image_branch(state) if video.is_2_1 else fold_frames(state)
        load_strictly(encoder, state, () if video.is_2_1 else spare, path.name)
        note = ""
    else:
        plan = _plan(release, spec.architecture, config, preprocessing, state)
        plan = replace(plan, resampling=resampling(release.resampling, ref))
        encoder = build_encoder(plan)
        note = load_weights(encoder, plan, state, path.name, spare)
    tracker.require_all_used(path.name)
    wanted = ref.pooling or spec.pooling
    if release.keeps_head and wanted != "native":
        raise UnknownNameError(
            f"{spec.name} does not support pooling {wanted!r}: its head requires its own. Leave it out."
        )
    return LoadedEncoder(encoder, spec, set_pooling(encoder, wanted, spec.name), preprocessing, note)


def release_spec(ref: BackboneRef) -> BackboneSpec:
    """Return the table's row, or for a custom checkpoint a spec derived from the release's name.

    Raises:
        UnknownNameError: for an architecture that cannot be built, or an unlisted name without a checkpoint.
    """
    if found := find_spec(ref.name):
        return found
    library, _, architecture = ref.name.partition(":")
    known = vjepa2_size(library, architecture) or (not library.startswith("vjepa2") and timm.is_model(architecture))
    if not known or "." in architecture or ref.checkpoint is None:
        raise unknown_backbone(ref.name)
    release = RELEASES[library]
    return BackboneSpec(
        name=ref.name,
        family=release.family,
        library=library,
        architecture=architecture,
        pooling=release.pooling,
        dimension=None,
        image_size=None,
        licence="unknown",
        is_jepa=release.is_jepa,
        note=release.note,
        resampling=release.resampling,
    )


def _config(architecture: str) -> Mapping[str, Any]:
    """Return timm's configuration of the architecture (classifier, input size); empty for V-JEPA 2's."""
    found = get_pretrained_cfg(architecture) if timm.is_model(architecture) else None
    return {} if found is None else found.to_dict()


def _branch(state: Mapping[str, Tensor], branch: str, spare: Iterable[str], source: str) -> dict[str, Tensor]:
    """Return the encoder's own weights if the file has more, otherwise all of them.

    `spare` weights beside the branch are marked as not needed; the tracker raises an error about the others.

    Raises:
        CheckpointError: if wrappers' prefixes lead to more than one such branch.
    """
    names, pattern = tuple(spare), re.compile(rf"{WRAPPED}{re.escape(branch)}")
    stems = {name: match[0] for name in state if branch and (match := pattern.match(name))}
    if not stems:
        return dict(state)
    if len(prefixes := set(stems.values())) > 1:
        raise CheckpointError(
            f"{source} contains several encoders ({', '.join(sorted(prefixes))}). Save only the weights of one of them."
        )
    beside = [name for name in state if name not in stems]
    mark_unneeded(state[name] for name in beside if is_listed(re.sub(f"^{WRAPPED}", "", name), names))
    return {name.removeprefix(stem): state[name] for name, stem in stems.items()}


def _plan(
    release: Release,
    architecture: str,
    config: Mapping[str, Any],
    preprocessing: Preprocessing,
    state: Mapping[str, Tensor],
) -> BuildPlan:
    head = state.get(f"{config.get('classifier')}.weight") if release.keeps_head else None
    options = {**release.options, **release.per_model.get(architecture, {})}
    return BuildPlan(architecture, config, preprocessing, options, 0 if head is None else len(head), release.keeps_head)
