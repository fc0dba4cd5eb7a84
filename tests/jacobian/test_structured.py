"""The structured passes against autograd, in float64, on every option of every family that they know."""

import dataclasses

import open_clip
import pytest
import torch
from open_clip.transformer import VisionTransformer as OpenClipVit
from timm.layers import SwiGLU, SwiGLUPacked
from timm.models.eva import Eva
from timm.models.vision_transformer import Block, ParallelScalingBlock, VisionTransformer
from torch import nn

import jepascore_core as js
from jepascore_core.backbones.open_clip_encoder import FirstOutput
from jepascore_core.backbones.structure.parts import UnknownStructure
from jepascore_core.backbones.structure.recognise import recognise
from jepascore_core.errors import UnknownNameError
from jepascore_core.jacobian.architecture import Norm
from jepascore_core.jacobian.engine import GenericEngine
from jepascore_core.jacobian.gram import singular_values
from jepascore_core.jacobian.structured import PassPrecision, StructuredEngine
from jepascore_core.measuring.estimators import build_engine
from jepascore_core.records.measurements import MeasurementSpec
from tests.reference import listing_score

DOUBLE = PassPrecision(torch.float64, torch.float64)

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


def test_open_clip_tower_from_timm():
    tower = open_clip.timm_model.TimmModel("vit_tiny_patch16_224", 10, image_size=224, pool="token", proj="linear")
    tower.trunk = VisionTransformer(**VIT)
    tower.head = nn.Sequential(nn.Linear(24, 10))
    assert check_equal(randomise(tower), images_for(VIT)).structural_rank is None


def test_our_wrapper_of_a_tower_that_returns_tokens():
    encoder = FirstOutput(randomise(OpenClipVit(**CLIP, output_tokens=True))).eval()
    check_equal(encoder, images_for(CLIP))


class OtherBlock(Block):
    """A subclass may do anything."""


def with_hook():
    encoder = VisionTransformer(**VIT)
    encoder.blocks[0].register_forward_hook(lambda *_: None)
    return encoder


def with_gate():
    encoder = Eva(**EVA)
    encoder.blocks[0].attn.gate = nn.Linear(24, 24)
    return encoder


def with_other_activation():
    encoder = VisionTransformer(**VIT)
    encoder.blocks[1].mlp.act = nn.Tanh()
    return encoder


def with_overlapping_patches():
    encoder = VisionTransformer(**VIT)
    encoder.patch_embed.proj = nn.Conv2d(3, 24, 8, stride=8, padding=1)
    return encoder


UNKNOWN = {
    "not a vision transformer": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(768, 4)), "Sequential is not"),
    "a subclass of a block": (lambda: VisionTransformer(**VIT, block_fn=OtherBlock), "OtherBlock"),
    "a parallel block": (lambda: VisionTransformer(**VIT, block_fn=ParallelScalingBlock), "ParallelScalingBlock"),
    "a norm inside attention": (lambda: VisionTransformer(**VIT, scale_attn_norm=True), "LayerNorm where no layer"),
    "a norm inside the MLP": (lambda: VisionTransformer(**VIT, scale_mlp_norm=True), "LayerNorm where no layer"),
    "gated attention": (with_gate, "gated attention"),
    "grouped queries": (lambda: Eva(**EVA, attn_type="rope", qkv_fused=False, num_kv_heads=1), "grouped-query"),
    "EVA-02's scaled MLP": (lambda: Eva(**EVA, swiglu_mlp=True, scale_mlp=True), "LayerNorm where no layer"),
    "a hook": (with_hook, "hooks"),
    "an activation": (with_other_activation, "Tanh"),
    "overlapping patches": (with_overlapping_patches, "overlap"),
    "cosine attention": (lambda: OpenClipVit(**CLIP, scaled_cosine_attn=True), "cosine"),
}


@pytest.mark.parametrize(("build", "says"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_known_is_refused_by_name_and_measured_by_the_generic_passes(build, says):
    encoder = build().eval()
    with pytest.raises(UnknownStructure, match=says):
        recognise(encoder)
    backbone = js.wrap_encoder(encoder, "unknown")
    engine = build_engine(backbone, MeasurementSpec(precision="float64"))
    assert isinstance(engine, GenericEngine)
    assert "generic backward passes: " in engine.note  # of a small encoder: not that they are slower
    with pytest.raises(UnknownNameError, match="Choose float32"):
        build_engine(backbone, MeasurementSpec(precision="bfloat16"))


def test_a_structure_that_disagrees_with_autograd_is_not_believed():
    encoder = vit({})
    wrong = dataclasses.replace(recognise(encoder), norm_pre=Norm(None, None, 1e-6))
    engine = StructuredEngine(encoder, wrong, DOUBLE)
    found = engine.pull_back(images_for(VIT))
    assert "disagree with autograd" in engine.note
    assert engine.structural_rank == 22, "of the last norm, which autograd shows"
    expected = GenericEngine(encoder).pull_back(images_for(VIT))
    torch.testing.assert_close(found.rows, expected.rows)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("chunk", [1, 7, 24, None])
def test_rows_depend_on_neither_batch_nor_chunk(batch, chunk):
    encoder, images = vit({}), images_for(VIT, 3)
    engine = StructuredEngine(encoder, recognise(encoder), DOUBLE)
    whole = engine.pull_back(images, chunk=24).rows
    parts = torch.cat([engine.pull_back(part, chunk=chunk).rows for part in images.split(batch)])
    torch.testing.assert_close(parts, whole, rtol=1e-12, atol=1e-12)


def test_cotangents_combine_rows():
    encoder, images = vit({"num_classes": 7}), images_for(VIT)
    weights = torch.randn(3, 7, dtype=torch.float64)
    engine = StructuredEngine(encoder, recognise(encoder), DOUBLE)
    combined = engine.pull_back(images, lambda size: weights[:, :size]).rows
    torch.testing.assert_close(combined, weights @ engine.pull_back(images).rows)


def test_on_chunk_counts_and_may_stop():
    encoder, seen = vit({}), []
    engine = StructuredEngine(encoder, recognise(encoder), DOUBLE)
    engine.pull_back(images_for(VIT), chunk=10, on_chunk=seen.append)
    assert seen == [10, 20, 24]

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.pull_back(images_for(VIT), chunk=10, on_chunk=stop)


def test_precisions_agree_on_rank_and_nearly_on_the_score():
    """The published claim is on real weights (benchmarks/precision.py); here the mechanics."""
    backbone = js.wrap_encoder(vit({}).float(), "vit", image_size=16)
    images = images_for(VIT, 8).float()
    found = {name: js.measure(backbone, images, precision=name) for name in ("float64", "float32", "bfloat16")}
    assert {tuple(result.rank.tolist()) for result in found.values()} == {(22,) * 8}
    torch.testing.assert_close(found["float32"].score, found["float64"].score, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(found["bfloat16"].score, found["float64"].score, rtol=0.02, atol=0.3)
    assert (found["bfloat16"].singular_values[:, 22:] == 0).all()


def test_tf32_is_refused_where_there_is_none():
    backbone = js.wrap_encoder(vit({}).float(), "vit", image_size=16)
    with pytest.raises(UnknownNameError, match="CUDA"):
        js.measure(backbone, images_for(VIT).float(), precision="tf32")


def test_scores_equal_the_papers_listing():
    encoder, images = vit({"init_values": 0.3}), images_for(VIT)
    backbone = js.wrap_encoder(encoder, "vit")
    found = js.measure(backbone, images, precision="float64")
    paper = js.jepa_score(found.singular_values, "paper")
    torch.testing.assert_close(torch.from_numpy(paper), listing_score(encoder, images), rtol=1e-9, atol=0)
