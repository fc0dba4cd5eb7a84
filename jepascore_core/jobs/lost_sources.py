"""Detect that a folder to be added holds the images of a dataset whose own folder is gone: it was moved or renamed."""

from __future__ import annotations

import shlex
from pathlib import Path

from jepascore_core.datasets.shards import source_exists
from jepascore_core.errors import StoreError
from jepascore_core.storage.store import Store

#: Sample keys of a dataset that are looked up below a folder.
NUM_TRIED = 16


def moved_here(store: Store, source: str | Path) -> tuple[str, ...]:
    """Return the names of datasets whose source is gone and some of whose samples are below a folder, by their keys."""
    folder = Path(source).expanduser()
    if not folder.is_dir():
        return ()
    found = []
    for dataset in store.catalogue.datasets():
        if dataset.version is None or source_exists(dataset.source):
            continue
        try:
            sql = f"SELECT sample_key FROM ({store.manifest_sql(dataset)}) ORDER BY sample_key LIMIT {NUM_TRIED}"
            keys = store.query(sql)["sample_key"].to_pylist()
        except StoreError:
            continue  # its index is damaged, which is reported where it is opened
        if any((folder / key).is_file() for key in keys):
            found.append(dataset.name)
    return tuple(found)


def moved_text(name: str, source: str) -> str:
    """Return a message that a dataset seems to have moved, and how to keep its decisions."""
    return (
        f"These seem to be the images of {name}, whose own folder is gone. If you add them again, its decisions are "
        f"not kept: use Move on its card, or `jepascore datasets move {shlex.quote(name)} {shlex.quote(source)}`."
    )
