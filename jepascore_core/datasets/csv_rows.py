"""Rows of CSV text, such that every line ends up in exactly one row or one bad line, whatever its quotes.

If a quote is never closed, an ordinary parser reads all following lines into one cell. Here a cell may contain line
ends only if its quote is closed correctly, the row has the right number of cells, and the lines in the cell do not look
like rows; otherwise the line with the quote is bad, and parsing resumes at the next line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from jepascore_core.datasets.listing import IMAGE_EXTENSIONS

QUOTE = '"'
#: A quoted cell that spans more lines is treated as an unclosed quote.
MAX_LINES = 1000

NEVER_CLOSED = "a quote is opened but not closed"
SWALLOWS_ROWS = "a quote is opened and closed only on line {line}, with what looks like rows in between"
STRAY_QUOTE = "a quote is closed that was opened on line {line}"

_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_FILE_NAME = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line of a table that could not be parsed; `number` counts from 1."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class CsvRow:
    """The cells of one row, the number of its first line, and how many lines it spans."""

    number: int
    cells: list[str]
    num_lines: int = 1


def csv_rows(lines: Iterable[str], separator: str, width: int | None = None) -> Iterator[CsvRow | BadLine]:
    """Parse lines (with their ends) into rows of `width` cells; None takes the width of the first row.

    Blank lines are neither. Blanks after a separator do not belong to the cell.
    """
    pending = _Lines(lines)
    while (line := pending.next()) is not None:
        number = pending.number
        if not line.strip():
            continue
        found = _row(line, number, pending, separator, width)
        if isinstance(found, CsvRow):
            width = len(found.cells) if width is None else width
            if len(found.cells) != width:
                found = BadLine(number, f"{len(found.cells)} cells instead of {width}")
        yield found


class _Lines:
    """Lines with lookahead; `number` is that of the last line consumed."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._source = iter(lines)
        self._ahead: list[str] = []
        self._first = 0
        #: Why later lines are bad, whatever they look like.
        self.bad: dict[int, str] = {}
        self.number = 0

    def next(self) -> str | None:
        line = self.peek(0)
        if line is not None:
            self._first += 1
            self.number += 1
            if self._first > MAX_LINES:
                del self._ahead[: self._first]
                self._first = 0
        return line

    def peek(self, distance: int) -> str | None:
        while len(self._ahead) - self._first <= distance:
            line = next(self._source, None)
            if line is None:
                return None
            self._ahead.append(line)
        return self._ahead[self._first + distance]


def _row(line: str, number: int, pending: _Lines, separator: str, width: int | None) -> CsvRow | BadLine:
    if number in pending.bad:
        return BadLine(number, pending.bad.pop(number))
    try:
        cells = _cells(line, separator)
    except csv.Error as error:
        return BadLine(number, str(error))
    return _continued(line, number, pending, separator, width) if _is_open(cells) else CsvRow(number, cells)


def _cells(line: str, separator: str) -> list[str]:
    """Return the cells of one line. A cell whose quote is open at the end of the line includes the line end."""
    if QUOTE not in line:
        return [cell.lstrip(" ") for cell in line.rstrip("\r\n").split(separator)]
    ended = line if line.endswith(("\n", "\r")) else f"{line}\n"
    return next(csv.reader([ended], delimiter=separator, skipinitialspace=True))


def _is_open(cells: list[str]) -> bool:
    """Return whether the text of a single line ended inside quotes."""
    return cells[-1].endswith(("\n", "\r"))


def _continued(line: str, number: int, pending: _Lines, separator: str, width: int | None) -> CsvRow | BadLine:
    """Continue from a line with an open quote: return a row if the quote is closed correctly, else a bad line."""
    parts, distance = [line], 0
    is_open = True
    while is_open and len(parts) <= MAX_LINES:
        following = pending.peek(distance)
        if following is None:
            return BadLine(number, NEVER_CLOSED)
        parts.append(following)
        distance += 1
        is_open = following.count(QUOTE) % 2 == 0
    cells = _closed(parts, separator) if not is_open else None
    if cells is None or (width is not None and len(cells) != width):
        return BadLine(number, NEVER_CLOSED)
    if _holds_rows(cells, separator):
        last = number + distance
        if parts[-1].count(QUOTE) % 2:
            pending.bad[last] = STRAY_QUOTE.format(line=number)
        return BadLine(number, SWALLOWS_ROWS.format(line=last))
    for _ in range(distance):
        pending.next()
    return CsvRow(number, cells, len(parts))


def _closed(parts: list[str], separator: str) -> list[str] | None:
    """Return the cells of a row over several lines; None unless each quote is followed by a separator or the end."""
    text = "".join(parts).rstrip("\r\n")
    try:
        rows = list(csv.reader([text], delimiter=separator, skipinitialspace=True, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _holds_rows(cells: list[str], separator: str) -> bool:
    """Whether a line inside a cell looks like a row: it names an image, or a file with an extension as in this row."""
    endings = {position: ending for position, cell in enumerate(cells) if (ending := _file_ending(cell))}
    for cell in cells:
        for line in _LINE_ENDS.split(cell)[1:]:
            inner = [_file_ending(part) for part in line.split(separator)]
            if any(inner[position] == ending for position, ending in endings.items() if position < len(inner)):
                return True
            if len(inner) == len(cells) and not IMAGE_EXTENSIONS.isdisjoint(inner):
                return True
    return False


def _file_ending(cell: str) -> str:
    """Return the extension of a cell that is a file name; otherwise an empty text."""
    match = None if _LINE_ENDS.search(cell) else _FILE_NAME.search(cell.strip().strip(QUOTE))
    return match.group().lower() if match else ""
