"""`jepascore trust plant`: plant defects in a dataset's images and say which score finds which."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from jepascore_core.cli.measured import Backbone, find_measured
from jepascore_core.cli.output import JsonFlag, print_json, print_table, say
from jepascore_core.cli.trust import trust_app
from jepascore_core.cli.waiting import conclude, wait_for_index, wait_for_run
from jepascore_core.formatting import duration_text
from jepascore_core.storage.store import Store
from jepascore_core.trust.planted.evaluate import planted_result
from jepascore_core.trust.planted.kinds import KINDS
from jepascore_core.trust.planted.plan import CLEAN, PER_KIND, PlantOptions
from jepascore_core.trust.planted.requests import PlantedCost, find_planted, predict_planted, request_planted
from jepascore_core.trust.planted.result import PlantedCell, PlantedResult

#: Beside an AUROC: a low score is a sign of the defect, a high one is, or nobody can tell.
_MARKS = {"less likely": "\N{DOWNWARDS ARROW}", "more likely": "\N{UPWARDS ARROW}", "unclear": " "}


def register(_app: typer.Typer) -> None:
    """Add this module's command to its group."""
    trust_app.command("plant")(plant)


def plant(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset, which must be measured.")],
    backbone: Backbone = None,
    kinds: Annotated[
        str | None, typer.Option(help=f"Comma-separated; all if not given: {', '.join(KINDS)}. none: only own ones.")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FOLDER: a kind of your own, whose defective images lie in a folder. Repeatable."),
    ] = None,
    per_kind: Annotated[int, typer.Option(help="Defects of each kind.")] = PER_KIND,
    clean: Annotated[int, typer.Option(help="Clean images to compare with.")] = CLEAN,
    seed: Annotated[int, typer.Option(help="Of the choice of images and of the defects.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would cost.")] = False,
    json: JsonFlag = False,
) -> None:
    """Plant defects of known kinds in copies of some images, and measure which score finds which.

    The dataset is not changed: copies lie in the home folder and appear in no list. After Ctrl-C the same command
    resumes.
    """
    options = PlantOptions(
        kinds=parse_kinds(kinds), per_kind=per_kind, clean=clean, seed=seed, folders=parse_folders(kind or ())
    )
    store = Store()
    record = store.catalogue.dataset(dataset)
    scores = find_measured(store, record, backbone, needs_scores=True).scores(record.dataset_id)
    cost = predict_planted(store, scores, options)
    if dry_run:
        if json:
            print_json({**asdict(cost), "seconds": cost.seconds})
        else:
            say(describe_cost(cost))
        return
    planted = request_planted(store, scores, options)
    if planted.state != "finished":
        say(describe_cost(cost))
    if planted.dataset is not None and planted.dataset.state.is_active:
        conclude(wait_for_index(store, planted.dataset.dataset_id))
    if planted.run is not None and planted.run.state.is_active:
        conclude(wait_for_run(store, planted.run.run_id))
    show(planted_result(store, scores, find_planted(store, scores, options)), json)


def parse_kinds(text: str | None) -> tuple[str, ...]:
    """Names of kinds, separated by commas; "none" for no built-in kind."""
    if text is None:
        return tuple(KINDS)
    return () if text == "none" else tuple(dict.fromkeys(name.strip() for name in text.split(",")))


def parse_folders(texts: list[str] | tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Pairs of name and absolute folder, of texts "name=folder".

    Raises:
        BadParameter: if a text has another form.
    """
    found = []
    for text in texts:
        name, sign, folder = text.partition("=")
        if not (name and sign and folder):
            raise typer.BadParameter(f"Expected NAME=FOLDER, for example torn=~/torn, not {text!r}.")
        found.append((name, str(Path(folder).expanduser().resolve())))
    return tuple(found)


def describe_cost(cost: PlantedCost) -> str:
    """Say what planting costs."""
    return (
        f"{cost.num_kinds} kinds of defects, {cost.num_clean} clean images: {cost.num_defects} images to make and "
        f"measure, about {duration_text(cost.seconds)}."
    )


def show(result: PlantedResult, json: bool) -> None:
    """Print the table, the sentence and the rule."""
    if json:
        print_json(result.to_dict())
        return
    columns = ("defect", "n", *(score.title for score in result.scores))
    rows = [
        (kind.title, kind.num_defects, *(_cell_text(result.cell(kind.name, score.name)) for score in result.scores))
        for kind in result.kinds
    ]
    print_table(f"AUROC, {result.num_clean} clean images, seed {result.seed}", columns, rows)
    say(
        "1: all defects score below clean images (\N{DOWNWARDS ARROW}); 0: above (\N{UPWARDS ARROW}); 0.5: chance. "
        "--json has 95 % intervals (DeLong) and the precision at a budget of 5 %."
    )
    say(result.summary)
    if result.rule is not None:
        say(f"Rule: {result.rule}")


def _cell_text(cell: PlantedCell) -> str:
    return f"{cell.auroc:.2f} {_MARKS[cell.direction]}"
