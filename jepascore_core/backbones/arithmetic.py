"""Floating-point operations of one exact score, computed from an encoder's architecture without torch.

A multiplication and an addition are two operations. Norms, activations and softmax are left out: under 1 %.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Passes:
    """Operations of one forward pass over one image, by their cost in a backward pass.

    In a backward pass, a product with weights costs the same again, since the weights need no gradients. A product of
    two activations (queries with keys, attention with values) costs twice as much, one gradient per factor.
    """

    with_weights: float
    between_activations: float = 0.0

    @property
    def forward(self) -> float:
        """One forward pass."""
        return self.with_weights + self.between_activations

    @property
    def reverse(self) -> float:
        """One vector-Jacobian product."""
        return self.with_weights + 2 * self.between_activations


class Shape(Protocol):
    """Sizes of an architecture, enough to count its operations."""

    def passes(self, image_size: int) -> Passes:
        """Return the operations of one forward pass over an image of this side in pixels."""
        ...


@dataclass(frozen=True, slots=True)
class VitShape:
    """A vision transformer: `depth` blocks on tokens of `width`, whose MLP has `hidden` units.

    `prefix` counts class and register tokens, `projection` the outputs of a linear layer after pooling. A `gated` MLP
    has two matrices into its hidden units. `attention_pool` pools by a query that attends to all tokens, then an MLP.
    """

    depth: int
    width: int
    hidden: int
    patch: int
    prefix: int = 1
    gated: bool = False
    attention_pool: bool = False
    projection: int = 0
    channels: int = 3

    def passes(self, image_size: int) -> Passes:
        """Return the operations of one forward pass over an image of this side in pixels."""
        patches = (image_size // self.patch) ** 2
        tokens = patches + self.prefix
        mlp = (3 if self.gated else 2) * self.width * self.hidden
        block = 2 * tokens * (4 * self.width**2 + mlp)
        weights = self.depth * block + 2 * patches * self.channels * self.patch**2 * self.width
        activations = self.depth * 4 * tokens**2 * self.width
        if self.attention_pool:
            weights += 2 * (2 * tokens * self.width**2 + 2 * self.width**2 + 2 * self.width * self.hidden)
            activations += 4 * tokens * self.width
        return Passes(weights + 2 * self.width * self.projection, activations)


def vit_shape(arguments: Mapping[str, Any]) -> VitShape:
    """Return the shape that timm's `VisionTransformer` has with these arguments."""
    width = arguments["embed_dim"]
    return VitShape(
        depth=arguments["depth"],
        width=width,
        hidden=int(width * arguments.get("mlp_ratio", 4.0)),
        patch=arguments["patch_size"],
        prefix=int(arguments.get("class_token", True)) + arguments.get("reg_tokens", 0),
        projection=arguments.get("num_classes", 1000),
        channels=arguments.get("in_chans", 3),
    )


@dataclass(frozen=True, slots=True)
class ConvShape:
    """A convolutional network whose forward pass takes `forward` operations at `image_size` pixels."""

    forward: float
    image_size: int

    def passes(self, image_size: int) -> Passes:
        """Return the operations, which grow with the area of the image."""
        return Passes(self.forward * (image_size / self.image_size) ** 2)


def mlp_shape(arguments: Mapping[str, Any]) -> ConvShape:
    """Return the shape that `small_mlp.PooledMlp` has with these arguments; it accepts images of one size only."""
    side = arguments["img_size"]
    inputs = arguments["in_chans"] * (side // arguments["pool"]) ** 2
    sizes = [inputs, *arguments["hidden"], arguments["num_classes"]]
    return ConvShape(2.0 * sum(before * after for before, after in itertools.pairwise(sizes)), side)


def score_flop(shape: Shape, image_size: int, dimension: int) -> float:
    """Return the operations of one exact score: a forward pass and K = `dimension` backward passes.

    Structured passes need fewer where possible; a sketch of r probes takes r / K of the backward part.
    """
    passes = shape.passes(image_size)
    return passes.forward + dimension * passes.reverse
