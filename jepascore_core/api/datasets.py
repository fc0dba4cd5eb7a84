"""`js.open_dataset`: open a dataset by its name, or by its source."""

from __future__ import annotations

from pathlib import Path

from jepascore_core.datasets.manifest import Dataset
from jepascore_core.datasets.shards import source_exists
from jepascore_core.datasets.sources import SourceOptions, detect_kind, source_path
from jepascore_core.errors import JepaScoreError, UnknownNameError
from jepascore_core.jobs.indexing import build_dataset_index, keep_former_index
from jepascore_core.records.canonical import short_hash
from jepascore_core.records.datasets import DatasetRecord, DatasetState
from jepascore_core.storage.store import Store


def open_dataset(name_or_source: str | Path, options: SourceOptions | None = None) -> Dataset:
    """Open a dataset by its name, or any source, which is then indexed in this process.

    A source is added to the home folder under its folder's name and a hash; opening it again only reads what changed.

    Raises:
        UnknownNameError: if it is neither a name nor a path; lists near matches.
        DatasetNotReadyError: for a name whose index is not complete.
        SourceError: for a path that contains no dataset.
    """
    store = Store()
    return Dataset(store.index_folder(index_source(store, name_or_source, options)))


def index_source(
    store: Store, name_or_source: str | Path | Dataset, options: SourceOptions | None = None
) -> DatasetRecord:
    """Return the dataset with this name or source (indexed if needed), or the record of an opened one.

    Raises:
        UnknownNameError: for an opened dataset that was removed or re-indexed since.
        UnknownNameError, DatasetNotReadyError, SourceError: as `open_dataset`.
    """
    if isinstance(name_or_source, Dataset):
        return _opened(store, name_or_source)
    known = store.catalogue.find_dataset(str(name_or_source))
    if known is not None:
        return known
    source = source_path(name_or_source)
    if not source_exists(source):
        try:
            store.catalogue.dataset(str(name_or_source))
        except UnknownNameError as error:
            raise UnknownNameError(f"{error} It is not a file or folder either.") from None
    return _index_now(store, source, (options or SourceOptions()).located())


def _opened(store: Store, dataset: Dataset) -> DatasetRecord:
    for record in store.catalogue.datasets():
        if record.version is not None and store.index_folder(record) == dataset.folder:
            return record
    raise UnknownNameError("This dataset was re-indexed or removed since it was opened. Open it again.")


def _index_now(store: Store, source: Path, options: SourceOptions) -> DatasetRecord:
    # A folder's name may be longer than a dataset's name allows, and contain invisible characters.
    stem = "".join(letter if letter.isprintable() else "_" for letter in source.name)[:80].strip()
    name = f"{stem}-{short_hash([str(source), options.to_dict()], 6)}"
    kind = options.kind or detect_kind(source, options)
    record = store.catalogue.find_dataset(name)
    if record is None:
        # Not INDEXING: a worker would pick it up.
        record = store.catalogue.add_dataset(name, str(source), kind, options.to_dict(), DatasetState.CANCELLED)
    try:
        message = build_dataset_index(store, record, lambda: None)
    except JepaScoreError as error:
        if record.version is not None:
            keep_former_index(store, record, str(error))
        raise
    store.catalogue.update_dataset(record.dataset_id, state=DatasetState.READY, message=message, error=None)
    return store.catalogue.dataset(name)
