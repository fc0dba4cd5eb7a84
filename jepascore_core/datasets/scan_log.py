"""The scanned items in a file, so that their number is known before processing and memory use does not grow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from jepascore_core.datasets.candidates import Candidate
from jepascore_core.records.datasets import SampleFailure

_CANDIDATE, _FAILURE = 0, 1


def append_items(path: Path, items: Iterable[Candidate | SampleFailure]) -> None:
    """Append scanned items to the file, one JSON list per line."""
    with path.open("a", encoding="ascii") as sink:
        for item in items:
            sink.write(json.dumps(_to_list(item)) + "\n")


def read_items(path: Path) -> Iterator[Candidate | SampleFailure]:
    """Read the items in the order in which they were added."""
    with path.open(encoding="ascii") as lines:
        for line in lines:
            kind, *values = json.loads(line)
            yield Candidate(*values) if kind == _CANDIDATE else SampleFailure(*values)


def _to_list(item: Candidate | SampleFailure) -> list[object]:
    if isinstance(item, Candidate):
        return [_CANDIDATE, item.sample_key, item.uri, item.label, item.split, item.metadata]
    return [_FAILURE, item.sample_key, item.uri, item.stage, item.error_class, item.message]
