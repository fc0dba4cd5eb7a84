"""Save and resume training: weights, optimiser, random numbers and loss curve in one file."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from jepascore_core.atomic import atomic_path
from jepascore_core.errors import CheckpointError

#: A row of the loss curve: epoch, total, invariance, gaussianity.
CurveRow = tuple[int, float, float, float]


def save_state(
    path: Path,
    encoder: nn.Module,
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
    curve: list[CurveRow],
    fingerprint: str,
) -> None:
    """Write the complete state of a training, atomically.

    `fingerprint` identifies encoder, data and settings: `load_state` rejects any other state.
    """
    tensors = {f"encoder.{name}": value.detach().cpu().contiguous() for name, value in encoder.state_dict().items()}
    for number, values in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{name}": value.detach().cpu().contiguous() for name, value in values.items()}
    tensors["generator"] = generator.get_state()
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, {"fingerprint": fingerprint, "curve": json.dumps(curve)})


def load_state(
    path: Path,
    encoder: nn.Module,
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
    fingerprint: str,
) -> list[CurveRow]:
    """Restore encoder, optimiser and generator from `save_state`, and return the loss curve so far.

    Raises:
        CheckpointError: for a damaged file, or the state of another training.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = file.metadata() or {}
            if facts.get("fingerprint") != fingerprint:
                raise CheckpointError(
                    f"{path} is an unfinished training with other settings or of other images. Give those settings "
                    "again to resume it, or --again to start over."
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        encoder.load_state_dict(_under("encoder.", tensors))
        _restore(optimiser, _under("optimiser.", tensors))
        generator.set_state(tensors["generator"])
        return [tuple(row) for row in json.loads(facts["curve"])]
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged ({error}): give --again to start over.") from error


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _restore(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, name = key.split(".")
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
