"""Regions of a map: as rules, under names, in recipes that mean the same later and elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jepascore_core as js
from jepascore_core.curation import evaluate, parse
from jepascore_core.curation.columns.layouts import compute_layout
from jepascore_core.curation.columns.regions import (
    UNNAMED,
    delete_region,
    is_inside,
    known_region,
    mark_region,
    name_region,
    region_list,
)
from jepascore_core.curation.recipes import evaluate_recipe, from_yaml, make_recipe, to_yaml
from jepascore_core.curation.rules.printer import to_text
from jepascore_core.errors import RuleError, RuleSyntaxError, UnknownNameError
from jepascore_core.storage.store import Store
from jepascore_core.views.browse import BrowseQuery, browse
from tests.embeddings.clumps import measure_clumps, put_clumps

LABELS = ["cat", "dog"] * 20
LEFT = [(-2.0, -2.0), (0.0, -2.0), (0.0, 2.0), (-2.0, 2.0)]
RIGHT = [(0.0, -2.0), (2.0, -2.0), (2.0, 2.0), (0.0, 2.0)]


@pytest.fixture
def scores(store):
    return put_clumps(store, LABELS, num_measured=36)


@pytest.fixture
def layout(store, scores):
    return compute_layout(store, scores, "pca")


def verdicts(store, found):
    rows = store.query(f"SELECT verdict FROM {found.relation} ORDER BY row_id")["verdict"].to_pylist()
    return {value: [n for n, verdict in enumerate(rows) if verdict == value] for value in set(rows)}


def test_a_region_holds_the_images_within_it(store, scores, layout):
    left, right = (mark_region(store, scores, layout, corners) for corners in (LEFT, RIGHT))
    assert {left.num_images, right.num_images} == {18}, "two clumps lie apart along the first component"
    found = verdicts(store, evaluate(store, scores, parse(f'in region "{left.name}"')))
    assert len({n % 2 for n in found["keep"]}) == 1
    assert found["unscored"] == [36, 37, 38, 39], "what has no embedding is on no map"
    outside = verdicts(store, evaluate(store, scores, parse(f'not in region "{left.name}"')))
    assert outside["keep"] == found["drop"]
    both = parse(f'in region "{left.name}" or in region "{right.name}"')
    assert len(verdicts(store, evaluate(store, scores, both))["keep"]) == 36
    assert len(browse(store, BrowseQuery(scores, parse(f'in region "{left.name}"'))).rows) == 18


def test_it_means_the_same_after_more_was_measured(store, scores, layout):
    region = mark_region(store, scores, layout, LEFT)
    rules = parse(f'in region "{region.name}"')
    before = verdicts(store, evaluate(store, scores, rules))["keep"]
    measure_clumps(store, scores.backbone_id, LABELS, rows=slice(36, 40))
    compute_layout(store, scores, "pca")
    after = verdicts(store, evaluate(store, scores, rules))
    assert after["keep"] == before
    assert "unscored" not in after
    assert mark_region(store, scores, layout, LEFT) == region, "the map that it was drawn on is still there"


def test_names(store, scores, layout):
    region = mark_region(store, scores, layout, LEFT)
    assert region.name.startswith(UNNAMED)
    assert region_list(store, scores.dataset_id) == ()
    named = name_region(store, scores.dataset_id, region.name, ' Left "half" ')
    assert (named.name, named.shape, named.is_named) == ('Left "half"', region.shape, True)
    assert region_list(store, scores.dataset_id) == (named,)
    text = 'in region "Left \\"half\\""'
    assert to_text(parse(text)) == text
    assert verdicts(store, evaluate(store, scores, parse(text))) == verdicts(
        store, evaluate(store, scores, parse(f'in region "{region.name}"'))
    )
    other = mark_region(store, scores, layout, RIGHT)
    with pytest.raises(RuleError, match="another region"):
        name_region(store, scores.dataset_id, other.name, named.name)
    for wrong in ("", "a" * 61, "two\nlines", f"{UNNAMED}mine"):
        with pytest.raises(RuleError, match="needs a name"):
            name_region(store, scores.dataset_id, other.name, wrong)
    with pytest.raises(UnknownNameError, match=r"Left"):
        known_region(store, scores.dataset_id, "Left half")
    delete_region(store, scores.dataset_id, named.name)
    with pytest.raises(UnknownNameError, match="region"):
        evaluate(store, scores, parse(text))


def test_a_list_knows_when_a_name_means_another_region(store, scores, layout):
    query = BrowseQuery(scores, parse('in region "half"'))
    seen = []
    for corners in (LEFT, RIGHT):
        name_region(store, scores.dataset_id, mark_region(store, scores, layout, corners).name, "half")
        seen.append(browse(store, query))
        delete_region(store, scores.dataset_id, "half")
    assert seen[0].identity != seen[1].identity
    assert not set(seen[0].rows.tolist()) & set(seen[1].rows.tolist())


def test_a_recipe_records_images_and_where_they_were_marked(store, scores, layout, tmp_path):
    region = mark_region(store, scores, layout, LEFT)
    name_region(store, scores.dataset_id, region.name, "half")
    evaluation = evaluate(store, scores, parse('not in region "half"'))
    wanted = verdicts(store, evaluation)["keep"]
    recipe = make_recipe(store, evaluation, "right half")
    text = to_yaml(recipe)
    assert from_yaml(text) == recipe
    assert recipe.marks[0].shape == region.shape
    for part in ("layout", "corners", scores.key.text):
        assert part in text
    delete_region(store, scores.dataset_id, "half")
    found = evaluate_recipe(store, scores.dataset_id, recipe)
    assert [n for n in verdicts(store, found)["keep"] if n < 36] == wanted
    assert make_recipe(store, found, "right half").marks == recipe.marks

    elsewhere = Store(tmp_path / "elsewhere")
    there = put_clumps(elsewhere, LABELS, num_measured=36)
    found = evaluate_recipe(elsewhere, there.dataset_id, from_yaml(text))
    assert [n for n in verdicts(elsewhere, found)["keep"] if n < 36] == wanted


def test_python_says_the_same():
    assert str(~js.region("half")) == 'not in region "half"'
    assert js.rule('in region "half"') == js.region("half")


@pytest.mark.parametrize("corners", [LEFT[:2], LEFT * 20, [(0.0, 0.0), (1.0, 1e9), (1.0, 0.0)], [(0.0, np.nan)] * 3])
def test_what_is_no_region_is_refused(store, scores, layout, corners):
    with pytest.raises(RuleError, match="corners"):
        mark_region(store, scores, layout, corners)


@pytest.mark.parametrize("text", ["in region", "in regions", 'in "a"', 'in region ""', "in region a", 'region("a")'])
def test_what_is_no_rule_is_refused(text):
    with pytest.raises(RuleSyntaxError):
        parse(text)


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=3, max_size=8), st.integers(0, 7))
def test_where_an_outline_begins_does_not_matter(corners, first):
    points = np.random.default_rng(0).uniform(-10, 10, (200, 2))
    turned = [*corners[first % len(corners) :], *corners[: first % len(corners)]]
    assert (is_inside(points, corners) == is_inside(points, turned)).all()
    assert (is_inside(points, corners) == is_inside(points, corners[::-1])).all()


def test_inside_is_what_geometry_says():
    points = np.random.default_rng(0).uniform(-1.5, 1.5, (1000, 2))
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    circle = list(zip(np.cos(angles), np.sin(angles), strict=True))
    far = np.abs(np.linalg.norm(points, axis=1) - 1) > 0.01
    assert (is_inside(points, circle) == (np.linalg.norm(points, axis=1) < 1))[far].all()
