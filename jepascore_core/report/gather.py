"""Gather all sections of a report."""

from __future__ import annotations

import datetime
from importlib.metadata import version
from pathlib import PurePath

from jepascore_core.curation.evaluation.evaluate import Evaluation
from jepascore_core.report.about_images import describe_copies, describe_images, describe_unreadable
from jepascore_core.report.about_recipe import describe_recipe
from jepascore_core.report.about_scores import (
    describe_coverage,
    describe_extremes,
    describe_label_issues,
    describe_trust,
)
from jepascore_core.report.content import Report, Section
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.titles import DEFINITION_TITLES
from jepascore_core.storage.store import Store


def gather_report(
    store: Store, scores: ScoreSet, backbone: str, evaluation: Evaluation | None = None, recipe: str = ""
) -> Report:
    """Return the report of a dataset under a backbone, whose title is `backbone`; of the images alone without scores.

    Of where the dataset is only the last part is told, for the file is for others.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    dataset = store.catalogue.dataset(scores.dataset_id)
    about = [
        f"{PurePath(dataset.source).name}, indexed as {dataset.kind}.",
        f"Made on {datetime.datetime.now().astimezone():%Y-%m-%d %H:%M} by jepascore {version('jepascore')}.",
    ]
    if scores.is_measured:
        variant = f", {DEFINITION_TITLES[scores.definition]}" if scores.key.has_scores else ""
        about.append(f"Measured with {backbone}{variant}.")
    else:
        about.append("Not measured yet: no scores.")
    return Report(dataset.name, tuple(about), tuple(_sections(store, scores, evaluation, recipe)))


def _sections(store: Store, scores: ScoreSet, evaluation: Evaluation | None, recipe: str) -> list[Section]:
    dataset = store.catalogue.dataset(scores.dataset_id)
    found: list[Section | None] = [describe_images(store, dataset), describe_unreadable(store, dataset)]
    if scores.is_measured:
        found.append(describe_coverage(store, scores))
    if scores.is_measured and scores.key.has_scores:
        found += [describe_trust(store, scores), describe_extremes(store, scores)]
    found.append(describe_copies(store, scores))
    if scores.is_measured:
        found.append(describe_label_issues(store, scores))
    if evaluation is not None:
        found.append(describe_recipe(store, evaluation, recipe))
    return [section for section in found if section is not None]
