"""What a review finds among known defects, on scores and embeddings for which the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from jepascore_core.curation import evaluate, parse
from jepascore_core.curation.summary import count_verdicts
from jepascore_core.figures.known_defects import known_defects_figure
from jepascore_core.storage.store import Store
from jepascore_core.trust import known_defects as module
from jepascore_core.trust.known_defects import found_in_budget, kind_list, known_defects, result_to_show
from jepascore_core.views.search import SampleSearch, search_samples
from tests.trust.conftest import put_embeddings

#: Of 200 images, the first ten of each of two classes are torn.
LABELS = ["a", "b"] * 100
DEFECTS = ["torn" if number < 20 else "" for number in range(200)]


def length(embedding: np.ndarray) -> float:
    return float(np.linalg.norm(embedding.astype(np.float64)))


def put(store: Store, values: list[float], defects: list[str] = DEFECTS, labels: list[str] = LABELS, name: str = "toy"):
    """A dataset with these scores in the order of its samples."""
    given = iter(values)
    return put_embeddings(store, labels, lambda _: next(given), defects, name)[0]


def test_a_score_that_ranks_defects_lowest_finds_as_many_as_the_budget_holds(store: Store):
    found = known_defects(store, put(store, [float(number) for number in range(200)]))
    assert found is not None
    assert (found.num_samples, found.num_defects, dict(found.kinds)) == (200, 20, {"torn": 20})
    best = found.recommended
    assert (best.title, best.is_baseline, best.num_found, found.budget) == ("JEPA-SCORE", False, 10, 10)
    assert best.auroc == 1
    assert found.by_chance == pytest.approx(1.0)
    assert found.headline == (
        "Review the 10 images that JEPA-SCORE ranks lowest: 10 of them are among the 20 known defects. "
        "Random images would hold 1."
    )
    assert found.baseline is not None
    assert found.baseline.num_found < 10
    assert [item.defect for item in found.examples] == ["torn"] * 10
    assert found.limits == ()


def test_the_rule_drops_what_is_counted(store: Store):
    """Within classes of which one has lower scores throughout, where the dataset's order would find half."""
    values = [number + (0 if number % 2 else 1000.0) for number in range(200)]
    scores = put(store, values)
    found = known_defects(store, scores)
    assert found is not None
    assert found.recommended.rule == "class_percentile >= 5"
    evaluation = evaluate(store, scores, parse(found.recommended.rule))
    assert count_verdicts(store, evaluation).dropped == found.budget == 10
    reviewed = search_samples(store, scores, SampleSearch(rules=parse(found.recommended.reviewed)), 1, 20)
    assert {item.sample_key for item in reviewed.samples} == {item.sample_key for item in found.examples}


def test_a_score_that_takes_defects_for_likely_is_said_to_fail(store: Store):
    """It is the length of the embedding, so what is far from the others looks likeliest; a distance finds that."""
    _, embeddings = put_embeddings(store, LABELS, length, name="first")
    lengths = np.array([length(embedding) for embedding in embeddings])
    low, high = np.quantile(lengths, [0.1, 0.9])
    defects = ["torn" if value < low else "blended" if value > high else "" for value in lengths]
    scores, _ = put_embeddings(store, LABELS, length, defects, name="second")
    found = known_defects(store, scores)
    assert found is not None
    assert found.cell("blended", found.score.name).auroc < 0.1
    assert found.failed_by_score == ("blended",)
    assert found.found_by_none == ()
    assert found.limits == (
        "JEPA-SCORE does not find these kinds: blended. To this encoder such images look as likely as clean ones, or "
        "likelier.",
    )


def test_what_no_score_finds_is_named(store: Store):
    """Defects drawn at random."""
    defects = ["torn" if number % 20 == 0 else "odd" if number in (7, 130) else "" for number in range(200)]
    values = [float(number) for number in np.random.default_rng(3).permutation(200)]
    found = known_defects(store, put(store, values, defects))
    assert found is not None
    assert found.limits[-1].startswith("No score finds: ")
    assert set(found.found_by_none) == {"odd", "torn"} - {cell.kind for cell in found.cells if cell.lower > 0.5}


def test_nothing_is_said_of_a_dataset_without_known_defects(store: Store):
    scores, _ = put_embeddings(store, LABELS)
    assert known_defects(store, scores) is None
    assert result_to_show(store, scores.dataset_id) is None
    assert known_defects(store, put(store, [1.0] * 200, [""] * 200, name="clean")) is None


def test_one_class_has_one_order_a_score(store: Store):
    found = known_defects(store, put(store, [float(number) for number in range(200)], labels=["a"] * 200))
    assert found is not None
    assert found.recommended.num_found == 10
    figure = known_defects_figure(found)
    assert {trace.name for trace in figure.data} == {"lowest within each class", "lowest of the dataset"}
    assert max(max(trace.x) for trace in figure.data) == 10


def test_the_first_page_shows_what_is_measured_completely_and_quick_to_compute(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    scores = put(store, [float(number) for number in range(200)])
    shown = result_to_show(store, scores.dataset_id)
    assert shown is not None
    assert shown[0].key == scores.key
    assert shown[1] == known_defects(store, scores)
    monkeypatch.setattr(module, "MAX_AT_ONCE", 199)
    assert result_to_show(store, scores.dataset_id) is None


def test_ties_count_by_the_mean_over_their_orders():
    is_defect = np.array([True, False, False, False, True])
    assert found_in_budget(np.zeros(5), is_defect, 2) == pytest.approx(0.8)
    assert found_in_budget(np.array([0.0, 1.0, 1.0, 1.0, np.nan]), is_defect, 2) == 1.0
    assert found_in_budget(np.arange(5.0), is_defect, 5) == 2.0


def test_kinds_are_words():
    assert kind_list(["near_duplicate"]) == "near duplicate"
    assert kind_list(["blended", "blurred", "wrong_label"]) == "blended, blurred and wrong label"


def test_what_is_found_is_plain_data(store: Store):
    found = known_defects(store, put(store, [float(number) for number in range(200)]))
    assert found is not None
    values = found.to_dict()
    assert (values["rule"], values["budget"], values["num_defects"]) == (found.recommended.rule, 10, 20)
    assert values["summary"] == found.headline
