"""Resolve device names to torch devices; "auto" is CUDA (all of them for a run), then MPS, then CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jepascore_core.errors import unknown

if TYPE_CHECKING:
    import torch


def available_devices() -> list[str]:
    """Return the names of this machine's devices, best first."""
    import torch

    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return [*cuda, *mps, "cpu"]


def resolve_device(name: str | torch.device = "auto") -> torch.device:
    """Return the device with this name: "auto", "cpu", "cuda", "cuda:1" or "mps".

    Raises:
        UnknownNameError: if this machine does not have it; there is no silent fallback.
    """
    import torch

    devices = available_devices()
    wanted = str(name)
    if wanted == "auto":
        wanted = devices[0]
    # The bare name means the first one; with an index, equal devices compare equal.
    if wanted == "cuda" and "cuda:0" in devices:
        wanted = "cuda:0"
    if wanted not in devices:
        raise unknown("device", wanted, ("auto", *devices))
    return torch.device(wanted)


def resolve_devices(names: str = "auto") -> tuple[torch.device, ...]:
    """Return the devices of a run, one process each: "auto" is every CUDA device, "cuda:0,cuda:1" are those two.

    Raises:
        UnknownNameError: if this machine does not have one of them.
    """
    if names == "auto":
        names = ",".join(name for name in available_devices() if name.startswith("cuda")) or names
    return tuple(resolve_device(name.strip()) for name in names.split(","))
