"""The points of a map as bytes for the browser: places, which of them a filter leaves, and what one of them is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.layouts import KeptLayout, place_columns
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import Label, ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.views.browse import BrowseQuery, all_of, decided_filter, decision_codes, rule_filters

MAX_KEPT = 4


@dataclass(frozen=True, slots=True)
class MapSample:
    """What a point of a map stands for."""

    sample_key: str
    content_id: str
    label: Label


def place_bytes(store: Store, scores: ScoreSet, layout: KeptLayout) -> bytes:
    """Return x of all samples in order of the keys, then y, as little-endian float32; NaN for those not on the map.

    Raises:
        StoreError: if the map is no longer on disk.
    """

    def read() -> bytes:
        rows = store.query(f"SELECT x, y FROM {place_columns(store, scores, layout)}")
        axes = (rows[name].to_numpy().astype("<f4") for name in ("x", "y"))
        return b"".join(axis.tobytes() for axis in axes)

    version = store.catalogue.dataset(scores.dataset_id).version
    return memoized(store, ("map places", scores, version, layout), read, "map places", MAX_KEPT)


def listed_bits(store: Store, query: BrowseQuery) -> bytes:
    """Return a bit for each sample in order of the keys, the first one highest: whether the filters of a list leave it.

    Raises:
        UnknownNameError, DatasetNotReadyError, RuleError: as `browse.browse`.
    """
    wanted = all_of([*rule_filters(store, query.scores, query.rules), decided_filter(store, query)])
    if wanted is None:
        wanted = np.ones(len(decision_codes(store, query.scores)), bool)
    bits: npt.NDArray[np.uint8] = np.packbits(wanted)
    return bits.tobytes()


def map_sample(store: Store, dataset_id: str, row: int) -> MapSample | None:
    """Return the sample in a row of the order of the keys, None if there are fewer.

    Raises:
        UnknownNameError, DatasetNotReadyError: if there is no such dataset, or no index of it.
    """
    base = columns(store).base(store.catalogue.dataset(dataset_id))
    found = store.query(f"SELECT sample_key, content_id, label FROM {base} WHERE row_id = {int(row)}").to_pylist()
    return MapSample(**found[0]) if found else None
