"""Workers as processes of their own, killed with SIGKILL in the middle of runs: nothing is lost or measured twice."""

import os
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jepascore_core.jobs import process
from jepascore_core.jobs.process import start_worker, worker_is_alive, worker_pid
from jepascore_core.jobs.queue import JobKind
from jepascore_core.jobs.requests import follow, request_dataset, request_run
from jepascore_core.records.approximation import ApproximationPlan
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.records.runs import RunState
from jepascore_core.storage.audit import audit
from jepascore_core.storage.store import Store
from jepascore_core.worker.loop import NICENESS, NICENESS_VARIABLE, Worker
from tests.conftest import wait_until


def write_images(folder, count):
    """Noise of many strengths, so that scores differ."""
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / "ab"[number % 2] / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(rng.uniform(60, 200) + rng.uniform(2, 60) * rng.standard_normal((16, 16, 3)), 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    return folder


def rows_of(store, run, spec):
    """Score by content id, as the shards of one spec hold them; every image once."""
    found = store.query(f"SELECT content_id, score FROM ({store.shards_sql(spec.key(run.backbone_id))}) ORDER BY ALL")
    ids = found["content_id"].to_pylist()
    assert len(set(ids)) == len(ids)
    return dict(zip(ids, found["score"].to_pylist(), strict=True))


def measured_ids(store):
    return [
        row["content_id"]
        for pair in store.measured_keys()
        for row in store.query(store.measurements_sql(pair)).to_pylist()
    ]


@pytest.fixture
def live_store(tmp_path):
    """A store served by real worker processes, of which none outlives the test."""
    store = Store(tmp_path / "home")
    yield store
    pid = worker_pid(store.home)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    assert audit(store) == []


@pytest.mark.slow
def test_kill_9_in_mid_run_then_completion_with_every_image_measured_once(live_store, tmp_path, checkpoint):
    store, count = live_store, 1500
    request_dataset(store, "toy", str(write_images(tmp_path / "images", count)))
    # Slow enough that two kills find it at work, also on a fast machine.
    run = request_run(store, MeasurementRequest("toy", checkpoint, precision="float64"))
    for _ in range(2):
        known = len(measured_ids(store))
        wait_until(lambda: len(measured_ids(store)) > known)  # noqa: B023 - read at once
        pid = worker_pid(store.home)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not worker_is_alive(store.home))
        assert store.catalogue.run(run.run_id).state is RunState.RUNNING
        assert start_worker(store.home)
    ended = list(follow(store, partial(store.catalogue.run, run.run_id)))[-1]
    assert (ended.state, ended.num_measured, ended.num_failed) == (RunState.FINISHED, count, 0)
    counts = Counter(measured_ids(store))
    assert len(counts) == count
    assert set(counts.values()) == {1}


CASCADE = ApproximationPlan(target_fidelity=0.9, num_calibration=200, top=8, confidence=0.9)


@pytest.mark.slow
def test_a_cascade_killed_in_every_stage_ends_as_an_undisturbed_one(live_store, tmp_path, checkpoint, monkeypatch):
    folder = write_images(tmp_path / "images", 700)
    # Slow enough that a kill finds every stage at work.
    options = {"estimator": "cascade", "precision": "float64", "device": "cpu", "plan": CASCADE}
    request_dataset(live_store, "toy", str(folder))
    run = request_run(live_store, MeasurementRequest("toy", checkpoint, **options))
    for stage in ("Calibrating", "Sketching", "Confirming"):
        wait_until(lambda: stage in (live_store.catalogue.run(run.run_id).message or ""))  # noqa: B023 - read at once
        os.kill(worker_pid(live_store.home), signal.SIGKILL)
        wait_until(lambda: not worker_is_alive(live_store.home))
        assert live_store.catalogue.run(run.run_id).state is RunState.RUNNING
        assert start_worker(live_store.home)
    ended = list(follow(live_store, partial(live_store.catalogue.run, run.run_id)))[-1]
    assert (ended.state, ended.num_failed) == (RunState.FINISHED, 0), ended.message

    monkeypatch.setattr(process, "start_worker", lambda *_: False)
    calm, worker = Store(tmp_path / "calm"), Worker(Store(tmp_path / "calm"))
    worker.handle(JobKind.INDEX, request_dataset(calm, "toy", str(folder)).dataset_id)
    undisturbed = request_run(calm, MeasurementRequest("toy", checkpoint, **options))
    worker.handle(JobKind.RUN, undisturbed.run_id)
    undisturbed = calm.catalogue.run(undisturbed.run_id)

    assert ended.num_measured == ended.num_total == undisturbed.num_total
    assert ended.report.cascade.is_settled
    assert ended.report.cascade.num_confirmed == undisturbed.report.cascade.num_confirmed
    spec = live_store.spec(ended.key)
    for each in (spec, spec.exact, spec.sketch()):
        found, expected = rows_of(live_store, ended, each), rows_of(calm, undisturbed, each)
        assert list(found) == list(expected)
        # A score is a sum of logs and may be near 0: its rounding is absolute.
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.slow
def test_only_one_worker_serves_a_home_and_sigterm_ends_it(live_store, monkeypatch):
    home = live_store.home
    monkeypatch.delenv(NICENESS_VARIABLE)
    assert start_worker(home)
    wait_until(lambda: worker_pid(home) is not None)
    command = [sys.executable, "-m", "jepascore_core", "worker", "run"]
    second = subprocess.run(command, env={**os.environ, "JEPASCORE_HOME": str(home)}, capture_output=True, check=False)
    assert second.returncode == 1
    assert b"Another worker" in second.stderr
    assert os.getpriority(os.PRIO_PROCESS, worker_pid(home)) >= NICENESS
    session = Path(f"/proc/{worker_pid(home)}/autogroup")
    if session.exists():
        assert session.read_text().split()[-1] == str(NICENESS)
    os.kill(worker_pid(home), signal.SIGTERM)
    wait_until(lambda: not worker_is_alive(home))


@pytest.mark.slow
def test_an_idle_worker_ends(live_store):
    assert start_worker(live_store.home, idle_seconds=0.5)
    wait_until(lambda: worker_is_alive(live_store.home))
    wait_until(lambda: not worker_is_alive(live_store.home))
