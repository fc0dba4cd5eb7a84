"""Write a report to a file."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageOps

from jepascore_core.datasets.decoding import decode
from jepascore_core.datasets.reading import read_bytes
from jepascore_core.datasets.thumbnails import thumbnail_path
from jepascore_core.errors import SampleError
from jepascore_core.exporters.publishing import staged
from jepascore_core.report.content import Picture, Report
from jepascore_core.report.page import report_html
from jepascore_core.storage.store import Store

#: Longest side of a picture, in pixels: about 4 kB each, so that some hundred of them can be sent by mail.
SIDE = 160


def write_report(store: Store, dataset_id: str, report: Report, path: Path, overwrite: bool = False) -> int:
    """Write a report as one HTML file; return its size in bytes.

    Raises:
        ExportError: if the file exists and must not be overwritten, or cannot be written.
    """
    page = report_html(report, lambda picture: small_picture(store, dataset_id, picture)).encode()
    with staged([path], overwrite) as (temporary,):
        temporary.write_bytes(page)
    return len(page)


def small_picture(store: Store, dataset_id: str, picture: Picture) -> bytes | None:
    """Return a small WebP copy of an image, from its preview if there is one; None if it cannot be read."""
    kept = thumbnail_path(store.thumbs_folder, picture.content_id)
    try:
        if kept.is_file():
            with Image.open(kept) as image:
                return _encoded(image.convert("RGB"))
        uri = store.uri_of(dataset_id, picture.content_id)
        return None if uri is None else _encoded(decode(read_bytes(uri)))
    except (SampleError, OSError):
        return None


def _encoded(image: Image.Image) -> bytes:
    small = ImageOps.contain(image, (SIDE, SIDE)) if max(image.size) > SIDE else image
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=75)
    return buffer.getvalue()
