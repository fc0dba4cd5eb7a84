"""A dataset relative to a reference dataset: distances to it and percentiles within it, as columns for rules.

Both have to be measured under the same key (weights, preprocessing, estimator): nothing else is comparable.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.curation.columns.baselines import baseline_values, is_known
from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.kept_results import cache_folder, keep_table
from jepascore_core.curation.columns.measured import count_measured, embedding_dimension, stored_embeddings
from jepascore_core.embeddings.baselines import MIN_IMAGES
from jepascore_core.embeddings.index import Progress, no_progress, subrange
from jepascore_core.embeddings.reference import (
    REFERENCE_VERSION,
    Integers,
    ReferenceNeighbours,
    reference_neighbours,
    reference_seconds,
)
from jepascore_core.errors import UnknownNameError, unknown
from jepascore_core.records.canonical import short_hash
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.scores.measured import measured_choices
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.titles import measured_titles
from jepascore_core.storage.store import Store
from jepascore_core.storage.ties import comparable

#: The nearest of the reference that are kept of each image, to be shown beside it.
NUM_SHOWN = 5
#: References that are kept per dataset and backbone.
MAX_KEPT = 6
#: Share of the work that is the reference's own k-NN baseline score, roughly: it has its own index.
_OWN_SHARE = 0.4

_SCHEMA = pa.schema(
    [("content_id", pa.string()), ("distances", pa.list_(pa.float64())), ("nearest", pa.list_(pa.string()))]
)


def reference_scores(store: Store, scores: ScoreSet, reference: str) -> ScoreSet:
    """Return the scores of a reference dataset, by its name or id, that these may be compared with.

    Raises:
        UnknownNameError: if there is no such dataset, or it was not measured in exactly the same way.
        DatasetNotReadyError: if it has no index yet.
    """
    record = store.catalogue.find_dataset(reference)
    if record is None:
        names = (item.name for item in store.catalogue.datasets())
        hint = "A reference dataset must be in the app: add it, or name another one."
        raise unknown("reference dataset", reference, names, hint=hint)
    store.index_folder(record)
    found = ScoreSet(record.dataset_id, scores.key, scores.definition)
    if not count_measured(store, found):
        raise UnknownNameError(_not_comparable(store, scores, record))
    return found


def _not_comparable(store: Store, scores: ScoreSet, record: DatasetRecord) -> str:
    known, measured = store.catalogue.backbones(), measured_choices(store, record.dataset_id)
    own = known.get(scores.backbone_id)
    wanted = measured_titles(store).get(scores.key, scores.key.text)
    same = [choice.title for choice in measured if choice.key.backbone_id == scores.backbone_id]
    alike = [
        choice.title
        for choice in measured
        if own is not None and choice.key.backbone_id in known and known[choice.key.backbone_id].name == own.name
    ]
    if same:
        why = f"it was measured with another estimator or precision ({', '.join(same)})"
    elif alike:
        why = f"it was measured with other weights, pooling or preprocessing ({', '.join(alike)})"
    elif measured:
        why = f"it was measured with {', '.join(choice.title for choice in measured)} only"
    else:
        why = "it has no measurements yet"
    name = own.name if own is not None else scores.backbone_id
    return (
        f"{record.name} cannot be the reference under {wanted}: {why}. Scores and distances are comparable only under "
        f"the same encoder, preprocessing and estimator. Measure it in the same way: "
        f'jepascore score "{record.name}" -b "{name}"'
    )


def reference_distance_column(store: Store, scores: ScoreSet, reference: str, k: int = 1) -> str:
    """Return the name of the column of cosine distances to the k-th nearest image of a reference; NULL if unmeasured.

    One row per sample ordered by key. Beside it is `<name>_nearest`, content ids of the nearest ones. With fewer than
    k images in the reference it is the farthest of them.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `reference_scores`.
    """
    cache, dataset = columns(store), store.catalogue.dataset(scores.dataset_id)
    there = reference_scores(store, scores, reference)
    base, about = cache.base(dataset), _about(store, scores, there)
    table = cache.cache_computed(["reference values", *about], lambda: reference_values(store, scores, reference))
    sql = f"""SELECT distances[least({int(k)}, len(distances))] AS "{{name}}", nearest AS "{{name}}_nearest"
        FROM {base} LEFT JOIN {table} USING (content_id) ORDER BY row_id"""
    return cache.cache_query(["reference distance", base, table, k], sql)


def reference_percentile_column(store: Store, scores: ScoreSet, reference: str) -> str:
    """Return the name of the column of percentiles of a dataset's scores among those of a reference, 0 to 100.

    One row per sample ordered by key, NULL without a score. Mid-ranks, as the percentiles within a dataset: those of a
    dataset among itself are its own.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `reference_scores`.
    """
    cache, there = columns(store), reference_scores(store, scores, reference)
    own = cache.score(store.catalogue.dataset(scores.dataset_id), scores)
    other = cache.score(store.catalogue.dataset(there.dataset_id), there)
    base = cache.base(store.catalogue.dataset(scores.dataset_id))

    def make() -> pa.Table:
        measured = store.query(f"SELECT {comparable(other)} AS score FROM {other} WHERE {other} IS NOT NULL")
        ordered = np.sort(measured["score"].to_numpy())
        rows = store.query(f"SELECT row_id, {comparable(own)} AS score FROM {base} POSITIONAL JOIN {own}")
        values = percentiles_among(ordered, rows["score"].to_numpy())
        return pa.table({"row_id": rows["row_id"], "value": pa.array(values, from_pandas=True)})

    table = cache.cache_computed(["reference percentiles", own, other], make)
    return cache.cache_query(
        ["reference percentile", table], f'SELECT value AS "{{name}}" FROM {table} ORDER BY row_id'
    )


def percentiles_among(ordered: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mid-rank percentiles [N] of values [N] among ascending ones [M], 0 to 100; NaN of NaN."""
    below, upto = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    percentiles: npt.NDArray[np.float64] = 50.0 * (below + upto) / len(ordered)
    return np.where(np.isnan(values), np.nan, percentiles)


def reference_values(store: Store, scores: ScoreSet, reference: str, progress: Progress = no_progress) -> pa.Table:
    """Return rows (content_id, distances, nearest) of the measured images, from disk if cached.

    `distances` to the nearest `NUM_NEIGHBOURS` of the reference, NULL without a finite embedding, and content ids of
    the first `NUM_SHOWN`. The reference's own k-NN baseline scores, which say what is far, are computed along with it.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `reference_scores`.
        TooFewImagesError: if no embedding of the reference is finite.
    """
    there = reference_scores(store, scores, reference)
    path = _path(store, scores, there)
    if path.is_file():
        return pq.read_table(path)
    if _has_spread(store, there):
        baseline_values(store, there, "knn", subrange(progress, 0.0, _OWN_SHARE))
    rest = subrange(progress, _OWN_SHARE, 1.0)
    content_ids, embeddings = stored_embeddings(store, scores, progress)
    names, others = stored_embeddings(store, there, progress)
    found = _with_itself(reference_neighbours(embeddings, others, progress=rest), content_ids, names)
    table = _to_table(content_ids, names, found)
    keep_table(path, table, "reference-*.parquet", MAX_KEPT)
    return table


def _with_itself(
    found: ReferenceNeighbours, content_ids: npt.NDArray[np.str_], names: npt.NDArray[np.str_]
) -> ReferenceNeighbours:
    """Put an image that the reference has, too, first among its nearest: inverted lists may have missed it."""
    position = np.minimum(np.searchsorted(names, content_ids), len(names) - 1)
    shared = np.flatnonzero((names[position] == content_ids) & np.isfinite(found.distances[:, 0]))
    distances, rows = found.distances.copy(), found.rows.copy()
    own, k = position[shared, None], rows.shape[1]
    joined = np.concatenate([own, rows[shared]], axis=1)
    # What is left when it is taken out of its former place, with the last one dropped where it was not found.
    joined[:, 1:][rows[shared] == own] = -1
    far = np.concatenate([np.zeros((len(shared), 1)), np.where(rows[shared] == own, np.inf, distances[shared])], axis=1)
    order = np.argsort(far, axis=1, kind="stable")[:, :k]
    rows[shared], distances[shared] = np.take_along_axis(joined, order, 1), np.take_along_axis(far, order, 1)
    return ReferenceNeighbours(distances, rows)


def _to_table(content_ids: npt.NDArray[np.str_], names: npt.NDArray[np.str_], found: ReferenceNeighbours) -> pa.Table:
    is_known = np.isfinite(found.distances[:, 0])
    columns = [
        pa.array(content_ids.tolist(), pa.string()),
        _lists(found.distances[is_known], is_known),
        _lists(names[found.rows[is_known, :NUM_SHOWN]], is_known),
    ]
    return pa.table(columns, schema=_SCHEMA)


def _lists(values: npt.NDArray[np.float64] | npt.NDArray[np.str_], is_known: npt.NDArray[np.bool_]) -> pa.Array:
    """Return rows [n, k] as a column of lists, NULL where nothing is known."""
    flat = pa.array(values.ravel().tolist(), pa.string() if values.dtype.kind == "U" else pa.float64())
    sizes = np.where(is_known, values.shape[1], 0)
    offsets: Integers = np.concatenate([[0], np.cumsum(sizes)])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), flat, mask=pa.array(~is_known))


def reference_spread(store: Store, reference: ScoreSet, share: float) -> float | None:
    """Cosine distance within which this share of a reference's images has its 10th nearest other one.

    None of fewer than two images.
    """
    if not _has_spread(store, reference):
        return None
    values = baseline_values(store, reference, "knn")["value"].drop_null().to_numpy()
    return float(np.quantile(-values, share)) if len(values) else None


def _has_spread(store: Store, reference: ScoreSet) -> bool:
    return count_measured(store, reference) >= MIN_IMAGES["knn"]


def is_reference_known(store: Store, scores: ScoreSet, reference: ScoreSet) -> bool:
    """Return whether the distances to a reference are cached for the current measurements of both."""
    own = is_known(store, reference, "knn") or not _has_spread(store, reference)
    return own and _path(store, scores, reference).is_file()


def reference_work(store: Store, scores: ScoreSet, reference: ScoreSet) -> tuple[int, int, float]:
    """Return how many images of the dataset and of the reference are compared, and predict the seconds it takes."""
    num_images, num_reference = count_measured(store, scores), count_measured(store, reference)
    dimension = embedding_dimension(store, scores)
    seconds = reference_seconds(num_images, num_reference, dimension)
    if not is_known(store, reference, "knn"):
        seconds += reference_seconds(num_reference, num_reference, dimension)
    return num_images, num_reference, seconds


def _about(store: Store, scores: ScoreSet, reference: ScoreSet) -> list[str | int | None]:
    """Return what the values depend on. An image is measured once, so the number of measured ones identifies them."""
    both = [
        (item.dataset_id, store.catalogue.dataset(item.dataset_id).version, count_measured(store, item))
        for item in (scores, reference)
    ]
    return [REFERENCE_VERSION, scores.backbone_id, scores.spec_id, *both[0], *both[1]]


def _path(store: Store, scores: ScoreSet, reference: ScoreSet) -> Path:
    name = f"reference-{short_hash(_about(store, scores, reference), 20)}.parquet"
    return cache_folder(store, scores, "reference") / name
