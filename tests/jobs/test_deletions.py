"""Deleting the scores of a run: what goes, what other runs keep, and what a killed deletion leaves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jepascore_core.curation import evaluate, parse
from jepascore_core.curation.recipes import make_recipe
from jepascore_core.curation.saved_recipes import missing_scores, recipe_changes
from jepascore_core.errors import JepaScoreError
from jepascore_core.jobs import deletions
from jepascore_core.jobs.deletions import delete_scores, plan_deletion
from jepascore_core.records.backbones import BackboneInfo
from jepascore_core.records.datasets import DatasetRecord, Sample
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.runs import Run, RunState
from jepascore_core.scores.measured import measured_choices
from jepascore_core.scores.score_set import ScoreSet, version_key
from jepascore_core.storage.audit import audit
from jepascore_core.storage.store import Store
from tests.conftest import SPEC, add_backbone, add_dataset, add_measurements, add_run, make_samples


def measure(
    store: Store, dataset: DatasetRecord, backbone: BackboneInfo, samples: list[Sample], spec: MeasurementSpec = SPEC
) -> Run:
    """A run that measured some samples of a dataset, unless they were measured before."""
    known = set(store.query(store.measurements_sql(spec.key(backbone.backbone_id)))["content_id"].to_pylist())
    new = {sample.sample_key: 1.0 for sample in samples if sample.content_id not in known}
    add_measurements(store, dataset, backbone, new, samples=samples, spec=spec)
    counts = {"num_total": len(samples), "num_measured": len(samples), "num_reused": len(samples) - len(new)}
    return add_run(store, dataset, backbone, RunState.CANCELLED, spec, **counts)


def measured_ids(store: Store, backbone: BackboneInfo, spec: MeasurementSpec = SPEC) -> set[str]:
    found = store.query(store.measurements_sql(spec.key(backbone.backbone_id)))["content_id"].to_pylist()
    assert len(found) == len(set(found))
    return set(found)


def ids(samples: list[Sample]) -> set[str]:
    return {sample.content_id for sample in samples}


def test_the_scores_and_their_run_go_and_pages_show_the_other_backbone(store: Store) -> None:
    samples = make_samples("aabbcc")
    dataset, full, half = add_dataset(store, "d", samples), add_backbone(store), add_backbone(store, "timm:resnet18.a1")
    measure(store, dataset, full, samples)
    run = measure(store, dataset, half, samples[:2])
    scores = ScoreSet(dataset.dataset_id, SPEC.key(half.backbone_id))
    derived = store.dataset_folder(dataset.dataset_id) / "neighbours" / SPEC.key(half.backbone_id).text
    derived.mkdir(parents=True)
    before = version_key(store, scores)
    plan = plan_deletion(store, run.run_id)
    assert (plan.num_measurements, plan.num_images, plan.num_kept, plan.also_lost) == (2, 2, 0, ())
    assert plan.seconds == pytest.approx(0.02) and "This deletes 2 measurements of d." in plan.text
    assert measured_ids(store, half) == ids(samples[:2]), "a plan does nothing"
    assert delete_scores(store, run.run_id) == plan
    assert [item.run_id for item in store.catalogue.runs() if item.backbone_id == half.backbone_id] == []
    assert [item.key.backbone_id for item in measured_choices(store, dataset.dataset_id)] == [full.backbone_id]
    assert version_key(store, scores) != before
    assert not derived.exists() and not store.measurement_folder(SPEC.key(half.backbone_id)).exists()


def test_what_another_datasets_run_needs_stays_and_who_else_loses_is_said(store: Store) -> None:
    samples, backbone = make_samples("aabbcc"), add_backbone(store)
    one, two = add_dataset(store, "one", samples), add_dataset(store, "two", samples[:2])
    add_dataset(store, "three", samples[1:4])
    run = measure(store, one, backbone, samples)
    other = measure(store, two, backbone, samples[:2])
    before = version_key(store, ScoreSet(two.dataset_id, SPEC.key(backbone.backbone_id)))
    found = delete_scores(store, run.run_id)
    assert (found.num_measurements, found.num_kept, found.kept_for) == (4, 2, ("two",))
    assert found.also_lost == (("three", 2),)
    assert "The scores of 2 images are kept, because runs of two need them." in found.text
    assert "three (2 images)" in found.text
    assert measured_ids(store, backbone) == ids(samples[:2])
    assert [item.run_id for item in store.catalogue.runs()] == [other.run_id]
    assert version_key(store, ScoreSet(two.dataset_id, SPEC.key(backbone.backbone_id))) != before
    delete_scores(store, other.run_id)
    assert store.measured_keys() == []


def test_other_precisions_and_backbones_are_left_alone(store: Store) -> None:
    samples, backbone, other = make_samples("aabb"), add_backbone(store), add_backbone(store, "timm:resnet18.a1")
    dataset, precise = add_dataset(store, "d", samples), MeasurementSpec(precision="float64")
    run = measure(store, dataset, backbone, samples)
    measure(store, dataset, backbone, samples, precise)
    measure(store, dataset, other, samples)
    delete_scores(store, run.run_id)
    assert measured_ids(store, backbone) == set()
    assert measured_ids(store, backbone, precise) == measured_ids(store, other) == ids(samples)


def test_runs_with_the_same_scores_go_together_and_none_while_one_is_active(store: Store) -> None:
    samples, backbone = make_samples("aabb"), add_backbone(store)
    dataset = add_dataset(store, "d", samples)
    run = measure(store, dataset, backbone, samples[:2])
    again = add_run(store, dataset, backbone, RunState.RUNNING)
    for identifier in (run.run_id, again.run_id):
        with pytest.raises(JepaScoreError, match=f"{again.run_id} is running. Cancel it first"):
            delete_scores(store, identifier)
    assert measured_ids(store, backbone) == ids(samples[:2])
    store.catalogue.update_run(again.run_id, state=RunState.CANCELLED)
    assert set(delete_scores(store, run.run_id).run_ids) == {run.run_id, again.run_id}
    assert store.catalogue.runs() == []


def test_a_run_that_never_loaded_its_backbone_has_no_scores(store: Store) -> None:
    dataset = add_dataset(store, "d", make_samples("a"))
    run = add_run(store, dataset, add_backbone(store), RunState.FAILED)
    store.catalogue.update_run(run.run_id, backbone_id=None)
    with pytest.raises(JepaScoreError, match=r"was never loaded\. Remove the run instead"):
        plan_deletion(store, run.run_id)


@pytest.mark.parametrize("step", range(5))
def test_a_deletion_that_is_killed_anywhere_loses_nothing_else_and_can_be_ended(
    store: Store, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    samples, backbone = make_samples("aabbcc"), add_backbone(store)
    one, two = add_dataset(store, "one", samples), add_dataset(store, "two", samples[::2])
    run = measure(store, one, backbone, samples)
    measure(store, two, backbone, samples[::2])
    done = 0

    def killed(work: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object, **options: object) -> object:
            nonlocal done
            done += 1
            if done > step:
                raise KeyboardInterrupt
            return work(*arguments, **options)

        return wrapped

    with monkeypatch.context() as patch:
        patch.setattr(deletions, "write_parquet", killed(deletions.write_parquet))
        patch.setattr(deletions, "put_in_place", killed(deletions.put_in_place))
        patch.setattr(store.catalogue, "remove_run", killed(store.catalogue.remove_run))
        with pytest.raises(KeyboardInterrupt):
            delete_scores(store, run.run_id)
    assert audit(store) == [], "what is there is whole"
    assert measured_ids(store, backbone) >= ids(samples[::2])
    assert run.run_id in [item.run_id for item in store.catalogue.runs()]
    delete_scores(store, run.run_id)
    assert measured_ids(store, backbone) == ids(samples[::2])


def test_a_recipe_whose_scores_are_deleted_says_so(store: Store) -> None:
    samples, backbone = make_samples("aabb"), add_backbone(store)
    dataset = add_dataset(store, "d", samples)
    run = measure(store, dataset, backbone, samples)
    scores = ScoreSet(dataset.dataset_id, SPEC.key(backbone.backbone_id))
    recipe = make_recipe(store, evaluate(store, scores, parse("class_percentile >= 10")), "strict")
    assert missing_scores(store, dataset.dataset_id, recipe) == ""
    delete_scores(store, run.run_id)
    found = missing_scores(store, dataset.dataset_id, recipe)
    assert f"{backbone.name} has 0 of 4. They were deleted" in found
    assert recipe_changes(store, dataset.dataset_id, recipe).kept_now == 0
