"""`jepascore recipes`: save rules under a name; show, duplicate and compare them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from jepascore_core.cli.data import Overwrite
from jepascore_core.cli.exports import evaluate_with_bar, precompute_with_bar, read_recipe
from jepascore_core.cli.measured import Backbone, find_measured, parse_rules
from jepascore_core.cli.output import JsonFlag, ListsByDefault, print_json, print_table, say
from jepascore_core.curation import to_text
from jepascore_core.curation.decisions import decisions_of
from jepascore_core.curation.recipes import Recipe, current_curation, make_recipe, to_dict, to_yaml
from jepascore_core.curation.saved_recipes import (
    compare_recipes,
    describe_changes,
    duplicate_recipe,
    missing_scores,
    recipe_changes,
    remove_recipe,
    save_recipe,
    saved_recipe,
    saved_recipes,
)
from jepascore_core.exporters import differing_csv
from jepascore_core.exporters.publishing import staged
from jepascore_core.formatting import plural
from jepascore_core.score import Definition
from jepascore_core.storage.store import Store

recipes_app = typer.Typer(
    cls=ListsByDefault, no_args_is_help=True, help="List the saved recipes of a dataset; save, show and compare them."
)

Name = Annotated[str, typer.Argument(help="Name of the dataset.")]
RecipeName = Annotated[str, typer.Argument(help="Name of a saved recipe, or a YAML file.")]
SavedName = Annotated[str, typer.Argument(help="Name of a saved recipe.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(recipes_app, name="recipes")


@recipes_app.command("list")
def list_recipes(dataset: Name, json: JsonFlag = False) -> None:
    """List the saved recipes, the latest first. `jepascore recipes NAME` is the same."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    found = saved_recipes(store, record.dataset_id)
    if json:
        print_json([to_dict(item.recipe) for item in found])
        return
    rows = [
        (item.name, to_text(item.recipe.curation) or "all", item.recipe.result.get("kept"), item.changed_at)
        for item in found
    ]
    print_table(f"Recipes of {record.name}", ("name", "rules", "kept", "saved"), rows)
    for item in found:
        missing = missing_scores(store, record.dataset_id, item.recipe)
        if missing:
            say(f"{item.name}: {missing}")


@recipes_app.command("save")
def save(
    dataset: Name,
    recipe: Annotated[str, typer.Argument(help="Name of the recipe.")],
    rules: Annotated[str, typer.Option(help="Rules for what to keep, as in the query bar.")],
    backbone: Backbone = None,
    definition: Annotated[Definition, typer.Option(help="Score variant: how the spectrum is summed.")] = "rank",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a recipe with this name.")] = False,
    json: JsonFlag = False,
) -> None:
    """Save rules and the current decisions under a name."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    scores = find_measured(store, record, backbone).scores(record.dataset_id, definition)
    curation = parse_rules(store, rules)
    evaluation = evaluate_with_bar(store, scores, curation, decisions_of(store, record.dataset_id))
    made = make_recipe(store, evaluation, recipe)
    save_recipe(store, record.dataset_id, made, overwrite, evaluation)
    if json:
        print_json(to_dict(made))
    else:
        say(f"Saved {made.name}: {made.result['kept']:,} of {made.num_samples:,} samples kept.")


@recipes_app.command("show")
def show(dataset: Name, recipe: RecipeName, json: JsonFlag = False) -> None:
    """Print a recipe as YAML, ready for `jepascore export NAME OUT --recipe FILE`."""
    store = Store()
    found = read_recipe(store, store.catalogue.dataset(dataset), recipe)
    if json:
        print_json(to_dict(found))
    else:
        typer.echo(to_yaml(found), nl=False)


@recipes_app.command("duplicate")
def duplicate(dataset: Name, recipe: SavedName, json: JsonFlag = False) -> None:
    """Duplicate a saved recipe as "NAME (2)"."""
    store = Store()
    copy = duplicate_recipe(store, saved_recipe(store, store.catalogue.dataset(dataset).dataset_id, recipe))
    if json:
        print_json(to_dict(copy.recipe))
    else:
        say(f"Saved {copy.name}.")


@recipes_app.command("remove")
def remove(dataset: Name, recipe: SavedName, json: JsonFlag = False) -> None:
    """Remove a saved recipe."""
    store = Store()
    found = saved_recipe(store, store.catalogue.dataset(dataset).dataset_id, recipe)
    remove_recipe(store, found)
    if json:
        print_json(to_dict(found.recipe))
    else:
        say(f"Removed {found.name}.")


@recipes_app.command("changes")
def changes(dataset: Name, recipe: RecipeName, json: JsonFlag = False) -> None:
    """Report what changed in the dataset, and in what is kept, since a recipe was made."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    found = read_recipe(store, record, recipe)
    _prepare(store, record.dataset_id, found)
    result = recipe_changes(store, record.dataset_id, found)
    if json:
        print_json(dataclasses.asdict(result))
    else:
        say(describe_changes(result))


@recipes_app.command("compare")
def compare(
    dataset: Name,
    first: RecipeName,
    second: RecipeName,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the samples that differ to this CSV file.")
    ] = None,
    overwrite: Overwrite = False,
    json: JsonFlag = False,
) -> None:
    """Report how many samples two recipes both keep, and which ones only one of them keeps."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    one, two = (read_recipe(store, record, name) for name in (first, second))
    for recipe in (one, two):
        _prepare(store, record.dataset_id, recipe)
    if out is not None:
        with staged([out], overwrite) as (temporary,):
            temporary.write_bytes(differing_csv(store, record.dataset_id, one, two))
        say(f"Written to {out}.")
    found = compare_recipes(store, record.dataset_id, one, two)
    if json:
        print_json(dataclasses.asdict(found))
        return
    say(f"{plural(found.both, 'sample')} kept by both.")
    for name, part in ((one.name, found.only_first), (two.name, found.only_second)):
        say(f"{part.count:,} only by {name}{': ' if part.count else ''}{', '.join(part.examples)}.")


def _prepare(store: Store, dataset_id: str, recipe: Recipe) -> None:
    precompute_with_bar(store, recipe.score_set(dataset_id), current_curation(store, recipe), recipe.decided)
