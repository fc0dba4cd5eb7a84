"""`jepascore trust defects`: what a review finds where a column of the dataset names the defects of its samples."""

from __future__ import annotations

from typing import Annotated

import typer

from jepascore_core.cli.measured import Backbone, find_measured
from jepascore_core.cli.output import JsonFlag, print_json, print_table, say
from jepascore_core.cli.trust import trust_app
from jepascore_core.errors import JepaScoreError
from jepascore_core.storage.store import Store
from jepascore_core.trust.agreement import DEFECT_COLUMN
from jepascore_core.trust.known_defects import known_defects


def register(_app: typer.Typer) -> None:
    """Add this module's command to `jepascore trust`."""
    trust_app.command("defects")(show_known_defects)


def show_known_defects(
    dataset: Annotated[str, typer.Argument(help=f"Name of a dataset with a column {DEFECT_COLUMN}, as the demo has.")],
    backbone: Backbone = None,
    json: JsonFlag = False,
) -> None:
    """Count the known defects among the lowest 5 % of the images, by each score and by chance."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    choice = find_measured(store, record, backbone, needs_scores=True)
    found = known_defects(store, choice.scores(record.dataset_id))
    if found is None:
        raise JepaScoreError(
            f"No defects of {dataset} are known: its table needs a column {DEFECT_COLUMN}, empty for clean samples. "
            "Run `jepascore trust plant` to plant some in copies of its images."
        )
    if json:
        print_json({**found.to_dict(), "backbone": choice.title})
        return
    print_table(
        f"Defects among {found.budget:,} reviewed images",
        ["review by", "found", "mean AUROC", "rule that drops these"],
        [
            (
                f"{order.title}, within classes" if order.within_class else order.title,
                f"{order.num_found:,}",
                f"{order.auroc:.2f}",
                order.rule,
            )
            for order in found.orders
        ],
    )
    for sentence in (found.headline, *found.limits):
        say(sentence)
