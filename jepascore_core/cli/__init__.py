"""`jepascore ...`: everything that the app does, headless.

Exit codes: 0 done (single failed images are counted, not fatal), 1 an error that the message explains, 2 wrong usage,
130 cancelled. With `--json`, standard output holds one JSON value and nothing else, also for work that ended with 1 or
130; bars and messages go to standard error.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from jepascore_core.cli import backbones as zoo
from jepascore_core.cli import (
    confounds,
    cut_effect,
    data,
    decisions,
    duplicates,
    embeddings,
    exports,
    figure,
    known_defects,
    labels,
    maps,
    measuring,
    planting,
    recipes,
    reference,
    relabel,
    report,
    runs,
    system,
    tags,
    training,
    trust,
    verdict,
    worker,
)
from jepascore_core.cli.output import complain, say
from jepascore_core.datasets.uris import clean_text
from jepascore_core.errors import JepaScoreError, RunCancelled

CANCELLED = 130


class _Commands(TyperGroup):
    """Report an error as one sentence on standard error, never as a traceback."""

    def invoke(self, context: Any) -> Any:
        """Run a command, and turn its errors into exit codes."""
        try:
            return super().invoke(context)
        except RunCancelled as ending:
            say(f"{ending}.")
            raise typer.Exit(CANCELLED) from ending
        except typer.Abort as ending:
            raise typer.Exit(CANCELLED) from ending
        except JepaScoreError as error:
            complain(error)
            raise typer.Exit(1) from error
        except UnicodeEncodeError as error:
            complain(
                JepaScoreError(f"{clean_text(error.object)} is not valid UTF-8. Rename it, or choose another name.")
            )
            raise typer.Exit(1) from error
        except BrokenPipeError:
            raise  # typer's own: the reader closed the pipe early, as `head` does
        except OSError as error:
            complain(JepaScoreError(f"{error.filename or 'The system'}: {error.strerror or error}."))
            raise typer.Exit(1) from error


app = typer.Typer(
    name="jepascore",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("jepascore"))
        raise typer.Exit


@app.callback()
def jepascore(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """JEPA-SCORE for image datasets: measure, look, curate, export."""


rooms = (
    data,
    measuring,
    runs,
    exports,
    recipes,
    decisions,
    tags,
    relabel,
    duplicates,
    labels,
    maps,
    embeddings,
    reference,
    cut_effect,
    figure,
    report,
    known_defects,
    zoo,
    training,
    trust,
    verdict,
    planting,
    confounds,
    system,
    worker,
)
for room in rooms:
    room.register(app)


def main() -> None:
    """Run the command line."""
    app()
