"""What is said of work that waits, runs, hangs and ends."""

from datetime import UTC, datetime, timedelta

import pytest

from jepascore_core.curation.decisions import decide
from jepascore_core.records.approximation import ApproximationPlan
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.datasets import DatasetState, SampleFailure
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.requests import ResolvedRequest
from jepascore_core.records.runs import RunState
from jepascore_core.views.overview import overview
from jepascore_core.views.progress import (
    export_progress,
    failure_groups,
    index_failures,
    index_progress,
    run_progress,
)
from tests.conftest import SPEC, add_backbone, add_dataset, add_measurements, add_run, make_samples

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC).timestamp()


def failure(key, stage="decode", error_class="UnidentifiedImageError"):
    return SampleFailure(key, f"/images/{key}", stage, error_class, "cannot be read")


@pytest.fixture
def dataset(store):
    return add_dataset(store, "digits", make_samples("aab"), failures=[failure("z.png"), failure("broken.png")])


def test_a_running_run(store, dataset):
    run = add_run(
        store, dataset, add_backbone(store), RunState.RUNNING, num_total=1000, num_measured=400, num_failed=10,
        num_reused=100, rate=2.0, heartbeat=NOW - 1, started_at="2026-01-01T11:55:00+00:00", message="Measuring",
    )  # fmt: skip
    shown = run_progress(store, run, NOW)
    assert shown.title == "digits, timm:vit_tiny_patch16_224.test"
    assert shown.short_title == "digits, ViT-Ti/16 (timm)"
    assert shown.measured == run.spec.key(run.backbone_id)
    assert (shown.state_text, shown.is_active, shown.is_stale) == ("Running", True, False)
    assert shown.num_done + shown.num_failed + shown.num_pending == shown.num_total
    assert shown.fraction == 0.41
    assert shown.counts_text == "400 of 1,000 images measured (100 already measured), 10 failed"
    assert (shown.rate_text, shown.time_left_text, shown.elapsed_text) == (
        "2.0 images/s",
        "4 min 55 s left",
        "5 min",
    )


@pytest.mark.parametrize(("heartbeat", "is_stale"), [(NOW - 29, False), (NOW - 31, True), (None, True)])
def test_a_run_whose_worker_is_silent(store, dataset, heartbeat, is_stale):
    run = add_run(store, dataset, add_backbone(store), RunState.RUNNING, num_total=10, rate=1.0, heartbeat=heartbeat)
    shown = run_progress(store, run, NOW)
    assert shown.is_stale == is_stale
    assert (shown.time_left_text == "") == is_stale
    assert ("no heartbeat" in shown.state_text) == is_stale


def test_two_runs_of_one_backbone_are_told_apart(store, dataset):
    asked = BackboneRef("timm:test_vit", "/weights/mine.safetensors", "avg", 32)
    run = store.catalogue.add_run(ResolvedRequest(dataset.dataset_id, asked, SPEC, "cpu"))
    assert run_progress(store, run, NOW).backbone == "timm:test_vit · mine.safetensors · avg · 32 px"
    for spec, plan, expected in (
        (SPEC, None, "timm:test_vit"),
        (MeasurementSpec("sketch", probes=8), None, "timm:test_vit · sketch, 8 passes"),
        (MeasurementSpec(views=8, augmentation="crops"), None, "timm:test_vit · 8 views"),
        (MeasurementSpec("sketch", probes=4, augmentation="crops"), None, "timm:test_vit · sketch, 4 passes, 1 view"),
        (MeasurementSpec("calibrated"), ApproximationPlan(), "timm:test_vit · calibrated"),
        (MeasurementSpec("calibrated"), ApproximationPlan(top=5), "timm:test_vit · cascade"),
    ):
        other = store.catalogue.add_run(
            ResolvedRequest(dataset.dataset_id, BackboneRef("timm:test_vit"), spec, "cpu", plan)
        )
        shown = run_progress(store, other, NOW)
        assert shown.backbone == expected
        assert shown.title == f"{dataset.name}, timm:test_vit" + (f", {spec.views_text}" if spec.has_views else "")
        assert shown.short_title.endswith(spec.views_text)


def test_other_states(store, dataset):
    backbone = add_backbone(store)
    queued = run_progress(store, add_run(store, dataset, backbone, RunState.QUEUED), NOW)
    assert (queued.state_text, queued.fraction, queued.counts_text, queued.is_stale) == ("Waiting", 0.0, "", False)
    stopping = add_run(store, dataset, backbone, RunState.RUNNING, cancel_requested=1, heartbeat=NOW)
    assert run_progress(store, stopping, NOW).state_text == "Cancelling"
    almost = add_run(store, dataset, backbone, RunState.RUNNING, num_total=10, num_measured=10, heartbeat=NOW)
    assert run_progress(store, almost, NOW).fraction < 1
    ended = add_run(
        store, dataset, backbone, RunState.FINISHED, num_total=1, num_measured=1, heartbeat=NOW - 9000,
        started_at="2026-01-01T10:00:00+00:00", finished_at="2026-01-01T10:02:05+00:00",
    )  # fmt: skip
    shown = run_progress(store, ended, NOW)
    assert (shown.state_text, shown.fraction, shown.is_active, shown.is_stale) == ("Finished", 1.0, False, False)
    assert (shown.elapsed_text, shown.counts_text) == ("2 min 5 s", "1 of 1 image measured")
    failed = add_run(store, dataset, backbone, RunState.FAILED, message="No space", cancel_requested=1)
    assert run_progress(store, failed, NOW).state_text == "Failed"


def test_failures_in_groups():
    failures = [failure(f"{n:02}.png") for n in reversed(range(8))]
    failures += [failure("x.png", "read", "OSError"), failure("y.png", "decode", "OSError")]
    groups = failure_groups(failures)
    assert [(g.stage, g.error_class, g.count) for g in groups] == [
        ("decode", "UnidentifiedImageError", 8), ("decode", "OSError", 1), ("read", "OSError", 1),
    ]  # fmt: skip
    assert [item.sample_key for item in groups[0].examples] == [f"{n:02}.png" for n in range(5)]
    assert failure_groups([]) == ()


def test_index(store, dataset):
    assert [item.sample_key for item in index_failures(store, dataset)] == ["broken.png", "z.png"]
    shown = index_progress(dataset, NOW)
    assert (shown.state_text, shown.fraction, shown.counts_text) == ("Ready", 1.0, "3 of 5 files indexed, 2 failed")
    store.catalogue.update_dataset(dataset.dataset_id, state=DatasetState.CANCELLED)
    cancelled = index_progress(store.catalogue.dataset("digits"), NOW)
    assert (cancelled.state_text, cancelled.fraction) == ("Ready, rescan cancelled", 1.0)
    new = store.catalogue.add_dataset("new", "/new", "flat", {})
    assert index_failures(store, new) == []
    waiting = index_progress(new, NOW)
    assert (waiting.state_text, waiting.is_active, waiting.is_stale, waiting.fraction) == ("Indexing", True, False, 0.0)
    store.catalogue.update_dataset(new.dataset_id, heartbeat=NOW - 60, num_total=100, num_indexed=50)
    silent = index_progress(store.catalogue.dataset("new"), NOW)
    assert (silent.is_stale, silent.fraction, silent.num_pending) == (True, 0.5, 50)


def test_home(store, dataset):
    backbone = add_backbone(store)
    samples = make_samples("aab")
    add_measurements(store, dataset, backbone, {samples[0].sample_key: 1.0}, samples=samples)
    runs = [add_run(store, dataset, backbone) for _ in range(3)]
    runs.append(add_run(store, dataset, backbone, RunState.QUEUED))
    indexing = store.catalogue.add_dataset("another", "/another", "flat", {})
    shown = overview(store, NOW, max_runs=2)
    assert not shown.is_empty
    assert [item.choice.name for item in shown.datasets] == ["another", "digits"]
    assert [item.num_scored for item in shown.datasets[1].measured] == [1]
    assert shown.datasets[1].choice.num_failed == 2
    assert [run.identifier for run in shown.runs] == [runs[3].run_id, runs[2].run_id]
    assert [item.identifier for item in shown.active] == [indexing.dataset_id, runs[3].run_id]


def test_the_last_activity_of_a_dataset(store, dataset):
    """Indexed, measured or decided about, whichever came last; never later than now."""
    begun = datetime.fromisoformat(dataset.created_at).timestamp()
    now = begun + 10_000
    (shown,) = overview(store, now).datasets
    assert (shown.last_activity, shown.runs) == (begun, ())
    assert overview(store, begun - 5).datasets[0].last_activity == begun - 5
    run = add_run(store, dataset, add_backbone(store), RunState.RUNNING, heartbeat=begun + 4000)
    (shown,) = overview(store, now).datasets
    assert (shown.last_activity, [item.identifier for item in shown.runs]) == (begun + 4000, [run.run_id])
    (sample, *_) = make_samples("aab")
    decide(store, dataset.dataset_id, [(sample.sample_key, sample.content_id)], "drop", "ada")
    later = (datetime.fromtimestamp(begun, UTC) + timedelta(seconds=5000)).isoformat()
    with store.catalogue.transaction() as connection:
        connection.execute("UPDATE decision_actions SET decided_at = ?", [later])
    assert overview(store, now).datasets[0].last_activity == begun + 5000


def test_empty_home(store):
    shown = overview(store, NOW)
    assert shown.is_empty


def test_an_export(store, dataset):
    request = store.catalogue.add_export(dataset.dataset_id, "{}", "/out/kept", "tree", {})
    waiting = export_progress(request, "digits", NOW)
    assert (waiting.short_title, waiting.state_text, waiting.counts_text) == ("kept", "Waiting", "")
    store.catalogue.update_export(
        request.export_id, state=RunState.RUNNING, num_total=100, num_written=40, rate=2.0, heartbeat=NOW,
        started_at="2026-01-01T11:55:00+00:00",
    )  # fmt: skip
    shown = export_progress(store.catalogue.export(request.export_id), "digits", NOW)
    assert shown.title == "digits, /out/kept"
    assert (shown.fraction, shown.counts_text, shown.time_left_text) == (0.4, "40 of 100 samples written", "30 s left")
    assert shown.num_done + shown.num_failed + shown.num_pending == shown.num_total
    store.catalogue.update_export(request.export_id, cancel_requested=1, heartbeat=NOW - 100)
    shown = export_progress(store.catalogue.export(request.export_id), "digits", NOW)
    assert (shown.state_text, shown.is_stale, shown.rate_text) == ("Cancelling", True, "")
