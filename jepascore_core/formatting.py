"""Format numbers for people."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

#: A number and its sign stay on one line.
PERCENT = "\N{NO-BREAK SPACE}%"
MINUS = "\N{MINUS SIGN}"

#: A digit that is not zero, or the text of a number that has no digits: nan, inf.
_SIGNIFICANT = re.compile(r"[1-9a-z]")

_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
#: Extensions of skipped files that are named, the most frequent first.
MAX_EXTENSIONS = 3


def count_text(number: int) -> str:
    """Return a number with thousands separators: 1797 -> "1,797"."""
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """Return a counted noun: (1, "sample") -> "1 sample", (2000, "class") -> "2,000 classes"."""
    if number == 1:
        return f"1 {noun}"
    ending = "es" if noun.endswith(("s", "sh", "ch", "x")) else "s"
    return f"{number:,} {noun}{ending}"


def passed_over_text(ignored: Mapping[str, int]) -> str:
    """Return the skipped files by extension: {".txt": 2, ".md": 1} -> "3 other files skipped (e.g. .txt, .md)"."""
    files = {name: count for name, count in ignored.items() if name.startswith((".", "("))}
    others = [f"{count:,} {name}" for name, count in ignored.items() if name not in files and count]
    number = sum(files.values())
    if not number:
        return f"{', '.join(others)} skipped" if others else ""
    named = [name for name in sorted(ignored, key=lambda name: (-ignored[name], name)) if name.startswith(".")]
    examples = f" (e.g. {', '.join(named[:MAX_EXTENSIONS])})" if named else ""
    return f"{', '.join([plural(number, 'other file'), *others])} skipped{examples}"


def duration_text(seconds: float) -> str:
    """Return a duration in at most two units: "0.4 s", "40 s", "3 min 20 s", "2 h 5 min", "3 d 4 h"."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return _two_units(whole, 60, "min", "s")
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return _two_units(minutes, 60, "h", "min")
    return _two_units(round(seconds / 3600), 24, "d", "h")


def ago_text(seconds: float) -> str:
    """Return how long ago something was, in one unit: "just now", "5 min ago", "3 h ago", "12 d ago"."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size):,} {unit} ago"
    return "just now"


def _two_units(value: int, ratio: int, large_unit: str, small_unit: str) -> str:
    whole, rest = divmod(value, ratio)
    return f"{whole} {large_unit}" + (f" {rest} {small_unit}" if rest else "")


def bytes_text(number: int) -> str:
    """Return a size in decimal units: 1234567 -> "1.2 MB"."""
    value, unit = float(number), 0
    while value >= 999.5 and unit < len(_BYTE_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_BYTE_UNITS[unit]}" if unit == 0 or value >= 99.5 else f"{value:.1f} {_BYTE_UNITS[unit]}"


def percent_text(fraction: float) -> str:
    """Return a percentage, rounded down so that 100 % means all: 0.9996 -> "99.9 %", 1 -> "100 %"."""
    if fraction >= 1:
        return f"100{PERCENT}"
    # The small term undoes the binary rounding of products such as 0.57 * 1000.
    return f"{math.floor(1000 * fraction + 1e-9) / 10:.1f}{PERCENT}"


def rate_text(rate: float | None) -> str:
    """Return images per second, or seconds per image when slow; "" while unknown."""
    if not rate or rate <= 0:
        return ""
    if rate >= 0.995:
        return f"{rate:,.0f} images/s" if rate >= 9.95 else f"{rate:.1f} images/s"
    return f"{duration_text(1 / rate)} per image"


def number_text(value: float, form: str) -> str:
    """Return a number in a Python format, with a true minus sign: (-0.934, ".2f") -> "−0.93".

    What rounds to zero has no sign: (-0.001, "+.1f") -> "0.0".
    """
    text = format(value, form)
    if not _SIGNIFICANT.search(text.partition("e")[0]):
        return text.lstrip("+-")
    return text.replace("-", MINUS)


def score_text(score: float, is_exact: bool = True) -> str:
    """Return a score in nats with one decimal; "≈" marks an estimate."""
    return ("" if is_exact else "≈") + number_text(score, ".1f")


def z_text(value: float) -> str:
    """Return a standardized score, without a unit, with two decimals."""
    return number_text(value, ".2f")


def rho_text(value: float | None) -> str:
    """Return a correlation with two decimals, "–" where there is none."""
    return "–" if value is None else number_text(value, ".2f")


def estimate_text(lower: float | None, upper: float | None, is_exact: bool) -> str:
    """Return a sentence about the accuracy of a score; "" where it is exact."""
    if is_exact:
        return ""
    if lower is None or upper is None:
        return "Sketch log-volume: ranks images but is not the exact score"
    return f"Estimate: the exact score is expected between {score_text(lower)} and {score_text(upper)} nats"


def interval_text(lower: float | None, upper: float | None, is_exact: bool) -> str:
    """Return the prediction interval of an estimate, "288.1 to 301.4"; "" for exact scores and where it is unknown."""
    return "" if is_exact or lower is None or upper is None else f"{score_text(lower)} to {score_text(upper)}"


def percentile_text(percentile: float) -> str:
    """Return a percentile: 3.217 -> "3.2 %"; never "0.0 %" or "100.0 %", which no sample has."""
    return f"{min(max(percentile, 0.1), 99.9):.1f}{PERCENT}"


def class_title(label: str | None, alone: bool = False) -> str:
    """Return the name of a class: "(all)" for the only class of an unlabelled dataset."""
    if label is None:
        return "(all)" if alone else "(no label)"
    return label if label.strip() else "(empty label)"


def natural_key(text: str | None) -> tuple[bool, list[tuple[int, int, str]]]:
    """Return a sort key that puts "class 2" before "class 10", and None last."""
    # Numbers are compared as text, by length first: a label may have more digits than int() accepts.
    pieces = [piece for piece in re.split(r"([0-9]+)", text or "") if piece]
    numbers = [piece.lstrip("0") if piece[0] in "0123456789" else None for piece in pieces]
    keys = [
        (1, 0, piece.casefold()) if number is None else (0, len(number), number)
        for piece, number in zip(pieces, numbers, strict=True)
    ]
    return text is None, keys
