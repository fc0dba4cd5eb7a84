"""One way to name what a dataset was measured with, the same for commands and in Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from jepascore_core.backbones.build import id_at_path
from jepascore_core.errors import JepaScoreError, UnknownNameError
from jepascore_core.records.backbones import BackboneInfo
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.scores.measured import MeasuredChoice, measured_choices
from jepascore_core.storage.store import Store


def find_measured(
    store: Store,
    dataset: DatasetRecord,
    backbone: str | None,
    *,
    option: str = "--backbone",
    command: str = "`jepascore score`",
    say: Callable[[str], None] = lambda _: None,
) -> MeasuredChoice:
    """Find what a dataset was measured with: the only one, or the one that `backbone` names.

    `backbone` is a name, id ("id" or "id@spec"), title, path or part of a title, whichever of these matches first. Of
    several, one that is measured in part must be named, unless all are. Of one measured both with views and without,
    the latter is meant, and `say` gets a sentence about it. Messages name the `option` that names a backbone and the
    `command` that measures.

    Raises:
        UnknownNameError: if nothing matches.
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
            found = [choice for choice in choices if choice.key.backbone_id == wanted]
            asked = f"the encoder at {backbone} as it is now"
        else:
            found = [choice for choice in choices if backbone.lower() in choice.title.lower()]
    plain = [choice for choice in found if not store.has_views(choice.key)]
    if len(plain) == 1 < len(found) and len({choice.key.backbone_id for choice in found}) == 1:
        others = ", ".join(choice.key.text for choice in found if choice is not plain[0])
        say(f"The images themselves are meant, not their views, which {option} names as {others}.")
        found = plain
    listed = ", ".join(_shortest(choice, choices, known) for choice in found or choices)
    if not found:
        raise UnknownNameError(
            f"{dataset.name} was not measured with {asked}. Measure it first with {command}"
            + (f", or choose one of: {listed}." if listed else ".")
        )
    if len(found) > 1:
        # A name stands for the scores of a backbone rather than for its embeddings alone.
        found = [choice for choice in found if choice.key.has_scores] or found
    if len(found) > 1:
        raise JepaScoreError(f"{dataset.name} was measured with several: choose one with {option}: {listed}.")
    return found[0]


def _shortest(choice: MeasuredChoice, choices: Sequence[MeasuredChoice], known: Mapping[str, BackboneInfo]) -> str:
    """Return the backbone's name where that is enough, else id and spec."""
    name = known[choice.key.backbone_id].name if choice.key.backbone_id in known else choice.title
    alike = [other for other in choices if name in _names(other, known)]
    return name if len(alike) == 1 else f"{choice.key.text} ({choice.title})"


def _names(choice: MeasuredChoice, known: Mapping[str, BackboneInfo]) -> set[str]:
    names = {choice.key.backbone_id, choice.key.text, choice.title}
    return names | ({known[choice.key.backbone_id].name} if choice.key.backbone_id in known else set())
