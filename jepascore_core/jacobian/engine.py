"""Entry point to Jacobians: an engine built once for an encoder, a precision and a device.

For any architecture, an engine returns rows with the Gram matrix of W J, for given cotangents W.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from jepascore_core.jacobian.generic import Cotangents, default_chunk, jacobian, math_attention
from jepascore_core.jacobian.guards import check_encoder, check_outputs
from jepascore_core.jacobian.last_norm import most_directions


@dataclass(frozen=True)
class Pullback:
    """Output of an engine for B images and R cotangents."""

    embedding: Tensor  # [B, K]
    rows: Tensor  # [B, R, P], P depends on the engine: rows @ rows.mT = (W J) (W J)^T
    features: Tensor | None = None  # [B, F] float32, by-products of the forward pass that predict the score


class Engine(Protocol):
    """`name` is that of its passes; `note` says why they are the slow ones, if they are.

    `is_coarse` says whether rounding of its matrix products may exceed the smallest singular values.
    """

    name: str
    note: str

    @property
    def is_coarse(self) -> bool:
        """See above; known after the first batch."""
        ...

    @property
    def structural_rank(self) -> int | None:
        """Upper bound of J's rank set by the architecture, None if it must be found numerically.

        Known after the first batch.
        """
        ...

    def default_chunk(self) -> int:
        """Default number of cotangents at once."""
        ...

    def pull_back(
        self,
        images: Tensor,
        cotangents: Cotangents | None = None,
        chunk: int | None = None,
        on_chunk: Callable[[int], None] | None = None,
    ) -> Pullback:
        """Return rows of W J for preprocessed images [B, C, H, W]; without cotangents W is the identity."""
        ...


class GenericEngine:
    """Batched vector-Jacobian products of any differentiable encoder."""

    name = "generic"
    is_coarse = False

    def __init__(self, encoder: nn.Module, note: str = "") -> None:
        self.encoder, self.note = encoder, note
        self._is_checked = False
        self._most: int | None = None
        self._device = next((value.device for value in encoder.parameters()), None)

    @property
    def structural_rank(self) -> int | None:
        """Upper bound of J's rank that a last LayerNorm sets."""
        return self._most

    def default_chunk(self) -> int:
        """Cotangents at once, by kind of device."""
        return default_chunk(self._device.type if self._device else "cpu")

    def pull_back(
        self,
        images: Tensor,
        cotangents: Cotangents | None = None,
        chunk: int | None = None,
        on_chunk: Callable[[int], None] | None = None,
    ) -> Pullback:
        """Embeddings and rows of the pixel Jacobian.

        Raises:
            EncoderError: if the encoder violates its contract.
        """
        if not self._is_checked:
            check_encoder(self.encoder, images)
            self._most = self._find_most(images[:1])
            self._is_checked = True
        return Pullback(*jacobian(self.encoder, images, cotangents, chunk, on_chunk))

    def _find_most(self, image: Tensor) -> int | None:
        with torch.enable_grad(), math_attention():
            inputs = image.detach().requires_grad_(True)
            outputs = self.encoder(inputs.clone())
            check_outputs(outputs, image)
            return most_directions(outputs, inputs)
