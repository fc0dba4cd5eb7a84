"""Decisions follow the bytes: through renamed files and folders, copies, swaps, and images that go and come back."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from jepascore_core import open_dataset
from jepascore_core.curation import Curation, parse
from jepascore_core.curation.decisions import (
    current_decisions,
    decide,
    decisions_of,
    describe_lost,
    lost_decisions,
    verdicts,
)
from jepascore_core.curation.evaluation.evaluate import evaluate
from jepascore_core.curation.journal import redo, undo
from jepascore_core.curation.recipes import make_recipe
from jepascore_core.curation.saved_recipes import recipe_changes, save_recipe, saved_recipe
from jepascore_core.curation.settling import settle
from jepascore_core.datasets.manifest import write_empty_part, write_part
from jepascore_core.jobs.moves import pair_up, switch_version
from jepascore_core.storage.migrations import MIGRATIONS, follow_former_renames
from jepascore_core.storage.store import Store
from tests.conftest import add_backbone, add_dataset, add_measurements, make_sample

FILES = {"a/1.png": "one", "a/2.png": "two", "b/1.png": "three"}


def samples_of(files):
    """Samples by key, whose bytes have the given name."""
    return [replace(make_sample(key), content_id=name) for key, name in sorted(files.items())]


class Home:
    """A store with one dataset, whose files change from version to version."""

    def __init__(self, store, files):
        self.store, self.files, self.number = store, dict(files), 1
        self.id = add_dataset(store, "d", samples_of(files)).dataset_id

    def become(self, files):
        self.number += 1
        self.files = dict(files)
        dataset = self.store.catalogue.dataset(self.id)
        new = self.store.dataset_folder(self.id) / f"v{self.number}"
        write_part(new, samples_of(files), ()) if files else write_empty_part(new, {})
        switch_version(self.store.catalogue, self.id, new.name, self.store.index_folder(dataset), new)

    def decide(self, key, verdict, who="ada"):
        decide(self.store, self.id, [(key, self.files[key])], verdict, who)

    @property
    def standing(self):
        return {key: verdict for (key, _), verdict in decisions_of(self.store, self.id).items()}

    @property
    def lost(self):
        return [item.sample_key for item in lost_decisions(self.store, self.id)]


@pytest.fixture
def home(store):
    return Home(store, FILES)


def test_a_renamed_folder_takes_its_decisions_along(home):
    home.decide("a/2.png", "drop")
    home.become({"alpha/1.png": "one", "alpha/2.png": "two", "b/1.png": "three"})
    assert home.standing == {"alpha/2.png": "drop"}
    assert home.lost == []
    (found,) = current_decisions(home.store, home.id)
    assert (found.sample_key, found.decided_as) == ("alpha/2.png", "a/2.png")
    assert verdicts(home.store, home.id, {"alpha/2.png": "two", "alpha/1.png": "one"}) == {"alpha/2.png": "drop"}


def test_undo_and_redo_reach_a_renamed_sample(home):
    home.decide("a/2.png", "drop")
    home.become({"z.png": "two"})
    undo(home.store, home.id, "ada")
    assert home.standing == {}
    redo(home.store, home.id, "ada")
    assert home.standing == {"z.png": "drop"}


def test_the_last_decision_counts_across_names(home):
    home.decide("a/2.png", "drop")
    home.become({"z.png": "two"})
    home.decide("z.png", "keep")
    home.become({"a/2.png": "two"})
    assert home.standing == {"a/2.png": "keep"}
    home.decide("a/2.png", "undecided")
    home.become({"y.png": "two"})
    assert (home.standing, home.lost) == ({}, [])


def test_swapped_names_swap_their_decisions(home):
    home.decide("a/1.png", "drop")
    home.become({**FILES, "a/1.png": "two", "a/2.png": "one"})
    assert home.standing == {"a/2.png": "drop"}


def test_a_copy_that_stays_is_not_taken_for_the_one_that_went(store):
    home = Home(store, {"a/1.png": "same", "b/7.png": "same"})
    home.decide("a/1.png", "drop")
    home.become({"alpha/1.png": "same", "b/7.png": "same"})
    assert home.standing == {"alpha/1.png": "drop"}
    home.become({"b/7.png": "same"})
    assert (home.standing, home.lost) == ({}, ["alpha/1.png"])


def test_a_new_copy_is_not_decided_about(store):
    home = Home(store, {"a/1.png": "same"})
    home.decide("a/1.png", "drop")
    home.become({"a/1.png": "same", "a/2.png": "same"})
    assert home.standing == {"a/1.png": "drop"}
    home.become({"z/1.png": "same", "z/2.png": "same", "z/3.png": "same"})
    assert home.standing == {"z/1.png": "drop"}


def test_of_two_copies_that_went_nobody_knows_which_came_back(store):
    home = Home(store, {"a.png": "same", "b.png": "same"})
    home.decide("a.png", "drop")
    home.become({"x.png": "same"})
    assert (home.standing, home.lost) == ({}, ["a.png"])
    home.become({"x.png": "same", "a.png": "same"})
    assert (home.standing, home.lost) == ({"a.png": "drop"}, [])


def test_what_has_other_bytes_is_decided_anew_and_its_decision_is_said_to_be_lost(home):
    home.decide("a/1.png", "drop")
    home.become({**FILES, "a/1.png": "other"})
    assert home.standing == {}
    assert verdicts(home.store, home.id, {"a/1.png": "other"}) == {}
    assert describe_lost(lost_decisions(home.store, home.id)).startswith(
        "1 decision belongs to no sample of this dataset: a/1.png (dropped). "
    )
    home.decide("a/1.png", "keep")
    assert (home.standing, home.lost) == ({"a/1.png": "keep"}, [])
    home.become(FILES)
    assert home.standing == {"a/1.png": "drop"}


def test_an_image_that_comes_back_later_under_another_name(home):
    home.decide("a/1.png", "drop")
    home.become({"b/1.png": "three"})
    assert home.lost == ["a/1.png"]
    home.become({"b/1.png": "three", "new.png": "one"})
    assert (home.standing, home.lost) == ({"new.png": "drop"}, [])


def test_many_lost_decisions_are_counted(store):
    home = Home(store, {f"{number}.png": f"bytes {number}" for number in range(5)})
    decide(store, home.id, list(home.files.items()), "keep", "ada")
    home.become({})
    assert "5 decisions belong to no sample of this dataset: 0.png (kept), 1.png (kept), 2.png (kept) and 2 more." in (
        describe_lost(lost_decisions(store, home.id))
    )
    assert describe_lost(()) == ""


CONTENTS = st.sampled_from(["x", "y"])
KEYS = st.sampled_from([f"{folder}/{name}.png" for folder in "abc" for name in "12"])
TREES = st.dictionaries(KEYS, CONTENTS, max_size=6)


@settings(max_examples=60, deadline=None)
@example({"a/1.png": "x", "c/1.png": "y"}, [("a/1.png", "keep"), ("c/1.png", "undecided"), {"a/1.png": "y"}])
@example(
    {"a/1.png": "x", "a/2.png": "y", "b/1.png": "x", "c/2.png": "x"},
    [("a/2.png", "keep"), ("c/2.png", "keep"), {"a/1.png": "x", "a/2.png": "x", "c/2.png": "y"}, {}],
)
@given(TREES, st.lists(st.one_of(TREES, st.tuples(KEYS, st.sampled_from(["keep", "drop", "undecided"]))), max_size=8))
def test_a_decision_is_about_the_same_bytes_or_said_to_be_lost(first, steps):
    """Whatever happens to the files: no decision goes to other bytes, none is there twice, none vanishes unsaid."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Store(Path(folder)), first)
        for step in steps:
            before = {(key, home.files[key]): verdict for key, verdict in home.standing.items()}
            lost_before = Counter(item.content_id for item in lost_decisions(home.store, home.id))
            if isinstance(step, tuple):
                if step[0] in home.files:
                    home.decide(*step)
                continue
            home.become(step)
            after = {(key, home.files[key]): verdict for key, verdict in home.standing.items()}
            for pair, verdict in before.items():
                if step.get(pair[0]) == pair[1]:
                    assert after[pair] == verdict
            lost = Counter(item.content_id for item in lost_decisions(home.store, home.id))
            for content_id in "xy":
                had = sum(pair[1] == content_id for pair in before) + lost_before[content_id]
                has = sum(pair[1] == content_id for pair in after) + lost[content_id]
                settled = len({pair[0] for pair in after if pair[1] != content_id})
                assert had - settled <= has <= had + len(home.files)


@given(
    st.lists(KEYS, unique=True), st.lists(KEYS, unique=True), st.dictionaries(KEYS, st.sampled_from(["keep", "drop"]))
)
def test_pairs_are_pairs(left, arrived, standing):
    pairs = pair_up(left, arrived, standing)
    assert set(pairs) <= set(left)
    assert set(pairs.values()) <= set(arrived)
    assert len(set(pairs.values())) == len(pairs)
    if len(left) <= len(arrived):
        assert set(pairs) == set(left)


# Recipes


def scored(home):
    backbone = add_backbone(home.store)
    dataset = home.store.catalogue.dataset(home.id)
    samples = samples_of(home.files)
    values = {sample.sample_key: float(number) for number, sample in enumerate(samples)}
    return add_measurements(home.store, dataset, backbone, values, samples=samples)


def kept(home, scores, recipe):
    found = evaluate(home.store, scores, recipe.curation, recipe.decided)
    sql = f"SELECT sample_key FROM {found.base} POSITIONAL JOIN {found.table} WHERE verdict = 'keep' ORDER BY row_id"
    return home.store.query(sql)["sample_key"].to_pylist()


def test_recipes_and_their_snapshots_follow(home):
    scores = scored(home)
    home.decide("a/2.png", "drop")
    recipe = make_recipe(home.store, evaluate(home.store, scores, parse("all"), decisions_of(home.store, home.id)), "r")
    save_recipe(home.store, home.id, recipe)
    home.become({"alpha/1.png": "one", "alpha/2.png": "two", "b/1.png": "three"})
    assert kept(home, scores, saved_recipe(home.store, home.id, "r").recipe) == ["alpha/1.png", "b/1.png"]
    changes = recipe_changes(home.store, home.id, recipe)
    assert (changes.added.count, changes.removed.count, changes.altered.count) == (0, 0, 0)
    assert (changes.moved.count, changes.newly_kept.count, changes.newly_dropped.count) == (2, 0, 0)
    assert changes.moved.examples == ("alpha/1.png", "alpha/2.png")


def test_a_recipe_from_elsewhere_follows_the_bytes_if_it_is_clear_where_to(home):
    scores = scored(home)
    pairs = {("/data/x/2.png", "two"): "drop", ("q.png", "nowhere"): "drop"}
    found = evaluate(home.store, scores, Curation(), pairs)
    sql = f"SELECT sample_key FROM {found.base} POSITIONAL JOIN {found.table} WHERE verdict = 'drop'"
    assert home.store.query(sql)["sample_key"].to_pylist() == ["a/2.png"]
    settled = settle(home.store, home.store.catalogue.dataset(home.id), tuple(pairs))
    assert settled.lost == (("q.png", "nowhere"),)


def test_a_recipe_does_not_guess_between_copies(store):
    home = Home(store, {"a.png": "same", "b.png": "same"})
    dataset = store.catalogue.dataset(home.id)
    assert settle(store, dataset, [("elsewhere.png", "same")]).lost == (("elsewhere.png", "same"),)
    assert settle(store, dataset, [("a.png", "same")]).samples == {("a.png", "same"): ("a.png", "same")}


def test_a_saved_recipe_knows_which_copy_was_deleted(store):
    home = Home(store, {"a.png": "same", "b.png": "same"})
    scores = scored(home)
    home.decide("a.png", "drop")
    save_recipe(
        store, home.id, make_recipe(store, evaluate(store, scores, parse("all"), decisions_of(store, home.id)), "r")
    )
    home.become({"b.png": "same"})
    assert kept(home, scores, saved_recipe(store, home.id, "r").recipe) == ["b.png"]


# Real files, and former homes


def test_a_renamed_folder_of_files(store, tmp_path, monkeypatch):
    monkeypatch.setenv("JEPASCORE_HOME", str(store.home))
    generator = np.random.default_rng(0)
    for key in ("a/0.png", "a/1.png", "b/0.png"):
        path = tmp_path / "data" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (9, 9, 3), np.uint8)).save(path)
    opened = open_dataset(tmp_path / "data")
    dataset = store.catalogue.datasets()[-1]
    decide(store, dataset.dataset_id, [("a/1.png", opened.sample("a/1.png").content_id)], "drop", "ada")
    (tmp_path / "data" / "a").rename(tmp_path / "data" / "alpha")
    open_dataset(tmp_path / "data")
    assert [key for key, _ in decisions_of(store, dataset.dataset_id)] == ["alpha/1.png"]
    shutil.rmtree(tmp_path / "data" / "alpha")
    open_dataset(tmp_path / "data")
    assert [item.sample_key for item in lost_decisions(store, dataset.dataset_id)] == ["alpha/1.png"]


def test_decisions_of_a_former_home_are_found_again_where_that_is_certain(store):
    files = {"alpha/1.png": "one", "b/2.png": "two", "c/3.png": "three", "d/3.png": "three"}
    home = Home(store, files)
    former = (("a/1.png", "one"), ("a/9.png", "two"), ("a/3.png", "three"), ("a/4.png", "four"))
    decide(store, home.id, former, "drop", "ada")
    with sqlite3.connect(store.home / "catalogue.sqlite") as connection:
        follow_former_renames(connection, store.home)
    assert MIGRATIONS[-1] is follow_former_renames or follow_former_renames in MIGRATIONS
    now = Store(store.home)
    assert decisions_of(now, home.id) == {("alpha/1.png", "one"): "drop"}
    assert [item.sample_key for item in lost_decisions(now, home.id)] == ["a/3.png", "a/4.png", "a/9.png"]
