"""Hash weights, so that a measurement identifies exactly the encoder that produced it."""

from __future__ import annotations

import torch
import xxhash
from torch import Tensor, nn

from jepascore_core.errors import EncoderError


def hash_weights(module: nn.Module) -> str:
    """Return xxh3-128 (32 hexadecimal digits) over name, dtype, shape and bytes of the state, sorted by name.

    Independent of device, order of registration and file format.

    Raises:
        EncoderError: for a state that has values other than tensors.
    """
    digest = xxhash.xxh3_128()
    for name, tensor in sorted(module.state_dict().items()):
        if not isinstance(tensor, Tensor):
            raise EncoderError(
                f"The encoder's state {name!r} is a {type(tensor).__name__}; only tensors can be hashed."
            )
        digest.update(f"{name}|{tensor.dtype}|{list(tensor.shape)}|".encode())
        digest.update(_bytes_of(tensor))
    return digest.hexdigest()


def _bytes_of(tensor: Tensor) -> memoryview:
    # Viewed as bytes first, because NumPy has no bfloat16; no copy is made of a contiguous tensor on the CPU.
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
