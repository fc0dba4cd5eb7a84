"""Rules and budgets relative to a reference dataset: distances, percentiles, draws, recipes, errors."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jepascore_core.curation import Curation, Not, evaluate, parse, summarize
from jepascore_core.curation.columns.reference import (
    is_reference_known,
    percentiles_among,
    reference_scores,
    reference_spread,
    reference_values,
)
from jepascore_core.curation.named import reference_columns, reference_names
from jepascore_core.curation.precompute.step import PrecomputeStep
from jepascore_core.curation.precompute.steps import pending_work, precompute, precompute_all
from jepascore_core.curation.rules.printer import to_text
from jepascore_core.errors import DatasetNotReadyError, RuleError, UnknownNameError
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from tests.conftest import SPEC, add_backbone, add_dataset, make_measurement, make_sample
from tests.curation.strategies import reference_budgets, reference_conditions, rules
from tests.curation.test_evaluation import verdicts
from tests.curation.test_laws import SLOWLY


def at(degrees):
    """An embedding at an angle: distances are 1 - cos of the difference."""
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), *[0] * 6], np.float16)


def put(store, name, images, backbone, measured=None):
    """A dataset of images (content, angle, score), of which the first `measured` are measured."""
    samples = [make_sample(f"{name}{n:02d}.png", "ab"[n % 2], content=item[0]) for n, item in enumerate(images)]
    dataset = add_dataset(store, name, samples)
    key = SPEC.key(backbone.backbone_id)
    known = store.query(f"SELECT content_id FROM ({store.measurements_sql(key)})")["content_id"].to_pylist()
    rows = {
        sample.content_id: replace(make_measurement(sample.content_id, float(score)), embedding=at(angle))
        for sample, (_, angle, score) in list(zip(samples, images, strict=True))[:measured]
        if sample.content_id not in known
    }
    if rows:
        store.write_measurements(backbone.backbone_id, SPEC, list(rows.values()))
    return ScoreSet(dataset.dataset_id, key)


#: A: angles 0, 10 and 20, scores 1, 2, 3; B: a copy of A's first image, then farther and farther away.
A = [("a0", 0, 1), ("a1", 10, 2), ("a2", 20, 3)]
B = [("a0", 0, 1), ("b1", 12, 0), ("b2", 40, 2), ("b3", 90, 9), ("b4", 60, 3), ("b5", 0, 5)]


@pytest.fixture
def backbone(store):
    return add_backbone(store)


@pytest.fixture
def scores(store, backbone):
    put(store, "A", A, backbone)
    return put(store, "B", B, backbone, measured=5)


def kept(store, scores, text, verdict="keep", decisions=None):
    found = evaluate(store, scores, parse(text), decisions)
    rows = store.query(f"SELECT verdict FROM {found.relation} ORDER BY row_id")["verdict"].to_pylist()
    return [n for n, value in enumerate(rows) if value == verdict]


def values(store, scores, text):
    """A column of a rule, by sample."""
    from jepascore_core.curation.evaluation.compiler import Compiler
    from jepascore_core.curation.rules.parser import parse_column

    column = parse_column(text)
    name = Compiler(store, scores).reference_column(column, column.reference)
    return store.query(f'SELECT "{name}" AS v FROM {name}')["v"].to_pylist()


def test_distances_to_the_nearest_and_to_the_kth(store, scores):
    nearest = values(store, scores, 'reference_distance["A"]')
    assert nearest[0] == 0.0 and nearest[5] is None
    np.testing.assert_allclose(nearest[1:5], 1 - np.cos(np.radians([2, 20, 70, 40])), atol=1e-3)
    third = values(store, scores, 'reference_distance["A", 3]')
    np.testing.assert_allclose(third[1:5], 1 - np.cos(np.radians([12, 40, 90, 60])), atol=1e-3)
    assert values(store, scores, 'reference_distance["A", 9]') == third, "with three images the third is the last"


def test_percentiles_among_the_reference(store, scores):
    # Scores 1, 0, 2, 9, 3 among 1, 2, 3.
    expected = [100 / 6, 0.0, 50.0, 100.0, 500 / 6, None]
    assert values(store, scores, 'reference_percentile["A"]') == pytest.approx(expected)
    assert kept(store, scores, 'reference_percentile["A"] >= 50%') == [2, 3, 4]
    assert kept(store, scores, 'reference_percentile["A"] < 50', "unscored") == [5]


def test_rules_keep_what_is_far_and_leave_the_unmeasured_open(store, scores):
    assert kept(store, scores, 'reference_distance["A"] >= 0.05') == [2, 3, 4]
    assert kept(store, scores, 'reference_distance["A"] > 0') == [1, 2, 3, 4]
    assert kept(store, scores, 'reference_distance["A"] > 0', "unscored") == [5]
    assert kept(store, scores, 'not reference_distance["A"] <= 0.05 and label = "a"') == [2, 4]


def test_a_percentile_has_a_margin_in_percentile_points(store, scores):
    found = evaluate(store, scores, parse('reference_percentile["A"] >= 40'))
    rows = store.query(f"SELECT margin FROM {found.relation} ORDER BY row_id")["margin"].to_pylist()
    assert rows[:4] == pytest.approx([100 / 6 - 40, -40, 10, 60])
    far = evaluate(store, scores, parse('reference_distance["A"] >= 0.05'))
    assert set(store.query(f"SELECT margin FROM {far.table}")["margin"].to_pylist()) == {np.inf, -np.inf, None}


def test_a_budget_takes_the_farthest_first(store, scores):
    assert kept(store, scores, 'all | budget 2 farthest from "A"') == [3, 4]
    assert kept(store, scores, 'label = "a" | budget 2 farthest from "A"') == [2, 4]
    assert kept(store, scores, 'all | budget 9 farthest from "A"') == [0, 1, 2, 3, 4]
    first = store.query(
        f"SELECT content_id FROM ({store.manifest_sql(store.catalogue.dataset('B'))}) ORDER BY sample_key"
    )
    forced = {("B00.png", first["content_id"][0].as_py()): "keep"}
    assert kept(store, scores, 'all | budget 2 farthest from "A"', decisions=forced) == [0, 3]


def test_a_diverse_budget_is_far_from_the_reference_and_within(store, scores):
    # Farthest of A is 90; then 40 is 20 from A, 60 is 30 from 90.
    assert kept(store, scores, 'all | budget 1 diverse from "A"') == [3]
    assert kept(store, scores, 'all | budget 2 diverse from "A"') == [3, 4]
    assert kept(store, scores, "all | budget 1 diverse") != [3]


def test_what_a_budget_drops_alone(store, scores):
    (chip,) = summarize(store, evaluate(store, scores, parse('all | budget 2 farthest from "A"'))).clauses
    assert (chip.alone, chip.only) == (4, 4)


@settings(SLOWLY, max_examples=12)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(-3, 3)), min_size=1, max_size=12), st.randoms())
def test_a_dataset_among_itself_is_at_distance_0_and_its_own_percentiles(images, random):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        backbone = add_backbone(store)
        # The content is the angle: one image has one embedding and one score.
        known = dict(images)
        listed = [(str(angle), 20 * angle, known[angle]) for angle, _ in images]
        scores = put(store, "B", listed, backbone)
        assert values(store, scores, 'reference_distance["B"]') == [0.0] * len(listed)
        found = evaluate(store, scores, parse(""))
        from jepascore_core.curation.columns.cache import columns

        own = columns(store).percentile(found.dataset, found.score, None)
        percentiles = store.query(f'SELECT "{own}" AS v FROM {own}')["v"].to_pylist()
        assert values(store, scores, 'reference_percentile["B"]') == pytest.approx(percentiles)
        assert np.mean(percentiles) == pytest.approx(50.0), "uniform: mid-ranks are 50 on average"
        mixed = list(listed)
        random.shuffle(mixed)
        other = put(store, "mixed", mixed, backbone)
        by_content = dict(
            zip([item[0] for item in listed], values(store, scores, 'reference_distance["mixed", 3]'), strict=True)
        )
        again = values(store, other, 'reference_distance["B", 3]')
        assert again == [by_content[item[0]] for item in mixed]


@given(st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=30), st.lists(st.floats(-5, 5), max_size=10))
def test_percentiles_count_what_is_lower_and_half_of_equals(reference, images):
    found = percentiles_among(np.sort(reference), np.array([*images, np.nan]))
    expected = [100 * np.mean([(other < value) + (other == value) / 2 for other in reference]) for value in images]
    assert found[:-1].tolist() == pytest.approx(expected)
    assert np.isnan(found[-1])


def test_work_is_done_once_until_either_changes(store, scores, backbone):
    rules = parse('reference_distance["A", 2] > 0 and reference_distance["A"] < 1 | budget 3 farthest from "A"')
    (work,) = pending_work(store, scores, rules)
    assert (work.kind, work.size, work.number, work.reference, work.is_quick) == ("reference", 5, 3, "A", True)
    assert work.title == "Finding the nearest of 3 images of A for 5 images"
    shares = []
    precompute(store, scores, work, shares.append)
    assert shares[-1] == pytest.approx(1.0)
    assert pending_work(store, scores, rules) == ()
    reference_values(store, scores, "A", _refuse)
    there = reference_scores(store, scores, "A")
    assert is_reference_known(store, scores, there)
    put(store, "C", [("b5", 5, 5)], backbone)
    assert [item.size for item in pending_work(store, scores, rules)] == [6], "more of B is measured"
    precompute_all(store, scores, rules)
    store.catalogue.update_dataset(there.dataset_id, version="v2")
    folder = store.dataset_folder(there.dataset_id)
    (folder / "v2").symlink_to(folder / "v1")
    assert len(pending_work(store, scores, rules)) == 1, "A has another version"


def _refuse(_share):
    raise AssertionError("computed again")


def test_large_sets_are_asked_about_first():
    many = PrecomputeStep("reference", 4000, number=10**6, seconds=90.0, reference="A")
    assert not many.is_quick and "two cores" in many.title
    assert many.short_title == "distances to A"


def test_the_spread_of_the_reference(store, scores, backbone):
    there = reference_scores(store, scores, "A")
    # Each of three has two others; the farther one is 20, 10 and 20 degrees away.
    assert reference_spread(store, there, 1.0) == pytest.approx(1 - np.cos(np.radians(20)), abs=1e-3)
    single = put(store, "single", [("x", 0, 1)], backbone)
    assert reference_spread(store, single, 0.95) is None
    assert values(store, scores, 'reference_distance["single"]')[0] == pytest.approx(0.0, abs=1e-3)


def test_what_rules_name(store, scores):
    rules = parse('reference_percentile["A", "b", paper] >= 5 and width >= 3 | budget 5 farthest from "C"')
    assert reference_names(rules) == ("A", "C")
    listed = [(item.name, item.reference, item.backbone, item.definition) for item in reference_columns(rules)]
    assert listed == [
        ("reference_percentile", "A", "b", "paper"),
        ("reference_distance", "C", None, None),
        ("reference_percentile", "A", "b", None),
        ("reference_percentile", "C", None, None),
    ]
    assert reference_columns(parse("width >= 3 | budget 5")) == ()


@pytest.mark.parametrize(
    "text",
    [
        'reference_distance["A"] >= 0.1',
        'reference_distance["it\'s \\"A\\"", "vit", 10] < 0.1',
        'reference_percentile["A", "vit", paper] >= 5',
        'reference_percentile["A", paper] >= 5',
        'reference_distance["A", 3] >= 0.1 | budget 10 diverse from "A" of "vit"',
        'all | budget 10 farthest from "A"',
    ],
)
def test_rules_are_read_back_as_they_are_written(text):
    assert to_text(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("reference_distance >= 0.1", "names its dataset"),
        ("reference_distance[knn] >= 0.1", "Expected a text"),
        ('reference_distance["A", paper] >= 0.1', "does not depend on a score"),
        ('reference_distance["A", 11] >= 0.1', "1 to 10"),
        ('reference_distance["A", 0] >= 0.1', "1 to 10"),
        ('reference_percentile["A", 3] >= 5', "Only reference_distance"),
        ('reference_percentile["A", knn] >= 5', "relative to its own dataset"),
        ('reference_percentile["A"] >= 500', "between 0 and 100"),
        ('reference_distance["A"] = "cat"', "is a number"),
        ("all | budget 5 farthest", "Name the dataset"),
        ('all | budget 5 balanced from "A"', "has no reference"),
        ('all | budget 5 per class from "A"', "has no reference"),
    ],
)
def test_what_cannot_be_is_refused(text, why):
    with pytest.raises(RuleError, match=why):
        parse(text)


def test_what_is_not_comparable_says_why(store, scores, backbone):
    with pytest.raises(UnknownNameError, match=r'Unknown reference dataset "Z".*Available: A, B.*add it'):
        kept(store, scores, 'reference_distance["Z"] > 0')
    add_dataset(store, "bare", [make_sample("x.png")])
    with pytest.raises(
        UnknownNameError, match=r'bare cannot be the reference.*no measurements yet.*jepascore score "bare"'
    ):
        kept(store, scores, 'reference_percentile["bare"] > 0')
    resized = add_backbone(store, weights_hash="other")
    put(store, "resized", A, resized)
    images = [("new", 0, 1)]
    put(store, "other", images, add_backbone(store, "timm:other"))
    put(store, "cropped", [("new2", 0, 1)], add_backbone(store, weights_hash="third"))
    with pytest.raises(UnknownNameError, match=r"measured with .*other.* only"):
        kept(store, scores, 'reference_distance["other"] > 0')
    with pytest.raises(UnknownNameError, match="other weights, pooling or preprocessing"):
        kept(store, scores, 'reference_distance["cropped"] > 0')
    sketched = make_sample("s.png")
    add_dataset(store, "sketched", [sketched])
    store.write_measurements(
        backbone.backbone_id, MeasurementSpec("sketch", probes=4), [make_measurement(sketched.content_id, 1.0)]
    )
    with pytest.raises(UnknownNameError, match="another estimator or precision"):
        kept(store, scores, 'reference_distance["sketched"] > 0')
    store.catalogue.add_dataset("indexing", "/images/indexing", "imagefolder", {})
    with pytest.raises(DatasetNotReadyError, match="indexing"):
        kept(store, scores, 'reference_distance["indexing"] > 0')


@SLOWLY
@given(rules(reference_conditions(st.just("A")), max_leaves=4), reference_budgets(st.just("A")))
def test_laws_of_rules_about_a_reference(rule, budget):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        backbone = add_backbone(store)
        put(store, "A", A, backbone)
        scores = put(store, "B", B, backbone, measured=5)
        found = verdicts(store, scores, Curation((rule,)))
        assert verdicts(store, scores, Curation((Not(Not(rule)),))) == found
        swapped = {"keep": "drop", "drop": "keep", "unscored": "unscored"}
        opposite = verdicts(store, scores, Curation((Not(rule),)))
        assert opposite == {key: swapped[verdict] for key, verdict in found.items()}
        assert found["B05.png"] == "unscored", "nothing is known of what was not measured"
        limited = verdicts(store, scores, Curation((rule,), (budget,)))
        num_kept = list(found.values()).count("keep")
        assert list(limited.values()).count("keep") == min(budget.n, num_kept)
        assert {key for key, verdict in limited.items() if verdict == "keep"} <= {
            key for key, verdict in found.items() if verdict == "keep"
        }
