"""Cache results about a dataset's scores in files, for the next page view, command and server."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jepascore_core.scores.coverage import scores_state
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.json_results import read_json, write_json
from jepascore_core.storage.store import Store


@dataclass(frozen=True, slots=True)
class CachedResult:
    """A result as a file holds it, and what it is about."""

    about: list[Any]
    result: dict[str, Any]


def cached_json(
    folder: Path | None, name: str, key: Sequence[Any], make: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Return the result of `make` as JSON, from a file in `folder` if its key matches; None caches nothing.

    `folder` itself identifies the dataset or embeddings, `key` everything else that the result depends on.
    """
    subject = json.loads(json.dumps(list(key)))
    if folder is not None:
        known = read_cached(folder, name)
        if known is not None and known.about == subject:
            return known.result
    made: dict[str, Any] = json.loads(json.dumps(make()))
    if folder is not None:
        # A home folder that is not writable can still be viewed.
        with suppress(OSError):
            write_json(folder / f"{name}.json", {"about": subject, "found": made})
    return made


def read_cached(folder: Path, name: str) -> CachedResult | None:
    """Read a result whatever it is about; None if there is no file, or it cannot be read."""
    match read_json(folder / f"{name}.json"):
        case {"about": list(about), "found": dict(result)}:
            return CachedResult(about, result)
    return None


def checks_folder(store: Store, scores: ScoreSet) -> Path:
    """Where results about the scores of a dataset are kept, of the latest state that was looked at."""
    return store.dataset_folder(scores.dataset_id) / "checks" / scores.key.text


def read_check(store: Store, scores: ScoreSet, name: str, method: int) -> tuple[dict[str, Any], bool] | None:
    """Read a result in `checks_folder` whose key begins with its method and the `scores_state` that it is about.

    Also return whether that is the present state. None if there is nothing, or it was computed in another way.
    """
    found = read_cached(checks_folder(store, scores), name)
    if found is None or found.about[:1] != [method]:
        return None
    return found.result, found.about[1:2] == [scores_state(store, scores)]
