"""Parquet files that hold images as a source: one, those of a folder, or those that a pattern names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

import pyarrow as pa

from jepascore_core.datasets.candidates import ScanPlan, SourceOptions
from jepascore_core.datasets.image_columns import (
    Features,
    features_of,
    image_columns,
    is_pair,
    may_hold_images,
    paths_of,
)
from jepascore_core.datasets.parquet_files import first_cells, missing_cells, opened_anew
from jepascore_core.datasets.row_images import Rows, plan_rows
from jepascore_core.datasets.shards import Shard, files_below, find_shards
from jepascore_core.datasets.uris import Roots
from jepascore_core.errors import SourceError

PARQUET_ENDINGS = (".parquet",)
#: Files of a folder that are looked into to find out whether they hold images.
_NUM_TRIED = 8


def holds_images(path: Path, options: SourceOptions) -> bool:
    """Return whether a Parquet file holds images, in the column that is given as that of paths or any."""
    try:
        file = ParquetRows(str(path))
        return may_hold_images(file.schema, options.path_column) if options.path_column else bool(file.images)
    except (SourceError, OSError):
        return False  # which its reader as a table reports


def folder_holds_images(folder: Path, options: SourceOptions) -> bool:
    """Return whether one of the first Parquet files in a folder holds images."""
    return any(holds_images(Path(path), options) for path in islice(files_below(folder, PARQUET_ENDINGS), _NUM_TRIED))


def plan_parquet(source: Path, options: SourceOptions, allowed: Roots) -> ScanPlan:
    """Plan the images in Parquet files. Sample keys are like `file.parquet#12`, counted from 0.

    Raises:
        SourceError: if there are none, or the only one cannot be read or has no images.
    """
    shards = find_shards(source, PARQUET_ENDINGS, allowed)
    if not shards:
        raise SourceError(f"{source} contains no Parquet file: give one, or the folder that contains them.")
    return plan_rows("parquet", shards, _opened, options, allowed)


def _opened(shard: Shard) -> ParquetRows:
    return ParquetRows(shard.path)


class ParquetRows:
    """A Parquet file as rows with images."""

    def __init__(self, path: str) -> None:
        """Open it.

        Raises:
            SourceError: if it is not a Parquet file, or is damaged.
            OSError: if it cannot be opened.
        """
        self._path, self._opened = path, opened_anew(path)

    @property
    def schema(self) -> pa.Schema:
        """Its schema."""
        return self._opened.file.schema_arrow

    @cached_property
    def features(self) -> Features:
        """What its metadata says of its columns."""
        return features_of(self.schema)

    @cached_property
    def images(self) -> Sequence[str]:
        """The columns that hold images, the most usual one first."""
        return image_columns(self.schema, self.features, lambda column: first_cells(self._path, self._opened, column))

    def rows(self, image: str, columns: list[str]) -> Iterator[Rows]:
        """Yield the rows, a row group at a time, without the bytes of images.

        Raises:
            SourceError: if it is damaged, or a row group is too large.
        """
        has_paths = is_pair(self.schema.field(image).type)
        wanted = [*columns, f"{image}.path"] if has_paths else columns
        for group, first in enumerate(self._opened.starts[:-1]):
            missing = missing_cells(self._path, self._opened, group, image)
            try:
                table = self._opened.file.read_row_group(group, columns=wanted)
            except (pa.ArrowException, OSError) as error:
                raise SourceError(
                    f"{self._path} is damaged in row group {group} ({error}): download it again."
                ) from error
            paths = paths_of(table[image]) if has_paths else None
            num_rows = self._opened.starts[group + 1] - first
            yield Rows(first, table, num_rows, paths.to_pylist() if paths is not None else None, missing)
