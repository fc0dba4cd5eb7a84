"""The orders that a curve cuts by: the score, both ways, baseline scores and label issues. Lowest values go first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jepascore_core.curation.columns.baselines import baseline_column, baseline_values
from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.label_issues import label_issue_column, label_issue_values
from jepascore_core.curation.columns.measured import count_measured
from jepascore_core.embeddings.baselines import BASELINES, MIN_IMAGES, Baseline
from jepascore_core.embeddings.index import Progress, no_progress, subrange
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store

Values = npt.NDArray[np.float64]

SCORE, REVERSED, LABEL_ISSUES = "score", "reversed", "label_issue"
SCORE_TITLE, REVERSED_TITLE = "JEPA-SCORE, lowest first", "JEPA-SCORE, highest first"
BASELINE_TITLES: dict[Baseline, str] = {
    "knn": "k-NN, most isolated first",
    "mahalanobis": "Mahalanobis, farthest first",
    "norm": "Embedding norm, lowest first",
}
LABEL_ISSUES_TITLE = "Label issues, likeliest first"
NUM_ORDERS = 3 + len(BASELINE_TITLES)


def read_orders(store: Store, scores: ScoreSet, progress: Progress = no_progress) -> dict[tuple[str, str], Values]:
    """Return values of all samples ordered by key under each order's name and title; NaN where there is none.

    Baseline scores and label issues that are not known yet are computed; a baseline score that needs more images is
    left out.

    Raises:
        TooFewImagesError: if no label can be judged.
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    cached, dataset = columns(store), store.catalogue.dataset(scores.dataset_id)
    enough = [name for name in BASELINES if count_measured(store, scores) >= MIN_IMAGES[name]]
    tables: dict[tuple[str, str], str] = {(SCORE, SCORE_TITLE): cached.score(dataset, scores)}
    for number, name in enumerate(enough):
        if name == "norm":
            column = cached.score(dataset, scores, name)
        else:
            part = subrange(progress, number / (2 * len(enough)), (number + 1) / (2 * len(enough)))
            baseline_values(store, scores, name, part)
            column = baseline_column(store, scores, name)
        tables[name, BASELINE_TITLES[name]] = column
    label_issue_values(store, scores, subrange(progress, 0.5, 1.0))
    tables[LABEL_ISSUES, LABEL_ISSUES_TITLE] = label_issue_column(store, scores)
    found = {key: _values(store, table) for key, table in tables.items()}
    ordered = {(SCORE, SCORE_TITLE): found.pop((SCORE, SCORE_TITLE))}
    ordered[REVERSED, REVERSED_TITLE] = -ordered[SCORE, SCORE_TITLE]
    found[LABEL_ISSUES, LABEL_ISSUES_TITLE] = -found[LABEL_ISSUES, LABEL_ISSUES_TITLE]
    return {**ordered, **found}


def _values(store: Store, table: str) -> Values:
    # Rows of a cached column are those of the samples, in order.
    column = store.query(f'SELECT "{table}" AS value FROM {table}')["value"]
    values: Values = column.to_numpy(zero_copy_only=False).astype(np.float64)
    return values
