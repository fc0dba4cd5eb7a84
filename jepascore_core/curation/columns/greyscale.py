"""Detect images without colour, once per image, and cache the result in the home folder."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, UnidentifiedImageError

from jepascore_core.datasets.decoding import decode
from jepascore_core.datasets.reading import read_bytes
from jepascore_core.datasets.thumbnails import thumbnail_path
from jepascore_core.embeddings.index import Progress, no_progress
from jepascore_core.errors import SampleError
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.catalogue import new_id
from jepascore_core.storage.parquet import write_parquet
from jepascore_core.storage.store import Store

#: Channels of a grey pixel differ by at most this, of 255: compression of a preview changes them slightly.
GREY_TOLERANCE = 12

_SCHEMA = pa.schema([("content_id", pa.string()), ("grey", pa.bool_())])
_AT_ONCE = 2048


def known_grey(store: Store) -> tuple[pa.Table, str]:
    """Return rows (content_id, grey) of every inspected image, and a name that changes when there are more."""
    parts = sorted((store.home / "properties").glob("grey-*.parquet"))
    tables = [pq.read_table(part) for part in parts]
    return pa.concat_tables(tables) if tables else _SCHEMA.empty_table(), "|".join(part.name for part in parts)


def count_unseen(store: Store, dataset: DatasetRecord) -> int:
    """Count the images of a dataset whose colours were not inspected yet."""
    return len(_unseen(store, dataset))


def look_at_colours(store: Store, dataset: DatasetRecord, progress: Progress = no_progress) -> int:
    """Inspect the remaining images by their previews; return how many. May be stopped at any point."""
    unseen = _unseen(store, dataset)
    folder = store.home / "properties"
    for first in range(0, len(unseen), _AT_ONCE):
        rows = unseen[first : first + _AT_ONCE]
        with ThreadPoolExecutor() as threads:
            grey = list(threads.map(lambda row: _is_grey(store, *row), rows))
        folder.mkdir(parents=True, exist_ok=True)
        table = pa.table({"content_id": [content_id for content_id, _ in rows], "grey": grey}, _SCHEMA)
        write_parquet(folder / f"grey-{new_id()}.parquet", table)
        progress((first + len(rows)) / len(unseen))
    return len(unseen)


def is_grey(image: Image.Image) -> bool:
    """Return whether no pixel has a colour."""
    pixels = np.asarray(image.convert("RGB"), np.int16)
    return bool((pixels.max(axis=2) - pixels.min(axis=2)).max() <= GREY_TOLERANCE)


def _is_grey(store: Store, content_id: str, uri: str) -> bool | None:
    try:
        with Image.open(thumbnail_path(store.thumbs_folder, content_id)) as preview:
            return is_grey(preview)
    except (OSError, UnidentifiedImageError):
        pass
    try:
        return is_grey(decode(read_bytes(uri)))
    except SampleError:
        return None


def _unseen(store: Store, dataset: DatasetRecord) -> list[tuple[str, str]]:
    seen = set(known_grey(store)[0]["content_id"].to_pylist())
    return [pair for pair in _images(store, dataset) if pair[0] not in seen]


def _images(store: Store, dataset: DatasetRecord) -> Iterator[tuple[str, str]]:
    table = store.query(
        f"SELECT content_id, min(uri) AS uri FROM ({store.manifest_sql(dataset)}) GROUP BY content_id ORDER BY 1"
    )
    return zip(table["content_id"].to_pylist(), table["uri"].to_pylist(), strict=True)
