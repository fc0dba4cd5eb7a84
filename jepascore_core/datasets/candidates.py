"""What a scan yields: records that travel from the source readers to the indexer."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, get_args

import pyarrow as pa

from jepascore_core.datasets.listing import PassedOver
from jepascore_core.errors import SampleError
from jepascore_core.records.datasets import SampleFailure

#: Value of a label or split column that means: there is none.
NO_COLUMN = "none"
Kind = Literal["imagefolder", "flat", "table", "zip", "idx", "npz", "tar", "parquet", "datasets"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How a source is read.

    None means: as before, or detected the first time; an empty text means: detect again; "none" for a label or split
    column means that there is none.

    `root` is the folder that relative paths of a table start from, and an additional folder that paths and symlinks may
    lead to. `folders` says what the first level of folders stands for ("splits", "classes" or "none"), `encoding` how
    the names in a zip or the text of a table are encoded, and `table` which table of a folder describes its images.
    """

    kind: str | None = None
    path_column: str | None = None
    label_column: str | None = None
    split_column: str | None = None
    root: str | None = None
    folders: str | None = None
    encoding: str | None = None
    table: str | None = None

    def to_dict(self) -> dict[str, str | None]:
        """Return a plain dictionary, ready for JSON."""
        return dataclasses.asdict(self)

    def told(self) -> tuple[str, ...]:
        """Return the given label and split columns, without "none"."""
        return tuple(name for name in (self.label_column, self.split_column) if name not in (None, NO_COLUMN))

    def located(self) -> Self:
        """Make the root absolute: the worker, which reads the source, has a different working directory."""
        return dataclasses.replace(self, root=str(Path(self.root).expanduser().resolve())) if self.root else self

    def or_else(self, earlier: Self) -> Self:
        """Fill in what these options leave out from the earlier ones; an empty text becomes None."""
        chosen = {
            name: (before if value is None else value) or None
            for (name, value), before in zip(self.to_dict().items(), earlier.to_dict().values(), strict=True)
        }
        return self.from_dict(chosen)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One image that the source lists; it has not been opened yet."""

    sample_key: str
    uri: str
    label: str | None = None
    split: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """A guess that may be wrong: a sentence that says what was assumed.

    Setting `option` (a field of `SourceOptions`) to one of the choices resolves it.
    """

    option: str
    text: str
    choices: tuple[str, ...]
    chosen: str

    @property
    def flag(self) -> str:
        """Command-line option that resolves it."""
        return f"--{self.option.replace('_', '-')}"


class UnusedTable(NamedTuple):
    """A table that does not describe the images, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class UsedTable:
    """A table that describes the images, and the columns that are used."""

    path: str
    path_column: str
    label_column: str | None
    split_column: str | None


@dataclass(slots=True)
class ScanPlan:
    """A recognised source. Iterating over `items` reads it and fills `ignored` (skipped files, by extension).

    `questions` are guesses that may be wrong, `tables` and `unused` the tables that are used and not, `encoding` that
    of names in an archive if it was guessed or given; `tally` counts findings of the scan, such as images "without
    row". Where columns are found while the source is read, `metadata_types`, `tables`, `unused` and `questions` are
    complete once `items` are exhausted.
    """

    kind: str
    items: Iterator[Candidate | SampleFailure]
    ignored: PassedOver
    metadata_types: dict[str, pa.DataType] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    tables: list[UsedTable] = field(default_factory=list)
    unused: list[UnusedTable] = field(default_factory=list)
    encoding: str | None = None
    tally: Counter[str] = field(default_factory=Counter)


def scan_failure(key: str, uri: str, message: str) -> SampleFailure:
    """Failure of an entry that never became a candidate."""
    return SampleFailure(key, uri, stage="scan", error_class=SampleError.__name__, message=message)
