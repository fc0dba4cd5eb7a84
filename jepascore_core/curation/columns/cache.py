"""Full-length columns of a dataset, cached in memory: they make a change of a rule cheap at a million samples.

Every column has one row per sample ordered by sample key, so columns can be joined by position. A column is named by a
hash over everything that it depends on: it is reused as long as nothing changed, and never when something did.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from jepascore_core.curation.columns.names import metadata_names
from jepascore_core.curation.columns.quality import quality_sql
from jepascore_core.embeddings.files import NORM_DECIMALS, norms_sql
from jepascore_core.errors import RuleError, StoreError, unknown
from jepascore_core.records.canonical import short_hash
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.scores.score_set import ScoreSet, all_samples_sql, table_of, version_key
from jepascore_core.scores.tables import any_table, current_vectors, table_sql
from jepascore_core.storage.store import Store
from jepascore_core.storage.ties import comparable, midrank

#: Columns that are cached; the least recently used one is evicted first, unless it may still be read.
MAX_COLUMNS = 48
BUSY_SECONDS = 120.0

#: Percentiles in a score table, by what they are within.
_RANKED = {None: "percentile", "label": "class_percentile"}

_NORM = f"round(sqrt(list_inner_product(embedding::DOUBLE[], embedding::DOUBLE[])), {NORM_DECIMALS})"

_caches: weakref.WeakKeyDictionary[Store, Columns] = weakref.WeakKeyDictionary()
_caches_lock = threading.Lock()


def columns(store: Store) -> Columns:
    """Return the columns that are cached for a store."""
    with _caches_lock:
        if store not in _caches:
            _caches[store] = Columns(store)
        return _caches[store]


def load_columns(store: Store, scores: ScoreSet) -> None:
    """Cache samples and scores, which every curation of a dataset needs first.

    Raises:
        UnknownNameError, DatasetNotReadyError, StoreError: as `Columns.score`.
    """
    columns(store).score(store.catalogue.dataset(scores.dataset_id), scores)


class Columns:
    """Names of columns, computed on first use. A column `c_x` is the column "c_x" of the table `c_x`."""

    def __init__(self, store: Store) -> None:
        # The map of all caches must not keep the store alive; the caller does.
        self._reference = weakref.ref(store)
        self._used: dict[str, float] = {}
        self._lock = threading.RLock()

    @property
    def _store(self) -> Store:
        store = self._reference()
        assert store is not None
        return store

    def cache_query(self, key: Sequence[Any], sql: str, parameters: Sequence[Any] = ()) -> str:
        """Return the name of the cached result of `sql` (in which {name} is that name), computed on first use.

        `key` names everything that the result depends on.
        """
        name = _name(key)
        with self._lock:
            if name not in self._used:
                self._store.cache_query(name, sql.replace("{name}", name), parameters)
                self._evict_idle()
            self._used[name] = time.monotonic()
        return name

    def cache_table(self, key: Sequence[Any], table: pa.Table) -> str:
        """Cache an existing table, as `cache_query`."""
        return self.cache_computed(key, lambda: table)

    def cache_computed(self, key: Sequence[Any], make: Callable[[], pa.Table]) -> str:
        """Cache a table that takes long to compute outside the database, as `cache_query`."""
        name = _name(key)
        if name not in self._used:
            table = make()
            with self._lock:
                self._store.cache_table(name, table)
                self._evict_idle()
        self._used[name] = time.monotonic()
        return name

    def _cached_name(self, key: Sequence[Any]) -> str | None:
        with self._lock:
            if _name(key) not in self._used:
                return None
            self._used[_name(key)] = time.monotonic()
            return _name(key)

    def _evict_idle(self) -> None:
        now = time.monotonic()
        idle = sorted((used, name) for name, used in self._used.items() if now - used > BUSY_SECONDS)
        for _, name in idle[: max(0, len(self._used) - MAX_COLUMNS)]:
            del self._used[name]
            self._store.evict(name)

    def base(self, dataset: DatasetRecord) -> str:
        """Return the name of the table of samples.

        Its columns are row_id (from 0), sample_key, uri, content_id, label, split, width, height, num_bytes and
        table_row: the row of each sample in the score tables, NULL if there was none at the first request.

        Raises:
            DatasetNotReadyError: if the dataset has no index yet.
        """
        key = ["base", dataset.dataset_id, dataset.version]
        known = self._cached_name(key)
        if known is not None:
            return known
        listed = "sample_key, uri, content_id, label, split, width, height, num_bytes"
        table = any_table(self._store, dataset)
        samples = table_sql(table, "rank") if table else self._store.manifest_sql(dataset)
        if table and self._is_sorted(samples):
            return self.cache_query(key, f"SELECT row_id, {listed}, row_id AS table_row FROM ({samples})")
        # Numbered as they leave the single sort; a window with its own order would sort them twice.
        table_row = "row_id" if table else "NULL::BIGINT"
        sql = f"""
            SELECT row_number() OVER () - 1 AS row_id, * FROM (
                SELECT {listed}, {table_row} AS table_row FROM ({samples}) ORDER BY sample_key, uri
            )
        """
        return self.cache_query(key, sql)

    def _is_sorted(self, samples: str) -> bool:
        """Return whether score tables, which are ordered by label, are ordered by key, too.

        That is usual where labels are folders, and checking takes a tenth of the time of sorting.
        """
        ascending = f"SELECT coalesce(lag(sample_key) OVER () < sample_key, true) AS ascending FROM ({samples})"
        return bool(self._store.query(f"SELECT bool_and(ascending) AS sorted FROM ({ascending})")["sorted"][0].as_py())

    def score(self, dataset: DatasetRecord, scores: ScoreSet, baseline: str | None = None) -> str:
        """Return the name of the score column, NULL without a measurement; `<name>_rank` is the numerical rank.

        `<name>_view_spread` is the standard deviation over views, NULL without.

        `lower`, `upper` and `is_exact` are as in `Store.scored_sql`. If the scores have a materialized table,
        `<name>_percentile` and `<name>_class_percentile` are included.

        Raises:
            StoreError: if an image was measured twice: rows would not match the samples.
        """
        key = ["score", version_key(self._store, scores), *_identity(scores), baseline]
        known = self._cached_name(key)
        if known is not None:
            return known
        base = self.base(dataset)
        if baseline == "norm":
            norms = self._norms_sql(dataset, scores)
            sql = f'SELECT norm AS "{{name}}" FROM {base} LEFT JOIN ({norms}) USING (content_id) ORDER BY row_id'
            return self._cache_per_sample(key, sql, base)
        values = 'score AS "{name}", rank AS "{name}_rank", view_spread AS "{name}_view_spread", lower, upper, is_exact'
        table = table_of(self._store, scores)
        if table is not None:
            values += "".join(f', {kind} AS "{{name}}_{kind}"' for kind in _RANKED.values())
        if table is not None and self._knows_table_rows(base):
            # Sorting by a number takes a third of the time of sorting by keys.
            sql = f"""SELECT {values} FROM ({table_sql(table, scores.definition)}) AS scored
                LEFT JOIN (SELECT row_id AS place, table_row FROM {base}) ON scored.row_id = table_row ORDER BY place"""
        else:
            sql = f"SELECT {values} FROM ({all_samples_sql(self._store, scores)}) ORDER BY sample_key, uri"
        return self._cache_per_sample(key, sql, base)

    def embedded(self, dataset: DatasetRecord, scores: ScoreSet) -> str:
        """Return whether each sample has an embedding."""
        base, version = self.base(dataset), version_key(self._store, scores)
        measured = self._store.measurements_sql(scores.key)
        sql = f"""SELECT content_id IN (SELECT content_id FROM ({measured}) WHERE embedding IS NOT NULL) AS "{{name}}"
            FROM {base} ORDER BY row_id"""
        return self.cache_query(["embedded", base, version, scores.backbone_id, scores.spec_id], sql)

    def measured(self, dataset: DatasetRecord, scores: ScoreSet) -> str:
        """Return a column that is NULL where a sample has no score, or no embedding if there are no scores."""
        if scores.key.has_scores:
            return self.score(dataset, scores)
        embedded = self.embedded(dataset, scores)
        return self.cache_query(
            ["measured", embedded], f'SELECT nullif("{embedded}", false) AS "{{name}}" FROM {embedded}'
        )

    def _cache_per_sample(self, key: Sequence[Any], sql: str, base: str) -> str:
        """Cache a column, as `cache_query`, and check that it has one row per sample."""
        name = self.cache_query(key, sql)
        if self._num_rows(name) != self._num_rows(base):
            with self._lock:
                self._used.pop(name, None)
                self._store.evict(name)
            raise StoreError("The store holds repeated measurements. Run `jepascore doctor` to find them.")
        return name

    def _norms_sql(self, dataset: DatasetRecord, scores: ScoreSet) -> str:
        vectors = current_vectors(self._store, dataset, scores.key)
        if vectors is not None:
            return norms_sql(vectors)
        measured = self._store.measurements_sql(scores.key)
        return f"SELECT content_id, {_NORM} AS norm FROM ({measured})"

    def _knows_table_rows(self, base: str) -> bool:
        return bool(
            self._store.query(f"SELECT bool_and(table_row IS NOT NULL) AS known FROM {base}")["known"][0].as_py()
        )

    def _num_rows(self, table: str) -> int:
        return int(self._store.query(f"SELECT count(*) AS n FROM {table}")["n"][0].as_py())

    def percentile(self, dataset: DatasetRecord, score: str, within: str | None) -> str:
        """Return mid-rank percentiles of a score column in (0, 100), within "label", "split" or (None) the dataset."""
        known = f"{score}_{_RANKED.get(within)}"
        columns = self._store.query(f"SELECT * FROM {score} LIMIT 0").column_names
        if known in columns:
            return self.cache_query(["percentile", score, within], f'SELECT "{known}" AS "{{name}}" FROM {score}')
        partition = f'"{score}" IS NULL' + (f", {within}" if within else "")
        # Baseline scores have scales of their own.
        value = comparable(f'"{score}"') if f"{score}_rank" in columns else f'"{score}"'
        sql = f"""SELECT CASE WHEN "{score}" IS NOT NULL THEN {midrank(value, partition)} END AS "{{name}}"
            FROM {self.base(dataset)} POSITIONAL JOIN {score} ORDER BY row_id"""
        return self.cache_query(["percentile", score, within], sql)

    def metadata(self, dataset: DatasetRecord, key: str) -> str:
        """Return a user column as text; `<name>_number` has it as numbers, NULL where it is not a number.

        Raises:
            RuleError: if the dataset has no such column.
        """
        manifest = self._store.manifest_sql(dataset)
        names = metadata_names(self._store, dataset.dataset_id)
        if key not in names:
            raise unknown("column", key, names, RuleError, where=dataset.name)
        quoted = f"meta.{key}".replace('"', '""')
        sql = f"""SELECT CAST("{quoted}" AS VARCHAR) AS "{{name}}", TRY_CAST("{quoted}" AS DOUBLE) AS "{{name}}_number"
            FROM ({manifest}) ORDER BY sample_key, uri"""
        return self.cache_query(["meta", dataset.dataset_id, dataset.version, key], sql)

    def quality(self, dataset: DatasetRecord, name: str) -> str:
        """Return a column of `QUALITIES`, or "quality_issue"; NULL where an earlier release made the index.

        Raises:
            DatasetNotReadyError: if the dataset has no index yet.
        """
        sql = quality_sql(self._store.manifest_sql(dataset), name)
        return self.cache_query(["quality", dataset.dataset_id, dataset.version, name], sql)

    def class_size(self, dataset: DatasetRecord) -> str:
        """How many samples have the label of each; those without one count together."""
        base = self.base(dataset)
        return self.cache_query(
            ["class size", base],
            f'SELECT count(*) OVER (PARTITION BY label) AS "{{name}}" FROM {base} ORDER BY row_id',
        )

    def exact_groups(self, dataset: DatasetRecord) -> str:
        """Return groups of samples with the same bytes: the row of the first of them, NULL for single ones."""
        base = self.base(dataset)
        return self.cache_query(["exact", base], _groups_sql(base, "content_id"))

    def groups(self, dataset: DatasetRecord, near: pa.Table, key: Sequence[Any]) -> str:
        """Return `exact_groups` joined with near duplicates: `near` groups content ids (content_id, group_id)."""
        base = self.base(dataset)
        table = self.cache_table(["near", *key], near)
        joined = f"(SELECT * FROM {base} LEFT JOIN {table} USING (content_id))"
        return self.cache_query(["groups", base, *key], _groups_sql(joined, "coalesce(group_id::VARCHAR, content_id)"))

    def group_flag(self, dataset: DatasetRecord, groups: str, column: str) -> str:
        """Return whether the samples of a group differ in a column of the base, "split" or "label"."""
        beside = f"{self.base(dataset)} POSITIONAL JOIN {groups}"
        sql = f"""SELECT coalesce(differs, false) AS "{{name}}" FROM {beside} LEFT JOIN (
                SELECT "{groups}", min({column}) <> max({column}) AS differs
                FROM {beside} WHERE "{groups}" IS NOT NULL GROUP BY "{groups}"
            ) USING ("{groups}") ORDER BY row_id"""
        return self.cache_query(["differ", groups, column], sql)


def _name(key: Sequence[Any]) -> str:
    return f"c_{short_hash(list(key), 20)}"


def _groups_sql(relation: str, key: str) -> str:
    return f"""SELECT first_row AS "{{name}}" FROM {relation} LEFT JOIN (
            SELECT {key} AS grp, min(row_id) AS first_row FROM {relation} GROUP BY grp HAVING count(*) > 1
        ) ON {key} = grp ORDER BY row_id"""


def _identity(scores: ScoreSet) -> tuple[str, ...]:
    return scores.dataset_id, scores.backbone_id, scores.spec_id, scores.definition
