"""`js.compare_to_reference`: what a dataset adds to another one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from jepascore_core.api.datasets import index_source
from jepascore_core.api.progress import Progress, titled
from jepascore_core.curation.precompute.steps import pending_reference, precompute
from jepascore_core.datasets.manifest import Dataset
from jepascore_core.errors import one_of
from jepascore_core.score import DEFINITIONS, Definition
from jepascore_core.scores.naming import find_measured
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.views.reference import ReferenceView, compared_rows, reference_view


@dataclass(frozen=True, eq=False, repr=False)
class ReferenceComparison:
    """A dataset relative to a reference dataset. Made by `compare_to_reference`; immutable."""

    store: Store
    scores: ScoreSet
    view: ReferenceView

    @property
    def num_new(self) -> int | None:
        """Number of samples farther from the reference than 95 % of its own images are from the rest of it."""
        return self.view.num_new

    @property
    def summary(self) -> str:
        """What the dataset adds, what was compared, and how many of its images the reference has already."""
        return " ".join((self.view.summary, self.view.compared_text, self.view.shared_text))

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per sample, the farthest from the reference first; what is not measured is missing, and last.

        Columns: sample_key, uri, label, split, score (nats), reference_distance (cosine distance to the nearest image
        of the reference, 0 to 2), reference_percentile (of the score among the reference's, 0 to 100), nearest_key.
        """
        frame: pd.DataFrame = compared_rows(self.store, self.scores, self.view.reference).to_pandas()
        return frame

    def shared(self) -> pd.DataFrame:
        """Return the first samples whose image the reference has: the same bytes, or perceptual hashes within 3 bits.

        Columns: sample_key, content_id, reference_key, reference_content_id, bits (missing for the same bytes).
        """
        listed = (*self.view.shared.exact, *self.view.shared.alike)
        columns = ("sample_key", "content_id", "reference_key", "reference_content_id", "bits")
        return pd.DataFrame([{name: getattr(item, name) for name in columns} for item in listed], columns=columns)

    def __repr__(self) -> str:
        return f"<ReferenceComparison of {self.view.dataset} with {self.view.reference}: {self.summary}>"


def compare_to_reference(
    dataset: str | Path | Dataset,
    reference: str | Path | Dataset,
    *,
    backbone: str | None = None,
    definition: Definition = "rank",
    progress: Progress | None = None,
) -> ReferenceComparison:
    """Find what a dataset adds to a reference dataset, which was measured in the same way.

    Args:
        dataset: name of a dataset, its source path, or the result of `open_dataset`.
        reference: the dataset to compare with, named likewise.
        backbone: whose embeddings and scores to use: name, id, title or path; only needed if the dataset was measured
            with several.
        definition: score definition of the percentiles.
        progress: called with a title and a share, 0 to 1, during long computations.

    Raises:
        UnknownNameError: for an unknown dataset, backbone or definition, or a reference that was not measured with the
            same encoder, preprocessing and estimator.
        JepaScoreError: if the dataset was measured with several backbones and none is named.
        DatasetNotReadyError: if one of the datasets has no index yet.

    Examples:
        >>> import jepascore_core as js
        >>> compared = js.compare_to_reference("digits-demo", "digits-demo", backbone="bundled:digits-vit")
        >>> float(compared.to_pandas()["reference_distance"].max())
        0.0
        >>> farthest = js.curate("digits-demo", js.budget(10, reference="digits-demo"), backbone="bundled:digits-vit")
        >>> farthest.counts.kept
        10
    """
    one_of(definition, DEFINITIONS, "definition")
    store = Store()
    record, other = index_source(store, dataset), index_source(store, reference)
    measured = find_measured(store, record, backbone, option='backbone="..."', command="js.score_dataset")
    scores = measured.scores(record.dataset_id, definition)
    for work in pending_reference(store, scores, other.name):
        precompute(store, scores, work, titled(progress, work.title))
    return ReferenceComparison(store, scores, reference_view(store, scores, other.name))
