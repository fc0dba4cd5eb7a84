"""transformers' image encoders as timm's and open_clip's modules: how each kind is built and its weights renamed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import open_clip
from timm.layers import Mlp, QuickGELU, SwiGLUPacked
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from jepascore_core.backbones import hf_names
from jepascore_core.backbones.dinov3_encoder import own_periods
from jepascore_core.backbones.hf_config import DEFAULTS, HfConfig
from jepascore_core.backbones.local import load_strictly
from jepascore_core.backbones.open_clip_encoder import TINY_TEXT
from jepascore_core.backbones.positions import resampled
from jepascore_core.backbones.rows_other import CONTRASTIVE, RECONSTRUCTION
from jepascore_core.backbones.unused_weights import HF_CLIP, HF_VIT, HF_VJEPA2, listed
from jepascore_core.backbones.vjepa2_encoder import VideoSize, build_vjepa2, fold_frames
from jepascore_core.errors import CheckpointError
from jepascore_core.records.backbones import Preprocessing

_ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "gelu": nn.GELU,
    "gelu_new": partial(nn.GELU, approximate="tanh"),
    "gelu_pytorch_tanh": partial(nn.GELU, approximate="tanh"),
    "quick_gelu": QuickGELU,
    "silu": nn.SiLU,
}

_State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Kind:
    """One of transformers' image encoders: what it is, and `load(config, state, preprocessing, source)`."""

    family: str
    pooling: str
    is_jepa: bool | None
    load: Callable[[HfConfig, _State, Preprocessing, str], nn.Module]
    note: str = ""


def _load_vit(config: HfConfig, state: _State, preprocessing: Preprocessing, source: str, pool: str) -> nn.Module:
    """ViT, I-JEPA, MAE and DINOv2 with or without registers."""
    registers = int(config.values.get("num_register_tokens", 0))
    gated = bool(config.values.get("use_swiglu_ffn"))
    arguments = {
        **_common(config, preprocessing, 2 if gated else 1),
        "global_pool": pool,
        "class_token": pool == "token",
        "reg_tokens": registers,
        "no_embed_class": registers > 0,
        "qkv_bias": bool(config.values["qkv_bias"]),
        "init_values": 1.0 if config.kind.startswith("dinov2") else None,
        "fc_norm": False,
        "act_layer": nn.SiLU if gated else _activation(config),
        "mlp_layer": SwiGLUPacked if gated else Mlp,
    }
    encoder = VisionTransformer(**arguments)
    names = hf_names.joined(hf_names.renamed(state, hf_names.VIT))
    if registers:
        # timm adds positions to patches only; the class token's is added to the token itself.
        positions = names["pos_embed"]
        names["cls_token"] = names["cls_token"] + positions[:, :1]
        names["pos_embed"] = positions[:, 1:]
    return _finish(encoder, config, names, preprocessing, source, listed(HF_VIT))


def _load_dinov3(config: HfConfig, state: _State, preprocessing: Preprocessing, source: str) -> nn.Module:
    gated = bool(config.values["use_gated_mlp"])
    if config.values["hidden_act"] != ("silu" if gated else "gelu"):
        raise CheckpointError(f"A DINOv3 with the activation {config.values['hidden_act']!r} cannot be loaded.")
    encoder = Eva(
        **_common(config, preprocessing),
        global_pool="token",
        attn_type="rope",
        init_values=1.0,
        num_reg_tokens=int(config.values["num_register_tokens"]),
        use_abs_pos_emb=False,
        use_rot_pos_emb=True,
        rope_type="dinov3",
        rope_temperature=float(config.values["rope_theta"]),
        rope_rotate_half=True,
        swiglu_mlp=gated,
        swiglu_align_to=1,  # gate and values in separate matrices
        use_fc_norm=False,
    )
    rules = (*hf_names.DINOV3, *(hf_names.DINOV3_GATED if gated else hf_names.DINOV3_PLAIN))
    names = hf_names.joined(hf_names.renamed(state, rules))
    if not config.values["num_register_tokens"]:
        names.pop("reg_token", None)  # saved, but empty
    if config.values["rope_theta"] != DEFAULTS["dinov3_vit"]["rope_theta"]:
        # A different base changes the encoder but not its weights, so it must become part of the id.
        names["rope.periods"] = own_periods(encoder)
    return _finish(encoder, config, names, preprocessing, source, listed(HF_VIT))


def _load_vjepa2(config: HfConfig, state: _State, preprocessing: Preprocessing, source: str) -> nn.Module:
    if config.values["hidden_act"] != "gelu":
        raise CheckpointError(f"A V-JEPA 2 with the activation {config.values['hidden_act']!r} cannot be loaded.")
    size = VideoSize(
        config.architecture,
        config.depth,
        config.width,
        config.heads,
        _ratio(config),
        config.patch,
        float(config.values["layer_norm_eps"]),
    )
    names = fold_frames(hf_names.joined(hf_names.renamed(state, hf_names.VJEPA2)))
    encoder = build_vjepa2(size, preprocessing)
    load_strictly(encoder, names, listed(HF_VJEPA2), source)
    return encoder


def _load_siglip(config: HfConfig, state: _State, preprocessing: Preprocessing, source: str) -> nn.Module:
    encoder = VisionTransformer(
        **_common(config, preprocessing),
        global_pool="map",
        class_token=False,
        act_layer=_activation(config),
    )
    names = hf_names.joined(hf_names.renamed(state, hf_names.SIGLIP))
    if "pos_embed" in names:
        names["pos_embed"] = names["pos_embed"][None]
    for kind in ("weight", "bias"):
        if (joint := names.pop(f"attn_pool.in.{kind}", None)) is not None:
            names[f"attn_pool.q.{kind}"], names[f"attn_pool.kv.{kind}"] = joint.split((config.width, 2 * config.width))
    return _finish(encoder, config, names, preprocessing, source, listed(HF_CLIP))


def _load_clip(config: HfConfig, state: _State, preprocessing: Preprocessing, source: str) -> nn.Module:
    activation = config.values["hidden_act"]
    if activation not in ("gelu", "quick_gelu"):
        raise CheckpointError(f"A CLIP with the activation {activation!r} cannot be loaded.")
    vision = {
        "layers": config.depth,
        "width": config.width,
        "head_width": config.width // config.heads,
        "mlp_ratio": _ratio(config),
        "patch_size": config.patch,
        "image_size": (preprocessing.height, preprocessing.width),
        "norm_kwargs": {"eps": float(config.values["layer_norm_eps"])},
    }
    clip = open_clip.CustomTextCLIP(
        int(config.values["projection_dim"]), vision, TINY_TEXT, quick_gelu=activation == "quick_gelu"
    )
    if not any(name.startswith("vision_model.") for name in state):
        state = {f"vision_model.{name}": value for name, value in state.items()}  # the encoder saved alone
    names = hf_names.joined(hf_names.renamed(state, hf_names.CLIP), "in_proj_{}")
    if "visual.proj" in names:
        names["visual.proj"] = names["visual.proj"].T
    elif config.raw["model_type"].endswith("vision_model"):
        clip.visual.proj = None
    if (positions := names.get("visual.positional_embedding")) is not None:
        names["visual.positional_embedding"] = resampled(positions[None], clip.visual.grid_size, 1, config.resampling)[
            0
        ]
    tower = {name.removeprefix("visual."): value for name, value in names.items()}
    load_strictly(clip.visual, tower, listed(HF_CLIP), source)
    visual: nn.Module = clip.visual
    return visual


def _common(config: HfConfig, preprocessing: Preprocessing, packed: int = 1) -> dict[str, Any]:
    """Return arguments that timm's transformers share; with `packed`, timm has one matrix for gate and values."""
    return {
        "img_size": config.image_size,
        "patch_size": config.patch,
        "in_chans": preprocessing.channels,
        "num_classes": 0,
        "embed_dim": config.width,
        "depth": config.depth,
        "num_heads": config.heads,
        "mlp_ratio": _ratio(config) * packed,
        "norm_layer": partial(nn.LayerNorm, eps=float(config.values["layer_norm_eps"])),
    }


def _ratio(config: HfConfig) -> float:
    # timm truncates width * ratio to an integer: a quarter of a unit more prevents losing one to rounding.
    return (config.hidden + 0.25) / config.width


def _activation(config: HfConfig) -> Callable[[], nn.Module]:
    name = config.values["hidden_act"]
    if name not in _ACTIVATIONS:
        raise CheckpointError(f"config.json: the activation {name!r} is not supported.")
    return _ACTIVATIONS[name]


def _finish(
    encoder: nn.Module,
    config: HfConfig,
    state: _State,
    preprocessing: Preprocessing,
    source: str,
    unused: tuple[str, ...],
) -> nn.Module:
    """Load at the size of the positions, then give them the size of the input."""
    load_strictly(encoder, state, unused, source)
    size = (preprocessing.height, preprocessing.width)
    if encoder.patch_embed.img_size != size:  # type: ignore[union-attr]
        positions = encoder.pos_embed
        encoder.set_input_size(img_size=size)  # type: ignore[operator]
        if isinstance(positions, Tensor):
            prefix = 0 if encoder.no_embed_class else encoder.num_prefix_tokens
            grid = encoder.patch_embed.grid_size  # type: ignore[union-attr]
            encoder.pos_embed = nn.Parameter(resampled(positions.detach(), grid, prefix, config.resampling))  # type: ignore[arg-type]
    return encoder


_DINO = Kind("DINOv2", "token", True, partial(_load_vit, pool="token"))

KINDS: Mapping[str, Kind] = {
    "vit": Kind("ViT", "token", None, partial(_load_vit, pool="token")),
    "ijepa": Kind("I-JEPA", "avg", True, partial(_load_vit, pool="avg")),
    "vit_mae": Kind("MAE", "token", False, partial(_load_vit, pool="token"), RECONSTRUCTION),
    "dinov2": _DINO,
    "dinov2_with_registers": _DINO,
    "dinov3_vit": Kind("DINOv3", "token", True, _load_dinov3),
    "vjepa2": Kind(
        "V-JEPA 2",
        "avg",
        True,
        _load_vjepa2,
        "A video encoder; an image is shown as two equal frames, one step in time.",
    ),
    "clip": Kind("CLIP", "projection", False, _load_clip, CONTRASTIVE),
    "siglip": Kind("SigLIP", "native", False, _load_siglip, CONTRASTIVE),
}
