"""`--backbone` of commands about what is measured already: one way to name it, the same for all of them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated

import typer

from jepascore_core.backbones.build import id_at_path
from jepascore_core.cli.output import say
from jepascore_core.curation import Curation, parse
from jepascore_core.curation.evaluation.compiler import measured_as
from jepascore_core.curation.recipes import with_backbones
from jepascore_core.errors import JepaScoreError, UnknownNameError
from jepascore_core.formatting import plural
from jepascore_core.records.backbones import BackboneInfo
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.scores.measured import MeasuredChoice, measured_choices
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
    choices = measured_choices(store, dataset.dataset_id)
    known = store.catalogue.backbones()
    if backbone is None:
        found = [choice for choice in choices if choice.is_complete] or list(choices)
    else:
        found = [choice for choice in choices if backbone in _names(choice, known)]
    asked = backbone or "any backbone yet"
    if not found and backbone is not None:
        wanted = id_at_path(backbone)
        if wanted != backbone:
            found = [choice for choice in choices if choice.backbone_id == wanted]
            asked = f"the encoder at {backbone} as it is now"
        else:
            found = [choice for choice in choices if backbone.lower() in choice.title.lower()]
    listed = ", ".join(_shortest(choice, choices, known) for choice in found or choices)
    if not found:
        raise UnknownNameError(
            f"{dataset.name} was not measured with {asked}. Measure it first with `jepascore score`"
            + (f", or choose one of: {listed}." if listed else ".")
        )
    if len(found) > 1:
        raise JepaScoreError(f"{dataset.name} was measured with several: choose one with --backbone: {listed}.")
    if not found[0].is_complete:
        scored = f"{found[0].num_scored:,} of {plural(found[0].num_samples, 'image')} scored"
        say(f"{dataset.name}, {found[0].title}: only {scored}. `jepascore runs resume` measures the rest.")
    return found[0]


def parse_rules(store: Store, text: str) -> Curation:
    """Rules in words, in which a backbone may be named by its path, too.

    Raises:
        RuleError: if the text is no rule.
        UnknownNameError: if nothing was measured with the encoder at a path.
        CheckpointError: if that cannot be loaded.
    """
    return with_backbones(parse(text), partial(_id_of_path, store))


def _id_of_path(store: Store, backbone: str) -> str:
    if measured_as(store, backbone):
        return backbone
    wanted = id_at_path(backbone)
    if wanted != backbone and not measured_as(store, wanted):
        raise UnknownNameError(
            f"Nothing was measured with the encoder at {backbone} as it is now: `jepascore score` does that."
        )
    return wanted


def check_classes(store: Store, scores: ScoreSet, labels: Sequence[str]) -> None:
    """Refuse labels that no sample of a dataset has.

    Raises:
        UnknownNameError: if there are such; names near ones.
    """
    classes = [summary.label for summary in class_summaries(store, scores) if summary.label is not None]
    unknown = next((label for label in labels if label not in classes), None)
    if unknown is not None:
        near = difflib.get_close_matches(unknown, classes) or classes[:10]
        raise UnknownNameError(f"There is no class {unknown!r}; known, or near to it: {', '.join(near) or 'none'}.")


def _shortest(choice: MeasuredChoice, choices: Sequence[MeasuredChoice], known: Mapping[str, BackboneInfo]) -> str:
    """The backbone's name where that is enough, else id and spec."""
    name = known[choice.backbone_id].name if choice.backbone_id in known else choice.title
    alike = [other for other in choices if name in _names(other, known)]
    return name if len(alike) == 1 else f"{choice.backbone_id}@{choice.spec_id} ({choice.title})"


def _names(choice: MeasuredChoice, known: Mapping[str, BackboneInfo]) -> set[str]:
    names = {choice.backbone_id, f"{choice.backbone_id}@{choice.spec_id}", choice.title}
    return names | ({known[choice.backbone_id].name} if choice.backbone_id in known else set())
