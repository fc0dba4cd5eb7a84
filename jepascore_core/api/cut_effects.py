"""`js.cut_effect`: what a curation does to a classifier, compared with random cuts of the same size per class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jepascore_core.api.curating import curate
from jepascore_core.api.progress import Progress, titled
from jepascore_core.api.rule_input import RuleLike
from jepascore_core.curation.cut_effect.results import CutEffect
from jepascore_core.curation.cut_effect.samples import cut_of
from jepascore_core.curation.cut_effect.stored import cut_effect as compare
from jepascore_core.curation.evaluation.evaluate import evaluate
from jepascore_core.datasets.manifest import Dataset
from jepascore_core.score import Definition
from jepascore_core.scores.naming import find_measured


def cut_effect(
    dataset: str | Path | Dataset,
    rules: RuleLike | Sequence[RuleLike],
    *,
    backbone: str | None = None,
    definition: Definition = "rank",
    embeddings: str | None = None,
    progress: Progress | None = None,
) -> CutEffect:
    """Compare a linear probe trained on what rules and decisions keep with probes trained on random subsets.

    Held-out images (the dataset's own test or validation split, or else folds by content) are never cut. Results are
    cached.

    Args:
        dataset: name of a dataset, its source path, or the result of `open_dataset`.
        rules: what to keep, as for `curate`.
        backbone: whose scores rules use by default, as for `curate`.
        definition: score definition that rules use by default.
        embeddings: backbone whose embeddings the probes are trained on; None = the one that scored, which is partly
            circular.
        progress: called with a title and a share, 0 to 1, during long computations.

    Raises:
        TooFewImagesError: if the dataset has no labels, or too few images.
        RuleError: if nothing is dropped, fewer than two classes are left, or as `curate`.
        UnknownNameError, JepaScoreError, DatasetNotReadyError: as `curate`.

    Examples:
        >>> import jepascore_core as js
        >>> found = js.cut_effect("digits-demo", "class_percentile >= 20", backbone="bundled:digits-vit")
        >>> found.verdict in ("better", "no better", "worse")
        True
        >>> found.num_kept < found.num_training
        True
    """
    curated = curate(dataset, rules, backbone=backbone, definition=definition, progress=progress)
    store, judge = curated.store, curated.scores
    if embeddings is not None:
        record = store.catalogue.dataset(judge.dataset_id)
        named = find_measured(store, record, embeddings, option='embeddings="..."', command="js.score_dataset")
        judge = named.scores(record.dataset_id, definition)
    evaluation = evaluate(store, curated.scores, curated.curation, curated.decisions)
    return compare(store, judge, cut_of(store, evaluation), titled(progress, "Training probes"))
