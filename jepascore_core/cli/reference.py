"""`jepascore reference`: what a dataset adds to a reference dataset."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from jepascore_core.cli.data import Overwrite
from jepascore_core.cli.exports import do_steps_with_bar
from jepascore_core.cli.measured import Backbone, find_measured
from jepascore_core.cli.output import JsonFlag, print_json, print_table, say
from jepascore_core.curation.precompute.steps import pending_reference
from jepascore_core.exporters.publishing import staged
from jepascore_core.formatting import percentile_text, score_text
from jepascore_core.score import Definition
from jepascore_core.storage.spreadsheets import table_csv
from jepascore_core.storage.store import Store
from jepascore_core.views.reference import (
    ReferenceView,
    SharedImage,
    compared_rows,
    far_budget,
    new_rule,
    reference_view,
)

#: Samples that are listed unless somebody asks for another number.
SHOWN = 50


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("reference")(reference)


def reference(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset to look at.")],
    against: Annotated[str, typer.Option("--against", help="Name of the reference dataset to compare it with.")],
    backbone: Backbone = None,
    definition: Annotated[Definition, typer.Option(help="Score variant: how the spectrum is summed.")] = "rank",
    limit: Annotated[int, typer.Option(min=1, help="Only this many samples, the farthest ones.")] = SHOWN,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write all samples, with distances, to this CSV file."),
    ] = None,
    overwrite: Overwrite = False,
    json: JsonFlag = False,
) -> None:
    """Report what a dataset adds to a reference: the samples farthest from it, and those that it has already."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    scores = find_measured(store, record, backbone).scores(record.dataset_id, definition)
    do_steps_with_bar(store, scores, pending_reference(store, scores, against))
    view, rows = reference_view(store, scores, against), compared_rows(store, scores, against)
    if out is not None:
        with staged([out], overwrite) as (temporary,):
            temporary.write_bytes(table_csv(rows))
        say(f"Written to {out}.")
    farthest = [row for row in rows.slice(0, limit).to_pylist() if row["reference_distance"] is not None]
    if json:
        print_json({**asdict(view), "rule": new_rule(view), "farthest": farthest})
    else:
        _print(view, farthest)


def _print(view: ReferenceView, farthest: list[dict[str, Any]]) -> None:
    cells = [
        (
            row["sample_key"],
            row["label"],
            f"{row['reference_distance']:.4f}",
            "" if row["reference_percentile"] is None else percentile_text(row["reference_percentile"]),
            "" if row["score"] is None else score_text(row["score"]),
            row["nearest_key"],
        )
        for row in farthest
    ]
    title = f"Farthest from {view.reference} in {view.dataset}"
    print_table(title, ("sample_key", "label", "distance", "percentile", "score", "nearest_key"), cells)
    for shared in (view.shared.exact, view.shared.alike):
        if shared:
            print_table(
                "Same bytes" if shared[0].bits is None else "Same look (perceptual hash)",
                ("sample_key", "reference_key", "bits"),
                [_shared_row(item) for item in shared],
            )
    say(view.compared_text)
    say(view.summary)
    say(view.shared_text)
    rule = new_rule(view)
    if rule is not None:
        say(f"To keep what is new: jepascore export {view.dataset} list.csv --rules '{rule}'")
    say(f"To keep the farthest: jepascore export {view.dataset} list.csv --rules '{far_budget(view, 'farthest')}'")


def _shared_row(item: SharedImage) -> tuple[str, str, int | None]:
    return item.sample_key, item.reference_key, item.bits
