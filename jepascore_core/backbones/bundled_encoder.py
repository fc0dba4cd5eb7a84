"""Small encoders that come with the package, `bundled:<name>`, or were trained on this machine, `trained:<name>`.

One safetensors and one JSON file each, in the package's folder or in `encoders` of the home folder.

Listing reads the JSON files only and loads no torch, so the web process may do it.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jepascore_core.backbones.arithmetic import vit_shape
from jepascore_core.backbones.specs import BackboneSpec
from jepascore_core.errors import CheckpointError, UnknownNameError
from jepascore_core.home import home_folder
from jepascore_core.records import Preprocessing

if TYPE_CHECKING:
    from torch import nn

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
PREFIX = "bundled:"
TRAINED = "trained:"
_REMEDIES = {PREFIX: "reinstall jepascore", TRAINED: "train it again with `jepascore train`"}
#: What `load_bundled` passes on from the JSON file.
_FACTS = ("preprocessing", "pooling", "family", "licence", "note", "is_jepa")


@functools.cache
def list_bundled() -> tuple[BackboneSpec, ...]:
    """The rows of all bundled encoders, by name."""
    return tuple(_spec(path.stem) for path in sorted(WEIGHTS_FOLDER.glob("*.json")))


def list_trained() -> tuple[BackboneSpec, ...]:
    """The rows of all encoders that were trained in this home folder, by name; files that make no sense are no rows."""
    specs = []
    for path in sorted(_folder(TRAINED).glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            specs.append(_spec(path.stem, TRAINED))
    return tuple(specs)


def _folder(prefix: str) -> Path:
    return home_folder() / "encoders" if prefix == TRAINED else WEIGHTS_FOLDER


def load_bundled(name: str) -> tuple[nn.Module, dict[str, Any]]:
    """A bundled or trained encoder [B, C, H, W] -> [B, K] in eval mode, without gradients, and what is known of it.

    A `name` without "bundled:" or "trained:" is a bundled one's. The dictionary has the keys preprocessing (fields of
    `records.Preprocessing`), pooling, family, licence, note and is_jepa. Raises UnknownNameError with near matches, and
    CheckpointError if the weights are missing or do not fit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from jepascore_core.training.architectures import build_vit

    prefix = TRAINED if name.startswith(TRAINED) else PREFIX
    name = name.removeprefix(prefix)
    sidecar = _read_sidecar(name, prefix)
    encoder = build_vit(sidecar["architecture"])
    try:
        encoder.load_state_dict(load_file(_folder(prefix) / f"{name}.safetensors"), strict=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(
            f"The weights of {prefix}{name} cannot be loaded; {_REMEDIES[prefix]}. {error}"
        ) from error
    return encoder.eval().requires_grad_(False), {key: sidecar[key] for key in _FACTS}


def _read_sidecar(name: str, prefix: str = PREFIX) -> dict[str, Any]:
    known = [path.stem for path in sorted(_folder(prefix).glob("*.json"))]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known
        hint = f" Did you mean {', '.join(prefix + other for other in near)}?" if near else ""
        raise UnknownNameError(f"There is no {prefix[:-1]} encoder {name!r}.{hint}")
    sidecar: dict[str, Any] = json.loads((_folder(prefix) / f"{name}.json").read_text(encoding="utf-8"))
    return sidecar


def _spec(name: str, prefix: str = PREFIX) -> BackboneSpec:
    sidecar = _read_sidecar(name, prefix)
    return BackboneSpec(
        name=prefix + name,
        family=sidecar["family"],
        library=prefix[:-1],
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
