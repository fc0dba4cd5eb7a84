"""The samples whose labels are most likely wrong, and how many are."""

from __future__ import annotations

from dataclasses import dataclass

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.label_issues import label_issue_column
from jepascore_core.curation.rules.model import LABEL_ISSUE
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store

#: From here on a label counts as likely wrong. Of 2,000 labels of CIFAR-10N (40 % wrong) 244 were above: 99 % of these
#: were wrong, and 30 % of all wrong ones among them (benchmarks/label_issues.py).
LIKELY_WRONG = 0.9
#: What keeps all but these.
LABEL_ISSUE_RULE = f"{LABEL_ISSUE} < {LIKELY_WRONG}"


@dataclass(frozen=True, slots=True)
class LabelIssue:
    """A sample whose label may be wrong; margins as in `embeddings.label_issues.LabelIssues`."""

    sample_key: str
    content_id: str
    label: str
    likely_label: str
    label_issue: float
    knn_margin: float
    probe_margin: float


@dataclass(frozen=True, slots=True)
class LabelIssueView:
    """Label issues of a dataset.

    `num_judged` of `num_samples` have a value, `num_likely_wrong` of these one of at least `LIKELY_WRONG`; `worst` are
    those with the highest values, the highest first.
    """

    num_samples: int
    num_judged: int
    num_likely_wrong: int
    worst: tuple[LabelIssue, ...]


def label_issue_view(store: Store, scores: ScoreSet, limit: int) -> LabelIssueView:
    """List at most `limit` of the samples whose labels are most likely wrong; labels are judged now if they were not.

    Raises:
        TooFewImagesError: if fewer than two classes can be judged.
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    name = label_issue_column(store, scores)
    base = columns(store).base(store.catalogue.dataset(scores.dataset_id))
    relation = f"{base} POSITIONAL JOIN {name}"
    counted = f'count(*) AS n, count("{name}") AS judged, count(*) FILTER ("{name}" >= {LIKELY_WRONG}) AS wrong'
    (counts,) = store.query(f"SELECT {counted} FROM {relation}").to_pylist()
    worst = store.query(
        f"""SELECT sample_key, content_id, label, "{name}_likely" AS likely_label, "{name}" AS label_issue,
            "{name}_knn" AS knn_margin, "{name}_probe" AS probe_margin
        FROM {relation} WHERE "{name}" IS NOT NULL ORDER BY "{name}" DESC, row_id LIMIT {int(limit)}"""
    )
    found = tuple(LabelIssue(**row) for row in worst.to_pylist())
    return LabelIssueView(counts["n"], counts["judged"], counts["wrong"], found)
