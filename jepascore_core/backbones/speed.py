"""How fast this machine computes exact scores: operations per second, from runs or estimated from matrix products.

The worker stores its measurements in the home folder, so that the web process, which has no torch, can predict the cost
of a backbone.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jepascore_core.atomic import write_atomically
from jepascore_core.backbones.arithmetic import score_flop
from jepascore_core.backbones.registry import find_spec
from jepascore_core.records.backbones import BackboneInfo

if TYPE_CHECKING:
    import torch

_FILE = "speed.json"

#: Share of the rate of matrix products that exact scores reach: 0.50 to 0.63 with ViT-Ti/16 in float32 on two CPU
#: cores.
SCORE_SHARE = 0.5

#: Runs of smaller encoders are dominated by other work, and shorter ones have not reached their full rate.
_MIN_FLOP, _MIN_SECONDS = 1e11, 2.0

_MATMUL_SECONDS, _MIN_TRIES = 0.05, 10


@dataclass(frozen=True, slots=True)
class MachineSpeed:
    """Operations per second of exact scores on `device`: `is_measured` by a run, or estimated from matrix products."""

    device: str
    flop_per_second: float
    is_measured: bool


def machine_speed(home: Path) -> MachineSpeed:
    """Return the rate of this machine's fastest known device; without a record, of its CPU."""
    recorded = [MachineSpeed(device, **values) for device, values in _read(home).get(platform.node(), {}).items()]
    if not recorded:
        return MachineSpeed("cpu", SCORE_SHARE * _processor_rate(), is_measured=False)
    return max(recorded, key=lambda speed: speed.flop_per_second)


def record_speed(
    home: Path, info: BackboneInfo, device: torch.device, probes: int | None, num_images: int, seconds: float
) -> None:
    """Record the rate of a run: `num_images` in `seconds`, with `probes` backward passes each or, if None, all K.

    For an encoder that is too small or not in the table, only matrix products are timed, once per device.
    """
    spec = find_spec(info.name)
    passes = info.dimension if probes is None else min(probes, info.dimension)
    flop = score_flop(spec.shape, info.preprocessing.height, passes) if spec is not None and spec.shape else 0.0
    known = _read(home)
    speeds = known.setdefault(platform.node(), {})
    if flop >= _MIN_FLOP and seconds >= _MIN_SECONDS and num_images:
        speeds[str(device)] = {"flop_per_second": flop * num_images / seconds, "is_measured": True}
        _write(home, known)
    elif str(device) not in speeds:
        # A device without free memory must not fail a run over an estimate.
        with suppress(RuntimeError):
            speeds[str(device)] = {"flop_per_second": SCORE_SHARE * _device_rate(device), "is_measured": False}
            _write(home, known)


@functools.cache
def _processor_rate() -> float:
    """Return operations per second of float32 matrix products on all cores: those of one core, times their number.

    One thread and small matrices, since with threads that wait for each other, other load would distort the result.
    """
    from threadpoolctl import threadpool_limits

    size = 256
    matrix = np.random.default_rng(0).standard_normal((size, size)).astype(np.float32)
    with threadpool_limits(1, user_api="blas"):
        rate = _best_rate(lambda: matrix @ matrix, 2 * size**3)
    return rate * _num_cores()


def _num_cores() -> int:
    has_affinity = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1


def _device_rate(device: torch.device) -> float:
    """Measure the rate of a device, in PyTorch; on a GPU with matrices that fill it."""
    import torch

    if device.type == "cpu":
        return _processor_rate()
    size = 8192
    matrix = torch.randn(size, size, device=device)

    def multiply() -> None:
        (matrix @ matrix)[0, 0].item()  # reading a value synchronises with the device

    return _best_rate(multiply, 2 * size**3)


def _best_rate(multiply: Callable[[], Any], flop: float) -> float:
    """Return the best rate of many trials: on a busy machine most are interrupted."""
    multiply()
    times: list[float] = []
    while len(times) < _MIN_TRIES or sum(times) < _MATMUL_SECONDS:
        started = time.perf_counter()
        multiply()
        times.append(time.perf_counter() - started)
    return flop / min(times)


def _read(home: Path) -> dict[str, Any]:
    # An unreadable estimate is computed again.
    with suppress(OSError, ValueError):
        found = json.loads((home / _FILE).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def _write(home: Path, values: dict[str, Any]) -> None:
    # A full disk must not fail a run over an estimate.
    with suppress(OSError):
        write_atomically(home / _FILE, json.dumps(values, indent=1).encode())
