"""Recognise modules as architectures that the structured passes support; every part must be known."""

from __future__ import annotations

from torch import nn

from jepascore_core.backbones.structure.open_clip import first_output, open_clip_vit, open_clip_with_timm
from jepascore_core.backbones.structure.parts import UnknownStructure, full_name, require
from jepascore_core.backbones.structure.timm import TIMM_EVA, TIMM_VIT, timm_eva, timm_vit
from jepascore_core.jacobian.architecture import Architecture


def recognise(encoder: nn.Module) -> Architecture:
    """Return the encoder's architecture.

    Raises:
        UnknownStructure: naming the unknown part.
    """
    for name, module in encoder.named_modules():
        if module._forward_hooks or module._forward_pre_hooks:
            raise UnknownStructure(f"{name or 'the encoder'} has forward hooks")
    readers = {
        TIMM_VIT: timm_vit,
        TIMM_EVA: timm_eva,
        "open_clip.transformer.VisionTransformer": open_clip_vit,
        "open_clip.timm_model.TimmModel": open_clip_with_timm,
        "jepascore_core.backbones.open_clip_encoder.FirstOutput": first_output,
    }
    name = full_name(encoder)
    require(name in readers, f"{type(encoder).__name__} is not a supported vision transformer")
    return readers[name](encoder)
