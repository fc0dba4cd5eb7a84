"""Folders that `datasets` saved with `save_to_disk`: one dataset, or several splits. Read without that library."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jepascore_core.datasets.arrow_files import first_cells, open_arrow
from jepascore_core.datasets.candidates import ScanPlan, SourceOptions
from jepascore_core.datasets.image_columns import Features, cells_of, features_of, image_columns, paths_of
from jepascore_core.datasets.row_images import Rows, plan_rows
from jepascore_core.datasets.shards import Shard
from jepascore_core.datasets.uris import Roots
from jepascore_core.errors import SourceError

_SPLITS, _STATE, _INFO = "dataset_dict.json", "state.json", "dataset_info.json"
_ROWS_AT_ONCE = 8192


def is_saved_dataset(folder: Path) -> bool:
    """Return whether `datasets` saved a dataset, or splits of one, in a folder."""
    is_one = (folder / _STATE).is_file() and any(folder.glob("*.arrow"))
    return is_one or (folder / _SPLITS).is_file()


def plan_saved(source: Path, options: SourceOptions, allowed: Roots) -> ScanPlan:
    """Plan the images of saved datasets. Sample keys are like `train/data-00000-of-00001.arrow#12`.

    Raises:
        SourceError: if the folder holds none, or its files do not say what they are.
    """
    if not source.is_dir() or not is_saved_dataset(source):
        raise SourceError(
            f"{source} is not a folder that `datasets` saved with `save_to_disk`: give the one with {_STATE}."
        )
    return plan_rows("arrow", _shards(source), _ArrowRows, options, allowed)


def _shards(source: Path) -> list[Shard]:
    if not (source / _SPLITS).is_file():
        return _files(source, "", None)
    splits = _read_json(source / _SPLITS).get("splits")
    if not isinstance(splits, list) or not all(
        isinstance(split, str) and Path(split).name == split for split in splits
    ):
        raise SourceError(f"{source / _SPLITS} names no splits: save the dataset again.")
    return [shard for split in splits for shard in _files(source / split, f"{split}/", split)]


def _files(folder: Path, prefix: str, split: str | None) -> list[Shard]:
    """Return the files that the state of a dataset names, in its order."""
    state = _read_json(folder / _STATE)
    entries = state.get("_data_files")
    names = [entry.get("filename") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    if not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise SourceError(f"{folder / _STATE} names files outside its folder: save the dataset again.")
    own = split or state.get("_split")
    return [
        Shard(
            str(folder / name),
            prefix + name,
            own if isinstance(own, str) else None,
            None if (folder / name).is_file() else "The file does not exist: restore it, or save the dataset again.",
        )
        for name in map(str, names)
    ]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"{path} cannot be read ({error}): restore it, or save the dataset again.") from error
    if not isinstance(found, dict):
        raise SourceError(f"{path} is not a JSON object: restore it, or save the dataset again.")
    return found


class _ArrowRows:
    """An Arrow file as rows with images; its features are also beside it."""

    def __init__(self, shard: Shard) -> None:
        self._path, self._opened = shard.path, open_arrow(shard.path)

    @property
    def schema(self) -> pa.Schema:
        return self._opened.table.schema

    @cached_property
    def features(self) -> Features:
        beside = Path(self._path).with_name(_INFO)
        return features_of(self.schema, _read_json(beside).get("features") if beside.is_file() else None)

    @cached_property
    def images(self) -> Sequence[str]:
        return image_columns(self.schema, self.features, lambda column: first_cells(self._opened, column))

    def rows(self, image: str, columns: list[str]) -> Iterator[Rows]:
        for first in range(0, len(self._opened.table), _ROWS_AT_ONCE):
            table = self._opened.table.slice(first, _ROWS_AT_ONCE)
            missing, paths = pc.is_null(cells_of(table[image])), paths_of(table[image])
            yield Rows(
                first,
                table.select(columns),
                len(table),
                paths.to_pylist() if paths is not None else None,
                missing.to_pylist() if pc.any(missing).as_py() else None,
            )
