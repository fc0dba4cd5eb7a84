"""The structured passes against autograd, in float64, on every option of every family that they know."""

import open_clip
import pytest
import torch
from open_clip.transformer import VisionTransformer as OpenClipVit
from timm.layers import SwiGLU, SwiGLUPacked
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from jepascore_core.jacobian.engine import GenericEngine
from jepascore_core.jacobian.gram import singular_values
from jepascore_core.jacobian.recognise import recognise
from jepascore_core.jacobian.structured import PassPrecision, StructuredEngine

DOUBLE = PassPrecision(torch.float64, torch.float64)
FLOAT = PassPrecision(torch.float32, torch.float32)
BFLOAT = PassPrecision(torch.float32, torch.bfloat16)

VIT = {"img_size": 16, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3, "num_classes": 0}
EVA = {"img_size": 16, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 2, "num_classes": 0}
CLIP = {"image_size": 16, "patch_size": 8, "width": 24, "layers": 2, "heads": 3, "mlp_ratio": 2.0, "output_dim": 10}

VITS = {
    "class token (DINO, AugReg, DeiT, MAE)": {},
    "LayerScale (DINOv2)": {"init_values": 0.3},
    "registers (DINOv2)": {"init_values": 0.3, "reg_tokens": 2, "no_embed_class": True},
    "packed SwiGLU (DINOv2 giant)": {"init_values": 0.3, "mlp_layer": SwiGLUPacked, "act_layer": nn.SiLU},
    "SwiGLU in two": {"mlp_layer": SwiGLU, "act_layer": nn.SiLU},
    "no class token, average, norm after (timm's default)": {"class_token": False, "global_pool": "avg"},
    "average after the norm (I-JEPA)": {"class_token": False, "global_pool": "avg", "fc_norm": False},
    "average with class token": {"global_pool": "avg"},
    "average over all tokens": {"global_pool": "avg", "pool_include_prefix": True},
    "pre-norm and QuickGELU (CLIP in timm)": {"pre_norm": True, "act_layer": "quick_gelu"},
    "tanh GELU": {"act_layer": "gelu_tanh"},
    "ReLU": {"act_layer": nn.ReLU},
    "norms of queries and keys": {"qk_norm": True},
    "no biases": {"qkv_bias": False, "proj_bias": False},
    "head": {"num_classes": 7},
    "head wider than the tokens": {"num_classes": 40},
    "no final norm": {"final_norm": False},
    "attention pooling": {"global_pool": "map", "class_token": False},
    "largest pool": {"global_pool": "avgmax"},
    "one block": {"depth": 1},
    "oblong": {"img_size": (16, 24), "patch_size": (8, 4)},
    "wide patches": {"embed_dim": 12, "num_heads": 2},
    "greyscale": {"in_chans": 1},
    "any size": {"dynamic_img_size": True},
    "no position": {"pos_embed": "none"},
}
EVAS = {
    "DINOv3": {
        "init_values": 0.3,
        "num_reg_tokens": 2,
        "no_embed_class": True,
        "use_abs_pos_emb": False,
        "use_rot_pos_emb": True,
        "rope_type": "dinov3",
        "rope_rotate_half": True,
        "qkv_bias": False,
        "use_fc_norm": False,
        "global_pool": "token",
    },
    "DINOv3 huge plus": {
        "init_values": 0.3,
        "use_abs_pos_emb": False,
        "use_rot_pos_emb": True,
        "rope_type": "dinov3",
        "rope_rotate_half": True,
        "swiglu_mlp": True,
        "swiglu_align_to": 8,
        "use_fc_norm": False,
    },
    "EVA": {},
    "interleaved rotation": {"use_rot_pos_emb": True},
    "mixed rotation": {"use_rot_pos_emb": True, "rope_type": "mixed"},
    "projections apart": {"qkv_fused": False, "swiglu_mlp": True},
    "norms of queries and keys, rotated": {"qk_norm": True, "use_rot_pos_emb": True},
    "attention of timm": {"attn_type": "rope", "use_rot_pos_emb": True},
    "pre-norm": {"use_pre_transformer_norm": True, "global_pool": "token"},
    "attention pooling": {"global_pool": "map"},
}
CLIPS = {
    "class token": {},
    "QuickGELU (OpenAI, MetaCLIP)": {"act_layer": open_clip.transformer.QuickGELU},
    "average": {"pool_type": "avg"},
    "norm after the average": {"pool_type": "avg", "final_ln_after_pool": True},
    "LayerScale": {"ls_init_value": 0.3},
    "no pre-norm": {"no_ln_pre": True},
    "open_clip's own attention": {"qk_norm": True},
    "attention pooling": {"attentional_pool": True, "attn_pooler_heads": 2, "attn_pooler_queries": 3},
    "projection as wide as it gets": {"output_dim": 24},
}


def randomise(encoder, seed=0):
    """Weights of a size that makes every layer matter, norms included; biases too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in encoder.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim > 1 and parameter.shape[0] > 1:
                parameter.copy_(noise / parameter[0].numel() ** 0.5 * 1.5)
            else:
                parameter.add_(0.3 * noise)
    return encoder.double().eval().requires_grad_(False)


def images_for(options, batch=2):
    size = options.get("img_size", options.get("image_size", 16))
    height, width = size if isinstance(size, tuple) else (size, size)
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, options.get("in_chans", 3), height, width, generator=generator).double()


def vit(options):
    return randomise(VisionTransformer(**{**VIT, "mlp_ratio": 2.0, **options}))


def eva(options):
    return randomise(Eva(**{**EVA, "mlp_ratio": 2.0, **options}))


def clip(options):
    return randomise(OpenClipVit(**{**CLIP, **options}))


def check_equal(encoder, images):
    """Every singular value above the null ones within 1e-9, the embedding, and the rank."""
    engine = StructuredEngine(encoder, recognise(encoder), DOUBLE)
    found = engine.pull_back(images, chunk=5)
    assert engine.note == ""
    expected = GenericEngine(encoder).pull_back(images)
    torch.testing.assert_close(found.embedding, expected.embedding, rtol=1e-10, atol=1e-10)
    ours, theirs = singular_values(found.rows), singular_values(expected.rows)
    # Rounding of the passes is relative to the largest value: 1e-14 of it is 1e-10 of one at 1e-4.
    is_real = theirs > 1e-4 * theirs[:, :1]
    torch.testing.assert_close(ours[is_real], theirs[is_real], rtol=1e-9, atol=0)
    torch.testing.assert_close(found.rows @ found.rows.mT, expected.rows @ expected.rows.mT, rtol=1e-9, atol=1e-9)
    if engine.structural_rank is not None:
        ranks = (theirs > 1e-6 * theirs[:, :1]).sum(1)
        assert ranks.tolist() == [engine.structural_rank] * len(images)
    assert found.features.isfinite().all()
    assert found.features.shape == (len(images), 2 * len(engine._folded) + (engine._architecture.norm_pre is not None))
    return engine


@pytest.mark.parametrize("options", VITS.values(), ids=VITS)
def test_timm_vit(options):
    check_equal(vit(options), images_for({**VIT, **options}))


@pytest.mark.parametrize("options", EVAS.values(), ids=EVAS)
def test_timm_eva(options):
    check_equal(eva(options), images_for({**EVA, **options}))


@pytest.mark.parametrize("options", CLIPS.values(), ids=CLIPS)
def test_open_clip(options):
    check_equal(clip(options), images_for({**CLIP, **options}))
