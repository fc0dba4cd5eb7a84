"""The fingerprint of a dataset: the same wherever it lies, whatever it is called."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.scores.memo import memoized
from jepascore_core.storage.store import Store


def dataset_fingerprint(store: Store, dataset: DatasetRecord) -> str:
    """Return SHA-256 over the sample keys and content ids of a dataset, ordered by key; independent of its location."""

    def read() -> str:
        digest = hashlib.sha256()
        sql = f"SELECT sample_key, content_id FROM ({store.manifest_sql(dataset)}) ORDER BY sample_key, uri"
        for batch in store.stream(sql):
            digest.update(fingerprint_lines(batch["sample_key"].to_pylist(), batch["content_id"].to_pylist()))
        return f"sha256:{digest.hexdigest()}"

    # Takes seconds at a million samples, and depends only on the version.
    return memoized(store, ("fingerprint", dataset.dataset_id, dataset.version), read)


def fingerprint_lines(keys: Iterable[str], content_ids: Iterable[str]) -> bytes:
    """Return the bytes that the fingerprint of a dataset is computed from."""
    return "".join(f"{json.dumps(pair)}\n" for pair in zip(keys, content_ids, strict=True)).encode("ascii")
