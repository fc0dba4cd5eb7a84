"""Calibrated runs and cascades through the real worker: complete, resumable, counted, never measured twice."""

import dataclasses
import json
import shutil
import threading
import time
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from jepascore_core.errors import UnknownNameError
from jepascore_core.jobs import process
from jepascore_core.jobs.queue import JobKind
from jepascore_core.jobs.requests import cancel_run, request_dataset, request_probe, request_run, resume_run
from jepascore_core.measuring.approximate.calibration import Calibration, spearman
from jepascore_core.measuring.specs import resolve_plan, resolve_spec
from jepascore_core.records.approximation import ApproximationPlan, nested_sizes
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.records.runs import RunState
from jepascore_core.storage.audit import audit
from jepascore_core.storage.store import Store
from jepascore_core.worker.loop import Worker

K, IMAGES = 64, 130
PLAN = ApproximationPlan(target_fidelity=0.9, num_calibration=60)
CASCADE = ApproximationPlan(target_fidelity=0.9, num_calibration=60, top=4, confidence=0.9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes of noise of many strengths, so that scores differ."""
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("images")
    for number in range(IMAGES):
        path = root / "ab"[number % 2] / f"{number:03d}.png"
        path.parent.mkdir(exist_ok=True)
        level, strength = rng.uniform(60, 200), rng.uniform(2, 60)
        pixels = np.clip(level + strength * rng.standard_normal((24, 24, 3)), 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    return root


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    """Where the homes are that tests begin with: what several have in common is done once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "start_worker", lambda *_: False)
        yield tmp_path_factory.mktemp("homes")


@pytest.fixture(scope="module")
def indexed_home(homes, folder):
    """The dataset, read."""
    store = Store(homes / "indexed")
    Worker(store).handle(JobKind.INDEX, request_dataset(store, "toy", str(folder)).dataset_id)
    return store.home


@pytest.fixture(scope="module")
def calibrated_home(homes, indexed_home, checkpoint):
    """A calibrated run of it, and no other."""
    store = Store(shutil.copytree(indexed_home, homes / "calibrated"))
    finish(store, Worker(store), ask(store, checkpoint))
    return store.home


@pytest.fixture
def store(tmp_path, homes, indexed_home):
    store = Store(shutil.copytree(indexed_home, tmp_path / "home"))
    yield store
    assert audit(store) == []


@pytest.fixture
def calibrated(tmp_path, calibrated_home):
    """A store with a finished calibrated run."""
    store = Store(shutil.copytree(calibrated_home, tmp_path / "calibrated"))
    yield store
    assert audit(store) == []


@pytest.fixture
def worker(store):
    return Worker(store)


def ask(store, checkpoint, estimator="calibrated", plan=PLAN, **options):
    return request_run(store, MeasurementRequest("toy", checkpoint, estimator, "float32", "cpu", plan=plan, **options))


def finish(store, worker, run):
    worker.handle(JobKind.RUN, run.run_id)
    return store.catalogue.run(run.run_id)


def scored(store, run, spec=None):
    dataset = store.catalogue.dataset("toy")
    sql = store.scored_sql(dataset, spec.key(run.backbone_id) if spec else run.key)
    return {row["sample_key"]: row for row in store.query(sql).to_pylist()}


def stored_ids(store, run, spec):
    sql = store.shards_sql(spec.key(run.backbone_id))
    return store.query(f"SELECT content_id FROM ({sql})")["content_id"].to_pylist()


def exact_run(store, worker, checkpoint):
    return finish(store, worker, ask(store, checkpoint, "exact", None))


def test_a_calibrated_run_scores_every_image_with_an_interval_and_a_later_exact_run_shows_through(
    calibrated, checkpoint
):
    store, (run,) = calibrated, calibrated.catalogue.runs()
    assert run.state is RunState.FINISHED, run.message
    assert (run.num_total, run.num_measured, run.num_failed, run.num_pending) == (IMAGES, IMAGES, 0, 0)
    report = run.report
    assert report.num_calibration == report.num_exact == 60
    assert [point.probes for point in report.curve] == list(nested_sizes(K))
    assert run.key.is_calibrated
    rows = scored(store, run)
    assert len(rows) == IMAGES
    assert sum(row["is_exact"] for row in rows.values()) == 60
    for row in rows.values():
        assert row["lower"] <= row["score"] <= row["upper"]
        assert (row["lower"] == row["upper"]) == row["is_exact"]
    spec = store.spec(run.key)
    # Calibration images take no pass of their own: their sketches are a by-product.
    assert len(stored_ids(store, run, spec.exact)) == 60
    assert len(stored_ids(store, run, spec.sketch())) == IMAGES - 60

    exact = exact_run(store, Worker(store), checkpoint)
    assert (exact.num_reused, exact.num_measured) == (60, IMAGES), "a later exact run reuses the calibration"
    truth = scored(store, exact)
    predicted = [row["score"] for key, row in sorted(rows.items()) if not row["is_exact"]]
    true = [truth[key]["score"] for key, row in sorted(rows.items()) if not row["is_exact"]]
    assert spearman(np.array(predicted), np.array(true)) > 0.85
    inside = [row["lower"] <= truth[key]["score"] <= row["upper"] for key, row in rows.items()]
    assert np.mean(inside) > 0.8
    through = scored(store, run)
    assert all(row["is_exact"] and row["score"] == truth[key]["score"] for key, row in through.items())


def test_what_is_known_is_not_measured_again(store, worker, checkpoint):
    exact = exact_run(store, worker, checkpoint)
    run = finish(store, worker, ask(store, checkpoint))
    # The sketches of every size are new for the calibration images; nothing else takes a pass.
    assert run.num_reused == IMAGES - 60
    assert run.report.spec_id == exact.spec.spec_id
    assert len(stored_ids(store, run, exact.spec)) == IMAGES
    again = finish(store, worker, ask(store, checkpoint))
    assert (again.num_reused, again.num_measured) == (IMAGES, IMAGES)


def test_a_repeated_calibrated_run_adds_nothing(calibrated, checkpoint):
    store, (first,) = calibrated, calibrated.catalogue.runs()
    before = {pair: len(store.shard_names(pair)) for pair in store.measured_keys()}
    second = finish(store, Worker(store), ask(store, checkpoint))
    assert second.report.spec_id == first.report.spec_id
    assert {pair: len(store.shard_names(pair)) for pair in store.measured_keys()} == before
    assert second.num_reused == IMAGES


def test_the_fit_is_kept_and_reproduces_the_rows(calibrated):
    store, (run,) = calibrated, calibrated.catalogue.runs()
    folder = store.measurement_folder(run.key)
    kept = json.loads((folder / "calibration.json").read_text())
    fit = Calibration.from_dict(kept["rank"])
    spec = store.spec(run.key)
    sketches = store.query(store.shards_sql(spec.sketch().key(run.backbone_id))).to_pylist()
    rows = {row["content_id"]: row for row in scored(store, run).values()}
    for sketch in sketches[:20]:
        features = [*sketch["log_singular_values"], *(sketch["features"] or [])[: kept["num_features"]]]
        score = float(fit.weights[-1] @ features + fit.offsets[-1])
        assert rows[sketch["content_id"]]["score"] == pytest.approx(score, rel=1e-9)
    assert len(kept["content_ids"]) == 60


@pytest.mark.parametrize("probes", [16, 20])
def test_a_given_number_of_probes_is_kept_whether_it_was_compared_or_not(store, worker, checkpoint, probes):
    run = finish(store, worker, ask(store, checkpoint, probes=probes))
    assert run.state is RunState.FINISHED, run.message
    assert run.report.probes == probes
    assert len(scored(store, run)) == IMAGES
    assert (run.num_total, run.num_measured) == (IMAGES, IMAGES)


def test_other_coverage_or_calibration_images_are_another_spec_and_share_every_pass(store, worker, checkpoint):
    specs = set()
    for change in ({}, {"coverage": 0.8}, {"num_calibration": 70}):
        run = finish(store, worker, ask(store, checkpoint, plan=dataclasses.replace(PLAN, **change), probes=16))
        specs.add(run.report.spec_id)
    assert len(specs) == 3
    assert len(stored_ids(store, run, run.spec.exact)) == 70
    assert len(stored_ids(store, run, run.spec.sketch(16))) == IMAGES - 60


def test_a_poor_fidelity_is_said_plainly(store, worker, checkpoint):
    run = finish(store, worker, ask(store, checkpoint, plan=dataclasses.replace(PLAN, target_fidelity=0.99999)))
    assert run.state is RunState.FINISHED
    assert not run.report.is_reached
    assert "no sketch reached" in run.message
    assert "measure exactly" in run.message


def test_a_dataset_no_larger_than_the_calibration_is_measured_exactly(store, worker, checkpoint):
    run = finish(store, worker, ask(store, checkpoint, plan=ApproximationPlan()))
    assert run.report.spec_id == run.spec.exact.spec_id
    assert all(row["is_exact"] for row in scored(store, run).values())
    assert run.num_measured == IMAGES


def extremes(rows, label, n):
    ordered = sorted((row["score"], key) for key, row in rows.items() if label is None or row["label"] == label)
    most = sorted((-row["score"], key) for key, row in rows.items() if label is None or row["label"] == label)
    return [key for _, key in ordered[:n]], [key for _, key in most[:n]]


def test_a_cascade_gives_the_exact_lists_from_fewer_exact_scores(store, worker, checkpoint):
    run = finish(store, worker, ask(store, checkpoint, "cascade", CASCADE))
    assert run.state is RunState.FINISHED, run.message
    cascade = run.report.cascade
    assert cascade.is_settled
    assert cascade.num_lists == 6
    assert cascade.num_confirmed == run.report.num_exact - 60
    assert run.num_total == run.num_measured == IMAGES + cascade.num_confirmed
    assert "6 lists (each has the right samples with 90 % confidence) confirmed by" in run.message
    assert f"{cascade.num_confirmed} exact measurements" in run.message
    rows = scored(store, run)
    truth = scored(store, exact_run(store, worker, checkpoint), run.spec.exact)
    for label in (None, "a", "b"):
        for mine, true in zip(extremes(rows, label, 4), extremes(truth, label, 4), strict=True):
            assert all(rows[key]["is_exact"] for key in mine)
            assert mine == true
    assert cascade.num_confirmed < IMAGES - 60


def test_a_cut_is_settled_by_the_images_near_it(store, worker, checkpoint):
    plan = dataclasses.replace(CASCADE, top=None, cut=20.0)
    run = finish(store, worker, ask(store, checkpoint, "cascade", plan))
    assert run.report.cascade.is_settled
    assert run.report.cascade.num_lists == 1
    assert "the cut at percentile 20 (each sample is on the right side of it with 90 % probability)" in run.message
    rows = scored(store, run)
    truth = scored(store, exact_run(store, worker, checkpoint), run.spec.exact)
    below = {key for key, row in truth.items() if row["percentile"] < 20}
    mine = {key for key, row in rows.items() if row["percentile"] < 20}
    assert len(below ^ mine) <= 2


def watch(store, run, condition, action):
    """Do something from another thread as soon as the run looks like this."""

    def wait():
        while not condition(store.catalogue.run(run.run_id)):
            time.sleep(0.005)
        action()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def is_in(stage):
    return lambda run: run.message.startswith(stage)


@pytest.mark.slow
def test_cancel_and_resume_in_every_stage(store, worker, checkpoint, monkeypatch):
    monkeypatch.setattr("jepascore_core.measuring.progress.REPORT_SECONDS", 0.0)
    monkeypatch.setattr("jepascore_core.worker.heartbeat.HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(process, "worker_is_alive", lambda _: True)
    monkeypatch.setattr("jepascore_core.measuring.shard_writer.SHARD_IMAGES", 4)
    run = ask(store, checkpoint, "cascade", dataclasses.replace(CASCADE, top=12))
    kept = Counter()
    for stage in ("Calibrating", "Sketching", "Confirming"):
        thread = watch(store, run, is_in(stage), lambda: cancel_run(store, run.run_id))
        ended = finish(store, worker, run)
        thread.join(timeout=5)
        assert ended.state is RunState.CANCELLED, stage
        exact = Counter(stored_ids(store, ended, run.spec.exact))
        assert kept.keys() <= exact.keys()
        kept = exact
        resume_run(store, run.run_id)
    ended = finish(store, worker, run)
    assert ended.state is RunState.FINISHED, ended.message
    assert ended.num_pending == 0
    exact = Counter(stored_ids(store, ended, run.spec.exact))
    assert set(exact.values()) == {1}
    assert kept.keys() <= exact.keys()
    assert ended.report.cascade.num_confirmed == len(exact) - 60
    assert len(scored(store, ended)) == IMAGES


@pytest.mark.slow
def test_counts_add_up_at_every_moment(store, worker, checkpoint, monkeypatch):
    monkeypatch.setattr("jepascore_core.measuring.progress.REPORT_SECONDS", 0.0)
    seen, real = [], store.catalogue.update_run

    def update(run_id, **changes):
        real(run_id, **changes)
        seen.append(store.catalogue.run(run_id))

    monkeypatch.setattr(store.catalogue, "update_run", update)
    finish(store, worker, ask(store, checkpoint, "cascade", CASCADE))
    told = [run for run in seen if run.num_total]
    assert all(run.num_measured + run.num_failed + run.num_pending == run.num_total for run in told)
    assert all(run.num_pending >= 0 for run in told)
    measured = [run.num_measured for run in told]
    assert measured == sorted(measured)
    assert {run.message.split()[0] for run in told} >= {"Calibrating", "Sketching", "Confirming"}


def test_an_image_that_fails_is_counted_once_and_the_rest_is_scored(store, worker, checkpoint, folder, tmp_path):
    copy = tmp_path / "copy"
    for path in folder.rglob("*.png"):
        (copy / path.parent.name).mkdir(parents=True, exist_ok=True)
        (copy / path.parent.name / path.name).write_bytes(path.read_bytes())
    worker.handle(JobKind.INDEX, request_dataset(store, "copy", str(copy)).dataset_id)
    for victim in ("a/000.png", "b/001.png", "a/002.png"):
        (copy / victim).unlink()
    run = request_run(store, MeasurementRequest("copy", checkpoint, "cascade", "float32", "cpu", plan=CASCADE))
    ended = finish(store, worker, run)
    assert ended.state is RunState.FINISHED, ended.message
    assert ended.num_failed == 3
    assert ended.num_measured + ended.num_failed == ended.num_total
    assert "3 failed" in ended.message


def test_too_few_calibration_images_are_an_error_that_says_what_to_do(store, worker, checkpoint, folder, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in folder.rglob("*.png"):
        (copy / path.name).write_bytes(path.read_bytes())
    worker.handle(JobKind.INDEX, request_dataset(store, "copy", str(copy)).dataset_id)
    for path in sorted(copy.iterdir())[:90]:
        path.unlink()
    run = request_run(store, MeasurementRequest("copy", checkpoint, "calibrated", "float32", "cpu", plan=PLAN))
    ended = finish(store, worker, run)
    assert ended.state is RunState.FAILED
    assert "calibration images could be measured" in ended.message


@pytest.mark.parametrize("estimator", ["sketch", "calibrated"])
def test_a_sketch_as_large_as_the_embedding_is_refused(store, worker, checkpoint, estimator):
    plan = PLAN if estimator == "calibrated" else None
    ended = finish(store, worker, ask(store, checkpoint, estimator, plan, probes=K))
    assert ended.state is RunState.FAILED
    assert "not cheaper" in ended.message


def test_a_probe_predicts_what_a_cascade_costs(store, worker, checkpoint):
    seconds = {}
    for estimator, plan in (("exact", None), ("calibrated", PLAN), ("cascade", CASCADE)):
        probe = request_probe(store, MeasurementRequest("toy", checkpoint, estimator, "float32", "cpu", plan=plan))
        worker.handle(JobKind.PROBE, probe.probe_id)
        answer = store.catalogue.probe(probe.probe_id)
        assert answer.result is not None, answer.message
        seconds[estimator] = answer.result.seconds_per_image
        assert answer.result.num_pending == IMAGES
    assert min(seconds.values()) > 0


def test_asking_twice_is_one_run_only_if_it_is_the_same_plan(store, worker, checkpoint):
    first = ask(store, checkpoint)
    assert ask(store, checkpoint).run_id == first.run_id
    assert ask(store, checkpoint, plan=dataclasses.replace(PLAN, coverage=0.8)).run_id != first.run_id


@pytest.mark.parametrize(
    ("estimator", "plan", "said"),
    [
        ("exact", ApproximationPlan(top=3), "not of exact"),
        ("calibrated", ApproximationPlan(top=3), "estimator cascade"),
        ("calibrated", ApproximationPlan(target_fidelity=1.0), "target fidelity"),
        ("calibrated", ApproximationPlan(num_calibration=10), "at least 40"),
        ("cascade", ApproximationPlan(top=0), "at least 1"),
        ("cascade", ApproximationPlan(cut=100.0), "percentile"),
        ("cascade", ApproximationPlan(top=3, confidence=0.0), "confidence"),
    ],
)
def test_plans_that_make_no_sense_say_why(estimator, plan, said):
    with pytest.raises(UnknownNameError, match=said):
        resolve_plan(estimator, plan)


def test_defaults():
    assert resolve_plan("cascade").top == 20
    assert resolve_plan("calibrated") == ApproximationPlan()
    assert resolve_plan("exact") is None
    assert resolve_spec("calibrated").probes is None
    assert resolve_spec("sketch").probes == 32
