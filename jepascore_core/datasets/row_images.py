"""Plan rows that hold their images, of Parquet and Arrow files: keys, labels, splits and columns of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from jepascore_core.datasets.candidates import (
    NO_COLUMN,
    Candidate,
    Question,
    ScanPlan,
    SourceOptions,
    UnusedTable,
    UsedTable,
    scan_failure,
)
from jepascore_core.datasets.column_types import ColumnTypes
from jepascore_core.datasets.columns import from_arrow
from jepascore_core.datasets.free_keys import OWN_KEY, FreeKeys
from jepascore_core.datasets.image_columns import Features, may_hold_images, scalar_columns
from jepascore_core.datasets.item_uris import RowKind, row_uri
from jepascore_core.datasets.listing import PassedOver
from jepascore_core.datasets.locating import Locator
from jepascore_core.datasets.shards import Shard
from jepascore_core.datasets.table_columns import LABEL_NAMES, SPLIT_NAMES, label_texts, usual_names, words
from jepascore_core.datasets.uris import Roots, path_to_uri, sample_key
from jepascore_core.errors import SampleError, SourceError, unknown
from jepascore_core.records.datasets import SampleFailure

NO_IMAGES = "it has no column of images"
NULL_CELL = "The row has no image, as its cell in column {column} is null: fill it in, or remove the row."
SEVERAL = "Column {column} of {name} holds the images; {others} could be read instead."
#: What is counted as skipped: columns that are neither text nor numbers.
LEFT_OUT = "columns of lists, records or bytes"

Item = Candidate | SampleFailure


@dataclass(frozen=True, slots=True)
class Rows:
    """Consecutive rows: the first one's index, columns, paths of images, and whether the bytes of each are null."""

    first: int
    table: pa.Table
    num_rows: int
    paths: Sequence[str | None] | None
    missing: Sequence[bool] | None


class RowFile(Protocol):
    """A file of rows: its schema, features and columns of images, the most usual one first."""

    @property
    def schema(self) -> pa.Schema:
        """Its schema."""
        ...

    @property
    def features(self) -> Features:
        """What metadata says of its columns."""
        ...

    @property
    def images(self) -> Sequence[str]:
        """The columns that hold images."""
        ...

    def rows(self, image: str, columns: list[str]) -> Iterator[Rows]:
        """Yield its rows, some at a time."""
        ...


@dataclass(frozen=True, slots=True)
class _Roles:
    """The columns of a file that are image, label and split; names of classes; and the columns that are kept."""

    image: str
    label: str | None
    split: str | None
    names: tuple[str, ...]
    kept: list[str]


def plan_rows(
    kind: RowKind, shards: Sequence[Shard], opened: Callable[[Shard], RowFile], options: SourceOptions, allowed: Roots
) -> ScanPlan:
    """Plan the rows of files that hold images.

    Raises:
        SourceError: if the only file cannot be read, or a given column does not exist.
    """
    plan = ScanPlan("datasets" if kind == "arrow" else kind, iter(()), PassedOver())
    reader = _Reader(plan, kind, options, allowed, opened)
    if len(shards) == 1 and shards[0].problem is None:
        reader.roles(shards[0], opened(shards[0]))
    plan.items = reader.items(shards)
    return plan


class _Reader:
    """Turns rows into candidates; columns, tables and questions of the plan grow meanwhile."""

    def __init__(
        self,
        plan: ScanPlan,
        kind: RowKind,
        options: SourceOptions,
        allowed: Roots,
        opened: Callable[[Shard], RowFile],
    ) -> None:
        self._plan, self._kind, self._options, self._allowed, self._opened = plan, kind, options, allowed, opened
        self._columns = ColumnTypes(plan.metadata_types, plan.ignored)
        self._keys = FreeKeys()
        self._noted: set[str] = set()

    def items(self, shards: Sequence[Shard]) -> Iterator[Item]:
        for shard in shards:
            if shard.problem is not None:
                yield self._failure(shard, shard.problem)
                continue
            try:
                file = self._opened(shard)
                if not self._options.path_column and not file.images:
                    self._plan.unused.append(UnusedTable(shard.path, NO_IMAGES))
                    continue
                roles = self.roles(shard, file)
                self._note(shard, file, roles)
                for rows in file.rows(roles.image, roles.kept):
                    yield from self._of_rows(rows, roles, shard)
            except SourceError as error:
                yield self._failure(shard, str(error))
            except OSError as error:
                yield self._failure(
                    shard, f"The file cannot be read ({error.strerror}): check its permissions and disk."
                )

    def _failure(self, shard: Shard, message: str) -> SampleFailure:
        return scan_failure(sample_key(shard.name), path_to_uri(shard.path), message)

    def roles(self, shard: Shard, file: RowFile) -> _Roles:
        """Assign the columns of a file.

        Raises:
            SourceError: if a given column does not exist, or none has images.
        """
        names, options = file.schema.names, self._options
        for given in (options.path_column, *options.told()):
            if given is not None and given not in names:
                raise unknown("column", given, names, SourceError, where=shard.path)
        image = options.path_column or next(iter(file.images), None)
        if image is None:
            raise SourceError(f"{shard.path} has no column of images. Its columns are: {', '.join(names)}.")
        if not may_hold_images(file.schema, image):
            raise SourceError(
                f"Column {image} of {shard.path} holds no bytes of images: choose another, or --kind table."
            )
        scalars = scalar_columns(file.schema)
        classes = [name for name in scalars if name in file.features.names]
        label = self._role(options.label_column, [*usual_names(scalars, LABEL_NAMES), *classes])
        split = self._role(options.split_column, [name for name in usual_names(scalars, SPLIT_NAMES) if name != label])
        wrong = next((name for name in options.told() if name not in scalars), None)
        if wrong is not None:
            raise SourceError(f"Column {wrong} of {shard.path} holds lists, records or bytes: choose another, or none.")
        return _Roles(image, label, split, file.features.names.get(label or "", ()), scalars)

    def _role(self, given: str | None, usual: Sequence[str]) -> str | None:
        return None if given == NO_COLUMN else given or next(iter(usual), None)

    def _note(self, shard: Shard, file: RowFile, roles: _Roles) -> None:
        """Say which columns are used, which others could be, and which are left out."""
        self._plan.tables.append(UsedTable(shard.path, roles.image, roles.label, roles.split))
        others = [] if self._options.path_column else [name for name in file.images if name != roles.image]
        if others and not self._plan.questions:
            text = SEVERAL.format(column=roles.image, name=Path(shard.path).name, others=", ".join(others))
            self._plan.questions.append(Question("path_column", text, (roles.image, *others), roles.image))
        for name in file.schema.names:
            if name not in (roles.image, *roles.kept) and name not in self._noted:
                self._noted.add(name)
                self._plan.ignored[LEFT_OUT] += 1
                self._plan.ignored.examples.setdefault(LEFT_OUT, name)

    def _of_rows(self, rows: Rows, roles: _Roles, shard: Shard) -> Iterator[Item]:
        cells = {name: from_arrow(rows.table[name]) for name in roles.kept}
        labels = _labels(cells.pop(roles.label), roles.names) if roles.label else None
        splits = words(cells.pop(roles.split)).to_pylist() if roles.split else None
        others = {name: column.to_pylist() for name, column in cells.items() if column is not None}
        locator = Locator(str(Path(shard.path).parent), self._allowed)
        own = others.pop(OWN_KEY, None)
        for number in range(rows.num_rows):
            key = (own and own[number]) or f"{shard.name}#{rows.first + number}"
            path = rows.paths[number] if rows.paths else None
            uri = row_uri(self._kind, shard.path, rows.first + number, roles.image)
            if rows.missing is not None and rows.missing[number]:
                try:
                    if not path:
                        raise SampleError(NULL_CELL.format(column=roles.image), "scan")
                    uri, key = path_to_uri(locator.locate(path).path), path
                except SampleError as error:
                    yield scan_failure(self._keys.free(sample_key(key), shard.name), uri, str(error))
                    continue
            fields: dict[str, Any] = {name: column[number] for name, column in others.items()}
            if path:
                fields[f"{roles.image}_path"] = path
            label = labels[number] if labels else None
            split = splits[number] if splits else shard.split
            if self._options.split_column == NO_COLUMN:
                split = None
            yield Candidate(self._keys.free(sample_key(key), shard.name), uri, label, split, self._columns.take(fields))


def _labels(column: pa.ChunkedArray, names: tuple[str, ...]) -> list[str | None]:
    """Return labels as texts; numbers of named classes by their names, and -1, by which they are missing, as None."""
    if not names or not pa.types.is_integer(column.type):
        texts: list[str | None] = label_texts(column).to_pylist()
        return texts
    numbers = column.to_pylist()
    return [None if n is None or n < 0 else names[n] if n < len(names) else str(n) for n in numbers]
