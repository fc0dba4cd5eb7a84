"""What a writer is told: the dataset, where it goes, how; and the rows that it gets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pyarrow as pa

from jepascore_core.datasets.reading import IDX_PREFIX
from jepascore_core.datasets.uris import sample_key
from jepascore_core.errors import ExportError
from jepascore_core.exporters.formats import Link, Which

#: The columns of a table export.
EXPORT_SCHEMA = pa.schema(
    [
        ("sample_key", pa.string()),
        ("uri", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("score", pa.float64()),
        ("class_percentile", pa.float64()),
        ("percentile", pa.float64()),
        ("verdict", pa.string()),
        ("reason", pa.string()),
    ]
)
#: What a writer gets: the same and what it may need besides.
ROW_SCHEMA = pa.schema(
    [
        *EXPORT_SCHEMA,
        ("content_id", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("num_bytes", pa.int64()),
        ("uid", pa.string()),
    ]
)

Batches = Iterable[pa.RecordBatch]

#: The files that torchvision.datasets.ImageFolder takes for images.
TORCHVISION_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, slots=True)
class Job:
    """One export. `labels` are those of the dataset in order; `keys` its sample keys in order, `source` its folder."""

    which: Which
    root: str | None
    link: Link
    labels: tuple[str, ...]
    source: str
    has_class_folders: bool
    has_uids: bool
    keys: Callable[[], list[str]]

    @property
    def order(self) -> str:
        """In which order positions count."""
        return (
            "torchvision.datasets.ImageFolder" if self.has_class_folders else "rows by sample key, or items of an idx"
        )

    def positions(self) -> Callable[[str, str], int]:
        """(sample key, uri) -> position.

        That of torchvision's ImageFolder for a folder of class folders; the item of an idx file; else the place among
        all samples of the dataset by sample key.
        """
        if self.has_class_folders:
            # By key: two samples may be links to one file.
            root = f"{self.source.rstrip('/')}/"
            files = image_folder_files(self.source)
            places = {sample_key(path.removeprefix(root)): place for place, path in enumerate(files)}

            def in_folder(key: str, _uri: str) -> int:
                try:
                    return places[key]
                except KeyError as error:
                    raise ExportError(_not_in_image_folder(key, self.source)) from error

            return in_folder
        by_key = {key: place for place, key in enumerate(self.keys())}
        return lambda key, uri: int(uri.rpartition("#")[2]) if uri.startswith(IDX_PREFIX) else by_key[key]


def _not_in_image_folder(key: str, source: str) -> str:
    if not key.lower().endswith(TORCHVISION_SUFFIXES):
        suffix = os.path.splitext(key)[1]  # noqa: PTH122
        return (
            f"ImageFolder does not read {key}, so it has no position there: keep only what it reads, for example by "
            f'the rule not key like "*{suffix}", or export a tree.'
        )
    if "/" not in key:
        return f"{key} lies in no class folder, so it has no position in ImageFolder: drop it, or export a tree."
    return f"{key} is not in {source} any more: add the dataset again."


def image_folder_files(root: str) -> list[str]:
    """Absolute paths of the files of a torchvision ImageFolder, in its order."""
    try:
        classes = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    except OSError as error:
        raise ExportError(f"{root} cannot be read ({error.strerror}). Restore it, or add the dataset again.") from error
    found = []
    for name in classes:
        for folder, _, files in sorted(os.walk(f"{root.rstrip('/')}/{name}", followlinks=True)):
            found += [f"{folder}/{file}" for file in sorted(files) if file.lower().endswith(TORCHVISION_SUFFIXES)]
    return found
