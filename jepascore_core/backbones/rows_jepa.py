"""Rows of self-supervised joint embeddings without negatives: those that the score's theory covers. Data only."""

from __future__ import annotations

from jepascore_core.backbones.arithmetic import ConvShape, VitShape
from jepascore_core.backbones.rows import (
    IMAGENET,
    IMAGENET_90,
    IMAGENET_875,
    IMAGENET_875_BILINEAR,
    IMAGENET_SQUASHED,
    NON_COMMERCIAL,
    SATELLITE_SQUASHED,
    Model,
    family,
)

_DINOV3_LICENCE = "dinov3-license (custom: commercial use under conditions)"
_FAIR = "https://dl.fbaipublicfiles.com"
_VJEPA2_1 = f"{_FAIR}/vjepa2/vjepa2_1"
_IBOT = "https://lf3-nlp-opensource.bytetos.com/obj/nlp-opensource/archive/2022/ibot"
_STUDENT = "The student network, which is the one that its authors evaluate."
_CONTEXT = "The context encoder, as timm loads it; the file is a whole training checkpoint and large."
_TARGET = "The target encoder, which its paper evaluates; the file is a whole training checkpoint and large."

_CROP_256 = "Shorter side to 256, bicubic, crop of 224"
_AT_224 = "Measured at 224 pixels (native 518); position embedding resampled."
_DINOV2 = f"{_CROP_256}; class token: facebookresearch/dinov2, dinov2/data/transforms.py"
_DINOV3 = "Squashed to 256, bilinear; class token: README of facebookresearch/dinov3, Image transforms"
_IJEPA = "Average of the patch tokens: paper. The authors have published no evaluation's preprocessing: timm's"
_VJEPA2 = (
    "Shorter side to size times 256/224, bilinear, crop: facebookresearch/vjepa2, evals/image_classification_frozen. "
    "Average of the tokens, where the authors train a probe that attends to them"
)

_HUGE_14 = VitShape(32, 1280, 5120, 14, prefix=0)
_HUGE_16 = VitShape(32, 1280, 5120, 16, prefix=0)
_GIANT_16 = VitShape(40, 1408, 6144, 16, prefix=0)
_SMALL_8, _SMALL_16 = VitShape(12, 384, 1536, 8), VitShape(12, 384, 1536, 16)
_BASE_8, _BASE_16 = VitShape(12, 768, 3072, 8), VitShape(12, 768, 3072, 16)
_LARGE_16 = VitShape(24, 1024, 4096, 16)

_IJEPA_FILES = {
    "in1k": f"{_FAIR}/ijepa/IN1K-vit.h.14-300e.pth.tar",
    "in22k": f"{_FAIR}/ijepa/IN22K-vit.h.14-900e.pth.tar",
    "448": f"{_FAIR}/ijepa/IN1K-vit.h.16-448px-300e.pth.tar",
    "giant": f"{_FAIR}/ijepa/IN22K-vit.g.16-600e.pth.tar",
}

JEPA_ROWS = (
    *family(
        "DINOv2",
        "timm",
        "token",
        "apache-2.0",
        True,
        IMAGENET_875,
        Model("vit_small_patch14_dinov2.lvd142m", 384, 224, VitShape(12, 384, 1536, 14)),
        Model("vit_base_patch14_dinov2.lvd142m", 768, 224, VitShape(12, 768, 3072, 14)),
        Model("vit_large_patch14_dinov2.lvd142m", 1024, 224, VitShape(24, 1024, 4096, 14)),
        Model("vit_giant_patch14_dinov2.lvd142m", 1536, 224, VitShape(40, 1536, 4096, 14, gated=True)),
        note=_AT_224,
        evaluation=_DINOV2,
        resampling="dino",
    ),
    *family(
        "DINOv2",
        "timm",
        "token",
        "apache-2.0",
        True,
        IMAGENET_875,
        Model("vit_small_patch14_reg4_dinov2.lvd142m", 384, 224, VitShape(12, 384, 1536, 14, 5)),
        Model("vit_base_patch14_reg4_dinov2.lvd142m", 768, 224, VitShape(12, 768, 3072, 14, 5)),
        Model("vit_large_patch14_reg4_dinov2.lvd142m", 1024, 224, VitShape(24, 1024, 4096, 14, 5)),
        Model("vit_giant_patch14_reg4_dinov2.lvd142m", 1536, 224, VitShape(40, 1536, 4096, 14, 5, gated=True)),
        note=_AT_224,
        evaluation=_DINOV2,
    ),
    *family(
        "DINOv3",
        "timm",
        "token",
        _DINOV3_LICENCE,
        True,
        IMAGENET_SQUASHED,
        Model("vit_small_patch16_dinov3.lvd1689m", 384, 256, VitShape(12, 384, 1536, 16, 5)),
        Model("vit_small_plus_patch16_dinov3.lvd1689m", 384, 256, VitShape(12, 384, 1536, 16, 5, gated=True)),
        Model("vit_base_patch16_dinov3.lvd1689m", 768, 256, VitShape(12, 768, 3072, 16, 5)),
        Model("vit_large_patch16_dinov3.lvd1689m", 1024, 256, VitShape(24, 1024, 4096, 16, 5)),
        Model("vit_huge_plus_patch16_dinov3.lvd1689m", 1280, 256, VitShape(32, 1280, 5120, 16, 5, gated=True)),
        Model("vit_7b_patch16_dinov3.lvd1689m", 4096, 256, VitShape(40, 4096, 8192, 16, 5, gated=True)),
        Model(
            "vit_large_patch16_dinov3.sat493m", 1024, 256, VitShape(24, 1024, 4096, 16, 5), recipe=SATELLITE_SQUASHED
        ),
        Model(
            "vit_7b_patch16_dinov3.sat493m",
            4096,
            256,
            VitShape(40, 4096, 8192, 16, 5, gated=True),
            recipe=SATELLITE_SQUASHED,
        ),
        note="Class token, as upstream (timm's own default is the average).",
        evaluation=_DINOV3,
    ),
    *family(
        "DINOv3",
        "timm",
        "avg",
        _DINOV3_LICENCE,
        True,
        IMAGENET_SQUASHED,
        Model("convnext_tiny.dinov3_lvd1689m", 768, 256, ConvShape(8.909526528e9, 224)),
        Model("convnext_small.dinov3_lvd1689m", 768, 256, ConvShape(17.365888512e9, 224)),
        Model("convnext_base.dinov3_lvd1689m", 1024, 256, ConvShape(30.707410944e9, 224)),
        Model("convnext_large.dinov3_lvd1689m", 1536, 256, ConvShape(68.7197952e9, 224)),
        evaluation="Squashed to 256, bilinear; normalised average: README of facebookresearch/dinov3, Image transforms",
    ),
    *family(
        "I-JEPA",
        "timm",
        "avg",
        NON_COMMERCIAL,
        True,
        IMAGENET_90,
        Model("vit_huge_patch14_gap_224.in1k_ijepa", 1280, 224, _HUGE_14, _IJEPA_FILES["in1k"]),
        Model("vit_huge_patch14_gap_224.in22k_ijepa", 1280, 224, _HUGE_14, _IJEPA_FILES["in22k"]),
        Model("vit_huge_patch16_gap_448.in1k_ijepa", 1280, 448, _HUGE_16, _IJEPA_FILES["448"], IMAGENET),
        Model("vit_giant_patch16_gap_224.in22k_ijepa", 1408, 224, _GIANT_16, _IJEPA_FILES["giant"]),
        note=_CONTEXT,
        evaluation=_IJEPA,
        resampling="plain",
    ),
    *family(
        "I-JEPA",
        "ijepa",
        "avg",
        NON_COMMERCIAL,
        True,
        IMAGENET_90,
        Model("vit_huge_patch14_224.in1k_target", 1280, 224, _HUGE_14, _IJEPA_FILES["in1k"]),
        Model("vit_huge_patch14_224.in22k_target", 1280, 224, _HUGE_14, _IJEPA_FILES["in22k"]),
        Model("vit_huge_patch16_448.in1k_target", 1280, 448, _HUGE_16, _IJEPA_FILES["448"], IMAGENET),
        Model("vit_giant_patch16_224.in22k_target", 1408, 224, _GIANT_16, _IJEPA_FILES["giant"]),
        note=_TARGET,
        evaluation=_IJEPA,
        resampling="plain",
    ),
    *family(
        "I-JEPA",
        "hf",
        "avg",
        NON_COMMERCIAL,
        True,
        IMAGENET_90,
        Model("facebook/ijepa_vith14_1k", 1280, 224, _HUGE_14, architecture="vit_huge_patch14_ijepa"),
        Model("facebook/ijepa_vith14_22k", 1280, 224, _HUGE_14, architecture="vit_huge_patch14_ijepa"),
        Model("facebook/ijepa_vith16_1k", 1280, 448, _HUGE_16, "", IMAGENET, architecture="vit_huge_patch16_ijepa"),
        Model("facebook/ijepa_vitg16_22k", 1408, 224, _GIANT_16, architecture="vit_giant_patch16_ijepa"),
        note="The context encoder alone, in transformers' format.",
        evaluation=_IJEPA,
        resampling="plain",
    ),
    *family(
        "V-JEPA 2",
        "vjepa2",
        "avg",
        "mit",
        True,
        IMAGENET_875_BILINEAR,
        Model("vit_large_patch16_256.vitl", 1024, 256, VitShape(24, 1024, 4096, 16, 0), f"{_FAIR}/vjepa2/vitl.pt"),
        Model("vit_huge_patch16_256.vith", 1280, 256, _HUGE_16, f"{_FAIR}/vjepa2/vith.pt"),
        Model("vit_giant_patch16_256.vitg", 1408, 256, _GIANT_16, f"{_FAIR}/vjepa2/vitg.pt"),
        Model("vit_giant_patch16_384.vitg", 1408, 384, _GIANT_16, f"{_FAIR}/vjepa2/vitg-384.pt"),
        note="A video encoder (target encoder); an image is shown as two equal frames, one step in time.",
        evaluation=_VJEPA2,
    ),
    *family(
        "V-JEPA 2",
        "hf",
        "avg",
        "mit",
        True,
        IMAGENET_875_BILINEAR,
        Model(
            "facebook/vjepa2-vitl-fpc64-256",
            1024,
            256,
            VitShape(24, 1024, 4096, 16, 0),
            architecture="vit_large_patch16_vjepa2",
        ),
        Model("facebook/vjepa2-vith-fpc64-256", 1280, 256, _HUGE_16, architecture="vit_huge_patch16_vjepa2"),
        Model("facebook/vjepa2-vitg-fpc64-256", 1408, 256, _GIANT_16, architecture="vit_giant_patch16_vjepa2"),
        Model("facebook/vjepa2-vitg-fpc64-384", 1408, 384, _GIANT_16, architecture="vit_giant_patch16_vjepa2"),
        note="A video encoder in transformers' format; an image is shown as two equal frames, one step in time.",
        evaluation=_VJEPA2,
    ),
    *family(
        "V-JEPA 2.1",
        "vjepa2_1",
        "avg",
        "mit",
        True,
        IMAGENET_875_BILINEAR,
        Model(
            "vit_base_patch16_384.vitb", 768, 384, VitShape(12, 768, 3072, 16, 0), f"{_VJEPA2_1}_vitb_dist_vitG_384.pt"
        ),
        Model(
            "vit_large_patch16_384.vitl",
            1024,
            384,
            VitShape(24, 1024, 4096, 16, 0),
            f"{_VJEPA2_1}_vitl_dist_vitG_384.pt",
        ),
        Model("vit_giant_patch16_384.vitg", 1408, 384, _GIANT_16, f"{_VJEPA2_1}_vitg_384.pt"),
        Model("vit_gigantic_patch16_384.vitG", 1664, 384, VitShape(48, 1664, 8192, 16, 0), f"{_VJEPA2_1}_vitG_384.pt"),
        note="A video encoder with a patch embedding for images; the averaged copy. The licence is that of the "
        "repository; none is stated for the weights themselves.",
        evaluation=_VJEPA2,
    ),
    *family(
        "VISReg",
        "visreg",
        "token",
        NON_COMMERCIAL,
        True,
        IMAGENET_875,
        Model("vit_base_patch16_224.inet1k", 768, 224, _BASE_16, "visreg-vit-b-inet1k.pth"),
        Model("vit_large_patch14_224.inet1k", 1024, 224, VitShape(24, 1024, 4096, 14), "visreg-vit-l-inet1k.pth"),
        note="Trained to a Gaussian target, which acts on a projector of the class token that is not part of the "
        "embedding: the embedding itself is Gaussian only approximately.",
        evaluation=f"{_CROP_256}; class token of the last layer (the authors' probes read four): HaiyuWu/visreg, "
        "downstream/dataset_utils.py",
    ),
    *family(
        "LeJEPA",
        "lejepa",
        "native",
        "your own training's",
        True,
        None,
        Model("vit_small_patch8_224", None, None, _SMALL_8),
        Model("vit_large_patch14_224", None, None, VitShape(24, 1024, 4096, 14)),
        Model("resnet50", None, None, ConvShape(8.174272512e9, 224)),
        note="LeJEPA has published no weights (November 2026; VISReg's are the nearest): give --checkpoint of a "
        "training; any timm architecture works.",
    ),
    *family(
        "DINO",
        "timm",
        "token",
        "apache-2.0",
        True,
        IMAGENET_875,
        Model("vit_small_patch16_224.dino", 384, 224, _SMALL_16),
        Model("vit_small_patch8_224.dino", 384, 224, _SMALL_8),
        Model("vit_base_patch16_224.dino", 768, 224, _BASE_16),
        Model("vit_base_patch8_224.dino", 768, 224, _BASE_8),
        evaluation=f"{_CROP_256}; class token: facebookresearch/dino, eval_knn.py",
        resampling="dino",
    ),
    *family(
        "iBOT",
        "ibot",
        "token",
        "apache-2.0",
        True,
        IMAGENET_875,
        Model("vit_small_patch16_224.in1k", 384, 224, _SMALL_16, f"{_IBOT}/vits_16/checkpoint_teacher.pth"),
        Model("vit_base_patch16_224.in1k", 768, 224, _BASE_16, f"{_IBOT}/vitb_16/checkpoint_teacher.pth"),
        Model("vit_large_patch16_224.in1k", 1024, 224, _LARGE_16, f"{_IBOT}/vitl_16/checkpoint_teacher.pth"),
        Model(
            "vit_base_patch16_224.in22k",
            768,
            224,
            _BASE_16,
            f"{_IBOT}/vitb_16_pt22k/checkpoint_student.pth",
            note=_STUDENT,
        ),
        Model(
            "vit_large_patch16_224.in22k",
            1024,
            224,
            _LARGE_16,
            f"{_IBOT}/vitl_16_pt22k/checkpoint_student.pth",
            note=_STUDENT,
        ),
        evaluation=f"{_CROP_256}; class token: bytedance/ibot, evaluation/eval_knn.py",
        resampling="dino",
    ),
)
