"""Match the decisions of a recipe, which may come from elsewhere, to samples of a dataset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import xxhash

from jepascore_core.curation.columns.cache import columns
from jepascore_core.formatting import plural
from jepascore_core.jobs.moves import followed, is_gone, pair_up, read_moves
from jepascore_core.records.canonical import short_hash
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.scores.memo import memoized
from jepascore_core.storage.sample_lists import SampleList, sample_table
from jepascore_core.storage.store import Store

#: A sample key and a content id.
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Settled:
    """The sample of each decision; `lost` are those without one."""

    samples: dict[Pair, Pair]
    lost: tuple[Pair, ...]


def settle(store: Store, dataset: DatasetRecord, decided: Sequence[Pair]) -> Settled:
    """Find the samples of decisions (sample key, content id).

    First the sample with this key and these bytes, then the one that is known to have had this key; then, for keys that
    this dataset never had, as in a recipe from another machine, one with the same bytes, if it is unambiguous.

    Raises:
        DatasetNotReadyError: if the dataset has no index yet.
    """
    asked = tuple(sorted(decided))
    if not asked:
        return Settled({}, ())
    key = ("settled", dataset.dataset_id, dataset.version, short_hash(asked, 20))
    return memoized(store, key, lambda: _settle(store, dataset, asked))


def _settle(store: Store, dataset: DatasetRecord, decided: Sequence[Pair]) -> Settled:
    base = columns(store).base(dataset)
    rows = store.query(
        f"SELECT sample_key, content_id FROM {base} WHERE content_id IN (SELECT unnest($1)) ORDER BY row_id",
        [sorted({content_id for _, content_id in decided})],
    ).to_pylist()
    there = {(row["sample_key"], row["content_id"]) for row in rows}
    samples: dict[Pair, Pair] = {pair: pair for pair in decided if pair in there}
    if len(samples) < len(decided):
        with store.catalogue.transaction() as connection:
            moves = read_moves(connection, dataset.dataset_id)
        taken = set(samples)
        for key, content_id in decided:
            found = (followed(moves, key, content_id), content_id)
            if (key, content_id) not in samples and found in there and found not in taken:
                samples[key, content_id] = found
                taken.add(found)
        strange = [pair for pair in decided if pair not in samples and not is_gone(moves, *pair)]
        samples |= _by_bytes(strange, there - taken)
    return Settled(samples, tuple(pair for pair in decided if pair not in samples))


def _by_bytes(decided: Sequence[Pair], free: set[Pair]) -> dict[Pair, Pair]:
    by_content: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for place, pairs in enumerate((decided, sorted(free))):
        for key, content_id in pairs:
            by_content[content_id][place].append(key)
    return {
        (old_key, content_id): (new_key, content_id)
        for content_id, (keys, candidates) in by_content.items()
        # With more samples than decisions it is ambiguous which are meant.
        if len(keys) == len(candidates)
        for old_key, new_key in pair_up(keys, candidates, {}).items()
    }


def recorded_column(store: Store, dataset: DatasetRecord, samples: SampleList) -> str:
    """Return the cached column of whether each sample is one of a recipe's, found as `settle` does.

    Raises:
        DatasetNotReadyError: if the dataset has no index yet.
    """
    cached = columns(store)
    base = cached.base(dataset)
    key = [base, xxhash.xxh3_128_hexdigest(samples.packed)]
    listed = cached.cache_computed(["recorded", *key], lambda: _settled_table(store, dataset, samples))
    sql = f"""SELECT chosen IS NOT NULL AS "{{name}}" FROM {base}
        LEFT JOIN (SELECT DISTINCT *, true AS chosen FROM {listed}) USING (sample_key, content_id) ORDER BY row_id"""
    return cached.cache_query(["recorded column", *key], sql)


def _settled_table(store: Store, dataset: DatasetRecord, samples: SampleList) -> pa.Table:
    cached, base = columns(store), columns(store).base(dataset)
    listed = cached.cache_table(["listed", xxhash.xxh3_128_hexdigest(samples.packed)], samples.table)
    lost = store.query(f"SELECT count(*) AS n FROM {listed} ANTI JOIN {base} USING (sample_key, content_id)")
    if not lost["n"][0].as_py():
        return samples.table
    pairs = list(zip(*(column.to_pylist() for column in samples.table.columns), strict=True))
    return sample_table(settle(store, dataset, pairs).samples.values())


def describe_unsettled(settled: Settled, limit: int = 3) -> str:
    """Describe the decisions of a recipe without a sample, in a sentence; "" for none."""
    if not settled.lost:
        return ""
    named = ", ".join(key for key, _ in settled.lost[:limit])
    more = f" and {len(settled.lost) - limit:,} more" if len(settled.lost) > limit else ""
    verb = "belongs" if len(settled.lost) == 1 else "belong"
    number = plural(len(settled.lost), "decision")
    return f"{number} of the recipe {verb} to no sample of this dataset and did not apply: {named}{more}."
