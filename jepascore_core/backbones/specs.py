"""The table of known backbones: data only, so that the web process may read it.

Any other timm or open_clip name works too.

What the columns rest on: image sizes and licences are those of the libraries' own configurations (a test compares
them), except that DINOv2 runs at 224 pixels, the size of the paper's measurements, instead of its native 518.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from jepascore_core.errors import UnknownNameError

_CONTRASTIVE = (
    "Contrastive with text: its embeddings are not Gaussian by training, so the score's theory does not hold. "
)
_SUPERVISED = "Supervised: the score's theory does not hold; use it for comparison."
_NON_COMMERCIAL = "cc-by-nc-4.0 (non-commercial)"
_DINOV3_LICENCE = "dinov3-license (custom: commercial use under conditions)"


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """What is known of a backbone before it is loaded.

    `pooling` says what the embedding is: "token" (class token), "avg" (average of the patch tokens or feature map),
    "projection" (CLIP's projected image embedding) or "native" (whatever the module returns). `dimension` K and
    `image_size` in pixels are None where only loading tells. `is_jepa` is True for self-supervised joint embeddings
    without negatives, which the score's theory covers; False for contrastive, supervised and reconstruction
    objectives; None where it is not known.
    """

    name: str
    family: str
    library: str
    architecture: str
    pooling: str
    dimension: int | None
    image_size: int | None
    licence: str
    is_jepa: bool | None
    note: str = ""


def _family(
    family: str,
    library: str,
    pooling: str,
    licence: str,
    is_jepa: bool,
    note: str,
    *models: tuple[str, int, int],
) -> tuple[BackboneSpec, ...]:
    """Rows of one family; a model is (name with tag, dimension K, image size)."""
    return tuple(
        BackboneSpec(
            name=f"{library}:{model}",
            family=family,
            library=library,
            architecture=model.replace(":", ".").partition(".")[0],
            pooling=pooling,
            dimension=dimension,
            image_size=image_size,
            licence=licence,
            is_jepa=is_jepa,
            note=note,
        )
        for model, dimension, image_size in models
    )


_TABLE: tuple[BackboneSpec, ...] = (
    *_family(
        "DINOv2",
        "timm",
        "token",
        "apache-2.0",
        True,
        "Measured at 224 pixels (native 518); position embedding resampled.",
        ("vit_small_patch14_dinov2.lvd142m", 384, 224),
        ("vit_base_patch14_dinov2.lvd142m", 768, 224),
        ("vit_large_patch14_dinov2.lvd142m", 1024, 224),
        ("vit_giant_patch14_dinov2.lvd142m", 1536, 224),
        ("vit_small_patch14_reg4_dinov2.lvd142m", 384, 224),
        ("vit_base_patch14_reg4_dinov2.lvd142m", 768, 224),
        ("vit_large_patch14_reg4_dinov2.lvd142m", 1024, 224),
        ("vit_giant_patch14_reg4_dinov2.lvd142m", 1536, 224),
    ),
    *_family(
        "DINOv3",
        "timm",
        "token",
        _DINOV3_LICENCE,
        True,
        "Class token, as upstream (timm's own default is the average).",
        ("vit_small_patch16_dinov3.lvd1689m", 384, 256),
        ("vit_base_patch16_dinov3.lvd1689m", 768, 256),
        ("vit_large_patch16_dinov3.lvd1689m", 1024, 256),
    ),
    *_family(
        "I-JEPA",
        "timm",
        "avg",
        _NON_COMMERCIAL,
        True,
        "The context encoder, as timm loads it; the file is a whole training checkpoint and large.",
        ("vit_huge_patch14_gap_224.in1k_ijepa", 1280, 224),
        ("vit_huge_patch14_gap_224.in22k_ijepa", 1280, 224),
        ("vit_huge_patch16_gap_448.in1k_ijepa", 1280, 448),
        ("vit_giant_patch16_gap_224.in22k_ijepa", 1408, 224),
    ),
    *_family(
        "DINO",
        "timm",
        "token",
        "apache-2.0",
        True,
        "",
        ("vit_small_patch16_224.dino", 384, 224),
        ("vit_small_patch8_224.dino", 384, 224),
        ("vit_base_patch16_224.dino", 768, 224),
        ("vit_base_patch8_224.dino", 768, 224),
    ),
    *_family(
        "MetaCLIP",
        "open_clip",
        "projection",
        _NON_COMMERCIAL,
        False,
        _CONTRASTIVE + "Measured in the paper; an independent evaluation found it inverted on CIFAR-10 against SVHN.",
        ("ViT-B-32-quickgelu:metaclip_fullcc", 512, 224),
        ("ViT-B-16-quickgelu:metaclip_fullcc", 512, 224),
        ("ViT-L-14-quickgelu:metaclip_fullcc", 768, 224),
        ("ViT-H-14-quickgelu:metaclip_fullcc", 1024, 224),
    ),
    *_family(
        "OpenAI CLIP",
        "open_clip",
        "projection",
        "mit",
        False,
        _CONTRASTIVE,
        ("ViT-B-32-quickgelu:openai", 512, 224),
        ("ViT-B-16-quickgelu:openai", 512, 224),
        ("ViT-L-14-quickgelu:openai", 768, 224),
    ),
    *_family(
        "SigLIP",
        "open_clip",
        "projection",
        "apache-2.0",
        False,
        _CONTRASTIVE,
        ("ViT-B-16-SigLIP:webli", 768, 224),
        ("ViT-L-16-SigLIP-256:webli", 1024, 256),
        ("ViT-B-16-SigLIP2:webli", 768, 224),
    ),
    *_family(
        "MAE",
        "timm",
        "token",
        _NON_COMMERCIAL,
        False,
        "Self-supervised by reconstruction, not by joint embedding: the score's theory does not hold.",
        ("vit_base_patch16_224.mae", 768, 224),
        ("vit_large_patch16_224.mae", 1024, 224),
    ),
    *_family(
        "supervised ViT",
        "timm",
        "token",
        "apache-2.0",
        False,
        _SUPERVISED,
        ("vit_tiny_patch16_224.augreg_in21k_ft_in1k", 192, 224),
        ("vit_small_patch16_224.augreg_in21k_ft_in1k", 384, 224),
        ("vit_base_patch16_224.augreg_in21k_ft_in1k", 768, 224),
    ),
    *_family(
        "DeiT",
        "timm",
        "token",
        "apache-2.0",
        False,
        _SUPERVISED,
        ("deit_tiny_patch16_224.fb_in1k", 192, 224),
        ("deit_small_patch16_224.fb_in1k", 384, 224),
        ("deit_base_patch16_224.fb_in1k", 768, 224),
    ),
    *_family(
        "ResNet",
        "timm",
        "avg",
        "apache-2.0",
        False,
        _SUPERVISED,
        ("resnet18.a1_in1k", 512, 224),
        ("resnet50.a1_in1k", 2048, 224),
    ),
    *_family(
        "ConvNeXt",
        "timm",
        "avg",
        "apache-2.0",
        False,
        _SUPERVISED,
        ("convnext_tiny.fb_in1k", 768, 224),
        ("convnext_base.fb_in22k_ft_in1k", 1024, 224),
    ),
)


def list_specs() -> tuple[BackboneSpec, ...]:
    """All known backbones: the bundled ones first, then the table."""
    from jepascore_core.backbones.bundled_encoder import list_bundled

    return (*list_bundled(), *_TABLE)


def find_spec(name: str) -> BackboneSpec | None:
    """The row with exactly this name, or None: other timm and open_clip names are known only to their library."""
    rows = list_specs() if name.startswith("bundled:") else _TABLE
    return next((spec for spec in rows if spec.name == name), None)


def unknown_backbone(name: str, candidates: Iterable[str] = ()) -> UnknownNameError:
    """The error for a name that nobody knows, with near matches from the table and from `candidates`."""
    known = [*dict.fromkeys([*(spec.name for spec in list_specs()), *candidates])]
    text = name.rpartition(":")[2].lower()
    containing = [other for other in known if text and text in other.lower()]
    near = [*dict.fromkeys([*difflib.get_close_matches(name, known, n=3), *containing])][:5]
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    return UnknownNameError(
        f"There is no backbone {name!r}.{hint} `jepascore backbones` lists the known ones; any timm:<model> and "
        "open_clip:<model>:<tag> of the installed libraries works too."
    )
