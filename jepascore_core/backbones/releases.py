"""Checkpoint formats of the projects behind JEPA-type encoders: data only.

Read from their repositories in November 2026 (see `table`). Each is a timm architecture under another name, except for
V-JEPA 2 and 2.1, whose rotary positions timm does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jepascore_core.backbones.specs import Resampling
from jepascore_core.backbones.unused_weights import IBOT, LEJEPA, MOCO_V3, VJEPA2, VJEPA2_1, UnusedWeights


@dataclass(frozen=True, slots=True)
class Release:
    """A project's checkpoints.

    `entries` of the file are tried in turn. If `branch` is given, only names that begin with it belong to the encoder
    (after wrappers' prefixes). `unused` are weights or modules, beside the branch or in it, that do not affect the
    encoder's output; anything else is an error. `options` are arguments of the timm architecture, `per_model` of single
    ones; `resampling` is how positions are resampled. `keeps_head`: the embedding is what the linear classifier
    returns. `is_jepa` and `note` apply to every model trained with the project's code.
    """

    family: str
    pooling: str
    entries: tuple[str, ...]
    is_jepa: bool
    branch: str = ""
    unused: tuple[UnusedWeights, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    per_model: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    keeps_head: bool = False
    resampling: Resampling = "timm"
    note: str = ""


RELEASES: Mapping[str, Release] = {
    # {encoder, predictor, target_encoder, opt, ...} with "module." names. No class token; the norm acts on each token.
    "ijepa": Release(
        family="I-JEPA",
        pooling="avg",
        entries=("target_encoder",),
        is_jepa=True,
        options={"class_token": False, "global_pool": "avg", "fc_norm": False},
        resampling="plain",
    ),
    # {encoder, predictor, target_encoder, ...} with "module.backbone." names. The fixed position embedding is saved,
    # but with rotary positions not used.
    "vjepa2": Release(family="V-JEPA 2", pooling="avg", entries=("target_encoder",), is_jepa=True, unused=VJEPA2),
    # {encoder, predictor, target_encoder, ...}; of distilled ones the average {ema_encoder} is evaluated. Images have a
    # separate patch embedding, and the last of four norms is the encoder's.
    "vjepa2_1": Release(
        family="V-JEPA 2.1",
        pooling="avg",
        entries=("ema_encoder", "target_encoder"),
        is_jepa=True,
        unused=VJEPA2_1,
    ),
    # {student, teacher, ...} with "backbone." names beside the heads, or the extracted {state_dict}.
    "ibot": Release(
        family="iBOT",
        pooling="token",
        entries=("teacher", "state_dict"),
        is_jepa=True,
        unused=IBOT,
        resampling="dino",
    ),
    # {state_dict, optimizer, ...} with the encoder as "module.base_encoder." beside its momentum copy.
    "mocov3": Release(
        family="MoCo v3",
        pooling="native",
        entries=("state_dict", "model"),
        is_jepa=False,
        branch="base_encoder.",
        unused=MOCO_V3,
        per_model={"vit_small_patch16_224": {"num_heads": 12}},
        note="Contrastive between images: the score's theory does not hold.",
    ),
    # The minimal example saves its module, {backbone, proj}; Lightning programs nest it in {state_dict}. The linear
    # head of the backbone is part of the embedding.
    "lejepa": Release(
        family="LeJEPA",
        pooling="native",
        entries=("state_dict", "net_state_dict", "model_state_dict", "model", "net"),
        is_jepa=True,
        branch="backbone.",
        unused=LEJEPA,
        keeps_head=True,
    ),
    # Published files hold the encoder under timm's names, and may hold the projector; trainings {net_state_dict}.
    "visreg": Release(
        family="VISReg",
        pooling="token",
        entries=("net_state_dict", "state_dict", "model"),
        is_jepa=True,
        branch="backbone.",
        unused=LEJEPA,
    ),
}

#: iBOT's ImageNet-22K backbones are students.
STUDENT_ENTRIES = ("student", "state_dict")


def entries_of(library: str, tag: str) -> tuple[str, ...]:
    """Return the entries of a release's checkpoints with the encoder that its authors evaluate."""
    return STUDENT_ENTRIES if (library, tag) == ("ibot", "in22k") else RELEASES[library].entries
