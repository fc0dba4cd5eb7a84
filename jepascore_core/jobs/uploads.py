"""Archives uploaded through a browser: stored in the home folder, named by their content."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO

from jepascore_core.atomic import put_in_place
from jepascore_core.datasets.sources import SourceOptions
from jepascore_core.errors import JepaScoreError, StoreError
from jepascore_core.formatting import plural
from jepascore_core.jobs.requests import move_dataset, request_dataset
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.catalogue import new_id
from jepascore_core.storage.store import Store
from jepascore_core.storage.uploaded_files import forget_upload, uploads_folder

_CHUNK_BYTES = 2**20
#: Files of an upload of up to this many bytes are packed in memory.
_SPOOLED_BYTES = 64 * 2**20
#: The same files make the same archive, whenever they are uploaded.
_PACKED_AT = (1980, 1, 1, 0, 0, 0)


def request_upload(
    store: Store, name: str, upload: IO[bytes], options: SourceOptions | None = None, replace: bool = False
) -> DatasetRecord:
    """Store an uploaded zip and queue its index; an existing dataset gets its images only with `replace`.

    Raises:
        StoreError: if a dataset of this name has other images, and `replace` is not set.
        SourceError: if the archive cannot be a dataset; then it is not stored.
    """
    path = _keep(store, upload)
    known = store.catalogue.find_dataset(name)
    try:
        if known is None or known.source == str(path):
            return request_dataset(store, name, str(path), options)
        if not replace:
            raise StoreError(
                f"The name {name!r} is taken by a dataset with {plural(known.num_indexed, 'sample')} of other images. "
                "Choose another name, or tick the box to replace its images."
            )
        return move_dataset(store, name, str(path), anyway=True)
    except JepaScoreError:
        forget_upload(store.home, str(path), store.catalogue.datasets())
        raise


def pack(files: Iterable[tuple[str, IO[bytes]]]) -> IO[bytes]:
    """Return files that were uploaded one by one as a zip; a name may have folders in it.

    Files of one name are numbered. The reader of archives judges names and contents, as of any other archive.
    """
    packed: IO[bytes] = tempfile.SpooledTemporaryFile(_SPOOLED_BYTES)  # noqa: SIM115 - the caller closes it
    taken: set[str] = set()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, file in sorted(files, key=lambda item: item[0]):
            entry = zipfile.ZipInfo(_free_name(name, taken), _PACKED_AT)
            taken.add(entry.filename)
            file.seek(0)
            with archive.open(entry, "w", force_zip64=True) as sink:
                while chunk := file.read(_CHUNK_BYTES):
                    sink.write(chunk)
    packed.seek(0)
    return packed


def _free_name(name: str, taken: set[str]) -> str:
    path, number = PurePosixPath(name.replace("\\", "/")), 1
    found = path
    while str(found) in taken:
        number += 1
        found = path.with_name(f"{path.stem} ({number}){path.suffix}")
    return str(found)


def _keep(store: Store, upload: IO[bytes]) -> Path:
    """Store an upload and return its file: the same archive is stored once, another one never replaces it."""
    folder = uploads_folder(store.home)
    folder.mkdir(exist_ok=True)
    arriving, digest = folder / f"{new_id()}.tmp", hashlib.sha256()
    try:
        with arriving.open("wb") as sink:
            while chunk := upload.read(_CHUNK_BYTES):
                digest.update(chunk)
                sink.write(chunk)
        path = folder / f"{digest.hexdigest()[:32]}.zip"
        # The existing file has the same bytes: an index of it may be in progress, and its time must not change.
        if not path.exists():
            put_in_place(arriving, path)
    finally:
        arriving.unlink(missing_ok=True)
    return path.resolve()
