"""The backbones and scores that rules and steps name."""

from __future__ import annotations

from jepascore_core.curation.evaluation.compiler import Compiler
from jepascore_core.curation.rules.model import Curation, Flag, walk
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store


def backbone_names(curation: Curation) -> tuple[str, ...]:
    """Return every backbone that rules or steps name."""
    names: list[str | None] = []
    for rule in curation.rules:
        for condition in walk(rule):
            names.append(condition.backbone if isinstance(condition, Flag) else condition.column.backbone)
    names += [step.backbone for step in curation.steps]
    return tuple(dict.fromkeys(name for name in names if name is not None))


def asked_scores(store: Store, scores: ScoreSet, curation: Curation) -> tuple[ScoreSet, ...]:
    """List the page's scores, then those of other backbones that rules and steps name.

    Raises:
        UnknownNameError: if one of these was not measured.
    """
    compiler = Compiler(store, scores)
    return tuple(dict.fromkeys([scores, *(compiler.score_set(name) for name in backbone_names(curation))]))
