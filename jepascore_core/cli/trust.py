"""`jepascore density` and `jepascore langevin`: compare the score with the log density where that is known.

The group `trust` is here, too: its commands measure what scores are worth on one's own images.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jepascore_core.atomic import write_atomically
from jepascore_core.cli.data import Overwrite
from jepascore_core.cli.output import JsonFlag, print_json, print_table, progress_bar, say
from jepascore_core.density_check.results import (
    FOLDER,
    GRID_NAME,
    LANGEVIN_NAME,
    QUICK_STEPS,
    DensityCell,
    cells_json,
    joined,
    langevin_json,
    quick_note,
    read_cells,
)
from jepascore_core.errors import ExportError
from jepascore_core.exporters.publishing import check_targets, explain, staged
from jepascore_core.formatting import duration_text, number_text
from jepascore_core.storage.home import home_folder

if TYPE_CHECKING:
    import plotly.graph_objects as go

DIMENSIONS, SAMPLES = "2,4,8,16,32,64", "1000,10000,100000"
QUICK_DIMENSIONS, QUICK_SAMPLES = "2,8", "1000,10000"
MAX_DIMENSION, MAX_SAMPLES = 128, 1_000_000
WALK_SAMPLES, WALK_STEPS = 20_000, 400

_COLUMNS = ("D", "samples", "K", "Gaussianity term", "Pearson", "Spearman", "within", "slope", "time")

Steps = Annotated[
    int | None, typer.Option(min=10, help="Training steps per encoder (default: 600 to 2400, more in few dimensions).")
]
Seed = Annotated[int, typer.Option(help="Random seed of the initial weights and the batches.")]
Html = Annotated[Path | None, typer.Option("--html", help="Also write the figure as a self-contained HTML page.")]


trust_app = typer.Typer(no_args_is_help=True, help="Check on a dataset's own images what its scores are worth.")


def register(app: typer.Typer) -> None:
    """Add this module's commands, and the group to which other modules add theirs."""
    app.add_typer(trust_app, name="trust")
    app.command("density")(density)
    app.command("langevin")(langevin)


def density(
    quick: Annotated[bool, typer.Option("--quick", help="Small grid and few steps: takes minutes.")] = False,
    dimensions: Annotated[
        str | None, typer.Option(help=f"Dimensions, comma-separated (default: {DIMENSIONS}).")
    ] = None,
    samples: Annotated[
        str | None, typer.Option(help=f"Training samples, comma-separated (default: {SAMPLES}).")
    ] = None,
    steps: Steps = None,
    seed: Seed = 0,
    control: Annotated[bool, typer.Option(help="Also train each without the Gaussianity loss.")] = True,
    again: Annotated[bool, typer.Option("--again", help="Recompute existing results.")] = False,
    html: Html = None,
    overwrite: Overwrite = False,
    json: JsonFlag = False,
) -> None:
    """Train encoders on mixtures of Gaussians and compare their scores with the true log density.

    The Trust page shows the result. Finished cells are saved: after Ctrl-C the same command resumes.
    """
    from jepascore_core.density_check.experiment import cell_key, measure_cell, recipe_for

    if html is not None:
        check_new(html, overwrite)
    chosen = parse_numbers(dimensions or (QUICK_DIMENSIONS if quick else DIMENSIONS), MAX_DIMENSION)
    counts = parse_numbers(samples or (QUICK_SAMPLES if quick else SAMPLES), MAX_SAMPLES)
    num_steps = steps or (QUICK_STEPS if quick else None)
    kinds = (False, True) if control else (False,)
    asked = {
        cell_key(dimension, count, recipe): (dimension, count, recipe)
        for dimension, count, is_control in itertools.product(chosen, counts, kinds)
        for recipe in [recipe_for(dimension, count, is_control, num_steps, seed)]
    }
    path = home_folder() / FOLDER / GRID_NAME
    known = set() if again else {cell.key for cell in read_cells(path)}
    todo = [item for key, item in asked.items() if key not in known]
    total = sum(recipe.steps for _, _, recipe in todo)
    with _stoppable(lambda: _show(_cells(path, asked), json)), _bar("Training encoders", total) as at:
        done = 0
        for item in todo:
            cell = measure_cell(*item, progress=partial(_advance, at, done))
            done += item[2].steps
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, cells_json(joined(read_cells(path), [cell])))
    found = _cells(path, asked)
    if html is not None:
        from jepascore_core.figures.trust import density_figure

        trained = [cell for cell in found if not cell.is_control]
        write_html([density_figure(trained, "pearson"), density_figure(trained, "spearman")], html, overwrite)
    _show(found, json)


def langevin(
    samples: Annotated[int, typer.Option(min=100, max=MAX_SAMPLES, help="Training samples.")] = WALK_SAMPLES,
    steps: Steps = None,
    walk_steps: Annotated[int, typer.Option(min=1, help="Steps of the walk.")] = WALK_STEPS,
    seed: Seed = 0,
    html: Html = None,
    overwrite: Overwrite = False,
    json: JsonFlag = False,
) -> None:
    """Draw samples in two dimensions by following the gradient of a learned score; the Trust page shows them."""
    from jepascore_core.density_check.experiment import recipe_for, walk

    if html is not None:
        check_new(html, overwrite)
    recipe = recipe_for(2, samples, steps=steps, seed=seed)
    with _bar("Training and walking", recipe.steps + walk_steps) as at:
        found = walk(samples, recipe, num_steps=walk_steps, progress=at)
    path = home_folder() / FOLDER / LANGEVIN_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, langevin_json(found))
    if html is not None:
        from jepascore_core.figures.trust import langevin_figure

        write_html([langevin_figure(found)], html, overwrite)
    if json:
        print_json({name: value for name, value in asdict(found).items() if name not in ("log_density", "axis")})
        return
    numbers = (found.frame_log_density[0], found.frame_log_density[-1], found.true_log_density)
    first, last, truth = (number_text(value, ".2f") for value in numbers)
    say(
        f"Mean true log density of the points: {first} at the start, {last} after {found.steps[-1]:,} steps; the "
        f"mixture's own samples have {truth} nats. The Trust page shows the walk."
    )


def parse_numbers(text: str, largest: int) -> list[int]:
    """Parse whole numbers from 2 to `largest`, separated by commas."""
    try:
        numbers = sorted({int(item) for item in text.split(",")})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < 2 or numbers[-1] > largest:
        raise typer.BadParameter(f"Expected whole numbers from 2 to {largest:,}, separated by commas, not {text!r}.")
    return numbers


def check_new(path: Path, overwrite: bool) -> None:
    """Create the folder of a new file; refuse a file that exists or is not writable, before any work is done for it.

    Raises:
            ExportError: if it exists and must not be overwritten, or is not writable.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(explain(error, path)) from error
    check_targets([path], overwrite)


def write_html(figures: Sequence[go.Figure], path: Path, overwrite: bool) -> None:
    """Write figures one below the other, as a self-contained HTML page.

    Raises:
        ExportError: as `check_new`.
    """
    parts = [figure.to_html(full_html=False, include_plotlyjs=position == 0) for position, figure in enumerate(figures)]
    with staged([path], overwrite) as (temporary,):
        temporary.write_bytes(('<!doctype html><meta charset="utf-8">\n' + "\n".join(parts)).encode())


def _cells(path: Path, asked: Container[object]) -> list[DensityCell]:
    return [cell for cell in read_cells(path) if cell.key in asked]


def _show(cells: Sequence[DensityCell], json: bool) -> None:
    if json:
        print_json([{**asdict(cell), "is_quick": cell.is_quick} for cell in cells])
        return
    print_table("JEPA-SCORE against the true log density", _COLUMNS, [_row(cell) for cell in cells])
    if note := quick_note(cells):
        say(note)


def _row(cell: DensityCell) -> tuple[object, ...]:
    numbers = (cell.pearson, cell.spearman, cell.within, cell.slope)
    return (
        cell.dimension,
        f"{cell.num_samples:,}",
        cell.embedding_dimension,
        "no (control)" if cell.is_control else "yes",
        *("–" if value is None else number_text(value, ".3f") for value in numbers),
        duration_text(cell.seconds),
    )


def _advance(advance: Callable[[int], None], before: int, step: int) -> None:
    advance(before + step)


@contextmanager
def _stoppable(show: Callable[[], None]) -> Iterator[None]:
    """Keep and show what is finished after Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        say("Stopped; finished results are kept. The same command resumes.")
        show()
        raise


@contextmanager
def _bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield the callback of a bar over training steps; it takes how many are done."""
    start = time.monotonic()
    with progress_bar() as bar:
        task = bar.add_task(title, total=total or None, detail="")

        def advance(done: int) -> None:
            rate = done / max(time.monotonic() - start, 1e-9)
            left = duration_text((total - done) / rate) if rate else "?"
            bar.update(task, completed=done, detail=f"{rate:.0f} steps/s, {left} left")

        yield advance
        bar.update(task, completed=total, total=total, detail="")
