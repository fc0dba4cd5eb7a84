"""The samples whose labels are most likely wrong, how many there are, and which classes are confused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jepascore_core.curation import Curation, to_text
from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.label_issues import label_issue_column
from jepascore_core.curation.rules.column import LABEL_ISSUE, Column
from jepascore_core.curation.rules.model import Between, Not
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store

#: From here on a label counts as likely wrong. Of 2,000 labels of CIFAR-10N (40 % wrong) 244 were above: 99 % of these
#: were wrong, and 30 % of all wrong ones among them (benchmarks/label_issues.py).
LIKELY_WRONG = 0.9
#: Below, the given label is the likelier one.
LOWEST_CUT = 0.5
MAX_PAIRS = 50
#: A backbone that gives another label to more than this share of the images is called unfit to judge.
MOST_DOUBTED = 0.5


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
class ConfusedPair:
    """`num_issues` of the `class_size` judged samples labelled `label` look like `likely_label`."""

    label: str
    likely_label: str
    num_issues: int
    class_size: int

    @property
    def share(self) -> float:
        """Share of the class, 0 to 1."""
        return self.num_issues / self.class_size


@dataclass(frozen=True, slots=True)
class LabelIssueView:
    """Label issues of a dataset.

    `num_judged` of `num_samples` have a value, `num_likely_wrong` of these one of at least `threshold`, and for
    `num_doubted` another label is likelier. `pairs` are the classes that are confused, the most frequent first, at most
    `MAX_PAIRS` of `num_pairs`. `worst` is a page of the samples with the highest values, the highest first.
    """

    threshold: float
    num_samples: int
    num_judged: int
    num_likely_wrong: int
    num_doubted: int
    num_pairs: int
    pairs: tuple[ConfusedPair, ...]
    worst: tuple[LabelIssue, ...]

    @property
    def warning(self) -> str | None:
        """What to know before believing the list, where the backbone would give most images another label."""
        if self.num_doubted <= MOST_DOUBTED * self.num_judged:
            return None
        return (
            f"This backbone would give another label to {self.num_doubted:,} of {self.num_judged:,} images. Unless "
            "most labels are wrong, it does not tell these classes apart, and right labels are listed as wrong. "
            "Judge them by another backbone."
        )


def label_issue_view(
    store: Store,
    scores: ScoreSet,
    limit: int,
    threshold: float = LIKELY_WRONG,
    *,
    offset: int = 0,
    pair: tuple[str, str] | None = None,
    num_measured: int | None = None,
) -> LabelIssueView:
    """List at most `limit` of the samples whose labels are most likely wrong; labels are judged now if they were not.

    Args:
        store: where the scores are.
        scores: whose embeddings judge.
        limit: samples to list at most; they may lie below the threshold.
        threshold: from where on a label counts as likely wrong.
        offset: samples to leave out before them.
        pair: list only samples with this label that look like this other one.
        num_measured: show what was computed when that many images were measured, as `last_label_issues` says.

    Raises:
        TooFewImagesError: if fewer than two classes can be judged.
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    name = label_issue_column(store, scores, num_measured)
    base = columns(store).base(store.catalogue.dataset(scores.dataset_id))
    relation = f"{base} POSITIONAL JOIN {name}"
    counted = f'count(*) AS n, count("{name}") AS judged, count(*) FILTER ("{name}" >= $1) AS wrong'
    counted += f', count(*) FILTER ("{name}" > {LOWEST_CUT}) AS doubted'
    (counts,) = store.query(f"SELECT {counted} FROM {relation}", [threshold]).to_pylist()
    pairs = store.query(
        f"""SELECT label, likely_label, num_issues, class_size FROM (
            SELECT label, "{name}_likely" AS likely_label, count(*) FILTER ("{name}" >= $1) AS num_issues,
                sum(count("{name}")) OVER (PARTITION BY label)::BIGINT AS class_size
            FROM {relation} WHERE "{name}" IS NOT NULL GROUP BY 1, 2
        ) WHERE num_issues > 0 ORDER BY num_issues DESC, label, likely_label""",
        [threshold],
    )
    chosen, wanted = "true", list[Any]()
    if pair is not None:
        chosen, wanted = f'label = $1 AND "{name}_likely" = $2', [*pair]
    worst = store.query(
        f"""SELECT sample_key, content_id, label, "{name}_likely" AS likely_label, "{name}" AS label_issue,
            "{name}_knn" AS knn_margin, "{name}_probe" AS probe_margin
        FROM {relation} WHERE "{name}" IS NOT NULL AND {chosen}
        ORDER BY "{name}" DESC, row_id LIMIT {int(limit)} OFFSET {int(offset)}""",
        wanted,
    )
    return LabelIssueView(
        threshold=threshold,
        num_samples=counts["n"],
        num_judged=counts["judged"],
        num_likely_wrong=counts["wrong"],
        num_doubted=counts["doubted"],
        num_pairs=len(pairs),
        pairs=tuple(ConfusedPair(**row) for row in pairs.slice(0, MAX_PAIRS).to_pylist()),
        worst=tuple(LabelIssue(**row) for row in worst.to_pylist()),
    )


def label_issue_rule(threshold: float = LIKELY_WRONG) -> str:
    """Return the rule that keeps all but likely wrong labels."""
    return to_text(without_label_issues(Curation(), threshold))


def without_label_issues(curation: Curation, threshold: float) -> Curation:
    """Return the curation with the rule that leaves out likely wrong labels, in place of any earlier such rule."""
    kept = (clause for clause in curation.clauses if not _is_cut(clause))
    return Curation().plus(*kept, Not(Between(Column(LABEL_ISSUE), threshold)))


def _is_cut(clause: object) -> bool:
    match clause:
        case Not(Between(Column(name=name, backbone=None), float() | int(), None)):
            return name == LABEL_ISSUE
    return False
