"""Jacobian of any differentiable encoder, by batched vector-Jacobian products (reverse mode)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from jepascore_core.jacobian.guards import check_modes, check_outputs

#: K -> W [R, K]: which combinations of the outputs are differentiated.
Cotangents = Callable[[int], Tensor]

#: Cotangents propagated at once. Small chunks stay in a CPU's cache (16 measured best); a GPU needs large ones.
DEFAULT_CHUNK = {"cpu": 16}
GPU_CHUNK = 64


def default_chunk(device_type: str) -> int:
    """Return the number of cotangents propagated at once on this kind of device."""
    return DEFAULT_CHUNK.get(device_type, GPU_CHUNK)


def jacobian(
    encoder: nn.Module,
    images: Tensor,
    cotangents: Cotangents | None = None,
    chunk: int | None = None,
    on_chunk: Callable[[int], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Return embeddings and Jacobians of a batch of images.

    Reverse mode: the cotangent e_k on every image's output gives row k of every image's Jacobian at once, since an
    image's embedding depends on that image alone (arXiv 2510.05949, appendix). Costs one forward pass and R backward
    passes of the batch; holds B x R x D values.

    Args:
        encoder: maps [B, C, H, W] to [B, K], in evaluation mode.
        images: [B, C, H, W], on the encoder's device, of its dtype.
        cotangents: K -> W [R, K]; None means the K unit vectors, that is J itself.
        chunk: cotangents at once; default by device.
        on_chunk: called with the number of finished cotangents; may raise to stop.

    Returns:
        Embeddings [B, K] and W J [B, R, C * H * W], both detached.

    Raises:
        EncoderError: if the encoder violates its contract; the message says what was expected and seen.
    """
    check_modes(encoder)
    inputs = images.detach().requires_grad_(True)
    with torch.enable_grad(), math_attention():
        # On a copy, since an encoder may modify it in place.
        outputs = encoder(inputs.clone())
        check_outputs(outputs, images)
        rows = _rows(
            outputs,
            inputs,
            cotangents and cotangents(outputs.shape[1]),
            chunk or default_chunk(images.device.type),
            on_chunk,
        )
    return outputs.detach(), rows


@contextmanager
def callers_modes_off(device_type: str) -> Iterator[None]:
    """Leave the caller's autocast and inference mode: precision is chosen by name, and derivatives are taken."""
    with torch.inference_mode(False), ExitStack() as stack:
        if torch.amp.is_autocast_available(device_type):
            stack.enter_context(torch.autocast(device_type, enabled=False))
        yield


@contextmanager
def math_attention(allow_tf32: bool = False) -> Iterator[None]:
    """Set what all passes need: unfused attention, as its backward pass has batching rules, and a choice of TF32."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = allow_tf32
    try:
        with sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=True, allow_tf32=allow_tf32):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def _rows(
    outputs: Tensor,
    inputs: Tensor,
    cotangents: Tensor | None,
    chunk: int,
    on_chunk: Callable[[int], None] | None,
) -> Tensor:
    """Return rows of W J. outputs [B, K], inputs [B, ...], W [R, K] or None for all unit vectors -> [B, R, D]."""
    batch, size = outputs.shape
    count = size if cotangents is None else len(cotangents)
    rows = torch.empty(batch, count, inputs[0].numel(), dtype=outputs.dtype, device=outputs.device)
    for start in range(0, count, chunk):
        stop = min(start + chunk, count)
        if cotangents is None:
            block = torch.zeros(stop - start, size, dtype=outputs.dtype, device=outputs.device)
            block[torch.arange(stop - start), torch.arange(start, stop)] = 1.0
        else:
            block = cotangents[start:stop].to(outputs)
        gradients = vector_jacobian(outputs, inputs, block[:, None].expand(-1, batch, -1))
        rows[:, start:stop] = gradients.flatten(2).transpose(0, 1)
        if on_chunk is not None:
            on_chunk(stop)
    return rows


def vector_jacobian(outputs: Tensor, inputs: Tensor, cotangents: Tensor) -> Tensor:
    """Compute vector-Jacobian products of several cotangents; the graph is kept. [R, B, K] -> [R, B, ...]."""
    try:
        return torch.autograd.grad(outputs, inputs, cotangents, retain_graph=True, is_grads_batched=True)[0]
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:
        # An operation without a batching rule: one cotangent at a time is slower but correct.
        return torch.stack([torch.autograd.grad(outputs, inputs, one, retain_graph=True)[0] for one in cotangents])
