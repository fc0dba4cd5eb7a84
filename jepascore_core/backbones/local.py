"""Load checkpoints from disk: without running code, unwrapped by fixed rules, completely or not at all."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jepascore_core.backbones.unused_weights import TRAINING_HEADS, is_listed, listed
from jepascore_core.errors import CheckpointError, PreprocessingError
from jepascore_core.records.backbones import BackboneRef

if TYPE_CHECKING:
    from torch import Tensor, nn

_TORCH_SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".tar")

#: Entries where training programs store the weights, in order of preference: the averaged copy first, since it is the
#: one that is evaluated; for I-JEPA the encoder that timm uses, too.
_WRAPPERS = (
    ("state_dict_ema", "state_dict"),
    ("model_ema", "model"),
    ("model_state_dict",),
    ("teacher", "student"),
    ("encoder", "target_encoder"),
)

#: Prefixes that module wrappers add to every name.
_PREFIXES = ("module.", "_orig_mod.", "backbone.", "encoder.", "model.", "net.")

#: Wrappers' prefixes, as a regular expression.
WRAPPED = r"(?:(?:module|_orig_mod|encoder|model|net)\.)*"

#: A block inside a chunk of blocks, as DINOv2's training saves them: of "blocks.0.3." the second number is the block's.
_CHUNKED = re.compile(r"^blocks\.\d+\.(?=\d+\.)")

#: Names of a folder's weights file, the preferred first: those of timm and transformers, then of open_clip.
FOLDER_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "open_clip_model.safetensors",
    "pytorch_model.bin",
    "open_clip_pytorch_model.bin",
)

_MAX_LISTED = 10


@dataclass(frozen=True)
class Fit:
    """Names of weights that are missing in a checkpoint, not expected, or of another shape."""

    missing: list[str]
    unexpected: list[str]
    reshaped: list[str]

    @property
    def is_complete(self) -> bool:
        """Whether everything fits."""
        return not (self.missing or self.unexpected or self.reshaped)

    def describe(self, expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
        """Describe the differences: counts, and the first ten with shapes."""
        phrases = [
            *(f"missing {name} {list(expected[name].shape)}" for name in self.missing),
            *(f"unexpected {name} {list(state[name].shape)}" for name in self.unexpected),
            *(f"{name} is {list(state[name].shape)}, needs {list(expected[name].shape)}" for name in self.reshaped),
        ]
        dots = "; ..." if len(phrases) > _MAX_LISTED else ""
        return (
            f"{len(self.missing)} weights are missing, {len(self.unexpected)} not expected, {len(self.reshaped)} of "
            f"another shape ({'; '.join(phrases[:_MAX_LISTED])}{dots})"
        )


def read_checkpoint(path: str | Path) -> Mapping[str, Any]:
    """Read a safetensors or torch file; only tensors and plain containers are unpickled.

    A folder stands for the weights file in it, an index of shards (`model.safetensors.index.json`) for all of them.

    Raises:
        CheckpointError: for a missing, damaged or unsafe file, or an unknown format.
    """
    path = Path(path)
    if path.is_dir():
        _refuse_transformers(path)
        path = weights_file(path)
    if not path.is_file():
        raise CheckpointError(f"The checkpoint file {path} does not exist: check the path.")
    if path.name.endswith(".index.json"):
        return _read_shards(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix in _TORCH_SUFFIXES:
        return _read_torch(path)
    raise CheckpointError(f"{path.name} is neither .safetensors nor one of {', '.join(_TORCH_SUFFIXES)}.")


def weights_file(folder: Path) -> Path:
    """Find the weights file in a folder: one with a usual name, or the only candidate.

    Raises:
        CheckpointError: if there is none, or several candidates.
    """
    found = next((folder / name for name in FOLDER_FILES if (folder / name).is_file()), None)
    if found is not None:
        return found
    others = [path for path in folder.iterdir() if path.suffix in (".safetensors", *_TORCH_SUFFIXES) and path.is_file()]
    if len(others) == 1:
        return others[0]
    reason = f", and {len(others)} other candidates" if others else ""
    raise CheckpointError(f"{folder} contains none of {', '.join(FOLDER_FILES)}{reason}. Give the path of the file.")


def shard_names(index: Path) -> list[str]:
    """Return the files that an index of shards names, which must be in its own folder.

    Raises:
        CheckpointError: if it is not such an index.
    """
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict):
        raise CheckpointError(f"{index.name} has no weight_map and is not an index of shards.")
    return sorted({Path(str(shard)).name for shard in weight_map.values()})


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; return an empty one if there is no such file.

    Raises:
        CheckpointError: for a file that is not a JSON object.
    """
    if not path.is_file():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is not readable as JSON: {error}") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} does not contain a JSON object.")
    return values


def weights_of(checkpoint: Mapping[str, Any], source: str) -> Mapping[str, Tensor]:
    """Return the named weights inside a checkpoint, without the wrappers of training programs.

    Raises:
        CheckpointError: if it is unclear which entry has the weights.
    """
    from torch import Tensor

    while not all(isinstance(value, Tensor) for value in checkpoint.values()):
        checkpoint = _unwrap(checkpoint, source)
    if not checkpoint:
        raise CheckpointError(f"{source} contains no weights.")
    return checkpoint


def unprefixed(
    state: Mapping[str, Tensor], expected: Iterable[str] = (), beside: Iterable[str] = listed(TRAINING_HEADS)
) -> dict[str, Tensor]:
    """Strip prefixes that all names share and the encoder's names lack, and merge chunks of blocks.

    Weights and modules that are named in `beside` may lack the prefix; they are not needed then.
    """
    from jepascore_core.backbones.weight_tracker import mark_unneeded

    names, state, spare = list(expected), dict(state), tuple(beside)
    while prefix := _foreign_prefix(state, names, spare):
        mark_unneeded(value for name, value in state.items() if not name.startswith(prefix))
        state = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    return state if any(map(_CHUNKED.match, names)) else _unchunked(state)


def entry_of(checkpoint: Mapping[str, Any], entries: Iterable[str], source: str) -> Mapping[str, Any]:
    """Return the first of the named entries that a training checkpoint has; a file of tensors is its own entry.

    Raises:
        CheckpointError: listing the entries that it has instead.
    """
    from torch import Tensor

    if all(isinstance(value, Tensor) for value in checkpoint.values()):
        return checkpoint
    names = tuple(entries)
    for name in names:
        if isinstance(checkpoint.get(name), Mapping):
            inner: Mapping[str, Any] = checkpoint[name]
            return inner
    raise CheckpointError(f"{source} has no entry {' or '.join(names)} (entries: {_entries(checkpoint)}).")


def load_strictly(module: nn.Module, state: Mapping[str, Tensor], heads: Iterable[str], source: str) -> None:
    """Load every weight of the module from `state`; only those named in `heads` may be unused.

    Raises:
        CheckpointError: listing missing, unexpected and wrongly shaped weights; the module is unchanged then.
    """
    from jepascore_core.backbones.weight_tracker import mark_unneeded

    expected, heads = module.state_dict(), tuple(heads)
    fit = compare(expected, state, heads)
    if not fit.is_complete:
        raise CheckpointError(
            f"{source} does not fit the architecture: {fit.describe(expected, state)}. "
            "Choose the architecture, image size and channels (as many as --mean has numbers) that it was trained with."
        )
    mark_unneeded(value for name, value in state.items() if name not in expected)
    module.load_state_dict({name: value for name, value in state.items() if name in expected}, strict=True)


def compare(expected: Mapping[str, Tensor], state: Mapping[str, Tensor], heads: Iterable[str]) -> Fit:
    """Compare `state` with the encoder's `expected` state; `heads` (weights or modules) may be unused."""
    names = tuple(heads)
    return Fit(
        # Older files lack this counter of training steps; evaluation does not use it, and torch fills it in.
        missing=sorted(name for name in expected.keys() - state.keys() if not name.endswith("num_batches_tracked")),
        unexpected=sorted(name for name in state.keys() - expected.keys() if not is_listed(name, names)),
        reshaped=sorted(name for name in expected.keys() & state.keys() if expected[name].shape != state[name].shape),
    )


def require_preprocessing(ref: BackboneRef, hint: str) -> None:
    """Require mean, std and image size for a custom checkpoint: they affect its embeddings.

    Raises:
        PreprocessingError: naming the missing options, with `hint`.
    """
    options = {"--mean": ref.mean, "--std": ref.std, "--image-size": ref.image_size}
    missing = [option for option, value in options.items() if value is None]
    if ref.checkpoint is not None and missing:
        raise PreprocessingError(
            "A checkpoint needs the mean, std and image size that it was trained with (in the app under Advanced); "
            f"missing: {', '.join(missing)}. {hint}"
        )


def _refuse_transformers(folder: Path) -> None:
    # transformers has its own names of weights, and only its config defines the architecture.
    if kind := read_json(folder / "config.json").get("model_type"):
        raise CheckpointError(
            f"{folder} is in transformers' format (model_type {kind}). Load it as hf:<any name> --checkpoint {folder}."
        )


def _read_shards(index: Path) -> dict[str, Tensor]:
    """Read all tensors of a sharded model."""
    state: dict[str, Tensor] = {}
    for shard in shard_names(index):
        path = index.parent / shard
        if not path.is_file():
            raise CheckpointError(f"{index.name} names {shard}, which is missing beside it.")
        state.update(_read_safetensors(path))
    return state


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path.name} cannot be read as safetensors ({error}): it is damaged, or another kind of file. Save the "
            "weights again."
        ) from error


def _read_torch(path: Path) -> Mapping[str, Any]:
    from pickle import UnpicklingError  # noqa: TID251 - only the name of what torch raises when it refuses a file

    import torch

    try:
        # Many published checkpoints contain their command line; a Namespace has plain values and runs no code.
        with torch.serialization.safe_globals([argparse.Namespace]):
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path.name} cannot be read safely: it is damaged, a TorchScript archive, or contains more than weights "
            f"({_cause(error)}). Save module.state_dict() alone, best as .safetensors."
        ) from error
    if not isinstance(checkpoint, Mapping):
        raise CheckpointError(f"{path.name} contains a {type(checkpoint).__name__}, not named weights.")
    return checkpoint


def _cause(error: BaseException) -> str:
    """Return torch's reason, without its advice to load the file unsafely."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if lines and lines[0].startswith("Weights only load failed"):
        lines = [line for line in lines[1:] if not line.startswith(("(1)", "(2)", "Please file", "Check the doc"))]
    return lines[0].removeprefix("WeightsUnpickler error: ")[:160] if lines else "not readable as weights alone"


def _unwrap(checkpoint: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    present = [
        next(name for name in names if name in checkpoint)
        for names in _WRAPPERS
        if any(isinstance(checkpoint.get(name), Mapping) for name in names)
    ]
    if len(present) != 1 or not isinstance(checkpoint[present[0]], Mapping):
        raise CheckpointError(
            f"It is unclear which entry of {source} has the weights (entries: {_entries(checkpoint)}). "
            "Save the state dict alone."
        )
    inner: Mapping[str, Any] = checkpoint[present[0]]
    return inner


def _entries(checkpoint: Mapping[str, Any]) -> str:
    return ", ".join(sorted(str(name) for name in checkpoint)[:_MAX_LISTED])


def _foreign_prefix(state: Mapping[str, Tensor], expected: list[str], spare: tuple[str, ...]) -> str | None:
    """Return a prefix that all names share, except those of `spare` modules, and the encoder's names lack."""
    body = [name for name in state if not is_listed(name, spare)]
    for prefix in _PREFIXES:
        if body and all(name.startswith(prefix) for name in body):
            return None if any(name.startswith(prefix) for name in expected) else prefix
    return None


def _unchunked(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Strip the chunks from the names of blocks, if all blocks are in chunks and no name repeats."""
    blocks = [name for name in state if name.startswith("blocks.")]
    renamed = {_CHUNKED.sub("blocks.", name): value for name, value in state.items()}
    return renamed if all(map(_CHUNKED.match, blocks)) and len(renamed) == len(state) else state
