"""`jepascore labels`: the samples whose labels are most likely wrong."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from jepascore_core.cli.exports import precompute_with_bar
from jepascore_core.cli.measured import Backbone, find_measured
from jepascore_core.cli.output import JsonFlag, print_json, print_table, say
from jepascore_core.curation import parse
from jepascore_core.formatting import plural
from jepascore_core.storage.store import Store
from jepascore_core.views.label_issues import LIKELY_WRONG, LOWEST_CUT, label_issue_rule, label_issue_view

#: Samples that are listed unless somebody asks for another number.
SHOWN = 50
#: Pairs of confused classes in the table for people; `--json` has more.
SHOWN_PAIRS = 10


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("labels")(labels)


def labels(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    backbone: Backbone = None,
    limit: Annotated[int, typer.Option(min=1, help="Only this many samples, the most likely wrong ones.")] = SHOWN,
    threshold: Annotated[
        float, typer.Option(min=LOWEST_CUT, max=1.0, help="Count labels from this label_issue on as likely wrong.")
    ] = LIKELY_WRONG,
    json: JsonFlag = False,
) -> None:
    """List the samples whose labels are most likely wrong, judged by the embeddings of all other images."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    scores = find_measured(store, record, backbone).scores(record.dataset_id)
    rule = label_issue_rule(threshold)
    precompute_with_bar(store, scores, parse(rule))
    view = label_issue_view(store, scores, limit, threshold)
    if json:
        print_json({**asdict(view), "warning": view.warning, "rule": rule})
        return
    rows = [(item.sample_key, item.label, item.likely_label, f"{item.label_issue:.3f}") for item in view.worst]
    print_table(f"Label issues in {record.name}", ("sample_key", "label", "likely_label", "label_issue"), rows)
    print_table(
        f"Confused classes, label_issue >= {threshold:g}",
        ("label", "likely_label", "samples", "of the class"),
        [
            (pair.label, pair.likely_label, f"{pair.num_issues:,}", f"{pair.share:.1%}")
            for pair in view.pairs[:SHOWN_PAIRS]
        ],
    )
    say(
        f"{view.num_likely_wrong:,} of {plural(view.num_judged, 'judged label')} likely wrong (label_issue >= "
        f"{threshold:g}). To leave them out: jepascore export {record.name} list.csv --rules '{rule}'"
    )
    if view.warning:
        say(view.warning)
