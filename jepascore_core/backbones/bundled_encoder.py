"""Small encoders whose weights come with the package: `bundled:<name>`, one safetensors and one JSON file each.

Listing reads the JSON files only and loads no torch, so the web process may do it.
"""

from __future__ import annotations

import difflib
import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jepascore_core.backbones.arithmetic import vit_shape
from jepascore_core.backbones.specs import BackboneSpec
from jepascore_core.errors import CheckpointError, UnknownNameError
from jepascore_core.records import Preprocessing

if TYPE_CHECKING:
    from torch import nn

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
PREFIX = "bundled:"
#: What `load_bundled` passes on from the JSON file.
_FACTS = ("preprocessing", "pooling", "family", "licence", "note", "is_jepa")


@functools.cache
def list_bundled() -> tuple[BackboneSpec, ...]:
    """The rows of all bundled encoders, by name."""
    return tuple(_spec(path.stem) for path in sorted(WEIGHTS_FOLDER.glob("*.json")))


def load_bundled(name: str) -> tuple[nn.Module, dict[str, Any]]:
    """A bundled encoder [B, C, H, W] -> [B, K] in eval mode, its parameters without gradients, and what is known of it.

    `name` is given with or without "bundled:". The dictionary has the keys preprocessing (fields of
    `records.Preprocessing`), pooling, family, licence, note and is_jepa. Raises UnknownNameError with near matches, and
    CheckpointError if the weights are missing or do not fit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from jepascore_core.training.architectures import build_vit

    name = name.removeprefix(PREFIX)
    sidecar = _read_sidecar(name)
    encoder = build_vit(sidecar["architecture"])
    try:
        encoder.load_state_dict(load_file(WEIGHTS_FOLDER / f"{name}.safetensors"), strict=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(
            f"The weights of {PREFIX}{name} cannot be loaded; reinstall jepascore. {error}"
        ) from error
    return encoder.eval().requires_grad_(False), {key: sidecar[key] for key in _FACTS}


def _read_sidecar(name: str) -> dict[str, Any]:
    known = [path.stem for path in sorted(WEIGHTS_FOLDER.glob("*.json"))]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known
        raise UnknownNameError(
            f"There is no bundled encoder {name!r}. Did you mean {', '.join(PREFIX + other for other in near)}?"
        )
    sidecar: dict[str, Any] = json.loads((WEIGHTS_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return sidecar


def _spec(name: str) -> BackboneSpec:
    sidecar = _read_sidecar(name)
    return BackboneSpec(
        name=PREFIX + name,
        family=sidecar["family"],
        library="bundled",
        architecture=sidecar["architecture_name"],
        pooling=sidecar["pooling"],
        dimension=sidecar["architecture"]["num_classes"],
        image_size=sidecar["preprocessing"]["height"],
        licence=sidecar["licence"],
        is_jepa=sidecar["is_jepa"],
        note=sidecar["note"],
        preprocessing=Preprocessing.from_dict(sidecar["preprocessing"]),
        shape=vit_shape(sidecar["architecture"]),
    )
