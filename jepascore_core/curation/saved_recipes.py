"""Saved recipes of a dataset, the difference between two of them, and what changed since one was made."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from jepascore_core.curation.evaluation.evaluate import Evaluation
from jepascore_core.curation.fingerprint import dataset_fingerprint
from jepascore_core.curation.recipes import Recipe, evaluate_recipe, from_yaml, to_yaml
from jepascore_core.curation.references import reference_notes
from jepascore_core.errors import RuleError, StoreError, unknown
from jepascore_core.scores.coverage import full_coverage
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.catalogue import new_id, utc_now
from jepascore_core.storage.measurement_sql import parquet_sql
from jepascore_core.storage.parquet import write_parquet
from jepascore_core.storage.store import Store

#: Sample keys that are listed as examples of a difference.
NUM_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class SavedRecipe:
    """A recipe in the catalogue; its name is unique within the dataset."""

    recipe_id: str
    dataset_id: str
    recipe: Recipe
    created_at: str
    changed_at: str

    @property
    def name(self) -> str:
        """Its name."""
        return self.recipe.name


@dataclass(frozen=True, slots=True)
class Difference:
    """Number of samples, and the first of their keys."""

    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecipeDifference:
    """Samples on which the verdicts of two recipes differ."""

    both: int
    only_first: Difference
    only_second: Difference


@dataclass(frozen=True, slots=True)
class RecipeChanges:
    """What changed since a recipe was made.

    With `is_exact` the samples were compared one by one; otherwise (the recipe was made elsewhere) only counts are
    known, and the differences are None. `references` says which reference datasets have changed, "" if none has.
    """

    same_dataset: bool
    is_exact: bool
    kept_then: int
    kept_now: int
    total_then: int
    total_now: int
    added: Difference | None = None
    removed: Difference | None = None
    altered: Difference | None = None
    moved: Difference | None = None
    newly_kept: Difference | None = None
    newly_dropped: Difference | None = None
    references: str = field(default="", kw_only=True)


def save_recipe(
    store: Store, dataset_id: str, recipe: Recipe, overwrite: bool = False, evaluation: Evaluation | None = None
) -> SavedRecipe:
    """Save a recipe with the current verdicts, which later show what changed; `evaluation` is what it was made of.

    Raises:
        RuleError: if one with this name exists and `overwrite` is not set, or the name is invisible.
    """
    if not recipe.name.isprintable():
        raise RuleError(
            f"{recipe.name!r} cannot be the name of a recipe: it has no visible characters. Choose another name."
        )
    now, recipe_id = utc_now(), new_id()
    try:
        with store.catalogue.transaction() as connection:
            if overwrite:
                connection.execute("DELETE FROM recipes WHERE dataset_id = ? AND name = ?", [dataset_id, recipe.name])
            connection.execute(
                "INSERT INTO recipes VALUES (?, ?, ?, ?, ?, ?)",
                [recipe_id, dataset_id, recipe.name, to_yaml(recipe), now, now],
            )
    except StoreError as error:
        if isinstance(error.__cause__, sqlite3.IntegrityError):
            raise RuleError(
                f"A recipe named {recipe.name!r} already exists. Choose another name, or replace it (--overwrite)."
            ) from error
        raise
    take_snapshot(store, dataset_id, recipe, evaluation)
    if overwrite:
        _remove_unused_snapshots(store, dataset_id)
    return SavedRecipe(recipe_id, dataset_id, recipe, now, now)


def saved_recipes(store: Store, dataset_id: str) -> tuple[SavedRecipe, ...]:
    """Return the recipes of a dataset, the latest first."""
    with store.catalogue.transaction() as connection:
        sql = "SELECT * FROM recipes WHERE dataset_id = ? ORDER BY recipe_id DESC"
        rows = connection.execute(sql, [dataset_id]).fetchall()
    return tuple(
        SavedRecipe(row["recipe_id"], row["dataset_id"], from_yaml(row["body"]), row["created_at"], row["changed_at"])
        for row in rows
    )


def saved_recipe(store: Store, dataset_id: str, name: str) -> SavedRecipe:
    """Return the recipe with this name.

    Raises:
        UnknownNameError: if there is none.
    """
    found = saved_recipes(store, dataset_id)
    for item in found:
        if item.name == name:
            return item
    raise unknown("recipe", name, (item.name for item in found))


def duplicate_recipe(store: Store, saved: SavedRecipe) -> SavedRecipe:
    """Save a copy of a recipe under a free name, "NAME (2)"."""
    taken = {item.name for item in saved_recipes(store, saved.dataset_id)}
    number = 2
    while f"{saved.name} ({number})" in taken:
        number += 1
    return save_recipe(store, saved.dataset_id, replace(saved.recipe, name=f"{saved.name} ({number})"))


def remove_recipe(store: Store, saved: SavedRecipe) -> None:
    """Remove a saved recipe."""
    with store.catalogue.transaction() as connection:
        connection.execute("DELETE FROM recipes WHERE recipe_id = ?", [saved.recipe_id])
    _remove_unused_snapshots(store, saved.dataset_id)


def differing_samples(store: Store, dataset_id: str, first: Recipe, second: Recipe) -> pa.Table:
    """Return samples of the current dataset whose verdicts differ: sample_key and both verdicts.

    Raises:
        UnknownNameError, DatasetNotReadyError, RuleError: as `evaluate`.
    """
    one, two = (evaluate_recipe(store, dataset_id, item) for item in (first, second))
    return store.query(f"""SELECT sample_key, first, second FROM {one.base}
        POSITIONAL JOIN (SELECT verdict AS first FROM {one.table})
        POSITIONAL JOIN (SELECT verdict AS second FROM {two.table}) WHERE first <> second ORDER BY row_id""")


def compare_recipes(store: Store, dataset_id: str, first: Recipe, second: Recipe) -> RecipeDifference:
    """Return the samples of the current dataset that only one of two recipes keeps.

    Raises:
        UnknownNameError, DatasetNotReadyError, RuleError: as `evaluate`.
    """
    one, two = (evaluate_recipe(store, dataset_id, item) for item in (first, second))
    pair = f"""SELECT sample_key, a, b FROM {one.base}
        POSITIONAL JOIN (SELECT verdict = 'keep' AS a FROM {one.table})
        POSITIONAL JOIN (SELECT verdict = 'keep' AS b FROM {two.table})"""
    both = store.query(f"SELECT count(*) FILTER (a AND b) AS n FROM ({pair})")["n"][0].as_py()
    return RecipeDifference(both, _difference(store, pair, "a AND NOT b"), _difference(store, pair, "b AND NOT a"))


def take_snapshot(store: Store, dataset_id: str, recipe: Recipe, evaluation: Evaluation | None = None) -> None:
    """Store what a recipe keeps now: sample_key, content_id, verdict."""
    found = evaluation or evaluate_recipe(store, dataset_id, recipe)
    sql = f"SELECT sample_key, content_id, verdict FROM {found.base} POSITIONAL JOIN {found.table} ORDER BY row_id"
    path = _snapshot(store, dataset_id, recipe)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(path, store.query(sql))


def recipe_changes(store: Store, dataset_id: str, recipe: Recipe) -> RecipeChanges:
    """Return what changed since a recipe was made.

    Raises:
        UnknownNameError, DatasetNotReadyError, RuleError: as `evaluate`.
    """
    dataset = store.catalogue.dataset(dataset_id)
    found = evaluate_recipe(store, dataset_id, recipe)
    now = store.query(
        f"SELECT count(*) AS n, count(*) FILTER (verdict = 'keep') AS kept FROM {found.table}"
    ).to_pylist()[0]
    same = dataset_fingerprint(store, dataset) == recipe.fingerprint
    counts = (recipe.result.get("kept", 0), now["kept"], recipe.num_samples, now["n"])
    notes = reference_notes(store, recipe.references)
    path = _snapshot(store, dataset_id, recipe)
    if not path.is_file():
        return RecipeChanges(same, False, *counts, references=notes)
    judged = f"(SELECT sample_key, content_id, verdict FROM {found.base} POSITIONAL JOIN {found.table})"
    pair = _before_and_now(f"({parquet_sql([path])})", judged)
    conditions = (
        "NOT was",
        "NOT exists_now",
        "was AND exists_now AND old_id <> new_id",
        "old_key <> new_key",
        "kept_now AND NOT coalesce(kept_then, false)",
        "kept_then AND exists_now AND NOT kept_now",
    )
    differences = (_difference(store, pair, condition) for condition in conditions)
    return RecipeChanges(same, True, *counts, *differences, references=notes)


def _before_and_now(before: str, now: str) -> str:
    """Return a SELECT that pairs previous and current samples.

    Paired are the same key and bytes, else the same bytes under another key (of copies in order), else the same key
    with other bytes.
    """
    order = "PARTITION BY content_id ORDER BY parse_filename(sample_key), sample_key"
    return f"""
        WITH left_over AS (
            SELECT *, row_number() OVER ({order}) AS place FROM {before} ANTI JOIN {now} USING (sample_key, content_id)
        ), arrived AS (
            SELECT *, row_number() OVER ({order}) AS place FROM {now} ANTI JOIN {before} USING (sample_key, content_id)
        ), moved AS (
            SELECT left_over.sample_key AS old_key, arrived.sample_key AS new_key
            FROM left_over JOIN arrived USING (content_id, place)
        ), old AS (
            SELECT sample_key, content_id, verdict, coalesce(new_key, sample_key) AS found_as,
                new_key IS NOT NULL AS went
            FROM {before} LEFT JOIN moved ON old_key = sample_key
        ), new AS (
            SELECT sample_key, content_id, verdict, new_key IS NOT NULL AS came FROM {now}
            LEFT JOIN moved ON new_key = sample_key
        )
        SELECT coalesce(new.sample_key, old.sample_key) AS sample_key, old.sample_key IS NOT NULL AS was,
            new.sample_key IS NOT NULL AS exists_now, old.content_id AS old_id, new.content_id AS new_id,
            old.sample_key AS old_key, new.sample_key AS new_key,
            old.verdict = 'keep' AS kept_then, new.verdict = 'keep' AS kept_now
        FROM old FULL JOIN new ON old.found_as = new.sample_key AND old.went = new.came
    """


def _difference(store: Store, pair: str, condition: str) -> Difference:
    rows = store.query(
        f"""SELECT count(*) AS n, min(sample_key, {NUM_EXAMPLES}) AS examples FROM ({pair}) WHERE {condition}"""
    ).to_pylist()[0]
    return Difference(rows["n"], tuple(rows["examples"] or ()))


def _snapshot(store: Store, dataset_id: str, recipe: Recipe) -> Path:
    return store.dataset_folder(dataset_id) / "recipes" / f"{recipe.recipe_hash}.parquet"


def _remove_unused_snapshots(store: Store, dataset_id: str) -> None:
    """Delete the snapshots of no saved recipe; copies of a recipe share one."""
    wanted = {_snapshot(store, dataset_id, item.recipe) for item in saved_recipes(store, dataset_id)}
    for path in (store.dataset_folder(dataset_id) / "recipes").glob("*.parquet"):
        if path not in wanted:
            path.unlink(missing_ok=True)


def missing_scores(store: Store, dataset_id: str, recipe: Recipe) -> str:
    """Report which scores of a recipe the dataset lacks, and what became of its references; "" if nothing did."""
    lacking, notes = [], reference_notes(store, recipe.references)
    for item in recipe.scores:
        found = full_coverage(store, ScoreSet(dataset_id, item.key))
        if not found.is_complete:
            lacking.append(f"{item.name} has {found.num_scored:,} of {found.num_samples:,}")
    if not lacking:
        return notes
    missing = (
        f"This recipe needs scores that are missing: {'; '.join(lacking)}. They were deleted, or are not measured yet. "
        "Start a run to measure them."
    )
    return f"{missing} {notes}".rstrip()


def describe_changes(changes: RecipeChanges) -> str:
    """Describe what changed, in some sentences."""
    return " ".join(filter(None, (_describe(changes), changes.references)))


def _describe(changes: RecipeChanges) -> str:
    kept = f"{changes.kept_now:,} samples kept, {changes.kept_then:,} when the recipe was made"
    if changes.same_dataset and changes.kept_now == changes.kept_then:
        return f"The dataset is unchanged since the recipe was made: {changes.kept_now:,} samples kept, as before."
    where = "The dataset is unchanged" if changes.same_dataset else "The dataset has changed"
    if changes.added is None or changes.removed is None or changes.altered is None:
        return f"{where}: {changes.total_now:,} samples, previously {changes.total_then:,}; {kept}."
    if changes.newly_kept is None or changes.newly_dropped is None:
        return f"{where}: {kept}."
    moved = f" {changes.moved.count:,} have another key," if changes.moved and changes.moved.count else ""
    return (
        f"{where}: {changes.added.count:,} samples are new, {changes.removed.count:,} are gone,{moved} "
        f"{changes.altered.count:,} have other bytes. {kept}: {changes.newly_kept.count:,} newly kept, "
        f"{changes.newly_dropped.count:,} newly dropped."
    )
