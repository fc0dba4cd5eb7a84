"""What the programs of this folder share: the worker's environment, medians, matrix peaks, tables."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from jepascore_core.jobs.process import WORKER_ENVIRONMENT


def as_the_worker_runs() -> None:
    """Start this program again in the worker's environment: allocator and thread settings are read at its start."""
    if any(name not in os.environ for name in WORKER_ENVIRONMENT):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**WORKER_ENVIRONMENT, **os.environ})


def seconds(work: Callable[[], Any], repeats: int) -> list[float]:
    """Times of `work`, after one that does not count."""
    times = []
    for turn in range(repeats + 1):
        started = time.perf_counter()
        work()
        if turn:
            times.append(time.perf_counter() - started)
    return times


def interleaved(works: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Median seconds of several works, taken in turns so that a noisy neighbour disturbs all of them alike."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(repeats + 1):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            if turn:
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in times.items()}


def matrix_peak(dtype: Any, device: Any, size: int = 2048) -> float:
    """Floating-point operations a second of a square matrix product: the most that this machine gives."""
    import torch

    matrix = torch.randn(size, size, device=device).to(dtype)

    def work() -> None:
        matrix @ matrix
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return 2 * size**3 / min(seconds(work, 5))


def operations_by_name(work: Callable[[], Any]) -> dict[str, int]:
    """Floating-point operations of the matrix products that `work` calls, by their names as the profiler has them."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import flop_registry

    found: dict[str, int] = {}

    class Count(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            if func._overloadpacket in flop_registry:
                name = func._schema.name
                count = flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=out)
                found[name] = found.get(name, 0) + count
            return out

    with Count():
        work()
    return found


def counted_operations(work: Callable[[], Any]) -> int:
    """Floating-point operations of all matrix products that `work` calls."""
    return sum(operations_by_name(work).values())


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], note: str = "") -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left", caption=note or None, caption_justify="left")
    for position, name in enumerate(columns):
        table.add_column(name, justify="right" if position else "left")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console(width=max(120, Console().width)).print(table)


def machine() -> str:
    """One line about where this ran."""
    import platform

    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    return f"{device}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}"


def make_embeddings(rows: int, dimension: int) -> np.ndarray:
    """[rows, dimension] in half precision, near a curved surface of 16 dimensions, as real ones are."""
    generator = np.random.default_rng(0)
    hidden = generator.standard_normal((rows, 16)) @ generator.standard_normal((16, 64)) / 4
    vectors = np.tanh(hidden) @ generator.standard_normal((64, dimension)) / 8
    return (vectors + 0.05 * generator.standard_normal(vectors.shape)).astype(np.float16)
