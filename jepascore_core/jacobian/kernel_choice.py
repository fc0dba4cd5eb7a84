"""Choose the operations of the backward pass on a GPU: the fastest ones, tried once per engine.

A kernel that does not compile, does not fit this GPU or disagrees with the plain operations is never used.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from jepascore_core.jacobian.vit import PLAIN_OPERATIONS, Operations

#: Largest relative difference (Frobenius norm) between rows of two kinds of operations in bfloat16. Each is off by its
#: own rounding, about 1e-2 after 12 blocks.
LARGEST_DIFFERENCE = 0.05

#: Lowest compute capability with bfloat16 products.
OLDEST_CAPABILITY = (8, 0)

_TIMES = 3


def fused_candidates(device: torch.device, products: torch.dtype) -> tuple[list[Operations], str]:
    """Return the fused operations to try on this device in this precision, and why there are none if that matters."""
    if device.type != "cuda" or products != torch.bfloat16:
        return [], ""
    if torch.cuda.get_device_capability(device) < OLDEST_CAPABILITY:
        return [], ""
    if importlib.util.find_spec("triton") is None:
        return [], "Triton is not installed: measured by plain operations, which are slower."
    from jepascore_core.jacobian.fused import TILES, fused_operations

    return [fused_operations(tiles) for tiles in TILES], ""


def fastest_operations(run: Callable[[Operations], Tensor], candidates: Iterable[Operations]) -> tuple[Operations, str]:
    """Return the fastest of the plain operations and the candidates that agree with them.

    Args:
        run: does some work with given operations -> rows, on the device.
        candidates: the alternatives.

    Returns:
        The operations, and a note if a candidate could not be used and plain ones are.
    """
    best, reference = PLAIN_OPERATIONS, run(PLAIN_OPERATIONS)
    shortest, problems = _seconds(run, PLAIN_OPERATIONS), []
    for candidate in candidates:
        try:
            found = run(candidate)
            difference = float((found - reference).norm() / reference.norm())
            # NaN is not below.
            if not difference <= LARGEST_DIFFERENCE:
                problems.append(f"{candidate.name} differs by {difference:.2g}")
                continue
            taken = _seconds(run, candidate)
        except Exception as error:  # noqa: BLE001 - whatever a compiler and a driver raise, the plain operations do
            problems.append(f"{candidate.name}: {_first_line(error)}")
            continue
        if taken < shortest:
            best, shortest = candidate, taken
    if best is PLAIN_OPERATIONS and problems:
        return best, f"Measured by plain operations, which are slower, since fused ones fail here ({problems[0]})."
    return best, ""


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]


def _seconds(run: Callable[[Operations], Tensor], operations: Operations) -> float:
    """Return the shortest of a few times, after a warm-up."""
    times = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        rows = run(operations)
        if rows.device.type == "cuda":
            torch.cuda.synchronize(rows.device)
        times.append(time.perf_counter() - started)
    return min(times)
