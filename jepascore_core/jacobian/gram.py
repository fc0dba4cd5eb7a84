"""Jacobian -> Gram matrix -> spectrum, in float64.

The Gram matrix J J^T squares the condition number, so float64 resolves singular values down to about 1e-8 of the
largest one. Those below `REFINE_BELOW` are therefore recomputed from the rows of J projected onto their own
directions, whose scale is small by construction; this keeps null directions at rounding level instead of at 1e-8.

Products run on the device of the rows; eigenvalues of a K x K matrix are computed on the CPU: for images on a GPU by
several threads, which leaves the GPU to the next batch.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import torch
from torch import Tensor

#: Singular values below this share of the largest one are refined; above it the Gram's relative error is below 1e-10.
REFINE_BELOW = 1e-3

#: Columns of J converted to float64 at a time: bounds the extra memory to K x 16,384 x 8 bytes.
COLUMN_BLOCK = 16_384

#: Threads for the eigenvalues of a batch that was propagated on a GPU.
EIGEN_THREADS = 8


def gram_matrix(rows: Tensor) -> Tensor:
    """Return J J^T in float64. [K, D] -> [K, K]."""
    size = rows.shape[0]
    total = torch.zeros(size, size, dtype=torch.float64, device=rows.device)
    for block in rows.split(COLUMN_BLOCK, dim=1):
        wide = block.double()
        total.addmm_(wide, wide.T)
    return total


def singular_values(jacobian: Tensor, threads: ThreadPoolExecutor | None = None) -> Tensor:
    """Return all K singular values of each image's Jacobian, descending.

    Args:
        jacobian: [B, K, D], float32 or float64.
        threads: from `eigen_threads`, for a batch on a GPU; without, its own.

    Returns:
        [B, K] float64 on the CPU; where K > D the last K - D values are 0.
    """
    # MPS has no float64.
    movable = jacobian.cpu() if jacobian.device.type == "mps" else jacobian
    if movable.device.type == "cpu" or (threads is None and len(movable) == 1):
        return torch.stack([_singular_values_of_one(rows) for rows in movable])
    if threads is None:
        with eigen_threads(min(EIGEN_THREADS, len(movable))) as own:
            return singular_values(movable, own)
    stream = torch.cuda.current_stream(movable.device) if movable.device.type == "cuda" else None

    def find(rows: Tensor) -> Tensor:
        # The current stream is per thread.
        with torch.cuda.stream(stream):
            return _singular_values_of_one(rows)

    return torch.stack(list(threads.map(find, movable)))


def eigen_threads(most: int = EIGEN_THREADS) -> ThreadPoolExecutor:
    """Create threads for eigenvalues, one image each.

    Each uses a single PyTorch thread: with several in each they took 1.4 times as long on two cores. Call it
    from a thread that has all of PyTorch's threads.
    """
    return ThreadPoolExecutor(most, "eigenvalues", _compute_alone, (torch.get_num_threads(),))


def _compute_alone(threads_of_others: int) -> None:
    # A thread adopts the common number at its first use of PyTorch: use it now, so that the next setting stays.
    torch.get_num_threads()
    torch.set_num_threads(1)
    # That also sets the number for new threads, which a temporary thread restores.
    passing = Thread(target=torch.set_num_threads, args=(threads_of_others,))
    passing.start()
    passing.join()


def _singular_values_of_one(rows: Tensor) -> Tensor:
    eigenvalues, directions = torch.linalg.eigh(gram_matrix(rows).cpu())
    values: Tensor = eigenvalues.clamp(min=0).sqrt()
    num_small = int((values < REFINE_BELOW * values[-1]).sum())
    if num_small:
        projected = _project(directions[:, :num_small].T.to(rows.device), rows)
        values[:num_small] = torch.linalg.eigvalsh(gram_matrix(projected).cpu()).clamp(min=0).sqrt()
    return torch.sort(values, descending=True).values


def _project(directions: Tensor, rows: Tensor) -> Tensor:
    """directions [M, K] times J [K, D], in float64 by blocks of columns. -> [M, D]."""
    return torch.cat([directions @ block.double() for block in rows.split(COLUMN_BLOCK, dim=1)], dim=1)
