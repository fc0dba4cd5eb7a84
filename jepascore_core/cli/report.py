"""`jepascore report`: one offline HTML file about a dataset, to send to a colleague."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jepascore_core.cli.data import Overwrite
from jepascore_core.cli.exports import evaluate_with_bar, read_recipe
from jepascore_core.cli.measured import Backbone, find_measured, parse_rules
from jepascore_core.cli.output import JsonFlag, print_json, say
from jepascore_core.cli.trust import check_new
from jepascore_core.curation import Curation
from jepascore_core.curation.decisions import decisions_of
from jepascore_core.curation.recipes import current_curation
from jepascore_core.errors import ExportError, JepaScoreError
from jepascore_core.formatting import bytes_text
from jepascore_core.score import Definition
from jepascore_core.scores.measured import measured_choices
from jepascore_core.scores.score_set import no_scores
from jepascore_core.storage.store import Store


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("report")(report)


def report(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    out: Annotated[Path, typer.Argument(help="HTML file to write.")],
    backbone: Backbone = None,
    definition: Annotated[Definition, typer.Option(help="Score variant: how the spectrum is summed.")] = "rank",
    recipe: Annotated[str | None, typer.Option(help="Name of a saved recipe, or a YAML file, to report on.")] = None,
    rules: Annotated[str | None, typer.Option(help="Rules to report on, instead of a recipe.")] = None,
    overwrite: Overwrite = False,
    json: JsonFlag = False,
) -> None:
    """Write one HTML file that needs no network: what is in it, extremes, duplicates, labels, verdict, a recipe.

    Only the images that it shows are in it, as small pictures. A dataset that was not measured yet gets a shorter one.
    """
    from jepascore_core.report.gather import gather_report
    from jepascore_core.report.write import write_report

    if out.suffix.lower() not in (".html", ".htm"):
        raise ExportError(f"{out} cannot be written: a report is an HTML file. Give a name that ends with .html.")
    if recipe is not None and rules is not None:
        raise JepaScoreError("A report is about a recipe or about rules: give --recipe or --rules, not both.")
    store = Store()
    record = store.catalogue.dataset(dataset)
    check_new(out, overwrite)
    scores, title = no_scores(record.dataset_id), ""
    if backbone is not None or measured_choices(store, record.dataset_id):
        choice = find_measured(store, record, backbone)
        scores, title = choice.scores(record.dataset_id, definition), choice.title
    curation: Curation | None = parse_rules(store, rules) if rules is not None else None
    if recipe is not None:
        curation = current_curation(store, read_recipe(store, record, recipe))
    evaluation = None
    if curation is not None:
        evaluation = evaluate_with_bar(store, scores, curation, decisions_of(store, record.dataset_id))
    found = gather_report(store, scores, title, evaluation, recipe or "")
    size = write_report(store, record.dataset_id, found, out, overwrite)
    if json:
        sections = [section.title for section in found.sections]
        print_json({"path": str(out), "bytes": size, "backbone": title or None, "sections": sections})
    else:
        say(f"Wrote {out} ({bytes_text(size)}): {', '.join(section.title for section in found.sections)}.")
