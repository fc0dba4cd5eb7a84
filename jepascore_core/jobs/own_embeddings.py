"""Import embeddings that were computed elsewhere, as the results of a backbone of their own."""

from __future__ import annotations

import re

import pyarrow as pa

from jepascore_core.embeddings.files import embedding_table
from jepascore_core.embeddings.own import MatchedVectors
from jepascore_core.errors import UnknownNameError
from jepascore_core.measuring.specs import resolve_spec
from jepascore_core.records.backbones import OWN, BackboneInfo, BackboneRef, Preprocessing
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.records.requests import ResolvedRequest
from jepascore_core.records.runs import RunState
from jepascore_core.storage.catalogue import utc_now
from jepascore_core.storage.store import Store

#: Rows of one shard: 13 MB at K = 768.
SHARD_ROWS = 8192
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


def check_name(name: str) -> str:
    """Return the name of imported embeddings if it is a valid one.

    Raises:
        UnknownNameError: otherwise.
    """
    if not _NAME.fullmatch(name):
        raise UnknownNameError(
            f"{name!r} cannot name embeddings: use up to 60 characters of a to z, A to Z, 0 to 9, dot, dash and _."
        )
    return name


def import_vectors(store: Store, dataset: DatasetRecord, name: str, found: MatchedVectors) -> MeasurementKey:
    """Store matched vectors as the embeddings of the backbone `own:name`, and record that as a finished run.

    The backbone's id is a hash of the vectors: the same ones again add nothing, others are another backbone.

    Raises:
        UnknownNameError: for an invalid name.
        OSError: if they cannot be written.
    """
    spec, info = resolve_spec("embed"), _info(check_name(name), found)
    key = spec.key(info.backbone_id)
    known = set(store.query(f"SELECT content_id FROM ({store.shards_sql(key)})")["content_id"].to_pylist())
    rows = [row for row, content_id in enumerate(found.content_ids) if content_id not in known]
    store.catalogue.save_backbone(info)
    for first in range(0, len(rows), SHARD_ROWS):
        part = rows[first : first + SHARD_ROWS]
        ids = pa.array([found.content_ids[row] for row in part], pa.string())
        store.write_shard(info.backbone_id, spec, embedding_table(ids, found.vectors[part]))
    runs = store.catalogue.runs(dataset.dataset_id)
    request = ResolvedRequest(dataset.dataset_id, BackboneRef(info.name), spec, "cpu")
    run = next((run for run in runs if run.key == key), None) or store.catalogue.add_run(request, RunState.FINISHED)
    store.catalogue.update_run(
        run.run_id,
        backbone_id=info.backbone_id,
        num_total=found.num_images,
        num_measured=len(found.content_ids),
        num_reused=len(found.content_ids) - len(rows),
        started_at=utc_now(),
        finished_at=utc_now(),
        message=f"Imported. {found.text}",
    )
    return key


def _info(name: str, found: MatchedVectors) -> BackboneInfo:
    return BackboneInfo(
        backbone_id=f"{OWN}-{name}-{found.digest}",
        name=f"{OWN}:{name}",
        library=OWN,
        architecture=name,
        pooling="none",
        dimension=found.vectors.shape[1],
        preprocessing=Preprocessing(0, 0, (), ()),
        weights_hash=found.digest,
        num_parameters=0,
        family=OWN,
        note="Imported embeddings.",
    )
