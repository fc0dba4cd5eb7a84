"""What a page claims, and how pages spell numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "docs" / "data"
README, TRUST, EVIDENCE = "README.md", "docs/trust.md", "docs/evidence.md"


@dataclass(frozen=True)
class Claim:
    """What a page says, and whether the data bears it out where the text is not made of the data."""

    page: str
    text: str
    holds: bool = True


def shipped(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def shipped_lines(name: str) -> list[Any]:
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def spelt(value: float | None, digits: int = 2) -> str:
    """A number as pages spell it, with a true minus sign; never a negative zero."""
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else text.replace("-", "")


def span(values: list[float], digits: int = 2) -> str:
    return f"{spelt(min(values), digits)} to {spelt(max(values), digits)}"


def row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
