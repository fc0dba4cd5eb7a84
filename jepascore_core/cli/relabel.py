"""`jepascore relabel`: correct the labels of samples, beside the label that the dataset gives them."""

from __future__ import annotations

from typing import Annotated

import typer

from jepascore_core.cli.decisions import From, Name, Samples, Who, Why, undoing
from jepascore_core.cli.exports import precompute_with_bar
from jepascore_core.cli.measured import Backbone, find_measured
from jepascore_core.cli.output import JsonFlag, print_json, say
from jepascore_core.cli.tags import Where, chosen_samples
from jepascore_core.curation import parse
from jepascore_core.curation.journal import user_name
from jepascore_core.curation.relabelling import likely_labels, relabel
from jepascore_core.errors import RuleError
from jepascore_core.formatting import plural
from jepascore_core.storage.store import Store
from jepascore_core.views.label_issues import label_issue_rule


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("relabel")(relabel_samples)


def relabel_samples(
    dataset: Name,
    samples: Samples = None,
    label: Annotated[str | None, typer.Option("--to", help="Class that they belong to.")] = None,
    likely: Annotated[
        bool, typer.Option("--likely", help="Give each the likeliest other label, as `jepascore labels` lists it.")
    ] = False,
    original: Annotated[bool, typer.Option("--original", help="Give them the label of the dataset again.")] = False,
    new_class: Annotated[
        bool, typer.Option("--new-class", help="Allow a label that no sample of the dataset has.")
    ] = False,
    file: From = None,
    where: Where = None,
    backbone: Backbone = None,
    who: Who = None,
    why: Why = "",
    json: JsonFlag = False,
) -> None:
    """Correct the labels of samples, by name or all that match rules; one action, undone as a whole.

    The dataset keeps its labels: rules, percentiles and label issues go by them. Exports have a corrected label beside
    the original one.
    """
    store = Store()
    record = store.catalogue.dataset(dataset)
    if (label is not None) + likely + original != 1:
        raise RuleError("Say which label they get: --to LABEL, --likely or --original.")
    found = chosen_samples(store, record, samples, file, where, backbone)
    if likely:
        scores = find_measured(store, record, backbone).scores(record.dataset_id)
        precompute_with_bar(store, scores, parse(label_issue_rule()))
        given = likely_labels(store, scores, found)
    else:
        given = {label: found}
    number = sum(table.num_rows for table in given.values())
    action_id = relabel(store, record.dataset_id, given, who or user_name(), why, new_classes=new_class)
    if json:
        print_json({"action_id": action_id, "num_samples": number})
    else:
        said = "the original label again" if original else f"labelled {label}" if label else "relabelled"
        say(f"{plural(number, 'sample')} of {record.name}: {said}. {undoing(record)}")
