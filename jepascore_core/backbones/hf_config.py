"""Read a transformers config.json of an image encoder, with the defaults that the file may omit.

The defaults are those of transformers 5.24's configuration classes. Data only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jepascore_core.backbones.specs import Resampling
from jepascore_core.errors import CheckpointError

_VIT = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "image_size": 224,
    "patch_size": 16,
    "qkv_bias": True,
}
_DINOV2 = {**_VIT, "intermediate_size": None, "mlp_ratio": 4, "layer_norm_eps": 1e-6, "use_swiglu_ffn": False}
_CLIP = {
    **_VIT,
    "patch_size": 32,
    "layer_norm_eps": 1e-5,
    "hidden_act": "quick_gelu",
    "projection_dim": 512,
}

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "vit": _VIT,
    "ijepa": _VIT,
    "vit_mae": _VIT,
    "dinov2": {**_DINOV2, "patch_size": 14},
    "dinov2_with_registers": {**_DINOV2, "num_register_tokens": 4},
    "dinov3_vit": {
        **_VIT,
        "hidden_size": 384,
        "intermediate_size": 1536,
        "num_attention_heads": 6,
        "layer_norm_eps": 1e-5,
        "rope_theta": 100.0,
        "use_gated_mlp": False,
        "num_register_tokens": 0,
    },
    "vjepa2": {
        **_VIT,
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": None,
        "mlp_ratio": 4.0,
        "layer_norm_eps": 1e-6,
        "crop_size": 256,
        "tubelet_size": 2,
    },
    "clip": _CLIP,
    "siglip": {**_VIT, "layer_norm_eps": 1e-6, "hidden_act": "gelu_pytorch_tanh"},
}

#: Aliases of the same image encoders.
_ALIASES = {
    "clip_vision_model": "clip",
    "metaclip_2": "clip",
    "metaclip_2_vision_model": "clip",
    "siglip_vision_model": "siglip",
}

_SIZES = {192: "tiny", 384: "small", 768: "base", 1024: "large", 1152: "so400m", 1280: "huge", 1408: "giant"}


@dataclass(frozen=True)
class HfConfig:
    """The image encoder that a config.json describes; `raw` is the file's content, `asked` the requested resampling."""

    raw: Mapping[str, Any]
    asked: Resampling | None = None

    @property
    def resampling(self) -> Resampling:
        """How positions are resampled: as requested, or as in transformers, which smooths only with registers."""
        return self.asked or ("timm" if self.kind == "dinov2_with_registers" else "plain")

    @property
    def kind(self) -> str:
        """Name of the supported architecture."""
        name = str(self.raw.get("model_type", ""))
        return _ALIASES.get(name, name)

    @cached_property
    def values(self) -> dict[str, Any]:
        """Settings of the image encoder, defaults filled in."""
        vision = self.raw.get("vision_config") or {}
        projection = {key: self.raw[key] for key in ("projection_dim",) if key in self.raw}
        nested = {**projection, **vision, **projection} if vision or "text_config" in self.raw else self.raw
        given = {key: value for key, value in nested.items() if value is not None}
        return {**DEFAULTS[self.kind], **given}

    @property
    def width(self) -> int:
        """Channels of a token."""
        return self._integer("hidden_size")

    @property
    def depth(self) -> int:
        """Number of blocks."""
        return self._integer("num_hidden_layers")

    @property
    def heads(self) -> int:
        """Attention heads of a block."""
        return self._integer("num_attention_heads")

    @property
    def patch(self) -> int:
        """Side of a patch in pixels."""
        return self._integer("patch_size")

    @property
    def image_size(self) -> int:
        """Side in pixels of the images that its positions were trained for."""
        return self._integer("crop_size" if self.kind == "vjepa2" else "image_size")

    @property
    def hidden(self) -> int:
        """Hidden units of a block's MLP; of a gated one, after the gate."""
        if self.values.get("intermediate_size"):
            return self._integer("intermediate_size")
        full = int(self.width * float(self.values["mlp_ratio"]))
        return (int(full * 2 / 3) + 7) // 8 * 8 if self.values.get("use_swiglu_ffn") else full

    @property
    def is_fine_tuned(self) -> bool:
        """Whether it is part of a model for a task, such as a classifier."""
        names = [str(name) for name in self.raw.get("architectures") or ()]
        return any("For" in name and not name.endswith("ForPreTraining") for name in names)

    @property
    def architecture(self) -> str:
        """A name in timm's style, such as vit_base_patch14_dinov2."""
        size = _SIZES.get(self.width, f"w{self.width}d{self.depth}")
        return f"vit_{size}_patch{self.patch}_{self.kind}"

    def _integer(self, key: str) -> int:
        value = self.values[key]
        if isinstance(value, (list, tuple)) and len(set(value)) == 1:
            value = value[0]
        if not isinstance(value, int):
            raise CheckpointError(f"config.json: {key} must be an integer, not {value!r}.")
        return value
