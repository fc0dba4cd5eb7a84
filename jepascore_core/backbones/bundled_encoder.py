"""Small encoders that come with the package, `bundled:<name>`, or that `jepascore train` wrote, `trained:<name>`.

One safetensors and one JSON file each, in the package's folder, in `encoders` of the home folder, or anywhere
else, with a path as name: `trained:/data/birds`.

Listing reads the JSON files only and loads no torch, so the web process may do it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jepascore_core.backbones.arithmetic import Shape, mlp_shape, vit_shape
from jepascore_core.backbones.specs import BackboneSpec
from jepascore_core.errors import CheckpointError, JepaScoreError, UnknownNameError, unknown
from jepascore_core.records.backbones import Preprocessing
from jepascore_core.storage.home import home_folder

if TYPE_CHECKING:
    from torch import nn

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
PREFIX = "bundled:"
TRAINED = "trained:"
_REMEDIES = {PREFIX: "reinstall jepascore", TRAINED: "train it again with `jepascore train`"}
_SUFFIXES = (".safetensors", ".json", ".md")
#: Keys of the JSON file that `load_bundled` returns.
_FACTS = ("preprocessing", "pooling", "family", "licence", "note", "is_jepa")


@functools.cache
def list_bundled() -> tuple[BackboneSpec, ...]:
    """List the rows of all bundled encoders, by name."""
    return tuple(_spec(path.stem) for path in sorted(WEIGHTS_FOLDER.glob("*.json")))


def list_trained() -> tuple[BackboneSpec, ...]:
    """List the rows of all encoders trained in this home folder, by name; invalid files are left out."""
    specs = []
    for path in sorted(_folder(TRAINED).glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            specs.append(_spec(path.stem, TRAINED))
    return tuple(specs)


def spec_at(name: str) -> BackboneSpec | None:
    """Return the row of `trained:<path>`, named after its file, or None if there is no such encoder."""
    path = Path(name.removeprefix(TRAINED))
    if not (name.startswith(TRAINED) and path.is_absolute()):
        return None
    with contextlib.suppress(JepaScoreError, OSError, ValueError, KeyError, TypeError):
        return _spec(name.removeprefix(TRAINED), TRAINED)
    return None


def backbone_name(text: str) -> str:
    """Replace a path by the encoder's name, which every process can load; return any other text unchanged.

    Raises:
        UnknownNameError: as `name_of_path`.
    """
    is_path = text.startswith((".", "~", os.sep)) or text.endswith(_SUFFIXES)
    with contextlib.suppress(OSError, ValueError):  # any text may be given as a name
        is_path = is_path or (text != "" and Path(text).exists())
    return name_of_path(text) if is_path else text


def name_of_path(path: str | Path) -> str:
    """Return the name of an encoder that `jepascore train` wrote, from its file, or its folder if it is the only one.

    Encoders in the home folder have short names.

    Raises:
        UnknownNameError: if there is none, or more than one.
    """
    place = Path(path).expanduser().absolute()
    if place.is_dir():
        found = [other for other in sorted(place.glob("*.json")) if other.with_suffix(".safetensors").is_file()]
        if len(found) > 1:
            names = ", ".join(other.stem for other in found)
            raise UnknownNameError(f"{place} contains several encoders ({names}): name one of its files.")
        stem = found[0].with_suffix("") if found else place
    else:
        stem = place.with_suffix("") if place.suffix in _SUFFIXES else place
    if not (stem.parent / f"{stem.name}.json").is_file():
        raise UnknownNameError(
            f"{place} is not an encoder that `jepascore train` wrote (weights with a JSON file beside them). "
            "Other weights "
            "need the name of their architecture, and --checkpoint."
        )
    is_home = stem.parent == _folder(TRAINED).absolute()
    return f"{TRAINED}{stem.name if is_home else stem}"


def _folder(prefix: str) -> Path:
    return home_folder() / "encoders" if prefix == TRAINED else WEIGHTS_FOLDER


def _split(name: str, prefix: str) -> tuple[Path, str]:
    """Folder and file name, without its ending, of an encoder."""
    path = Path(name)
    return (path.parent, path.name) if prefix == TRAINED and path.is_absolute() else (_folder(prefix), name)


def load_bundled(name: str) -> tuple[nn.Module, dict[str, Any]]:
    """Load a bundled or trained encoder [B, C, H, W] -> [B, K], in evaluation mode without gradients, and its metadata.

    A `name` without "bundled:" or "trained:" is that of a bundled encoder. The dictionary has the keys preprocessing
    (fields of `records.Preprocessing`), pooling, family, licence, note and is_jepa. Raises UnknownNameError with near
    matches, and CheckpointError if the weights are missing or do not fit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    prefix = TRAINED if name.startswith(TRAINED) else PREFIX
    name = name.removeprefix(prefix)
    sidecar = _read_sidecar(name, prefix)
    folder, stem = _split(name, prefix)
    try:
        facts = {key: sidecar[key] for key in _FACTS}
        encoder = _build(sidecar["architecture_name"], sidecar["architecture"])
        encoder.load_state_dict(load_file(folder / f"{stem}.safetensors"), strict=True)
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError, AssertionError) as error:
        raise CheckpointError(
            f"The weights of {prefix}{name} cannot be loaded; {_REMEDIES[prefix]}. {error}"
        ) from error
    return encoder.eval().requires_grad_(False), facts


def _build(name: str, arguments: dict[str, Any]) -> nn.Module:
    if name == "mlp":
        from jepascore_core.backbones.small_mlp import PooledMlp

        return PooledMlp(**arguments)
    from jepascore_core.backbones.small_vit import build_vit

    return build_vit(arguments)


def _shape(name: str, arguments: dict[str, Any]) -> Shape:
    return mlp_shape(arguments) if name == "mlp" else vit_shape(arguments)


def _read_sidecar(name: str, prefix: str = PREFIX) -> dict[str, Any]:
    folder, stem = _split(name, prefix)
    known = [path.stem for path in sorted(folder.glob("*.json"))]
    if stem not in known:
        raise unknown(f"{prefix[:-1]} encoder", name, (prefix + other for other in known))
    try:
        sidecar = json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{stem}.json is not readable as JSON: {error}; {_REMEDIES[prefix]}.") from error
    if not isinstance(sidecar, dict):
        raise CheckpointError(f"{stem}.json does not describe an encoder; {_REMEDIES[prefix]}.")
    return sidecar


def _spec(name: str, prefix: str = PREFIX) -> BackboneSpec:
    sidecar = _read_sidecar(name, prefix)
    return BackboneSpec(
        name=prefix + _split(name, prefix)[1],
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
        shape=_shape(sidecar["architecture_name"], sidecar["architecture"]),
        augmentation=sidecar.get("augmentation", ""),
    )
