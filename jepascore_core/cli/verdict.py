"""`jepascore trust verdict`: whether to cut by the score here, by what else, or not at all."""

from __future__ import annotations

from typing import Annotated

import typer

from jepascore_core.cli.measured import Backbone, find_measured
from jepascore_core.cli.output import JsonFlag, print_json, print_table, say
from jepascore_core.cli.trust import trust_app
from jepascore_core.score import Definition
from jepascore_core.storage.store import Store
from jepascore_core.trust.evidence import compute_checks, trust_verdict


def register(_app: typer.Typer) -> None:
    """Add this module's command to `jepascore trust`."""
    trust_app.command("verdict")(show_verdict)


def show_verdict(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset, which must be measured.")],
    backbone: Backbone = None,
    definition: Annotated[Definition, typer.Option(help="Score variant: how the spectrum is summed.")] = "rank",
    json: JsonFlag = False,
) -> None:
    """Say in one sentence whether to cut by the score, from all checks that were made, and list them.

    Checks that need no measuring are made now. Planted defects are the others: `jepascore trust plant`.
    """
    store = Store()
    record = store.catalogue.dataset(dataset)
    choice = find_measured(store, record, backbone, needs_scores=True)
    scores = choice.scores(record.dataset_id, definition)
    compute_checks(store, scores)
    verdict = trust_verdict(store, scores)
    if json:
        print_json({"dataset": record.name, "backbone": choice.title, **verdict.to_dict()})
        return
    say(f"{choice.title} on {record.name} ({verdict.colour}): {verdict.sentence}")
    for text in verdict.details:
        say(text)
    if verdict.rule is not None:
        say(f"Rule: {verdict.rule}")
    rows = [(check.title, check.colour, check.text, check.command) for check in verdict.checks]
    print_table("Checks", ("check", "colour", "what it says", "command"), rows)
