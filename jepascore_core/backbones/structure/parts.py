"""Parts that all supported vision transformers share, recognised strictly by their full type names.

Modules of model libraries are `Any` here: their types are checked before they are read, and no library is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from jepascore_core.jacobian.architecture import Linear, Norm

_LAYER_NORMS = (
    "torch.nn.modules.normalization.LayerNorm",
    "timm.layers.norm.LayerNorm",
    "open_clip.transformer.LayerNorm",
    "open_clip.transformer.LayerNormFp32",
)
_ACTIVATIONS = (
    "torch.nn.modules.activation.GELU",
    "torch.nn.modules.activation.SiLU",
    "torch.nn.modules.activation.ReLU",
    "timm.layers.activations.GELU",
    "timm.layers.activations.GELUTanh",
    "timm.layers.activations.QuickGELU",
    "open_clip.transformer.QuickGELU",
)
_LAYER_SCALES = (
    "timm.layers.layer_scale.LayerScale",
    "timm.models.vision_transformer.LayerScale",
    "open_clip.transformer.LayerScale",
)
#: Layers that do nothing in evaluation mode.
_INERT = (
    "torch.nn.modules.linear.Identity",
    "torch.nn.modules.dropout.Dropout",
    "timm.layers.drop.DropPath",
    "timm.layers.patch_dropout.PatchDropout",
    "open_clip.transformer.PatchDropout",
)


class UnknownStructure(Exception):  # noqa: N818 - an answer, not a fault
    """Why a module is not a supported architecture."""


def full_name(module: Any) -> str:
    """Return the full name of a module's type."""
    return f"{type(module).__module__}.{type(module).__qualname__}"


def require(condition: bool, what: str) -> None:
    """Raise UnknownStructure unless a condition holds.

    Raises:
        UnknownStructure: naming it.
    """
    if not condition:
        raise UnknownStructure(what)


def require_inert(*modules: Any) -> None:
    """Raise UnknownStructure for a layer that has an effect in evaluation mode."""
    for module in modules:
        require(module is None or full_name(module) in _INERT, f"{type(module).__name__} where no layer was expected")


def read_norm(module: Any) -> Norm:
    """Read a LayerNorm over the last axis."""
    require(full_name(module) in _LAYER_NORMS, f"{type(module).__name__} in place of LayerNorm")
    require(len(module.normalized_shape) == 1, "LayerNorm over several axes")
    return Norm(module.weight, module.bias, module.eps)


def read_optional_norm(module: Any) -> Norm | None:
    """Read a LayerNorm; None for the identity."""
    return None if isinstance(module, nn.Identity) or module is None else read_norm(module)


def read_linear(module: Any) -> Linear:
    """Read a linear layer."""
    require(
        type(module) in (nn.Linear, nn.modules.linear.NonDynamicallyQuantizableLinear),
        "an unsupported kind of projection",
    )
    return Linear(module.weight, module.bias)


def read_activation(module: Any) -> Callable[[Tensor], Tensor]:
    """Read an elementwise activation with a known derivative."""
    require(full_name(module) in _ACTIVATIONS, f"the activation {type(module).__name__}")
    # In place it would overwrite the input that its derivative needs.
    require(not getattr(module, "inplace", False), "an activation that works in place")
    activation: Callable[[Tensor], Tensor] = module
    return activation


def read_layer_scale(module: Any) -> Tensor | None:
    """Read the factors of a LayerScale; None for the identity."""
    if isinstance(module, nn.Identity):
        return None
    require(full_name(module) in _LAYER_SCALES, f"{type(module).__name__} in place of LayerScale")
    factors: Tensor = module.gamma
    return factors


def read_patch(convolution: Any, pads: bool = False) -> Tensor:
    """Return the kernel [d, C x height x width] of a convolution that cuts images into patches without overlap."""
    require(type(convolution) is nn.Conv2d, "a patch embedding that is not one convolution")
    is_plain = (
        tuple(convolution.stride) == tuple(convolution.kernel_size)
        and convolution.groups == 1
        and tuple(convolution.dilation) == (1, 1)
        and convolution.padding in ((0, 0), 0, "valid")
    )
    require(is_plain and not pads, "patches that overlap or exceed the border")
    weight: Tensor = convolution.weight
    return weight.flatten(1)


def rank_of(dimension: int, width: int, num_null: int | None, num_pixels: int) -> int | None:
    """Return an upper bound of the rank of K linear functions of a vector with this width and null directions."""
    return None if num_null is None else min(dimension, width - num_null, num_pixels)


def dead_directions(norm_before: Norm | None, norm_after: Norm | None, *, is_average: bool) -> int:
    """Return the number of directions that LayerNorm removes from the pooled vector: mean and, unless averaged, length.

    The length is removed except for a share of eps / (variance + eps), which is negligible (see last_norm.py).
    """
    if norm_after is None and norm_before is None:
        return 0
    return 1 if norm_after is None and is_average else 2
