"""`jepascore add`, `datasets`, `remove`: what there is to measure."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from jepascore_core.cli.output import JsonFlag, ListsByDefault, print_json, print_table, say, work_json
from jepascore_core.cli.waiting import conclude, wait_for_index
from jepascore_core.curation.decisions import describe_lost, lost_decisions
from jepascore_core.datasets.candidates import Kind
from jepascore_core.datasets.preview import reading_report
from jepascore_core.datasets.sources import SourceOptions
from jepascore_core.errors import RunCancelled, SourceError
from jepascore_core.exporters.publishing import staged
from jepascore_core.formatting import passed_over_text, plural
from jepascore_core.jobs.lost_sources import moved_here, moved_text
from jepascore_core.jobs.requests import cancel_dataset, effective_options, move_dataset, request_dataset
from jepascore_core.records.datasets import DatasetRecord, DatasetState, SampleFailure
from jepascore_core.storage.store import Store
from jepascore_core.views.failures import failures_csv
from jepascore_core.views.progress import index_failures
from jepascore_core.views.reading_text import reading_text

datasets_app = typer.Typer(
    cls=ListsByDefault, help="List the datasets, move one, cancel an index, and see what could not be read."
)

#: Classes that a dry run lists.
MAX_CLASSES = 20

NameArgument = Annotated[str, typer.Argument(help="Name of the dataset.")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="Write them to this CSV file.")]
Detach = Annotated[bool, typer.Option("--detach", help="Only ask for it; the worker does it.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("add")(add)
    app.add_typer(datasets_app, name="datasets")
    app.command("remove")(remove)


def add(
    name: Annotated[str, typer.Argument(help="What to call the dataset.")],
    source: Annotated[str, typer.Argument(help="Folder, CSV / TSV / JSONL / Parquet table, zip, or MNIST idx files.")],
    kind: Annotated[Kind | None, typer.Option(help="How to read the source; found by itself.")] = None,
    path_column: Annotated[str | None, typer.Option(help="Column of a table that holds the image paths.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Column that holds the labels; none: no labels.")] = None,
    split_column: Annotated[str | None, typer.Option(help="Column that holds the splits; none: no splits.")] = None,
    table: Annotated[str | None, typer.Option(help="Which table of a folder describes its images; none: none.")] = None,
    folders: Annotated[str | None, typer.Option(help="What folders are: splits, classes or none.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of names in a zip, or of a table: cp1252, gbk...")] = None,
    root: Annotated[str | None, typer.Option(help="Folder that relative paths of a table start from.")] = None,
    reread: Annotated[
        bool, typer.Option("--reread", help="Read every image again, also where size and time are as before.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how the source would be read.")] = False,
    detach: Detach = False,
    json: JsonFlag = False,
) -> None:
    """Add a dataset, or pick up what changed in one: every image is read, checked and fingerprinted.

    The second time, options that are left out are as before; an empty column or root ("") is found by itself again.
    """
    options = SourceOptions(kind, path_column, label_column, split_column, root, folders, encoding, table)
    store = Store()
    if dry_run or not json:
        _say_reading(store, name, source, options, dry_run, json)
    if dry_run:
        return
    record = request_dataset(store, name, source, options, reread)
    if not detach:
        record = wait_for_index(store, record.dataset_id)
    if json:
        print_json(work_json(record))
    conclude(record)
    if record.state is DatasetState.READY and record.num_failed and not record.num_indexed:
        raise _nothing_readable(store, record)
    if not json:
        say(f"{record.name}: {record.message}.")
        if record.state is DatasetState.READY and record.ignored:
            say(f"{passed_over_text(record.ignored)}.")
        if record.state is DatasetState.READY and record.num_failed:
            say(f"What failed, and why: `jepascore datasets failures {shlex.quote(record.name)}`.")
        if record.state is DatasetState.READY and (lost := lost_decisions(store, record.dataset_id)):
            say(describe_lost(lost))


def _say_reading(store: Store, name: str, source: str, options: SourceOptions, in_full: bool, json: bool) -> None:
    """Say in three lines how a source is read; in full, with all splits and the largest classes, too."""
    report = reading_report(source, effective_options(store.catalogue.find_dataset(name), options))
    if json:
        print_json(report.to_dict())
        return
    text = reading_text(report)
    for line in text.lines:
        say(line)
    lost = [moved_text(other, source) for other in moved_here(store, source) if other != name]
    for warning in (*text.warnings, *lost):
        say(f"Warning: {warning}")
    if in_full:
        for title, items in (("Splits", report.splits), ("Classes", report.labels[:MAX_CLASSES])):
            if items:
                print_table(title, ("name", "samples"), [(item.name, item.count) for item in items])
        print_table("First samples", ("sample_key",), [(key,) for key in report.first_keys])


def _nothing_readable(store: Store, record: DatasetRecord) -> SourceError:
    first = index_failures(store, record)[0]
    return SourceError(
        f"None of the {plural(record.num_failed, 'sample')} of {record.name} can be read. The first, "
        f"{first.sample_key}: {first.message} All of them: `jepascore datasets failures {shlex.quote(record.name)}`."
    )


@datasets_app.command("list")
def list_datasets(json: JsonFlag = False) -> None:
    """List the datasets, oldest first. `jepascore datasets` is the same."""
    records = Store().catalogue.datasets()
    if json:
        print_json([work_json(record) for record in records])
        return
    columns = ("name", "state", "samples", "failed", "kind", "source")
    print_table(
        "Datasets",
        columns,
        [(item.name, item.state, item.num_indexed, item.num_failed, item.kind, item.source) for item in records],
    )
    for item in records:
        if item.state is DatasetState.FAILED or item.error is not None:
            say(f"{item.name} could not be read{' again' if item.error else ''}: {item.error or item.message}")
    unread = [item.name for item in records if item.version is not None and item.num_failed]
    if unread:
        name = shlex.quote(unread[0]) if len(unread) == 1 else "NAME"
        say(f"What failed, and why: `jepascore datasets failures {name}`.")


@datasets_app.command("move")
def move(
    name: NameArgument,
    source: Annotated[str, typer.Argument(help="Where its images are now.")],
    root: Annotated[str | None, typer.Option(help="New root of a table's relative paths; found by itself.")] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also if most images are not there.")] = False,
    detach: Detach = False,
    json: JsonFlag = False,
) -> None:
    """Say that a dataset's images lie elsewhere now: keys, decisions, recipes and scores stay.

    Every image is read there and compared first. If hardly any has the same bytes, nothing is changed.
    """
    store = Store()
    record = move_dataset(store, name, source, root, anyway)
    if not detach:
        record = wait_for_index(store, record.dataset_id)
    if json:
        print_json(work_json(record))
    conclude(record)
    if not json:
        say(f"{record.name}: {record.message}.")
        if record.state is DatasetState.READY and (lost := lost_decisions(store, record.dataset_id)):
            say(describe_lost(lost))


@datasets_app.command("failures")
def failures(name: NameArgument, out: OutOption = None, overwrite: Overwrite = False, json: JsonFlag = False) -> None:
    """List the samples of a dataset that could not be read, and why."""
    store = Store()
    record = store.catalogue.dataset(name)
    show_failures(index_failures(store, record), f"Failed samples of {record.name}", out, overwrite, json)


@datasets_app.command("cancel")
def cancel(name: NameArgument, json: JsonFlag = False) -> None:
    """Stop reading a dataset; what was read is kept, and `jepascore add` goes on from there."""
    store = Store()
    record = store.catalogue.dataset(name)
    if record.state is DatasetState.INDEXING:
        cancel_dataset(store, record.dataset_id)
        record = store.catalogue.dataset(name)
    if json:
        print_json(work_json(record))
    elif record.cancel_requested and record.state is DatasetState.INDEXING:
        say(f"Asked the worker to stop reading {record.name}.")
    else:
        say(f"{record.name} is not being read: it is {record.state}.")


def show_failures(failures: list[SampleFailure], title: str, out: Path | None, overwrite: bool, json: bool) -> None:
    """Print failures as a table or JSON, or write them to a CSV file.

    Raises:
        ExportError: if the file exists or cannot be written.
    """
    if out is not None:
        with staged([out], overwrite) as (temporary,):
            temporary.write_bytes(failures_csv(failures))
        say(f"{plural(len(failures), 'failure')} written to {out}.")
    if json:
        print_json([failure.to_dict() for failure in failures])
    elif out is None:
        columns = ("sample_key", "stage", "error_class", "message")
        print_table(title, columns, [[getattr(failure, column) for column in columns] for failure in failures])


def remove(
    name: NameArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: JsonFlag = False,
) -> None:
    """Forget a dataset and its runs. Images are never touched; measurements stay, should the images come back."""
    store = Store()
    record = store.catalogue.dataset(name)
    if not yes and not typer.confirm(f"Forget the dataset {record.name} and its runs?", err=True):
        raise RunCancelled(f"{record.name} was not removed")
    store.remove_dataset(record)
    if json:
        print_json(work_json(record))
    else:
        say(f"{record.name} is forgotten; its images at {record.source} are untouched.")
