"""`jepascore trust confounds`: whether a score mostly orders images by something simple."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from jepascore_core.cli.measured import Backbone, find_measured
from jepascore_core.cli.output import JsonFlag, print_json, print_table, say
from jepascore_core.cli.trust import trust_app
from jepascore_core.formatting import plural
from jepascore_core.storage.store import Store
from jepascore_core.trust.confounds import PROPERTY_TITLES, confound_sentence, confounds


def register(_app: typer.Typer) -> None:
    """Add this module's command to `jepascore trust`."""
    trust_app.command("confounds")(show_confounds)


def show_confounds(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    backbone: Backbone = None,
    json: JsonFlag = False,
) -> None:
    """Correlate the score with brightness, contrast, resolution and other simple properties of the images."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    choice = find_measured(store, record, backbone)
    found = confounds(store, choice.scores(record.dataset_id))
    sentences = [confound_sentence(row) for row in found.warnings]
    if json:
        print_json({**asdict(found), "backbone": choice.title, "warnings": sentences})
        return
    scores = list(dict.fromkeys(row.score for row in found.rows))
    values = {(row.image_property, row.score): row for row in found.rows}
    print_table(
        f"Rank correlation with simple properties, {plural(found.num_images, 'image')}",
        ["property", *scores, "n"],
        [
            (
                title,
                *(_cell(values[name, score].spearman) for score in scores),
                f"{values[name, scores[0]].num_images:,}",
            )
            for name, title in PROPERTY_TITLES.items()
        ],
    )
    for sentence in sentences:
        say(sentence)
    if not sentences:
        say("No correlation reaches 0.7.")
    if found.num_unmeasured:
        unmeasured = plural(found.num_unmeasured, "image")
        say(f"{unmeasured} have no image quality yet: run `jepascore add` on {dataset} again.")


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
