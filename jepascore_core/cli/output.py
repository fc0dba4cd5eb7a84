"""How commands speak: tables and bars for people, one JSON value on standard output for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from jepascore_core.records import DatasetRecord, Run
from jepascore_core.views.formats import duration_text, rate_text

#: What people read goes to standard error, so that standard output carries only results.
errors = Console(stderr=True)
results = Console()

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON value on standard output.")]


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    results.print_json(json.dumps(value, default=str))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as a table; cells are text, never markup."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    results.print(table)


def say(text: str) -> None:
    """Print a sentence for people."""
    errors.print(text, markup=False, highlight=False)


def progress_bar() -> Progress:
    """A bar with counts and a free text for rate and time left."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[detail]}"),
        console=errors,
        transient=False,
    )


def describe_speed(work: Run | DatasetRecord) -> str:
    """Rate and time left, or what it is doing while there is no rate."""
    if work.rate is None or work.seconds_left is None:
        return work.message
    return f"{rate_text(work.rate)}, {duration_text(work.seconds_left)} left"


def _plain(cell: object) -> str:
    # Labels and file names are hostile: rich would read [..] in them as markup.
    return "" if cell is None else str(cell).replace("[", "\\[")
