"""Label issues of a dataset as columns for rules: computed once, then kept with the dataset and in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.kept_results import cache_folder, keep_table
from jepascore_core.curation.columns.measured import (
    count_classes,
    count_measured,
    embedding_dimension,
    stored_embeddings,
)
from jepascore_core.embeddings.index import Progress, no_progress
from jepascore_core.embeddings.label_issues import LABEL_ISSUES_VERSION, find_label_issues, label_issue_seconds
from jepascore_core.records.canonical import short_hash
from jepascore_core.scores.score_set import ScoreSet, manifest_sql
from jepascore_core.storage.store import Store

_VALUES = ("label_issue", "knn_margin", "probe_margin")
_SCHEMA = pa.schema(
    [("content_id", pa.string()), ("label", pa.string()), ("likely_label", pa.string())]
    + [(name, pa.float64()) for name in _VALUES]
)


def label_issue_column(store: Store, scores: ScoreSet, num_measured: int | None = None) -> str:
    """Name of the table of label issues, one row a sample in order of the keys, and of its column of values.

    Beside it are `<name>_likely`, `<name>_knn`, `<name>_probe` and `<name>_embedded`, whether there is an embedding.
    `num_measured` asks for what was computed when that many images were measured (see `last_label_issues`).

    Raises:
        TooFewImagesError: if fewer than two classes can be judged.
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    cache, dataset = columns(store), store.catalogue.dataset(scores.dataset_id)
    base = cache.base(dataset)
    earlier = None if num_measured is None else _path(store, scores, num_measured)
    measured_then = count_measured(store, scores) if num_measured is None else num_measured
    table = cache.cache_computed(
        ["label issue values", *_cache_key(store, scores), measured_then],
        lambda: label_issue_values(store, scores) if earlier is None else pq.read_table(earlier),
    )
    measured = store.measurements_sql(scores.key)
    sql = f"""SELECT label_issue AS "{{name}}", likely_label AS "{{name}}_likely", knn_margin AS "{{name}}_knn",
            probe_margin AS "{{name}}_probe",
            content_id IN (SELECT content_id FROM ({measured}) WHERE embedding IS NOT NULL) AS "{{name}}_embedded"
        FROM {base} LEFT JOIN {table} USING (content_id, label) ORDER BY row_id"""
    return cache.cache_query(["label issues", base, table], sql)


def label_issue_values(store: Store, scores: ScoreSet, progress: Progress = no_progress) -> pa.Table:
    """Return rows (content_id, label, likely_label, label_issue, margins) of the labelled measured images.

    They are read from disk if cached; NULL where nothing can be estimated.

    Raises:
        TooFewImagesError, UnknownNameError, DatasetNotReadyError: as `label_issue_column`.
    """
    path = _path(store, scores, count_measured(store, scores))
    if path.is_file():
        return pq.read_table(path)
    content_ids, embeddings = stored_embeddings(store, scores, progress)
    labelled = store.query(
        f"""SELECT DISTINCT content_id, label FROM ({manifest_sql(store, scores.dataset_id)})
        WHERE label IS NOT NULL ORDER BY content_id, label"""
    )
    names = np.array(labelled["content_id"].to_pylist(), dtype=np.str_)
    rows = np.searchsorted(content_ids, names)
    is_measured = rows < len(content_ids)
    is_measured[is_measured] = content_ids[rows[is_measured]] == names[is_measured]
    labelled, names, rows = labelled.filter(pa.array(is_measured)), names[is_measured], rows[is_measured]
    found = find_label_issues(names, labelled["label"].to_pylist(), embeddings[rows], progress)
    values = {name: pa.array(getattr(found, name), from_pandas=True) for name in _VALUES}
    likely = pa.array(found.likely_label.tolist(), pa.string())
    table = pa.table([*labelled.columns, likely, *values.values()], schema=_SCHEMA)
    keep_table(path, table, "labels-*.parquet", 1)
    return table


def are_label_issues_known(store: Store, scores: ScoreSet) -> bool:
    """Whether the labels of what is measured now were judged."""
    return _path(store, scores, count_measured(store, scores)).is_file()


def last_label_issues(store: Store, scores: ScoreSet) -> int | None:
    """Return how many images were measured when labels were judged last; None if they never were."""
    found = [path.stem.rpartition("-")[2] for path in _path(store, scores, 0).parent.glob(f"{_stem(store, scores)}-*")]
    return max((int(number) for number in found if number.isdecimal()), default=None)


def label_issue_seconds_of(store: Store, scores: ScoreSet, num_images: int) -> tuple[int, float]:
    """Count the classes of a dataset, and predict how many seconds judging `num_images` labels takes on two cores."""
    classes = count_classes(store, scores)
    return classes, label_issue_seconds(num_images, embedding_dimension(store, scores), classes)


def _cache_key(store: Store, scores: ScoreSet) -> list[str | int | None]:
    """Return what the values depend on, besides the measured images.

    An image is measured once, so the number of measured ones identifies them.
    """
    version = store.catalogue.dataset(scores.dataset_id).version
    return [LABEL_ISSUES_VERSION, scores.dataset_id, version, scores.backbone_id, scores.spec_id]


def _stem(store: Store, scores: ScoreSet) -> str:
    return f"labels-{short_hash(_cache_key(store, scores), 20)}"


def _path(store: Store, scores: ScoreSet, num_measured: int) -> Path:
    return cache_folder(store, scores, "label-issues") / f"{_stem(store, scores)}-{num_measured}.parquet"
