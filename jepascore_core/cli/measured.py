"""`--backbone` of commands about what is measured already: one way to name it, the same for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from jepascore_core.cli.output import say
from jepascore_core.curation import Curation, parse
from jepascore_core.curation.recipes import with_ids_of_paths
from jepascore_core.errors import one_of
from jepascore_core.formatting import plural
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.scores import naming
from jepascore_core.scores.measured import MeasuredChoice
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.views.extremes import class_summaries

Backbone = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        "-b",
        help="Name, id, part of the title, or path of what `jepascore train` wrote; only needed if there are several.",
    ),
]


def find_measured(store: Store, dataset: DatasetRecord, backbone: str | None) -> MeasuredChoice:
    """What a dataset was measured with: the only one, or the one of this name, id ("id" or "id@spec"), title, path or
    part of a title, whichever of these fits first. One that is measured in part has to be named, unless all are.

    Raises:
        UnknownNameError: if nothing fits.
        JepaScoreError: if several do.
        CheckpointError: if the encoder at the path cannot be loaded.
    """
    found = naming.find_measured(store, dataset, backbone)
    if not found.is_complete:
        scored = f"{found.num_scored:,} of {plural(found.num_samples, 'image')} scored"
        say(f"{dataset.name}, {found.title}: only {scored}. `jepascore runs resume` measures the rest.")
    return found


def parse_rules(store: Store, text: str) -> Curation:
    """Rules in words, in which a backbone may be named by its path, too.

    Raises:
        RuleError: if the text is no rule.
        UnknownNameError, CheckpointError: as `with_ids_of_paths`.
    """
    return with_ids_of_paths(store, parse(text))


def check_classes(store: Store, scores: ScoreSet, labels: Sequence[str]) -> None:
    """Refuse labels that no sample of a dataset has.

    Raises:
        UnknownNameError: if there are such; names near ones.
    """
    classes = [summary.label for summary in class_summaries(store, scores) if summary.label is not None]
    for label in labels:
        one_of(label, classes, "class")
