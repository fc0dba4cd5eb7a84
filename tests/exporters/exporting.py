"""Exports of rules alone: evaluated once, and made a recipe on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jepascore_core import exporters
from jepascore_core.curation import Curation, Decisions, evaluate
from jepascore_core.curation.recipes import make_recipe
from jepascore_core.exporters import Download, ExportFormat, ExportOptions, ExportReport
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store


def export(
    store: Store, scores: ScoreSet, curation: Curation, path: Path, decisions: Decisions | None = None, **options: Any
) -> ExportReport:
    evaluation = evaluate(store, scores, curation, decisions)
    recipe = make_recipe(store, evaluation, evaluation.dataset.name)
    return exporters.export(store, scores.dataset_id, recipe, path, evaluation=evaluation, **options)


def export_bytes(
    store: Store,
    scores: ScoreSet,
    curation: Curation,
    file_format: ExportFormat,
    options: ExportOptions = ExportOptions(),
) -> Download:
    evaluation = evaluate(store, scores, curation)
    recipe = make_recipe(store, evaluation, evaluation.dataset.name)
    return exporters.export_bytes(store, scores.dataset_id, recipe, file_format, options, evaluation)
