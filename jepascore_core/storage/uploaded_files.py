"""Where archives are kept that came in through a browser, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jepascore_core.records.datasets import DatasetRecord


def uploads_folder(home: Path) -> Path:
    """Folder of the uploads of a home folder, each named by its content."""
    return home / "uploads"


def forget_upload(home: Path, source: str, datasets: Iterable[DatasetRecord]) -> None:
    """Delete an uploaded archive that none of the datasets has as its source; anything else is not touched."""
    path = Path(source)
    used = {text for item in datasets for text in (item.source, (item.wanted or {}).get("source"))}
    if path.parent.resolve() == uploads_folder(home).resolve() and source not in used:
        path.unlink(missing_ok=True)
