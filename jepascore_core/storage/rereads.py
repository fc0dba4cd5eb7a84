"""Files whose bytes a run or an export found to have changed since indexing: the next index reads them again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from jepascore_core.errors import FileChangedError, ImageChangedError
from jepascore_core.records.datasets import SampleFailure
from jepascore_core.storage.catalogue import Catalogue, utc_now


def mark_changed(catalogue: Catalogue, dataset_id: str, uris: Iterable[str]) -> None:
    """Record that these files must be read again, although their size and time may be unchanged."""
    now = utc_now()
    with catalogue.transaction() as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO changed_files (dataset_id, uri, found_at) VALUES (?, ?, ?)",
            [(dataset_id, uri, now) for uri in uris],
        )


def mark_failures(catalogue: Catalogue, dataset_id: str, failures: Iterable[SampleFailure]) -> None:
    """Mark those failures of a run whose reason is that the file changed."""
    changed = [failure.uri for failure in failures if failure.error_class == FileChangedError.__name__]
    if changed:
        mark_changed(catalogue, dataset_id, changed)


@contextlib.contextmanager
def changes_marked(catalogue: Catalogue, dataset_id: str) -> Iterator[None]:
    """Mark the file whose change ended an export."""
    try:
        yield
    except ImageChangedError as error:
        mark_changed(catalogue, dataset_id, [error.uri])
        raise


def changed_files(catalogue: Catalogue, dataset_id: str) -> dict[str, str]:
    """Return uris to read again, and when the change was found."""
    with catalogue.transaction() as connection:
        rows = connection.execute("SELECT uri, found_at FROM changed_files WHERE dataset_id = ?", [dataset_id])
        return {row["uri"]: row["found_at"] for row in rows}


def forget_changed(catalogue: Catalogue, dataset_id: str, read_again: dict[str, str]) -> None:
    """Remove those that were read again, unless another change was found meanwhile."""
    with catalogue.transaction() as connection:
        connection.executemany(
            "DELETE FROM changed_files WHERE dataset_id = ? AND uri = ? AND found_at = ?",
            [(dataset_id, uri, found_at) for uri, found_at in read_again.items()],
        )
