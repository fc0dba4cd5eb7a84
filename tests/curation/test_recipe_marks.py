"""Recipes with tags: the same list on another machine, whatever is tagged there."""

from __future__ import annotations

import pytest

from jepascore_core.curation import evaluate, parse
from jepascore_core.curation import recipe_marks as module
from jepascore_core.curation.recipes import current_curation, evaluate_recipe, from_yaml, make_recipe, to_yaml
from jepascore_core.curation.relabelling import relabel
from jepascore_core.curation.saved_recipes import save_recipe, saved_recipe
from jepascore_core.curation.tags import add_tag, remove_tag
from jepascore_core.errors import RuleError
from jepascore_core.storage.sample_lists import sample_table
from jepascore_core.storage.store import Store
from tests.conftest import add_backbone, add_dataset, add_measurements, make_samples
from tests.curation.test_following import FILES, Home, samples_of
from tests.curation.test_tags import pairs, scored

RULES = 'not tag("dark") and not relabelled("b")'


def kept_by(store, dataset_id, recipe):
    found = evaluate_recipe(store, dataset_id, recipe)
    sql = f"SELECT sample_key FROM {found.base} POSITIONAL JOIN {found.table} WHERE verdict = 'keep' ORDER BY row_id"
    return store.query(sql)["sample_key"].to_pylist()


@pytest.fixture(params=[0, 1_000], ids=["packed", "readable"])
def longest_readable(request, monkeypatch):
    monkeypatch.setattr(module, "MAX_READABLE", request.param)
    return request.param


def test_a_recipe_gives_the_same_list_elsewhere_and_later(store, tmp_path, longest_readable):
    rows, scores = scored(store, "aabbb")
    add_tag(store, scores.dataset_id, pairs(rows, 0, 3), "dark", "ada")
    relabel(store, scores.dataset_id, {"b": pairs(rows, 1)}, "ada")
    recipe = make_recipe(store, evaluate(store, scores, parse(RULES)), "mine")
    text = to_yaml(recipe)
    assert from_yaml(text) == recipe
    assert from_yaml(text).recipe_hash == recipe.recipe_hash
    assert ("packed" in text) == (longest_readable == 0)
    wanted = [rows[2].sample_key, rows[4].sample_key]
    assert kept_by(store, scores.dataset_id, recipe) == wanted

    add_tag(store, scores.dataset_id, pairs(rows, 2), "dark", "ada")
    remove_tag(store, scores.dataset_id, pairs(rows, 0), "dark", "ada")
    assert kept_by(store, scores.dataset_id, recipe) == wanted, "what was recorded, not what is tagged now"

    other = Store(tmp_path / "other")
    there = add_dataset(other, "other", make_samples(list("aabbb")))
    add_measurements(other, there, add_backbone(other), {}, samples=rows)
    assert kept_by(other, there.dataset_id, from_yaml(text)) == wanted, "without any tag there"


def test_a_recipe_made_of_a_recipe_records_the_same(store):
    rows, scores = scored(store)
    add_tag(store, scores.dataset_id, pairs(rows, 0), "dark", "ada")
    recipe = make_recipe(store, evaluate(store, scores, parse('tag("dark")')), "mine")
    remove_tag(store, scores.dataset_id, pairs(rows, 0), "dark", "ada")
    again = make_recipe(store, evaluate_recipe(store, scores.dataset_id, recipe), "mine")
    assert again == recipe
    assert recipe.curation == parse('tag("dark")'), "rules themselves are text alone"
    assert current_curation(store, recipe).rules[0].samples == recipe.marks[0].samples


def test_recorded_samples_follow_renamed_files(store):
    home = Home(store, FILES)
    scores = add_measurements(
        store, store.catalogue.dataset(home.id), add_backbone(store), {"a/1.png": 1.0}, samples=samples_of(FILES)
    )
    add_tag(store, home.id, sample_table([("a/2.png", "two"), ("a/1.png", "one")]), "dark", "ada")
    recipe = make_recipe(store, evaluate(store, scores, parse('tag("dark")')), "mine")
    save_recipe(store, home.id, recipe)
    home.become({"z/2.png": "two", "b/1.png": "three"})
    assert kept_by(store, home.id, saved_recipe(store, home.id, "mine").recipe) == ["z/2.png"]
    home.become(FILES)
    assert kept_by(store, home.id, recipe) == ["a/1.png", "a/2.png"]


def test_a_recipe_that_is_damaged_says_so(store):
    rows, scores = scored(store)
    add_tag(store, scores.dataset_id, pairs(rows, 0), "dark", "ada")
    text = to_yaml(make_recipe(store, evaluate(store, scores, parse('tag("dark")')), "mine"))
    for wrong in (text.replace("  samples:", "  packed: '?'\n  samples:"), text.replace("- tag: dark", "- tog: dark")):
        assert wrong != text
        with pytest.raises(RuleError):
            from_yaml(wrong)
