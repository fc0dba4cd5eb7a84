"""`jepascore add`, `datasets`, `remove`: what there is to measure."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from jepascore_core.cli.output import JsonFlag, describe_speed, print_json, print_table, progress_bar, say
from jepascore_core.datasets.sources import SourceOptions
from jepascore_core.errors import JepaScoreError, RunCancelled
from jepascore_core.records import DatasetRecord, DatasetState, SampleFailure
from jepascore_core.runs import cancel_dataset, follow_dataset, request_dataset
from jepascore_core.store import Store
from jepascore_core.views.failures import failures_csv
from jepascore_core.views.progress import index_failures


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("add")(add)
    app.command("datasets")(datasets)
    app.command("remove")(remove)


def add(
    name: Annotated[str, typer.Argument(help="What to call the dataset.")],
    source: Annotated[str, typer.Argument(help="Folder, CSV / TSV / JSONL / Parquet table, zip, or MNIST idx files.")],
    kind: Annotated[str | None, typer.Option(help="imagefolder, flat, table, zip or idx; found by itself.")] = None,
    path_column: Annotated[str | None, typer.Option(help="Column of a table that holds the image paths.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Column of a table that holds the labels.")] = None,
    split_column: Annotated[str | None, typer.Option(help="Column of a table that holds the splits.")] = None,
    root: Annotated[str | None, typer.Option(help="Folder that relative paths of a table start from.")] = None,
    detach: Annotated[bool, typer.Option(help="Only ask for it; the worker indexes in the background.")] = False,
    json: JsonFlag = False,
) -> None:
    """Add a dataset, or pick up what changed in one: every image is read, checked and fingerprinted."""
    options = SourceOptions(
        kind=kind, path_column=path_column, label_column=label_column, split_column=split_column, root=root
    )
    store = Store()
    record = request_dataset(store, name, source, options)
    if not detach:
        record = wait_for_index(store, record.dataset_id)
    if json:
        print_json(dataclasses.asdict(record))
    elif record.state is DatasetState.READY:
        say(f"{record.name}: {record.message}.")


def wait_for_index(store: Store, dataset_id: str) -> DatasetRecord:
    """Show a bar until a dataset's index is built.

    Raises:
        JepaScoreError: if it failed.
        RunCancelled: if somebody cancelled it; Ctrl-C does.
    """
    record = store.catalogue.dataset(dataset_id)
    with progress_bar() as bar:
        task = bar.add_task(f"Indexing {record.name}", total=None, detail="")
        try:
            for record in follow_dataset(store, dataset_id):
                done = record.num_indexed + record.num_failed
                bar.update(task, total=record.num_total or None, completed=done, detail=describe_speed(record))
        except KeyboardInterrupt:
            cancel_dataset(store, dataset_id)
            say("Cancelling; what was read is kept. Continue with the same command.")
            raise
    if record.state is DatasetState.CANCELLED:
        raise RunCancelled(record.message)
    if record.state is DatasetState.FAILED:
        raise JepaScoreError(record.message)
    return record


def datasets(
    failures: Annotated[str | None, typer.Option(help="List the failed samples of this dataset.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the failures to this CSV file.")] = None,
    json: JsonFlag = False,
) -> None:
    """List the datasets, or the samples of one that could not be read."""
    store = Store()
    if failures is not None:
        record = store.catalogue.dataset(failures)
        show_failures(index_failures(store, record), f"Failed samples of {record.name}", out, json)
        return
    records = store.catalogue.datasets()
    if json:
        print_json([dataclasses.asdict(record) for record in records])
        return
    columns = ("name", "state", "samples", "failed", "kind", "source")
    print_table(
        "Datasets",
        columns,
        [(item.name, item.state, item.num_indexed, item.num_failed, item.kind, item.source) for item in records],
    )


def show_failures(failures: list[SampleFailure], title: str, out: Path | None, json: bool) -> None:
    """Print failures as a table or JSON, or write them to a CSV file."""
    if out is not None:
        with out.open("x", newline="", encoding="utf-8") as sink:
            sink.write(failures_csv(failures))
        say(f"{len(failures)} failures written to {out}.")
    elif json:
        print_json([failure.to_dict() for failure in failures])
    else:
        columns = ("sample_key", "stage", "error_class", "message")
        print_table(title, columns, [[getattr(failure, column) for column in columns] for failure in failures])


def remove(
    name: Annotated[str, typer.Argument(help="Dataset to forget.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget a dataset and its runs. Images are never touched; measurements stay, should the images come back."""
    store = Store()
    record = store.catalogue.dataset(name)
    if not yes:
        typer.confirm(f"Forget the dataset {record.name} and its runs?", abort=True)
    store.remove_dataset(record)
    say(f"{record.name} is forgotten; its images at {record.source} are untouched.")
