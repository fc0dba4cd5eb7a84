"""Find problems in a home folder: damaged shards, repeated or outdated measurements, missing indexes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.score import RANK_TOLERANCE
from jepascore_core.storage.store import Store


def audit(store: Store) -> list[str]:
    """Check every shard and index; return one sentence for each problem."""
    return [problem for key in store.stored_keys() for problem in _audit_shards(store, key)] + [
        f"The index of dataset {dataset.name!r} is missing: run `jepascore add {dataset.name}` again."
        for dataset in store.catalogue.datasets()
        if dataset.version is not None and not store.index_folder(dataset).is_dir()
    ]


def _audit_shards(store: Store, key: MeasurementKey) -> list[str]:
    where = f"measurements/{key.backbone_id}/{key.spec_id}"
    parts = store.measurement_folder(key).glob("part-*.parquet")
    unreadable = [part.name for part in parts if not _is_readable(part)]
    if unreadable:
        return [
            f"{where}/{name} is damaged: delete it and resume the run, which measures its images again."
            for name in unreadable
        ]
    problems, shards = [], store.shards_sql(key)
    repeated = store.query(f"SELECT count(*) - count(DISTINCT content_id) AS n FROM ({shards})")["n"][0].as_py()
    if repeated:
        problems.append(f"{where} contains {repeated} repeated measurements.")
    spec = store.spec(key)
    if spec == replace(spec, engine_version=0) and (noisy := _count_noisy(store, shards)):
        problems.append(
            f"{where} contains {noisy} scores of an earlier release that count rounding noise: they have fewer "
            "singular values than the architecture allows. Delete the folder: its images are measured again."
        )
    return problems


def _count_noisy(store: Store, shards: str) -> int:
    """Count the rows whose rank is larger than their spectrum allows."""
    least = f"log_singular_values[1] + ln({RANK_TOLERANCE['float32']:g}) - 0.01"
    counted = f"len(list_filter(log_singular_values, lambda value: value > {least}))"
    sql = f"SELECT count(*) AS n FROM ({shards}) WHERE log_singular_values IS NOT NULL AND rank > {counted}"
    return int(store.query(sql)["n"][0].as_py())


def _is_readable(part: Path) -> bool:
    try:
        pq.read_metadata(part)
    except (OSError, pa.ArrowInvalid):
        return False
    return True
