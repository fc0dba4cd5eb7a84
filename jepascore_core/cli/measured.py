"""Resolve `--backbone` of commands that read stored measurements, in the same way for all of them."""

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
from jepascore_core.scores.no_scores import require_scores
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.views.extremes import class_summaries

Backbone = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        "-b",
        help="Name, id, part of the title, or path of a trained encoder; needed only if there are several.",
    ),
]


def find_measured(
    store: Store, dataset: DatasetRecord, backbone: str | None, *, needs_scores: bool = False
) -> MeasuredChoice:
    """Return what a dataset was measured with: the only choice, or the first that fits `backbone`.

    `backbone` is a name, an id ("id" or "id@spec"), a title, a path, or part of a title, tried in this order. A partly
    measured choice has to be named, unless all are.

    Raises:
        UnknownNameError: if nothing fits.
        JepaScoreError: if several do.
        CheckpointError: if the encoder at the path cannot be loaded.
        JepaScoreError: with `needs_scores`, if there are embeddings only.
    """
    found = naming.find_measured(store, dataset, backbone, say=say)
    if needs_scores:
        require_scores(store, dataset.dataset_id, found.key)
    if not found.is_complete:
        done = "scored" if found.key.has_scores else "embedded"
        scored = f"{found.num_scored:,} of {plural(found.num_samples, 'image')} {done}"
        say(f"{dataset.name}, {found.title}: only {scored}. `jepascore runs resume` measures the rest.")
    return found


def parse_rules(store: Store, text: str) -> Curation:
    """Parse rules as text, in which a backbone may also be named by its path.

    Raises:
            RuleError: if the text is not a rule.
        UnknownNameError, CheckpointError: as `with_ids_of_paths`.
    """
    return with_ids_of_paths(store, parse(text))


def check_classes(store: Store, scores: ScoreSet, labels: Sequence[str]) -> None:
    """Refuse labels that no sample of a dataset has.

    Raises:
            UnknownNameError: if there are such labels; lists similar ones.
    """
    classes = [summary.label for summary in class_summaries(store, scores) if summary.label is not None]
    for label in labels:
        one_of(label, classes, "class")
