"""A home folder of a former version: what a person made is kept, what can be worked out again goes, once."""

import sqlite3
from pathlib import Path

import pytest

from jepascore_core.curation import evaluate, parse
from jepascore_core.curation.decisions import decide, decisions_of
from jepascore_core.curation.recipes import make_recipe
from jepascore_core.curation.saved_recipes import recipe_changes, save_recipe, saved_recipe, saved_recipes
from jepascore_core.storage.migrations import MIGRATIONS, settle_former_files
from jepascore_core.storage.store import Store
from tests.conftest import add_backbone, add_dataset, add_measurements, make_samples

#: Files that no saved recipe and no search of this test has.
CACHES = (
    f"companions/knn-{'0' * 20}.parquet", f"companions/.mahalanobis-{'1' * 20}.parquet.77.tmp",
    f"neighbours/near-{'2' * 20}.parquet", f"recipes/{'3' * 20}.parquet",
)  # fmt: skip
OF_A_PERSON = ("companions/notes.txt", "recipes/strict.yaml", "recipes/list.parquet")


@pytest.fixture
def former(store: Store) -> str:
    """A home as version 6 left it: two recipes with snapshots, one made after a decision; returns the dataset's id."""
    samples = make_samples(["a"] * 10)
    dataset = add_dataset(store, "d", samples)
    values = {sample.sample_key: float(n) for n, sample in enumerate(samples)}
    scores = add_measurements(store, dataset, add_backbone(store), values, samples=samples)
    for name in ("strict", 'ünï "quoted": yes'):
        decisions = decisions_of(store, dataset.dataset_id)
        made = make_recipe(store, evaluate(store, scores, parse("score >= 5 | one per exact"), decisions), name)
        save_recipe(store, dataset.dataset_id, made)
        decide(store, dataset.dataset_id, [(samples[0].sample_key, samples[0].content_id)], "keep", "ada")
    folder = store.dataset_folder(dataset.dataset_id) / "recipes"
    folder.rename(store.home / "recipes")
    for name in CACHES:
        (store.home / name).parent.mkdir(exist_ok=True)
        (store.home / name).write_bytes(b"whatever")
    step_back(store.home)
    return dataset.dataset_id


def step_back(home: Path) -> None:
    with sqlite3.connect(home / "catalogue.sqlite") as connection:
        for column in ("ignored", "error", "wanted", "purpose", "parent_id"):
            connection.execute(f"ALTER TABLE datasets DROP COLUMN {column}")
        for table in ("runs", "probes"):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN pilot")
        for table in ("decision_tokens", "sample_moves", "changed_files", "marks", "tags"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute(f"PRAGMA user_version = {MIGRATIONS.index(settle_former_files)}")


def test_snapshots_go_to_their_dataset_and_caches_go(former: str, store: Store):
    kept = sorted(path.name for path in (store.home / "recipes").glob("*.parquet"))
    now = Store(store.home)
    assert not any((store.home / name).exists() for name in ("companions", "neighbours", "recipes"))
    found = sorted(path.name for path in (store.dataset_folder(former) / "recipes").iterdir())
    assert found == [name for name in kept if name != f"{'3' * 20}.parquet"]
    assert len(saved_recipes(now, former)) == len(found) == 2
    for saved in saved_recipes(now, former):
        changes = recipe_changes(now, former, saved.recipe)
        assert changes.is_exact
        assert changes.newly_kept == changes.newly_dropped
    assert saved_recipe(now, former, "strict").recipe.decisions == ()


def test_what_a_person_put_there_stays(former: str, store: Store):
    for name in OF_A_PERSON:
        (store.home / name).write_text("mine")
    Store(store.home)
    left = [path for name in ("companions", "neighbours", "recipes") for path in (store.home / name).glob("*")]
    assert sorted(path.relative_to(store.home).as_posix() for path in left) == sorted(OF_A_PERSON)


def test_it_happens_once_and_again_after_it_was_cut_short(former: str, store: Store):
    folder = store.dataset_folder(former) / "recipes"
    Store(store.home)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    # Cut short after the first copy: nothing was deleted, nothing is recorded.
    folder.rename(store.home / "recipes")
    folder.mkdir()
    name = min(before)
    (folder / name).write_bytes(before[name])
    step_back(store.home)
    Store(store.home)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (store.home / "neighbours").mkdir()
    (store.home / CACHES[2]).write_text("of nobody's business")
    Store(store.home)
    assert (store.home / CACHES[2]).exists()


def test_a_recipe_that_cannot_be_read_keeps_every_snapshot(former: str, store: Store):
    with sqlite3.connect(store.home / "catalogue.sqlite") as connection:
        connection.execute("UPDATE recipes SET body = '{' WHERE name = 'strict'")
    Store(store.home)
    assert len(list((store.home / "recipes").glob("*.parquet"))) == 3
    assert not (store.home / "neighbours").exists()
