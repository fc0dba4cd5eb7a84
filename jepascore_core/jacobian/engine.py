"""The one entrance to Jacobians: an engine prepared once for an encoder, a precision and a device.

Whatever the architecture, an engine returns rows with the Gram matrix of W J, for the cotangents W that it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from jepascore_core.jacobian.generic import Cotangents, default_chunk, jacobian
from jepascore_core.jacobian.guards import check_encoder


@dataclass(frozen=True)
class Pullback:
    """What an engine finds for B images and R cotangents."""

    embedding: Tensor  # [B, K]
    rows: Tensor  # [B, R, P], P whatever the engine likes: rows @ rows.mT = (W J) (W J)^T
    features: Tensor | None = None  # [B, F] float32, by-products of the forward pass that tell of the score


class Engine(Protocol):
    """`name` says which passes it runs; `note` why they are the slow ones, if they are; empty otherwise."""

    name: str
    note: str

    @property
    def structural_rank(self) -> int | None:
        """Rank of J as the architecture dictates it, None where only the numbers tell."""
        ...

    def default_chunk(self) -> int:
        """Cotangents at once, unless told otherwise."""
        ...

    def pull_back(
        self,
        images: Tensor,
        cotangents: Cotangents | None = None,
        chunk: int | None = None,
        on_chunk: Callable[[int], None] | None = None,
    ) -> Pullback:
        """Rows of W J for preprocessed images [B, C, H, W]; without cotangents W is the identity."""
        ...


class GenericEngine:
    """Batched vector-Jacobian products of any differentiable encoder."""

    name = "generic"
    structural_rank: int | None = None

    def __init__(self, encoder: nn.Module, note: str = "") -> None:
        self.encoder, self.note = encoder, note
        self._is_checked = False
        self._device = next((value.device for value in encoder.parameters()), None)

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
            EncoderError: if the encoder breaks its contract.
        """
        if not self._is_checked:
            check_encoder(self.encoder, images)
            self._is_checked = True
        return Pullback(*jacobian(self.encoder, images, cotangents, chunk, on_chunk))
