"""Results that are kept on disk with the dataset they belong to, and how old ones go."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pyarrow as pa

from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.parquet import write_parquet
from jepascore_core.storage.store import Store


def cache_folder(store: Store, scores: ScoreSet, kind: str) -> Path:
    """Return the folder of cached results: with the dataset, so that they are removed with it."""
    return store.dataset_folder(scores.dataset_id) / kind / scores.key.text


def prune_old(newest: Path, pattern: str, limit: int) -> None:
    """Delete all but the `limit` newest files of a pattern beside a file that was just written."""
    with contextlib.suppress(OSError):
        found = [(path.stat().st_mtime, path) for path in newest.parent.glob(pattern) if path != newest]
        for _, path in sorted(found, reverse=True)[limit - 1 :]:
            path.unlink(missing_ok=True)


def keep_table(path: Path, table: pa.Table, pattern: str, limit: int) -> None:
    """Write a table, and delete all but the `limit` newest files of a pattern: results of earlier measurements."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(path, table)
    prune_old(path, pattern, limit)
