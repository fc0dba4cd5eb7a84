"""Requirements for a meaningful Jacobian: an encoder maps [B, C, H, W] -> [B, K], image by image, deterministically."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jepascore_core.errors import EncoderError

#: Repeated passes of one image may differ by rounding, relative to the largest value of the embedding.
REPEAT_TOLERANCE = 1e-3


def check_images(images: Tensor, chunk: int | None = None) -> None:
    """Require a batch of preprocessed images, and chunks of at least one cotangent.

    Raises:
        EncoderError: saying what was expected and received.
    """
    if not isinstance(images, Tensor):
        raise EncoderError(f"Images must be a tensor [B, C, H, W], not {type(images).__name__}.")
    if images.ndim != 4 or images.numel() == 0:
        raise EncoderError(
            f"Images must be [B, C, H, W], but are {list(images.shape)}. Use images[None] for one image."
        )
    if not images.is_floating_point():
        raise EncoderError(f"Images must be preprocessed, but are {images.dtype}: use backbone.preprocess.")
    if chunk is not None and chunk < 1:
        raise EncoderError(f"A chunk must be at least 1 cotangent, not {chunk}.")


def check_encoder(encoder: nn.Module, images: Tensor) -> None:
    """Check an encoder by a few forward passes; needed once per encoder.

    Raises:
        EncoderError: naming the remedy.
    """
    check_modes(encoder)
    check_devices(encoder, images)
    with torch.no_grad():
        first = images[:1]
        # Copies, since an encoder may modify them in place.
        alone, again = _encode(encoder, first.clone()), encoder(first.clone())
        check_shape(alone, first)
        if _differ(alone, again):
            raise EncoderError(
                "The encoder returns different embeddings for the same image: dropout or noise is active inside "
                "its forward pass although it is in eval mode. Turn it off (for example training=self.training)."
            )
        beside = encoder(torch.cat([first, first.flip(-1) + 0.5]))[:1]
        if _differ(alone, beside):
            raise EncoderError(
                "The embedding of an image depends on the other images of its batch: batch statistics are used "
                "although the encoder is in eval mode. Use BatchNorm with running statistics, or another norm."
            )


def _encode(encoder: nn.Module, images: Tensor) -> Tensor:
    """Run the first pass: an error here usually means that the images have the wrong size."""
    try:
        embeddings: Tensor = encoder(images)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, AssertionError, ValueError, IndexError) as error:
        reason = str(error).strip() or type(error).__name__
        raise EncoderError(f"The encoder cannot encode images of {list(images.shape)}: {reason}") from error
    return embeddings


def _differ(first: Tensor, second: Tensor) -> bool:
    """Return whether two embeddings differ by more than rounding; values that are not finite are checked elsewhere."""
    scale = first.abs().amax()
    difference = (first - second).abs().amax()
    return bool(difference.isfinite() & scale.isfinite() & (difference > REPEAT_TOLERANCE * scale))


def check_devices(encoder: nn.Module, images: Tensor) -> None:
    """Require an encoder and images on one device.

    Raises:
        EncoderError: naming the devices.
    """
    values = [*encoder.parameters(), *encoder.buffers()]
    found = sorted({str(value.device) for value in values} | {str(images.device)})
    if len(found) > 1:
        raise EncoderError(
            f"The encoder and its images must be on one device, but are on {', '.join(found)}. "
            "Call encoder.to(device), and move buffers made inside its forward pass too."
        )


def check_modes(encoder: nn.Module) -> None:
    """Require layers in evaluation mode: otherwise the output would be random or depend on the batch.

    Raises:
        EncoderError: naming the first such layer.
    """
    for name, module in encoder.named_modules():
        if module.training:
            where = f"layer {name!r}" if name else "it"
            raise EncoderError(
                f"The encoder must be in eval mode, but {where} ({type(module).__name__}) is in training mode: "
                "dropout and batch statistics would make the score meaningless. Call encoder.eval()."
            )


def check_outputs(outputs: Tensor, images: Tensor) -> None:
    """Require outputs [B, K] with K <= D that depend on the images differentiably.

    Raises:
        EncoderError: saying what was expected and received.
    """
    check_shape(outputs, images)
    if outputs.grad_fn is None:
        raise EncoderError(
            "The encoder's output does not depend differentiably on the images: remove torch.no_grad(), "
            "inference_mode, detach() or rounding from its forward pass."
        )


def check_shape(outputs: Tensor, images: Tensor) -> None:
    """Require outputs [B, K] with K at most D.

    Raises:
        EncoderError: saying what was expected and received.
    """
    if not isinstance(outputs, Tensor):
        raise EncoderError(f"The encoder must return one tensor [B, K], but returned {type(outputs).__name__}.")
    if outputs.ndim != 2 or outputs.shape[0] != images.shape[0]:
        raise EncoderError(
            f"The encoder must map {list(images.shape)} to [{images.shape[0]}, K], but returned {list(outputs.shape)}. "
            "Pool the tokens or the feature map to one vector per image."
        )
    num_values = images[0].numel()
    if outputs.shape[1] > num_values:
        raise EncoderError(
            f"The embedding has K = {outputs.shape[1]} values but an image only D = {num_values}: the other "
            "directions cannot be reached, and scores would mislead. Use larger images or fewer outputs."
        )
