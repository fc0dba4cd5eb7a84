"""`jepascore ...`: everything that the app does, headless.

Exit codes: 0 done (single failed images are counted, not fatal), 1 an error that the message explains, 2 wrong usage,
130 cancelled.
"""

from __future__ import annotations

import sys

import typer

from jepascore_core.cli import data, exports, measuring, system
from jepascore_core.cli.output import errors
from jepascore_core.errors import JepaScoreError, RunCancelled

app = typer.Typer(
    name="jepascore",
    help="JEPA-SCORE for image datasets: measure, look, curate, export.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for room in (data, measuring, exports, system):
    room.register(app)


def main() -> None:
    """Entry point: an error for people is one sentence on standard error, never a traceback."""
    try:
        app()
    except (RunCancelled, KeyboardInterrupt):
        sys.exit(130)
    except JepaScoreError as error:
        errors.print(f"[bold red]Error:[/] {error}", markup=True, highlight=False)
        sys.exit(1)
