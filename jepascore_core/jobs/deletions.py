"""Delete the scores of a run: what is deleted, what other runs need and keep, and who else loses scores.

Measurements belong to images, not to datasets, so one may serve several runs. Deleting the scores of a run removes it,
and the measurements of its dataset's images under its backbone and spec, except those that another run needs: a run of
another dataset that has the same image, or one of this dataset that measured in another way and builds on them.
Datasets that only share images, without a run of their own, lose those scores, too; `plan_deletion` names them.

Derived files are deleted first and the run last: after a killed deletion the run remains and can be deleted
again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jepascore_core.atomic import put_in_place
from jepascore_core.errors import JepaScoreError
from jepascore_core.formatting import duration_text, plural
from jepascore_core.records.approximation import nested_sizes
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.records.runs import Run
from jepascore_core.storage.catalogue import new_id
from jepascore_core.storage.parquet import write_parquet
from jepascore_core.storage.store import Store


@dataclass(frozen=True, slots=True)
class Deletion:
    """Effect of deleting the scores of a run.

    `num_measurements` of `num_images` distinct images are deleted, which took `seconds` to compute; `num_kept` images
    keep theirs, since runs of `kept_for` need them. `run_ids` are all runs of the dataset with these scores.
    `also_lost` are datasets without such a run that share images, and how many of their images lose their score.
    """

    run_ids: tuple[str, ...]
    dataset_name: str
    backbone_name: str
    num_measurements: int
    num_images: int
    seconds: float
    num_kept: int
    kept_for: tuple[str, ...]
    also_lost: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        """The effect in sentences, to confirm before deleting."""
        took = f", which took {duration_text(self.seconds)} to compute" if self.seconds >= 1 else ""
        parts = [f"This deletes {plural(self.num_measurements, 'measurement')} of {self.dataset_name}{took}."]
        if self.num_kept:
            names = ", ".join(self.kept_for)
            parts.append(f"The scores of {plural(self.num_kept, 'image')} are kept, because runs of {names} need them.")
        if self.also_lost:
            lost = ", ".join(f"{name} ({plural(count, 'image')})" for name, count in self.also_lost)
            parts.append(f"Datasets that share these images lose their scores, too: {lost}.")
        return " ".join(parts)


def plan_deletion(store: Store, run_id: str) -> Deletion:
    """Return what `delete_scores` would do.

    Raises:
        UnknownNameError: if there is no such run.
        JepaScoreError: if the run is active, or never loaded its backbone and so has no scores.
    """
    return _plan(store, _checked(store, run_id))[0]


def delete_scores(store: Store, run_id: str) -> Deletion:
    """Delete the scores of a run, and the run.

    Raises:
        UnknownNameError, JepaScoreError: as `plan_deletion`.
    """
    run = _checked(store, run_id)
    deletion, doomed = _plan(store, run)
    is_quiet = not store.catalogue.runs(active_only=True, hidden=True)
    for key, content_ids in doomed.items():
        _forget_derived(store, key)
        if content_ids:
            _delete_rows(store.measurement_folder(key), content_ids, is_quiet)
        _forget_derived(store, key)
    for each in deletion.run_ids:
        store.catalogue.remove_run(each)
    return deletion


def _checked(store: Store, run_id: str) -> Run:
    run = store.catalogue.run(run_id)
    if run.key is None:
        raise JepaScoreError(f"Run {run_id} has no scores: its backbone was never loaded. Remove the run instead.")
    for each in _twins(store, run):
        if each.state.is_active:
            raise JepaScoreError(f"Run {run_id} cannot be deleted: {each.run_id} is {each.state}. Cancel it first.")
    return run


def _twins(store: Store, run: Run) -> list[Run]:
    """Return the run itself, and others of its dataset with the same scores."""
    return [each for each in store.catalogue.runs(run.dataset_id) if each.key == run.key]


def _written(store: Store, run: Run) -> tuple[MeasurementKey, ...]:
    """Return everything that a run writes shards of, its scores first."""
    if run.key is None:
        return ()
    if run.plan is None:
        return (run.key,)
    dimension = store.catalogue.backbones()[run.key.backbone_id].dimension
    probes = run.report.probes if run.report else run.spec.probes
    specs = [run.spec.exact, run.spec.nested(nested_sizes(dimension)[-1])]
    if probes:
        specs.append(run.spec.sketch(probes))
    return tuple(dict.fromkeys([run.key, *(spec.key(run.key.backbone_id) for spec in specs)]))


def _plan(store: Store, run: Run) -> tuple[Deletion, dict[MeasurementKey, list[str]]]:
    """Return the deletion, and by measurement key the content ids whose rows are deleted."""
    catalogue = store.catalogue
    dataset, twins = catalogue.dataset(run.dataset_id), _twins(store, run)
    gone = {each.run_id for each in twins}
    others = [each for each in catalogue.runs() if each.run_id not in gone and each.backbone_id == run.backbone_id]
    doomed: dict[MeasurementKey, list[str]] = {}
    kept: set[str] = set()
    kept_for: set[str] = set()
    seconds, lost_images = 0.0, set[str]()
    for key in dict.fromkeys(key for each in twins for key in _written(store, each)):
        needed = {each.dataset_id for each in others if key in _written(store, each)}
        going, staying, spent = _split(store, dataset, needed, key)
        doomed[key] = going
        seconds += spent
        if key == run.key:
            lost_images = set(going)
        if staying:
            kept |= staying
            kept_for |= needed
    names = {item.dataset_id: item.name for item in catalogue.datasets()}
    deletion = Deletion(
        run_ids=tuple(gone),
        dataset_name=dataset.name,
        backbone_name=run.backbone.name,
        num_measurements=sum(map(len, doomed.values())),
        num_images=len({item for items in doomed.values() for item in items}),
        seconds=seconds,
        num_kept=len(kept),
        kept_for=tuple(sorted(names[item] for item in kept_for)),
        also_lost=tuple(_also_lost(store, dataset, lost_images)),
    )
    return deletion, doomed


def _images_sql(store: Store, dataset_ids: Iterable[str]) -> str:
    """Return a SELECT of the content ids of some datasets; those without an index have none."""
    records = [store.catalogue.dataset(dataset_id) for dataset_id in dataset_ids]
    parts = [f"SELECT content_id FROM ({store.manifest_sql(item)})" for item in records if item.version is not None]
    return " UNION ".join(parts) or "SELECT NULL::VARCHAR AS content_id WHERE false"


def _split(
    store: Store, dataset: DatasetRecord, needed: Iterable[str], key: MeasurementKey
) -> tuple[list[str], set[str], float]:
    """Split a dataset's measurements: content ids to delete, those that datasets in `needed` keep, and seconds lost."""
    sql = f"""SELECT content_id, coalesce(seconds, 0) AS seconds,
            content_id IN ({_images_sql(store, needed)}) AS is_needed
        FROM ({store.shards_sql(key)})
        SEMI JOIN ({_images_sql(store, [dataset.dataset_id])}) USING (content_id)"""
    rows = store.query(sql).to_pylist()
    going = [row for row in rows if not row["is_needed"]]
    staying = {row["content_id"] for row in rows if row["is_needed"]}
    return [row["content_id"] for row in going], staying, sum(row["seconds"] for row in going)


def _also_lost(store: Store, dataset: DatasetRecord, lost: set[str]) -> list[tuple[str, int]]:
    """Return other datasets with images whose scores are deleted, and how many."""
    found = []
    for other in store.catalogue.datasets():
        if lost and other.dataset_id != dataset.dataset_id and other.version is not None:
            sql = f"""SELECT count(DISTINCT content_id) AS n FROM ({store.manifest_sql(other)})
                WHERE content_id IN (SELECT unnest($1::VARCHAR[]))"""
            count = int(store.query(sql, [sorted(lost)])["n"][0].as_py())
            found += [(other.name, count)] if count else []
    return found


def _delete_rows(folder: Path, content_ids: Sequence[str], may_go: bool) -> None:
    """Delete rows from the shards of a folder, shard by shard, each atomically.

    An empty folder is deleted with `may_go`, that is if no process can be writing to it. A changed shard gets a new
    name, because results are cached by the names of the shards that they depend on.
    """
    doomed = pa.array(content_ids, pa.string())
    for part in sorted(folder.glob("part-*.parquet")):
        table = pq.read_table(part, partitioning=None)
        rest = table.filter(pc.invert(pc.is_in(table["content_id"], value_set=doomed)))
        if rest.num_rows == table.num_rows:
            continue
        if rest.num_rows:
            write_parquet(part, rest)
            put_in_place(part, part.with_name(f"part-{new_id()}.parquet"))
        else:
            part.unlink()
    if may_go and not any(folder.glob("part-*.parquet")):
        shutil.rmtree(folder, ignore_errors=True)


def _forget_derived(store: Store, key: MeasurementKey) -> None:
    """Delete everything derived from these scores, for any dataset; it is recomputed on demand."""
    for dataset in store.catalogue.datasets(hidden=True):
        for folder in store.dataset_folder(dataset.dataset_id).glob(f"**/{key.text}"):
            shutil.rmtree(folder, ignore_errors=True)
