"""A loaded encoder and its contract: [B, C, H, W] -> [B, K], finite, differentiable, in evaluation mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from PIL import Image
from torch import Tensor, nn

from jepascore_core.backbones.specs import BackboneSpec
from jepascore_core.backbones.transforms import build_transform
from jepascore_core.errors import EncoderError, PreprocessingError
from jepascore_core.records.backbones import BackboneInfo, Preprocessing

#: Channels of a wrapped module without preprocessing: its means are unknown.
NO_PREPROCESSING = Preprocessing(height=0, width=0, mean=(), std=())


@dataclass(frozen=True)
class LoadedEncoder:
    """Result of a family's loader: `spec` describes the backbone; `pooling` and `preprocessing` are those in effect."""

    encoder: nn.Module
    spec: BackboneSpec
    pooling: str
    preprocessing: Preprocessing
    note: str = ""


@dataclass(frozen=True, eq=False)
class Backbone:
    """An encoder [B, C, H, W] -> [B, K] in evaluation mode, whose parameters need no gradients, on `device`."""

    info: BackboneInfo
    encoder: nn.Module
    device: torch.device

    def preprocess(self, image: Image.Image) -> Tensor:
        """Convert a decoded RGB image to the encoder's input [C, H, W], float32 on the CPU.

        Raises:
            PreprocessingError: for a wrapped encoder without mean, std and image size.
            SampleError: for an image that is too elongated.
        """
        return self._transform(image)

    def encode(self, images: Tensor) -> Tensor:
        """Return embeddings [B, K] of preprocessed images [B, C, H, W], on the backbone's device, without gradients."""
        with torch.no_grad():
            embeddings: Tensor = self.encoder(images.to(self.device, dtype_of(self.encoder)))
        return embeddings

    @cached_property
    def _transform(self) -> Callable[[Image.Image], Tensor]:
        if not self.info.preprocessing.mean:
            raise PreprocessingError(
                f"The preprocessing of {self.info.name} is unknown: give mean, std and image_size, or measure "
                "preprocessed tensors."
            )
        return build_transform(self.info.preprocessing)


def dtype_of(encoder: nn.Module) -> torch.dtype:
    """Return the floating dtype of the encoder's parameters; float32 if it has none."""
    return next((value.dtype for value in encoder.parameters() if value.is_floating_point()), torch.float32)


def check_contract(encoder: nn.Module, shape: tuple[int, int, int], device: torch.device) -> int:
    """Run the encoder on two noise images of this shape (C, H, W) and return K.

    Raises:
        EncoderError: if the output is not [2, K], finite, and differentiable with respect to the images.
    """
    noise = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    images = noise.to(device, dtype_of(encoder)).requires_grad_()
    try:
        with torch.enable_grad():
            output = encoder(images)
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
        raise EncoderError(f"The encoder fails on images {list(images.shape)}: {error}") from error
    if not isinstance(output, Tensor):
        raise EncoderError(f"The encoder must return a tensor [B, K], but returns a {type(output).__name__}.")
    if output.ndim != 2 or len(output) != 2 or output.shape[1] == 0:
        raise EncoderError(
            f"The encoder must map images {list(images.shape)} to [2, K], but returns {list(output.shape)}. "
            "Pool its features, or leave out its last layers."
        )
    if not output.isfinite().all():
        raise EncoderError("The encoder returns values that are not finite for standard normal noise.")
    if not output.requires_grad:
        raise EncoderError("The encoder's output is not differentiable: it detaches it or turns gradients off inside.")
    return output.shape[1]
