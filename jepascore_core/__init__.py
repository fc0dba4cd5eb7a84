"""JEPA-SCORE for image datasets.

    import jepascore_core as js

    backbone = js.load_backbone("bundled:digits-vit")
    result = js.measure(backbone, images)      # images [B, C, H, W], preprocessed
    result.score                               # [B], nats: higher = more likely

Importing this package loads no torch; the first use of a name that needs it does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jepascore_core.api.curating import CuratedDataset, curate
    from jepascore_core.api.cut_effects import cut_effect
    from jepascore_core.api.datasets import open_dataset
    from jepascore_core.api.embeddings import import_embeddings
    from jepascore_core.api.expressions import (
        ColumnExpression,
        Expression,
        at_least,
        col,
        flag,
        meta,
        region,
        relabelled,
        rule,
        tag,
    )
    from jepascore_core.api.reference import ReferenceComparison, compare_to_reference
    from jepascore_core.api.scoring import score_dataset
    from jepascore_core.api.similarity import similar
    from jepascore_core.api.steps import budget, one_per
    from jepascore_core.backbones.backbone import Backbone
    from jepascore_core.backbones.build import load_backbone, wrap_encoder
    from jepascore_core.measuring.estimators import Measurements, measure
    from jepascore_core.records.approximation import ApproximationPlan
    from jepascore_core.records.pilots import Pilot
    from jepascore_core.score import expected_score, jepa_score

_WHERE = {
    "ApproximationPlan": "jepascore_core.records.approximation",
    "Backbone": "jepascore_core.backbones.backbone",
    "ColumnExpression": "jepascore_core.api.expressions",
    "CuratedDataset": "jepascore_core.api.curating",
    "Expression": "jepascore_core.api.expressions",
    "Measurements": "jepascore_core.measuring.estimators",
    "Pilot": "jepascore_core.records.pilots",
    "ReferenceComparison": "jepascore_core.api.reference",
    "at_least": "jepascore_core.api.expressions",
    "budget": "jepascore_core.api.steps",
    "col": "jepascore_core.api.expressions",
    "compare_to_reference": "jepascore_core.api.reference",
    "curate": "jepascore_core.api.curating",
    "cut_effect": "jepascore_core.api.cut_effects",
    "expected_score": "jepascore_core.score",
    "flag": "jepascore_core.api.expressions",
    "import_embeddings": "jepascore_core.api.embeddings",
    "jepa_score": "jepascore_core.score",
    "load_backbone": "jepascore_core.backbones.build",
    "measure": "jepascore_core.measuring.estimators",
    "meta": "jepascore_core.api.expressions",
    "one_per": "jepascore_core.api.steps",
    "open_dataset": "jepascore_core.api.datasets",
    "region": "jepascore_core.api.expressions",
    "relabelled": "jepascore_core.api.expressions",
    "rule": "jepascore_core.api.expressions",
    "score_dataset": "jepascore_core.api.scoring",
    "similar": "jepascore_core.api.similarity",
    "tag": "jepascore_core.api.expressions",
    "wrap_encoder": "jepascore_core.backbones.build",
}

__all__ = [
    "ApproximationPlan",
    "Backbone",
    "ColumnExpression",
    "CuratedDataset",
    "Expression",
    "Measurements",
    "Pilot",
    "ReferenceComparison",
    "at_least",
    "budget",
    "col",
    "compare_to_reference",
    "curate",
    "cut_effect",
    "expected_score",
    "flag",
    "import_embeddings",
    "jepa_score",
    "load_backbone",
    "measure",
    "meta",
    "one_per",
    "open_dataset",
    "region",
    "relabelled",
    "rule",
    "score_dataset",
    "similar",
    "tag",
    "wrap_encoder",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
