"""Images from where they are to where they should be; a source that vanished or changed ends the export."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jepascore_core.datasets.content import content_id
from jepascore_core.datasets.reading import IDX_PREFIX, file_state, read_bytes
from jepascore_core.datasets.uris import uri_to_path
from jepascore_core.errors import ExportError, SampleError
from jepascore_core.exporters.formats import Link


def image_bytes(row: dict[str, Any]) -> bytes:
    """The bytes of a sample, the same that were indexed.

    Raises:
        ExportError: if they are not there any more.
    """
    try:
        data = read_bytes(row["uri"])
    except SampleError as error:
        raise ExportError(f"{row['sample_key']}: {error} Nothing was exported.") from error
    if content_id(data) != row["content_id"]:
        raise ExportError(
            f"{row['sample_key']} changed since it was indexed. Nothing was exported: add the dataset again."
        )
    return data


def place_image(row: dict[str, Any], target: Path, link: Link) -> None:
    """Copy or link the image of a sample; the source is only read.

    Raises:
        ExportError: if it vanished, changed, or cannot be linked.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if link == "copy":
        target.write_bytes(image_bytes(row))
        return
    if row["uri"].startswith(IDX_PREFIX):
        raise ExportError(f"{row['sample_key']} is no file of its own, so it cannot be linked. Copy the images.")
    try:
        found = file_state(row["uri"])
    except SampleError as error:
        raise ExportError(f"{row['sample_key']}: {error} Nothing was exported.") from error
    if found.num_bytes != row["num_bytes"]:
        raise ExportError(
            f"{row['sample_key']} changed since it was indexed. Nothing was exported: add the dataset again."
        )
    source = uri_to_path(row["uri"])
    if link == "symlink":
        os.symlink(source, target)  # noqa: PTH211
        return
    try:
        os.link(source, target)
    except OSError as error:
        raise ExportError(
            f"{source} cannot be linked ({error.strerror}): a hard link needs the same disk. Copy the images."
        ) from error
