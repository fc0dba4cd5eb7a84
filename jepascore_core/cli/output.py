"""Print the output of commands: tables and bars for people, one JSON value on standard output for programs."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Column, Table
from rich.text import Text
from typer.core import TyperGroup

from jepascore_core.formatting import duration_text, rate_text
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.runs import Run

#: Messages go to standard error, so that standard output carries only results.
errors = Console(stderr=True)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON value on standard output.")]

#: Width of tables written to a file or a pipe, where there is no terminal edge to wrap at.
_NO_EDGE = 10_000
_SHORT = 12
#: Control characters could command a terminal; file names and labels may contain any.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class ListsByDefault(TyperGroup):
    """A group whose command `list` need not be named: `jepascore runs --json`, `jepascore decisions NAME`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `list` before arguments that do not start with a command; a plain word only if `list` takes one."""
        if args:
            takes_word = any(parameter.param_type_name == "argument" for parameter in self.commands["list"].params)
            is_list = args[0] != "--help" if args[0].startswith("-") else takes_word and args[0] not in self.commands
        else:
            is_list = not self.no_args_is_help
        return super().parse_args(ctx, ["list", *args] if is_list else args)


def print_json(value: Any) -> None:
    """Print one JSON value as plain text, whatever the terminal or `FORCE_COLOR` asks for."""
    typer.echo(json.dumps(value, indent=2, default=str))


def work_json(work: Run | DatasetRecord) -> dict[str, Any]:
    """Return a run or dataset as its record, with derived values."""
    return {**dataclasses.asdict(work), "num_pending": work.num_pending, "seconds_left": work.seconds_left}


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as a table; cells are text, never markup. Short columns are never broken, the others wrap."""
    cells = [["" if cell is None else visible(str(cell)) for cell in row] for row in rows]
    table = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        longest = max([len(column), *(len(row[number]) for row in cells)])
        table.add_column(column, overflow="fold", no_wrap=longest <= _SHORT)
    for row in cells:
        table.add_row(*map(Text, row))
    is_wide = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    Console(width=_NO_EDGE if is_wide else None).print(table)


def say(text: str) -> None:
    """Print a message to standard error."""
    errors.print(Text(visible(text)), soft_wrap=not errors.is_terminal)


def complain(error: Exception) -> None:
    """Print an error as one or two sentences."""
    sentence = Text.assemble(("Error: ", "bold red"), visible(str(error)))
    errors.print(sentence, soft_wrap=not errors.is_terminal)


def visible(text: str) -> str:
    r"""Return the text with control characters shown as `\x1b`."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def progress_bar() -> Progress:
    """Return a bar with counts and a free text for rate and time left, which shrinks on a narrow terminal."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
        BarColumn(bar_width=24),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[detail]}", markup=False),
        console=errors,
    )


def describe_speed(work: Run | DatasetRecord) -> str:
    """Return rate and time left, or the current stage while there is no rate."""
    if work.rate is None or work.seconds_left is None:
        return work.message
    return f"{rate_text(work.rate)}, {duration_text(work.seconds_left)} left"
