"""`jepascore add`, `datasets`, `remove`: manage the datasets."""

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
from jepascore_core.datasets.shards import joined
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
    cls=ListsByDefault, help="List the datasets, move one, stop indexing, and list unreadable samples."
)

#: Classes that a dry run lists.
MAX_CLASSES = 20

NameArgument = Annotated[str, typer.Argument(help="Name of the dataset.")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="Write them to this CSV file.")]
Detach = Annotated[bool, typer.Option("--detach", help="Queue the job and return.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("add")(add)
    app.add_typer(datasets_app, name="datasets")
    app.command("remove")(remove)


def add(
    name: Annotated[str, typer.Argument(help="Name of the dataset.")],
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Folder, CSV / TSV / JSONL / Parquet table, zip, .npz, MNIST idx files, or tars or Parquet with "
            "images inside: several, or as a pattern such as 'shards/{000000..000012}.tar'.",
        ),
    ],
    kind: Annotated[Kind | None, typer.Option(help="Source type (default: auto-detect).")] = None,
    path_column: Annotated[
        str | None, typer.Option(help="Table column with the image paths, or with the images.")
    ] = None,
    label_column: Annotated[str | None, typer.Option(help="Table column with the labels; none: no labels.")] = None,
    split_column: Annotated[str | None, typer.Option(help="Table column with the splits; none: no splits.")] = None,
    table: Annotated[
        str | None, typer.Option(help="Table in the folder that describes its images; none: ignore tables.")
    ] = None,
    folders: Annotated[str | None, typer.Option(help="What subfolders mean: splits, classes or none.")] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Text encoding of a table, or of file names in a zip: cp1252, gbk...")
    ] = None,
    root: Annotated[str | None, typer.Option(help="Folder that a table's relative paths start from.")] = None,
    reread: Annotated[
        bool, typer.Option("--reread", help="Read every image again, even if its size and time are unchanged.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print how the source would be read, and exit.")] = False,
    detach: Detach = False,
    json: JsonFlag = False,
) -> None:
    """Add a dataset, or re-scan one for changes: every image is read, checked and fingerprinted.

    When re-scanning, omitted options keep their previous values; an empty column or root ("") is detected again.
    """
    options = SourceOptions(kind, path_column, label_column, split_column, root, folders, encoding, table)
    store, source = Store(), joined(sources)
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
            say(f"List the failures and their reasons: `jepascore datasets failures {shlex.quote(record.name)}`.")
        if record.state is DatasetState.READY and (lost := lost_decisions(store, record.dataset_id)):
            say(describe_lost(lost))


def _say_reading(store: Store, name: str, source: str, options: SourceOptions, in_full: bool, json: bool) -> None:
    """Print in three lines how a source is read; in full, add all splits and the largest classes."""
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
        f"No sample of {record.name} can be read: all {record.num_failed:,} failed. The first, "
        f"{first.sample_key}: {first.message} List all: `jepascore datasets failures {shlex.quote(record.name)}`."
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
            say(f"{item.name} could not be {'re-scanned' if item.error else 'read'}: {item.error or item.message}")
    unread = [item.name for item in records if item.version is not None and item.num_failed]
    if unread:
        name = shlex.quote(unread[0]) if len(unread) == 1 else "NAME"
        say(f"List the failures and their reasons: `jepascore datasets failures {name}`.")


@datasets_app.command("move")
def move(
    name: NameArgument,
    source: Annotated[str, typer.Argument(help="Where its images are now.")],
    root: Annotated[
        str | None, typer.Option(help="New root of a table's relative paths (default: auto-detect).")
    ] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Move even if most images are missing there.")] = False,
    detach: Detach = False,
    json: JsonFlag = False,
) -> None:
    """Point a dataset at the new location of its images: keys, decisions, recipes and scores are kept.

    Every image is read there and compared first. If too few have the same bytes, nothing is changed.
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
    """Stop indexing a dataset; what was read is kept, and `jepascore add` resumes."""
    store = Store()
    record = store.catalogue.dataset(name)
    if record.state is DatasetState.INDEXING:
        cancel_dataset(store, record.dataset_id)
        record = store.catalogue.dataset(name)
    if json:
        print_json(work_json(record))
    elif record.cancel_requested and record.state is DatasetState.INDEXING:
        say(f"Asked the worker to stop indexing {record.name}.")
    else:
        say(f"{record.name} is not being indexed: it is {record.state}.")


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
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation.")] = False,
    json: JsonFlag = False,
) -> None:
    """Remove a dataset and its runs. Images are never touched; measurements are kept for identical images."""
    store = Store()
    record = store.catalogue.dataset(name)
    if not yes and not typer.confirm(f"Remove the dataset {record.name} and its runs?", err=True):
        raise RunCancelled(f"{record.name} was not removed")
    store.remove_dataset(record)
    if json:
        print_json(work_json(record))
    else:
        say(f"{record.name} is removed; its images at {record.source} are untouched.")
