"""Weights of a file that an encoder does not need, and why; all others must be loaded. Data only.

A name stands for the weight of that name and for all weights of the module of that name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UnusedWeights:
    """Weights on which the embedding does not depend, where they occur, and the reason."""

    where: str
    names: tuple[str, ...]
    reason: str


#: Beside the encoder in a training checkpoint, without the encoder's prefix.
TRAINING_HEADS = (
    UnusedWeights(
        "trainings of DINO, iBOT, DINOv2, DINOv3", ("head", "dino_head", "ibot_head"), "read the class token"
    ),
)
#: Of timm's architectures, in addition to the classifier.
TIMM = (
    UnusedWeights("timm", ("head", "head_dist", "fc"), "classifiers, which read the embedding"),
    UnusedWeights(
        "MAE",
        ("decoder_embed", "decoder_pos_embed", "decoder_blocks", "decoder_norm", "decoder_pred"),
        "the decoder reads the encoder's tokens",
    ),
    UnusedWeights("MAE, DINOv2, DINOv3, BEiT", ("mask_token",), "replaces patches that a training masks"),
    UnusedWeights("BEiT, EVA", ("lm_head",), "predicts masked patches from the tokens"),
    UnusedWeights("DINOv3", ("local_cls_norm",), "norm of a training's small crops, not used in evaluation"),
    UnusedWeights("EUPE", ("projectors",), "heads of a distillation"),
)
IBOT = (UnusedWeights("iBOT", ("masked_embed",), "replaces patches that the training masks"),)
VJEPA2 = (UnusedWeights("V-JEPA 2", ("pos_embed",), "saved, but positions are rotary"),)
VJEPA2_1 = (
    UnusedWeights("V-JEPA 2.1", ("patch_embed", "video_mod_embed"), "read clips; images have layers of their own"),
    UnusedWeights(
        "V-JEPA 2.1",
        ("norms_block.0", "norms_block.1", "norms_block.2"),
        "norms of earlier layers, for the training's loss",
    ),
)
MOCO_V3 = (
    UnusedWeights("MoCo v3", ("momentum_encoder",), "the averaged copy; the base encoder is evaluated"),
    UnusedWeights("MoCo v3", ("predictor",), "reads the base encoder's projection"),
)
LEJEPA = (
    UnusedWeights("LeJEPA, VISReg", ("proj", "projector"), "reads the embedding, for the loss"),
    UnusedWeights(
        "LeJEPA", ("probe", "online_probe", "callbacks_modules", "callbacks_metrics"), "probes and their metrics"
    ),
    UnusedWeights("LeJEPA", ("sigreg", "loss", "criterion"), "constants of the loss"),
)
OPEN_CLIP = (
    UnusedWeights(
        "open_clip",
        (
            "text",
            "text_decoder",
            "text_projection",
            "transformer",
            "token_embedding",
            "positional_embedding",
            "ln_final",
            "attn_mask",
        ),
        "the text tower",
    ),
    UnusedWeights("open_clip", ("logit_scale", "logit_bias"), "scale and shift of similarities"),
)
HF_VIT = (
    UnusedWeights(
        "transformers' ViT, MAE, DINOv2, DINOv3", ("embeddings.mask_token",), "replaces patches that are masked"
    ),
    UnusedWeights("transformers' ViT, V-JEPA 2", ("pooler", "classifier"), "read the encoder's tokens"),
    UnusedWeights("transformers' MAE", ("decoder",), "reads the encoder's tokens"),
)
HF_VJEPA2 = (
    UnusedWeights("transformers' V-JEPA 2", ("predictor", "pooler", "classifier"), "read the encoder's tokens"),
)
HF_CLIP = (
    UnusedWeights("transformers' CLIP, SigLIP", ("text_model", "text_projection"), "the text tower"),
    UnusedWeights("transformers' CLIP, SigLIP", ("logit_scale", "logit_bias"), "scale and shift of similarities"),
    UnusedWeights("transformers' CLIP, SigLIP", ("embeddings.position_ids",), "the numbers 0, 1, 2, ..."),
)
#: All of them, in the order of docs/backbones.md.
ALL = (
    *TRAINING_HEADS,
    *TIMM,
    *IBOT,
    *VJEPA2,
    *VJEPA2_1,
    *MOCO_V3,
    *LEJEPA,
    *OPEN_CLIP,
    *HF_VIT,
    *HF_VJEPA2,
    *HF_CLIP,
)


def listed(unused: Iterable[UnusedWeights]) -> tuple[str, ...]:
    """Return the names of the weights and modules on a list."""
    return tuple(name for entry in unused for name in entry.names)


def is_listed(name: str, names: Iterable[str]) -> bool:
    """Return whether a weight is one of these, or belongs to a module that is."""
    return any(name == listed_name or name.startswith(f"{listed_name}.") for listed_name in names)
