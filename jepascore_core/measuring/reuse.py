"""Embeddings that other runs of a backbone have stored: an embed run copies them instead of computing."""

from __future__ import annotations

from collections.abc import Callable

from jepascore_core.embeddings.files import embedding_table, to_matrix
from jepascore_core.measuring.specs import BATCH_ESTIMATORS
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.storage.store import Store

#: Rows of one copied shard: 6 MB at K = 384.
SHARD_ROWS = 8192


def copy_embeddings(
    store: Store, dataset: DatasetRecord, backbone_id: str, spec: MeasurementSpec, check: Callable[[], None]
) -> int:
    """Copy what exact runs and sketches know of a dataset's images to an embed run's shards; return their number.

    All of them embed in float32, except under tf32, which rounds the forward pass as well.

    Raises:
        StoreError: if a shard cannot be read.
    """
    target, number = spec.key(backbone_id), 0
    for key in store.stored_keys():
        if key.backbone_id != backbone_id or not _embeds_alike(store, key):
            continue
        sql = f"""SELECT content_id, embedding FROM ({store.shards_sql(key)})
            SEMI JOIN ({store.manifest_sql(dataset)}) USING (content_id)
            ANTI JOIN ({store.shards_sql(target)}) AS known USING (content_id) WHERE embedding IS NOT NULL"""
        for batch in store.stream(sql, rows=SHARD_ROWS):
            check()
            table = embedding_table(batch.column("content_id"), to_matrix(batch.column("embedding")))
            store.write_shard(backbone_id, spec, table)
            number += batch.num_rows
    return number


def _embeds_alike(store: Store, key: MeasurementKey) -> bool:
    found = store.spec(key)
    return found.estimator in BATCH_ESTIMATORS and found.precision != "tf32"
