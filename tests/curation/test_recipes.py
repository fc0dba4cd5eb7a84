"""Recipes: readable, exact, the same list anywhere, and what changed since."""

import os
import signal
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.curation import evaluate, parse
from jepascore_core.curation.decisions import decide, decisions_of
from jepascore_core.curation.recipes import Recipe, RecipeScores, from_dict, from_yaml, make_recipe, to_dict, to_yaml
from jepascore_core.curation.saved_recipes import (
    compare_recipes,
    describe_changes,
    duplicate_recipe,
    recipe_changes,
    remove_recipe,
    save_recipe,
    saved_recipe,
    saved_recipes,
)
from jepascore_core.datasets.manifest import write_part
from jepascore_core.errors import RuleError, UnknownNameError
from jepascore_core.exporters import export
from jepascore_core.jobs.process import worker_pid
from jepascore_core.storage.store import Store
from tests.cli.conftest import Cli
from tests.conftest import SPEC, add_backbone, add_dataset, add_measurements, add_run, make_sample, make_samples
from tests.curation.strategies import HOSTILE, curations
from tests.exporters.images import make_source

RULES = "class_percentile >= 20 | one per exact keep largest"
SCORES = RecipeScores("b", "timm:b", SPEC.spec_id, SPEC.to_dict(), {"name": "timm:b", "mean": (0.5,)})


def measured(store, samples, name="d", offset=0.0):
    dataset = add_dataset(store, name, samples)
    values = {sample.sample_key: n + offset for n, sample in enumerate(samples)}
    backbone = add_backbone(store)
    scores = add_measurements(store, dataset, backbone, values, samples=samples)
    add_run(store, dataset, backbone)
    return scores


@pytest.fixture
def scores(store):
    return measured(store, make_samples(["a"] * 10 + ["b"] * 10))


@given(
    curations(),
    st.builds(tuple, st.lists(st.tuples(HOSTILE, HOSTILE, st.sampled_from(["keep", "drop"])), max_size=3)),
    HOSTILE.filter(str.strip),
)
def test_recipes_survive_as_yaml(curation, decisions, name):
    recipe = Recipe(
        name, curation, "paper", (SCORES,), name, "sha256:0", 7, "1.0", decisions, {"kept": 3, "dropped": 4}
    )
    text = to_yaml(recipe)
    again = from_yaml(text)
    assert to_yaml(again) == text
    assert to_dict(again) == to_dict(recipe)
    assert again.recipe_hash == recipe.recipe_hash != replace(recipe, num_samples=8).recipe_hash
    assert replace(recipe, name="other").recipe_hash == recipe.recipe_hash


def test_a_recipe_reads_well_and_says_all(store, scores):
    decide(store, scores.dataset_id, [("a/0000.png", make_sample("a/0000.png").content_id)], "keep", "ada")
    recipe = make_recipe(store, evaluate(store, scores, parse(RULES), decisions_of(store, scores.dataset_id)), " mine ")
    text = to_yaml(recipe)
    assert text.startswith("# A JEPA-SCORE recipe.")
    found = yaml.safe_load(text)
    assert found["name"] == "mine"
    assert found["rules"] == ["class_percentile >= 20"]
    assert found["steps"] == ["one per exact keep largest"]
    assert found["dataset"]["num_samples"] == 20
    assert found["dataset"]["fingerprint"].startswith("sha256:")
    assert found["scores"][0]["backbone_id"] == scores.backbone_id
    assert found["scores"][0]["spec"] == SPEC.to_dict()
    assert found["scores"][0]["request"] == {"name": "timm:vit_tiny_patch16_224.test"}
    assert found["decisions"][0]["sample_key"] == "a/0000.png"
    assert found["result"] == {"kept": 17, "dropped": 3, "unscored": 0}
    assert found["app_version"]


def test_backbones_are_named_by_their_ids(store, scores):
    text = 'percentile["timm:vit_tiny_patch16_224.test"] >= 5 and not (grey or leak)'
    recipe = make_recipe(store, evaluate(store, scores, parse(text)), "x")
    (rule, _) = recipe.curation.rules
    assert rule.column.backbone == scores.key.text
    with pytest.raises(UnknownNameError, match="nonsense"):
        make_recipe(store, evaluate(store, scores, parse('percentile["nonsense"] >= 5')), "x")
    with pytest.raises(RuleError, match="1 to 100"):
        make_recipe(store, evaluate(store, scores, parse("")), "  ")


def test_a_name_with_an_at_sign_is_read_as_a_name(store, scores):
    name, samples = "hf:somebody/model@v2", make_samples(["a"] * 10 + ["b"] * 10)
    dataset, backbone = store.catalogue.dataset(scores.dataset_id), add_backbone(store, name)
    add_measurements(store, dataset, backbone, {item.sample_key: 1.0 for item in samples}, samples=samples)
    key = SPEC.key(backbone.backbone_id)
    for said in (name, key.text):
        recipe = make_recipe(store, evaluate(store, scores, parse(f'percentile["{said}"] >= 5')), "x")
        assert recipe.curation.rules[0].column.backbone == key.text
        assert [item.key for item in recipe.scores] == [scores.key, key]


def test_the_same_list_in_another_home(store, scores, tmp_path):
    """Same images and measurements, other ids, paths, order and machine folder: the same bytes."""
    recipe = make_recipe(store, evaluate(store, scores, parse(f"{RULES} | budget 9 balanced")), "mine")
    samples = make_samples(["a"] * 10 + ["b"] * 10)
    other = Store(tmp_path / "other")
    other_scores = measured(other, samples[::-1], name="moved")
    values = {sample.sample_key: float(n) for n, sample in enumerate(samples)}
    for part in other.measurement_folder(scores.key).glob("part-*"):
        part.unlink()
    dataset = other.catalogue.dataset(other_scores.dataset_id)
    add_measurements(other, dataset, add_backbone(other), values, samples=samples)
    again = from_yaml(to_yaml(recipe))
    files = []
    for where, name in ((store, "one.txt"), (other, "two.txt")):
        dataset_id = where.catalogue.datasets()[0].dataset_id
        path = tmp_path / name
        export(where, dataset_id, again, path)
        files.append(path.read_bytes())
    assert files[0] == files[1]
    assert files[0].count(b"\n") == 9
    changes = recipe_changes(other, other.catalogue.datasets()[0].dataset_id, again)
    assert changes.same_dataset
    assert not changes.is_exact
    assert "as before" in describe_changes(changes)


def test_what_changed_in_a_new_version(store, scores):
    recipe = make_recipe(store, evaluate(store, scores, parse("score >= 5")), "mine")
    save_recipe(store, scores.dataset_id, recipe)
    same = recipe_changes(store, scores.dataset_id, recipe)
    assert (same.same_dataset, same.is_exact, same.kept_now) == (True, True, 15)
    assert (same.newly_kept.count, same.newly_dropped.count, same.added.count) == (0, 0, 0)

    old = make_samples(["a"] * 10 + ["b"] * 10)
    new = [*old[1:18], replace(old[18], content_id="9" * 32), make_sample("new.png")]
    dataset = store.catalogue.dataset(scores.dataset_id)
    write_part(store.dataset_folder(dataset.dataset_id) / "v2", new, ())
    store.catalogue.update_dataset(dataset.dataset_id, version="v2", num_indexed=len(new), num_total=len(new))
    add_measurements(store, dataset, add_backbone(store), {"new.png": 50.0}, samples=new)
    changes = recipe_changes(store, scores.dataset_id, recipe)
    assert not changes.same_dataset
    assert (changes.total_then, changes.total_now, changes.kept_then, changes.kept_now) == (20, 19, 15, 14)
    assert (changes.added.count, changes.added.examples) == (1, ("new.png",))
    assert (changes.removed.count, changes.altered.count) == (2, 1)
    assert changes.newly_kept.examples == ("new.png",)
    assert changes.newly_dropped.examples == ("b/0018.png",)
    assert "1 samples are new, 2 are gone, 1 have other bytes" in describe_changes(changes)


def test_the_book_of_recipes(store, scores):
    one = make_recipe(store, evaluate(store, scores, parse("score >= 5")), "one")
    two = make_recipe(store, evaluate(store, scores, parse("score <= 9")), "two")
    for recipe in (one, two):
        save_recipe(store, scores.dataset_id, recipe)
    with pytest.raises(RuleError, match="already"):
        save_recipe(store, scores.dataset_id, one)
    save_recipe(store, scores.dataset_id, replace(one, curation=parse("score >= 6")), overwrite=True)
    assert saved_recipe(store, scores.dataset_id, "one").recipe.curation == parse("score >= 6")
    copy = duplicate_recipe(store, saved_recipe(store, scores.dataset_id, "one"))
    again = duplicate_recipe(store, saved_recipe(store, scores.dataset_id, "one"))
    assert (copy.name, again.name) == ("one (2)", "one (3)")
    found = compare_recipes(store, scores.dataset_id, one, two)
    assert (found.both, found.only_first.count, found.only_second.count) == (5, 10, 5)
    assert found.only_second.examples == tuple(f"a/000{n}.png" for n in range(5))
    remove_recipe(store, copy)
    assert [item.name for item in saved_recipes(Store(store.home), scores.dataset_id)] == ["one (3)", "one", "two"]
    with pytest.raises(UnknownNameError, match="Available: one"):
        saved_recipe(store, scores.dataset_id, "three")


def test_snapshots_go_with_their_last_recipe(store, scores):
    folder = store.dataset_folder(scores.dataset_id) / "recipes"
    one = save_recipe(store, scores.dataset_id, make_recipe(store, evaluate(store, scores, parse("score >= 5")), "one"))
    copy = duplicate_recipe(store, one)
    save_recipe(store, scores.dataset_id, make_recipe(store, evaluate(store, scores, parse("score >= 6")), "two"))
    assert len(list(folder.iterdir())) == 2
    remove_recipe(store, one)
    assert len(list(folder.iterdir())) == 2, "its copy still has it"
    remove_recipe(store, copy)
    assert len(list(folder.iterdir())) == 1
    save_recipe(
        store,
        scores.dataset_id,
        make_recipe(store, evaluate(store, scores, parse("score >= 7")), "two"),
        overwrite=True,
    )
    assert len(list(folder.iterdir())) == 1
    assert recipe_changes(store, scores.dataset_id, saved_recipe(store, scores.dataset_id, "two").recipe).is_exact
    store.remove_dataset(store.catalogue.dataset(scores.dataset_id))
    assert not folder.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"jepascore_recipe": 2},
        {"scores": []},
        {"rules": ["percentile >= 500"]},
        {"rules": "percentile >= 5"},
        {"definition": "mean"},
        {"decisions": [{"sample_key": "a", "content_id": "b", "verdict": "maybe"}]},
        {"decisions": [{"sample_key": "a"}]},
        {"dataset": {}},
        {"steps": ["budget 5", "budget 6"]},
        {"scores": [{"backbone_id": "b"}]},
        {"result": {"kept": "many"}},
    ],
)
def test_what_is_no_recipe(store, scores, change):
    values = to_dict(make_recipe(store, evaluate(store, scores, parse(RULES)), "x"))
    assert from_dict(values).name == "x"
    with pytest.raises(RuleError):
        from_dict(values | change)


@pytest.mark.parametrize("text", ["", "[1, 2]", "a: b", "{", "!!python/object/apply:os.system ['true']"])
def test_what_is_no_recipe_file(text):
    with pytest.raises(RuleError):
        from_yaml(text)


def test_exporting_by_recipe_on_the_command_line(store, scores, tmp_path):
    cli = Cli(store.home)
    out, recipe = tmp_path / "kept.txt", tmp_path / "r.yaml"
    first = cli("export", "d", out, "--rules", "score >= 5 | budget 7", "--save-recipe", recipe)
    assert first.code == 0, first.err
    again = cli("export", "d", tmp_path / "again.txt", "--recipe", recipe, "--json")
    assert again.code == 0, again.err
    assert again.json["num_rows"] == 7
    assert (tmp_path / "again.txt").read_bytes() == out.read_bytes()
    assert "as before" in again.err
    wrong = cli("export", "d", out, "--recipe", recipe)
    assert wrong.code == 1
    assert "already exists" in wrong.err
    both = cli("export", "d", tmp_path / "x.txt", "--recipe", recipe, "--rules", "grey")
    assert "cannot be combined with rules" in both.err
    assert "(character 9)" in cli("export", "d", tmp_path / "x.txt", "--rules", "score > x").err


@pytest.fixture
def two_homes(tmp_path):
    """Home folders whose workers end with the test."""
    homes = tmp_path / "here", tmp_path / "there"
    yield homes
    for home in homes:
        pid = worker_pid(home)
        if pid is not None:
            os.kill(pid, signal.SIGTERM)


@pytest.mark.slow
def test_a_recipe_measures_what_is_missing(tmp_path, two_homes):
    """Measured in one home folder, then in another by the recipe alone."""
    here, there = two_homes
    source = tmp_path / "images"
    make_source(source)
    for home in (here, there):
        assert Cli(home)("add", "d", source).code == 0
    assert Cli(here)("score", "d", "--backbone", "bundled:digits-vit").code == 0
    recipe = tmp_path / "r.yaml"
    done = Cli(here)("export", "d", tmp_path / "1.txt", "--min-percentile", "30", "--save-recipe", recipe)
    assert done.code == 0, done.err
    done = Cli(there)("export", "d", tmp_path / "2.txt", "--recipe", recipe)
    assert done.code == 0, done.err
    assert "not yet measured" in done.err
    assert (tmp_path / "1.txt").read_bytes() == (tmp_path / "2.txt").read_bytes() != b""
    assert from_yaml(recipe.read_text()).scores[0].request == {"name": "bundled:digits-vit"}
