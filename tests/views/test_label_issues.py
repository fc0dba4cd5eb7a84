"""The list of likely wrong labels: its order, its pages, its counts by pair of classes, and its rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jepascore_core.curation import evaluate, parse, summarize, to_text
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.views.label_issues import (
    LOWEST_CUT,
    ConfusedPair,
    label_issue_rule,
    label_issue_view,
    without_label_issues,
)
from tests.embeddings.clumps import flipped, put_clumps

WRONG, CUT = (7, 12, 20), 0.7


@pytest.fixture
def scores(store: Store) -> ScoreSet:
    return put_clumps(store, [*flipped(WRONG), None])


def test_the_most_suspicious_come_first_on_every_page(store: Store, scores: ScoreSet) -> None:
    whole = label_issue_view(store, scores, 100, CUT)
    assert (whole.num_samples, whole.num_judged, whole.num_likely_wrong) == (61, 60, 3)
    values = [item.label_issue for item in whole.worst]
    assert values == sorted(values, reverse=True)
    assert {item.sample_key for item in whole.worst[:3]} == {f"{number:02d}.png" for number in WRONG}
    pages = [label_issue_view(store, scores, 25, offset=first).worst for first in (0, 25, 50)]
    assert [item for page in pages for item in page] == list(whole.worst)


def test_pairs_count_what_is_above_the_threshold(store: Store, scores: ScoreSet) -> None:
    view = label_issue_view(store, scores, 100, CUT)
    assert view.pairs == (ConfusedPair("dog", "cat", 2, 31), ConfusedPair("cat", "dog", 1, 29))
    assert sum(pair.num_issues for pair in view.pairs) == view.num_likely_wrong
    assert view.pairs[0].share == pytest.approx(2 / 31)
    only = label_issue_view(store, scores, 2, CUT, pair=("cat", "dog"))
    assert [(item.label, item.likely_label) for item in only.worst] == [("cat", "dog")] * 2
    assert only.worst[0].sample_key == "07.png"
    assert label_issue_view(store, scores, 1, 1.0).num_likely_wrong == 0


def test_a_backbone_that_contradicts_most_labels_is_called_unfit(store: Store) -> None:
    """Four classes that look alike."""
    view = label_issue_view(store, put_clumps(store, ["abcd"[number % 4] for number in range(60)], 1), 60)
    assert view.num_doubted == sum(item.label_issue > LOWEST_CUT for item in view.worst) > 30
    assert view.warning is not None
    assert f"another label to {view.num_doubted} of 60 images" in view.warning
    assert replace(view, num_doubted=30).warning is None


def test_a_backbone_that_tells_classes_apart_gets_no_warning(store: Store, scores: ScoreSet) -> None:
    view = label_issue_view(store, scores, 0)
    assert (view.num_doubted, view.warning) == (3, None)


def test_the_rule_drops_what_is_counted(store: Store, scores: ScoreSet) -> None:
    for threshold in (0.5, CUT):
        view = label_issue_view(store, scores, 0, threshold)
        counts = summarize(store, evaluate(store, scores, parse(label_issue_rule(threshold)))).counts
        assert counts.dropped == view.num_likely_wrong


def test_a_rule_replaces_an_earlier_cut_and_nothing_else() -> None:
    known = parse('label_issue < 0.6 and percentile >= 5 and label_issue["b"] < 0.7 | one per exact')
    assert to_text(without_label_issues(known, 0.9)) == (
        'percentile >= 5 and label_issue["b"] < 0.7 and label_issue < 0.9 | one per exact'
    )
