"""The folder of a demo: PNG files, a table that describes them, and a marker that identifies the recipe."""

from __future__ import annotations

import csv
import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from jepascore_core.atomic import put_in_place
from jepascore_core.errors import SourceError

MARKER_NAME = "demo.json"
TEST_SHARE = 0.2

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Entry:
    """One file to write. `source` is the index of the original that it shows; `extra` are additional columns."""

    pixels: Pixels
    label: str
    source: int
    contaminant: str = ""
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DemoRecipe:
    """Definition of a demo: `marker` is equal exactly for equal files, `plan` returns the entries in final order."""

    marker: dict[str, object]
    table_name: str
    images_folder: str
    seed: int
    plan: Callable[[], Sequence[Entry]]
    extra_columns: tuple[str, ...] = ()


def build_folder(folder: Path, recipe: DemoRecipe) -> Path:
    """Write a demo into `folder` and return the path of its table, ready to be added as a dataset.

    A folder that already contains this demo is left unchanged. An incomplete one is never visible, because the files
    are written elsewhere and the whole folder is renamed.

    Raises:
        SourceError: for a folder that contains anything else.
    """
    folder = Path(folder)
    if _is_complete(folder, recipe):
        return folder / recipe.table_name
    if folder.exists() and not (folder / MARKER_NAME).is_file() and any(folder.iterdir()):
        raise SourceError(f"{folder} contains other files: choose a new or an empty folder for the demo.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write(staging / "new", recipe)
        _swap(staging, folder, recipe)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder / recipe.table_name


def to_pixels(values: npt.NDArray[np.floating]) -> Pixels:
    """Round levels to bytes, clipped to 0..255."""
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def _is_complete(folder: Path, recipe: DemoRecipe) -> bool:
    try:
        found = json.loads((folder / MARKER_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(found == recipe.marker and (folder / recipe.table_name).is_file())


def _swap(staging: Path, folder: Path, recipe: DemoRecipe) -> None:
    """Rename the finished folder; an older demo is moved away first, and one that another process built is accepted."""
    try:
        if folder.exists():
            put_in_place(folder, staging / "old")
        put_in_place(staging / "new", folder)
    except OSError:
        if not _is_complete(folder, recipe):
            raise


def _write(folder: Path, recipe: DemoRecipe) -> None:
    entries = recipe.plan()
    counts: Counter[str] = Counter()
    rows = []
    is_test = np.random.default_rng([recipe.seed, 1]).random(len(entries)) < TEST_SHARE
    for entry, test in zip(entries, is_test, strict=True):
        slug = re.sub(r"\W+", "-", entry.label)
        path = f"{recipe.images_folder}/{slug}/{counts[slug]:04d}.png"
        counts[slug] += 1
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        # Stored, not deflated, so that the bytes and content ids do not depend on the build of zlib.
        Image.fromarray(entry.pixels).save(target, compress_level=0)
        split = "test" if test else "train"
        rows.append((path, entry.label, split, entry.contaminant, entry.source, *entry.extra))
    with (folder / recipe.table_name).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("path", "label", "split", "contaminant", "source_index", *recipe.extra_columns))
        writer.writerows(sorted(rows))
    (folder / MARKER_NAME).write_text(json.dumps(recipe.marker, indent=2) + "\n", encoding="utf-8")
