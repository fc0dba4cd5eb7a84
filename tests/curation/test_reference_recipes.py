"""Recipes and exports that compare with a reference dataset: by its images, whatever it is called."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from jepascore_core.curation import evaluate, parse, to_text
from jepascore_core.curation.recipes import current_curation, evaluate_recipe, from_yaml, make_recipe, to_yaml
from jepascore_core.curation.references import reference_notes
from jepascore_core.curation.saved_recipes import describe_changes, missing_scores, recipe_changes, save_recipe
from jepascore_core.errors import UnknownNameError
from jepascore_core.exporters import export
from tests.conftest import add_backbone, add_dataset, make_sample
from tests.curation.test_reference_rules import A, B, put

RULES = 'reference_distance["A", 2] >= 0.1 and not reference_percentile["A"] < 10 | budget 3 diverse from "A"'


@pytest.fixture
def scores(store):
    backbone = add_backbone(store)
    put(store, "A", A, backbone)
    return put(store, "B", B, backbone, measured=5)


@pytest.fixture
def recipe(store, scores):
    made = make_recipe(store, evaluate(store, scores, parse(RULES)), "new ones")
    save_recipe(store, scores.dataset_id, made)
    return made


def kept(store, scores, recipe):
    found = evaluate_recipe(store, scores.dataset_id, recipe)
    rows = store.query(f"SELECT sample_key FROM {found.relation} WHERE verdict = 'keep' ORDER BY row_id")
    return rows["sample_key"].to_pylist()


def test_a_recipe_records_the_reference_and_comes_back(store, scores, recipe):
    (recorded,) = recipe.references
    assert (recorded.name, recorded.num_samples, recorded.fingerprint[:7]) == ("A", 3, "sha256:")
    assert from_yaml(to_yaml(recipe)) == recipe
    assert "references" not in to_yaml(make_recipe(store, evaluate(store, scores, parse("")), "all"))
    assert kept(store, scores, recipe) == ["B02.png", "B03.png", "B04.png"]
    assert reference_notes(store, recipe.references) == ""


def test_a_renamed_reference_is_found_by_its_images(store, scores, recipe):
    store.catalogue.update_dataset(store.catalogue.dataset("A").dataset_id, name="old ones")
    assert kept(store, scores, recipe) == ["B02.png", "B03.png", "B04.png"]
    assert to_text(current_curation(store, recipe)) == RULES.replace('"A"', '"old ones"')
    assert "is now called old ones" in describe_changes(recipe_changes(store, scores.dataset_id, recipe))
    add_dataset(store, "A", [make_sample("x.png")])
    assert to_text(current_curation(store, recipe)) == RULES.replace('"A"', '"old ones"'), "another one has its name"


def test_a_changed_reference_is_used_and_said(store, scores, recipe):
    store.remove_dataset(store.catalogue.dataset("A"))
    put(store, "A", [*A, ("a4", 88, 4)], store.catalogue.backbones()[scores.backbone_id])
    note = "The reference dataset A has changed since the recipe was made: 4 samples, previously 3."
    assert note in missing_scores(store, scores.dataset_id, recipe)
    changes = recipe_changes(store, scores.dataset_id, recipe)
    assert describe_changes(changes).endswith(note)
    assert (changes.same_dataset, changes.kept_now) == (True, 3)


def test_a_reference_that_is_gone_is_an_error_that_says_so(store, scores, recipe):
    store.remove_dataset(store.catalogue.dataset("A"))
    with pytest.raises(UnknownNameError, match=r"reference dataset A of this recipe is gone.*Add it again"):
        kept(store, scores, recipe)
    assert "is gone" in missing_scores(store, scores.dataset_id, recipe)


def test_exports_carry_the_columns(store, scores, recipe, tmp_path):
    report = export(store, scores.dataset_id, recipe, tmp_path / "kept.parquet")
    rows = pq.read_table(report.path)
    assert rows.column_names[-3:] == ["reference_distance", "reference_percentile", "reference_distance_2"]
    second, first = rows["reference_distance"].to_pylist(), rows["reference_distance_2"].to_pylist()
    assert all(a > b > 0 for a, b in zip(second, first, strict=True)), "to the second nearest, and to the nearest"
    assert rows["reference_percentile"].to_pylist() == pytest.approx([50, 100, 500 / 6])
    provenance = json.loads(report.provenance_path.read_text())
    assert provenance["columns"] == {
        "reference_distance": 'reference_distance["A", 2]',
        "reference_percentile": 'reference_percentile["A"]',
        "reference_distance_2": 'reference_distance["A"]',
    }
    assert provenance["recipe"]["references"][0]["name"] == "A"


@pytest.mark.parametrize("name", ["kept.csv", "kept.jsonl"])
def test_text_exports_have_them_too(store, scores, recipe, tmp_path, name):
    lines = export(store, scores.dataset_id, recipe, tmp_path / name).path.read_text().splitlines()
    assert "reference_percentile" in lines[0]
    plain = make_recipe(store, evaluate(store, scores, parse("")), "all")
    assert "reference" not in export(store, scores.dataset_id, plain, tmp_path / f"plain-{name}").path.read_text()
