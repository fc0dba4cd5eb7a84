"""The first pictures of a source, class by class, before anything is indexed: nothing is written."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from jepascore_core.datasets.candidates import Candidate
from jepascore_core.datasets.decoding import decode
from jepascore_core.datasets.reading import read_bytes
from jepascore_core.datasets.thumbnails import thumbnail_bytes
from jepascore_core.errors import SampleError

#: After which no further picture is opened: the source may lie on a slow drive.
MAX_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class FirstPicture:
    """A picture as WebP, its longest side at most 256 pixels; None where it cannot be read, and why."""

    sample_key: str
    label: str | None
    thumbnail: bytes | None
    problem: str = ""


class FirstOfClasses:
    """Chooses among what a scan yields: the first of each class, then the second of each, up to a number of them."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._found: dict[str | None, list[Candidate]] = {}

    def add(self, candidate: Candidate) -> None:
        """Take a candidate into account."""
        if candidate.label in self._found or len(self._found) < self._number:
            of_class = self._found.setdefault(candidate.label, [])
            if len(of_class) < self._number:
                of_class.append(candidate)

    def chosen(self) -> list[Candidate]:
        """Return the candidates that were chosen, class by class."""
        ranked = [(rank, place) for place, of_class in enumerate(self._found.values()) for rank in range(len(of_class))]
        chosen = sorted((place, rank) for rank, place in sorted(ranked)[: self._number])
        classes = list(self._found.values())
        return [classes[place][rank] for place, rank in chosen]


def open_pictures(
    candidates: list[Candidate], read: Callable[[str], bytes] = read_bytes, seconds: float = MAX_SECONDS
) -> tuple[FirstPicture, ...]:
    """Open candidates in order, until `seconds` are over; `read` returns the encoded bytes behind a uri."""
    found: list[FirstPicture] = []
    until = time.monotonic() + seconds
    for candidate in candidates:
        if found and time.monotonic() > until:
            break
        key, label = candidate.sample_key, candidate.label
        try:
            found.append(FirstPicture(key, label, thumbnail_bytes(decode(read(candidate.uri)))))
        except SampleError as error:
            found.append(FirstPicture(key, label, None, str(error)))
    return tuple(found)
