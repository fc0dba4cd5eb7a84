"""Archives uploaded through a browser, stored while a dataset uses them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jepascore_core.records.datasets import DatasetRecord


def uploads_folder(home: Path) -> Path:
    """Return the folder of uploads in a home folder; files are named by their content."""
    return home / "uploads"


def forget_upload(home: Path, source: str, datasets: Iterable[DatasetRecord]) -> None:
    """Delete an uploaded archive that is not the source of any dataset; other files are not touched."""
    path = Path(source)
    used = {text for item in datasets for text in (item.source, (item.wanted or {}).get("source"))}
    if path.parent.resolve() == uploads_folder(home).resolve() and source not in used:
        path.unlink(missing_ok=True)
