"""Rename transformers' weights to timm's and open_clip's names by ordered rules, and join query, key and value.

transformers has renamed the modules of its models more than once: its files keep the old names, files saved by other
programs may have the new ones. Both are covered; names that no rule covers are an error in strict loading.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Rules = Sequence[tuple[str, str]]

_VIT_BLOCKS: Rules = (
    (r"(?:model\.)?(?:encoder\.)?layers?\.(\d+)\.", r"blocks.\1."),
    (r"\.attention\.attention\.(query|key|value)\.", r".attn.\1."),
    (r"\.attention\.q_proj\.", ".attn.query."),
    (r"\.attention\.k_proj\.", ".attn.key."),
    (r"\.attention\.v_proj\.", ".attn.value."),
    (r"\.attention\.(query|key|value)\.", r".attn.\1."),
    (r"\.attention\.(?:output\.dense|o_proj|proj)\.", ".attn.proj."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"(blocks\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
)

_VIT_EMBEDDINGS: Rules = (
    (r"^embeddings\.cls_token$", "cls_token"),
    (r"^embeddings\.register_tokens$", "reg_token"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.(?:projection\.|proj\.)?", "patch_embed.proj."),
    (r"^(?:encoder\.)?layernorm\.", "norm."),
)

VIT: Rules = (
    (r"^(?:vit|ijepa|dinov2|dinov2_with_registers)\.", ""),
    *_VIT_EMBEDDINGS,
    *_VIT_BLOCKS,
    (r"\.layer_scale(\d)\.lambda1$", r".ls\1.gamma"),
    (r"\.mlp\.weights_in\.", ".mlp.fc1."),
    (r"\.mlp\.weights_out\.", ".mlp.fc2."),
)

DINOV3: Rules = (
    (r"^(?:dinov3_vit|dinov3)\.", ""),
    *_VIT_EMBEDDINGS,
    *_VIT_BLOCKS,
    (r"\.layer_scale(\d)\.lambda1$", r".gamma_\1"),
    (r"\.mlp\.down_proj\.", ".mlp.fc2."),
)
#: A gated MLP has gate and values, a plain one only values.
DINOV3_GATED: Rules = ((r"\.mlp\.gate_proj\.", ".mlp.fc1_g."), (r"\.mlp\.up_proj\.", ".mlp.fc1_x."))
DINOV3_PLAIN: Rules = ((r"\.mlp\.up_proj\.", ".mlp.fc1."),)

VJEPA2: Rules = ((r"^vjepa2\.", ""), (r"^encoder\.embeddings\.", "embeddings."), *_VIT_EMBEDDINGS, *_VIT_BLOCKS)

SIGLIP: Rules = (
    (r"^(?:siglip\.)?vision_model\.", ""),
    (r"^embeddings\.patch_embedding\.", "patch_embed.proj."),
    (r"^embeddings\.position_embedding\.weight$", "pos_embed"),
    (r"^post_layernorm\.", "norm."),
    (r"^head\.probe$", "attn_pool.latent"),
    (r"^head\.attention\.out_proj\.", "attn_pool.proj."),
    (r"^head\.attention\.in_proj_(weight|bias)$", r"attn_pool.in.\1"),
    (r"^head\.layernorm\.", "attn_pool.norm."),
    (r"^head\.mlp\.", "attn_pool.mlp."),
    (r"^encoder\.layers\.(\d+)\.", r"blocks.\1."),
    (r"\.self_attn\.q_proj\.", ".attn.query."),
    (r"\.self_attn\.k_proj\.", ".attn.key."),
    (r"\.self_attn\.v_proj\.", ".attn.value."),
    (r"\.self_attn\.out_proj\.", ".attn.proj."),
    (r"\.layer_norm(\d)\.", r".norm\1."),
)

CLIP: Rules = (
    (r"^vision_model\.", "visual."),
    (r"^visual_projection\.weight$", "visual.proj"),
    (r"^visual\.embeddings\.class_embedding$", "visual.class_embedding"),
    (r"^visual\.embeddings\.patch_embedding\.", "visual.conv1."),
    (r"^visual\.embeddings\.position_embedding\.weight$", "visual.positional_embedding"),
    (r"^visual\.pre_layrnorm\.", "visual.ln_pre."),
    (r"^visual\.post_layernorm\.", "visual.ln_post."),
    (r"^visual\.encoder\.layers\.(\d+)\.", r"visual.transformer.resblocks.\1."),
    (r"\.self_attn\.q_proj\.", ".attn.query."),
    (r"\.self_attn\.k_proj\.", ".attn.key."),
    (r"\.self_attn\.v_proj\.", ".attn.value."),
    (r"\.self_attn\.out_proj\.", ".attn.out_proj."),
    (r"\.layer_norm(\d)\.", r".ln_\1."),
    (r"\.mlp\.fc1\.", ".mlp.c_fc."),
    (r"\.mlp\.fc2\.", ".mlp.c_proj."),
)


def renamed(state: Mapping[str, Tensor], rules: Rules) -> dict[str, Tensor]:
    """Apply every rule to every name of the state, in order."""
    found = {}
    for name, value in state.items():
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        found[name] = value
    return found


def joined(state: Mapping[str, Tensor], join: str = "qkv.{}") -> dict[str, Tensor]:
    """Join query, key and value of each attention into one matrix and one bias, under the name that `join` returns.

    A projection without a bias beside others that have one (DINOv3's keys) has the bias 0. An
    attention that lacks a weight is unchanged, so that it is reported as not expected.
    """
    import torch

    found = {name: value for name, value in state.items() if not re.search(r"\.attn\.(query|key|value)\.", name)}
    for stem in dict.fromkeys(name.partition(".query.")[0] for name in state if ".attn.query." in name):
        for kind in ("weight", "bias"):
            names = [f"{stem}.{part}.{kind}" for part in ("query", "key", "value")]
            parts = [state.get(name) for name in names]
            present = [part for part in parts if part is not None]
            if len(present) == 3 or (present and kind == "bias"):
                found[f"{stem}.{join.format(kind)}"] = torch.cat(
                    [torch.zeros_like(present[0]) if part is None else part for part in parts]
                )
            else:
                found.update({name: part for name, part in zip(names, parts, strict=True) if part is not None})
    return found
