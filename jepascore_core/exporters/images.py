"""Copy or link images into an export; a source that is missing or changed stops the export."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from jepascore_core.datasets.content import content_id
from jepascore_core.datasets.item_uris import is_item
from jepascore_core.datasets.reading import file_state, read_bytes
from jepascore_core.datasets.signatures import SIGNATURE_BYTES
from jepascore_core.datasets.uris import uri_to_path
from jepascore_core.errors import ExportError, ImageChangedError, SampleError
from jepascore_core.exporters.formats import Link
from jepascore_core.exporters.places import suffix_of


def image_bytes(row: dict[str, Any]) -> bytes:
    """Return the bytes of a sample, as they were indexed.

    Raises:
        ExportError: if they are missing or changed.
    """
    try:
        data = read_bytes(row["uri"])
    except SampleError as error:
        raise ExportError(f"{row['sample_key']}: {error} Nothing was exported.") from error
    if content_id(data) != row["content_id"]:
        raise _changed(row)
    return data


def _changed(row: dict[str, Any]) -> ImageChangedError:
    text = f"{row['sample_key']} changed since it was indexed. Nothing was exported. Add the dataset again."
    return ImageChangedError(text, row["uri"])


class Fetched(NamedTuple):
    """An image to be placed: its bytes (None if it is to be linked), and the suffix for its file."""

    row: dict[str, Any]
    data: bytes | None
    suffix: str


def fetch_image(row: dict[str, Any], link: Link = "copy") -> Fetched:
    """Read the image of a sample, or just enough of it to detect its format if it is to be linked.

    Raises:
        ExportError: if it is missing, changed, or cannot be linked.
    """
    if link == "copy":
        data = image_bytes(row)
        return Fetched(row, data, suffix_of(row["uri"], data[:SIGNATURE_BYTES]))
    if is_item(row["uri"]):
        raise ExportError(f"{row['sample_key']} is not a separate file, so it cannot be linked. Copy the images.")
    try:
        found = file_state(row["uri"])
        with open(uri_to_path(row["uri"]), "rb") as stream:  # noqa: PTH123
            beginning = stream.read(SIGNATURE_BYTES)
    except SampleError as error:
        raise ExportError(f"{row['sample_key']}: {error} Nothing was exported.") from error
    except OSError as error:
        raise ExportError(f"{row['sample_key']} cannot be read: {error.strerror}. Nothing was exported.") from error
    if found.num_bytes != row["num_bytes"]:
        raise _changed(row)
    return Fetched(row, None, suffix_of(row["uri"], beginning))


def place_image(image: Fetched, target: Path, link: Link) -> None:
    """Write or link a fetched image; the source is only read.

    Raises:
        ExportError: if it cannot be linked.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if image.data is not None:
        target.write_bytes(image.data)
        return
    source = uri_to_path(image.row["uri"])
    if link == "symlink":
        os.symlink(source, target)  # noqa: PTH211
        return
    try:
        os.link(source, target)
    except OSError as error:
        raise ExportError(
            f"{source} cannot be linked: {error.strerror}. A hard link needs the same disk. Copy the images."
        ) from error
