"""`js.open_dataset`: a dataset by its name, or by where it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from jepascore_core.datasets.manifest import Dataset
from jepascore_core.datasets.sources import SourceOptions, detect_kind, source_path
from jepascore_core.errors import JepaScoreError, UnknownNameError
from jepascore_core.jobs.indexing import build_dataset_index, keep_former_index
from jepascore_core.jobs.requests import follow_run, request_run
from jepascore_core.records.approximation import ApproximationPlan, ApproximationReport
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.canonical import short_hash
from jepascore_core.records.datasets import DatasetRecord, DatasetState
from jepascore_core.records.runs import RunState
from jepascore_core.score import DEFINITIONS, Definition
from jepascore_core.storage.store import Store


def open_dataset(name_or_source: str | Path, options: SourceOptions | None = None) -> Dataset:
    """Open a dataset: one that was added, by its name, or any source, which is then indexed here and now.

    A source is added to the home folder under its folder's name and a hash; opening it again reads only what changed.

    Raises:
        UnknownNameError: if it is neither a name nor a path; lists near matches.
        DatasetNotReadyError: for a name whose index is not complete.
        SourceError: for a path that holds no dataset.
    """
    store = Store()
    return Dataset(store.index_folder(index_source(store, name_or_source, options)))


def index_source(store: Store, name_or_source: str | Path, options: SourceOptions | None = None) -> DatasetRecord:
    """The dataset of this name, or of this source, which is indexed if need be; errors as `open_dataset`."""
    known = store.catalogue.find_dataset(str(name_or_source))
    if known is not None:
        return known
    source = source_path(name_or_source)
    if not source.exists():
        try:
            store.catalogue.dataset(str(name_or_source))
        except UnknownNameError as error:
            raise UnknownNameError(f"{error} There is no file or folder of that name either.") from None
    return _index_now(store, source, (options or SourceOptions()).located())


def _index_now(store: Store, source: Path, options: SourceOptions) -> DatasetRecord:
    # A folder's name may be longer than a dataset's, and hold what cannot be seen.
    stem = "".join(letter if letter.isprintable() else "_" for letter in source.name)[:80].strip()
    name = f"{stem}-{short_hash([str(source), options.to_dict()], 6)}"
    kind = options.kind or detect_kind(source, options)
    record = store.catalogue.find_dataset(name)
    if record is None:
        # Not INDEXING: that would be an invitation to a worker.
        record = store.catalogue.add_dataset(name, str(source), kind, options.to_dict(), DatasetState.CANCELLED)
    try:
        message = build_dataset_index(store, record, lambda: None)
    except JepaScoreError as error:
        if record.version is not None:
            keep_former_index(store, record, str(error))
        raise
    store.catalogue.update_dataset(record.dataset_id, state=DatasetState.READY, message=message, error=None)
    return store.catalogue.dataset(name)


_COLUMNS = "sample_key, uri, label, split, score, lower, upper, is_exact, rank, class_percentile, percentile"


@dataclass(frozen=True, eq=False)
class DatasetScores:
    """Scores of a dataset, one row a sample in the order of the keys; higher = more likely.

    Columns: sample_key, uri, label, split, score, lower, upper, is_exact, rank, class_percentile, percentile. The exact
    score lies between `lower` and `upper`, which are the score itself where it `is_exact`. `report` says what a
    calibrated run or a cascade found, `message` the same in a sentence.
    """

    table: pa.Table
    message: str
    report: ApproximationReport | None


def score_dataset(
    dataset: str,
    backbone: str | BackboneRef,
    estimator: str = "exact",
    precision: str = "auto",
    device: str = "auto",
    *,
    probes: int | None = None,
    seed: int = 0,
    plan: ApproximationPlan | None = None,
    definition: Definition = "rank",
) -> DatasetScores:
    """Measure what is not measured yet of a dataset, and return all its scores. Waits for the worker.

    Args:
        dataset: name of a dataset that was added, or where one is.
        backbone: "timm:<name>", "open_clip:<name>:<tag>", "bundled:<name>", or a `BackboneRef` with own weights.
        estimator: "exact"; "sketch": log-volumes of `probes` output combinations; "calibrated": estimates with
            intervals; "cascade": like calibrated, and exact wherever a list or cut of the plan depends on it.
        precision: of the passes.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        probes: of a sketch; a calibrated run chooses by itself unless told.
        seed: of a sketch's output combinations.
        plan: how a calibrated run or a cascade goes about it.
        definition: of the returned scores.

    Raises:
        UnknownNameError: for unknown names, or options that make no sense.
        JepaScoreError: if the run fails or somebody cancels it.
    """
    if definition not in DEFINITIONS:
        raise UnknownNameError(f"There is no definition {definition!r}. Known: {', '.join(DEFINITIONS)}.")
    store = Store()
    record = index_source(store, dataset)
    ref = BackboneRef(backbone) if isinstance(backbone, str) else backbone
    run = request_run(store, record.dataset_id, ref, estimator, precision, device, probes=probes, seed=seed, plan=plan)
    for state in follow_run(store, run.run_id):
        run = state
    if run.state is not RunState.FINISHED or run.backbone_id is None:
        raise JepaScoreError(f"The run ended as {run.state}: {run.message}")
    sql = store.scored_sql(store.catalogue.dataset(record.dataset_id), run.backbone_id, run.result_spec_id, definition)
    table = store.query(f"SELECT {_COLUMNS} FROM ({sql}) ORDER BY sample_key, uri")
    return DatasetScores(table, run.message, run.report)
