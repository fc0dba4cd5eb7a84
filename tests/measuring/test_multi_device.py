"""Several processes measure what one would, each image once, whatever happens to one of them."""

import multiprocessing
import os
import signal

import numpy as np
import pytest
import torch
from PIL import Image

from jepascore_core.backbones.build import load_ref
from jepascore_core.backbones.devices import resolve_devices
from jepascore_core.datasets.content import content_id
from jepascore_core.errors import JepaScoreError, RunCancelled, UnknownNameError
from jepascore_core.jobs.demos import DIGITS_DEMO
from jepascore_core.measuring.loading import PendingImage
from jepascore_core.measuring.multi_device import measure_on
from jepascore_core.measuring.pipeline import measure_pending
from jepascore_core.measuring.task import Callbacks, MeasureTask
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.storage.audit import audit
from jepascore_core.storage.store import Store

REF = BackboneRef(DIGITS_DEMO.backbones[-1])
SPEC = MeasurementSpec(precision="float32")
TWO = (torch.device("cpu"), torch.device("cpu"))
NUM_IMAGES = 200

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pending(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for number in range(NUM_IMAGES):
        Image.fromarray(rng.integers(0, 255, (32, 32), np.uint8)).save(folder / f"{number:03d}.png")
    paths = sorted(folder.iterdir())
    return [PendingImage(content_id(path.read_bytes()), path.name, str(path)) for path in paths]


@pytest.fixture(scope="module")
def backbone():
    return load_ref(REF, "cpu")


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "home")
    yield store
    assert audit(store) == []
    assert multiprocessing.active_children() == []


def scores(store, backbone):
    rows = store.query(store.shards_sql(SPEC.key(backbone.info.backbone_id))).to_pylist()
    assert len({row["content_id"] for row in rows}) == len(rows), "no image is measured twice"
    return {row["content_id"]: row["score"] for row in rows}


def test_two_processes_measure_what_one_does_and_pass_on_rows_and_failures(store, backbone, pending, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    bad = PendingImage(content_id(b"no image"), "broken.png", str(broken))
    told, rows, failures = [], [], []

    def on_progress(progress, failed):
        told.append(progress.num_measured)
        failures.extend(failed)

    task = MeasureTask(store, backbone, SPEC, Callbacks(on_progress), on_shard=rows.extend)
    final = measure_on(REF, TWO)(task, [bad, *pending])
    assert (final.num_measured, final.num_failed) == (NUM_IMAGES, 1)
    assert told == sorted(told)
    assert [failure.sample_key for failure in failures] == ["broken.png"]
    alone = Store(tmp_path / "alone")
    measure_pending(MeasureTask(alone, backbone, SPEC), pending)
    assert scores(store, backbone) == pytest.approx(scores(alone, backbone), rel=1e-4)
    assert {row.content_id for row in rows} == {image.content_id for image in pending}


def test_what_a_killed_process_leaves_is_measured_all_the_same(store, backbone, pending):
    killed = []

    def on_progress(progress, _):
        if progress.num_measured and not killed:
            victim = multiprocessing.active_children()[0]
            killed.append(victim.pid)
            os.kill(victim.pid, signal.SIGKILL)

    final = measure_on(REF, TWO)(MeasureTask(store, backbone, SPEC, Callbacks(on_progress)), pending)
    assert killed
    assert final.num_measured == len(scores(store, backbone)) == NUM_IMAGES


def test_cancelling_stops_every_process_and_keeps_what_they_have(store, backbone, pending):
    seen = []

    def check():
        if seen and seen[-1].num_measured:
            raise RunCancelled

    listener = Callbacks(lambda progress, _: seen.append(progress), check)
    with pytest.raises(RunCancelled):
        measure_on(REF, TWO)(MeasureTask(store, backbone, SPEC, listener), pending * 50)
    stored = len(store.query(store.shards_sql(SPEC.key(backbone.info.backbone_id))))
    assert 0 < seen[-1].num_measured <= stored < 50 * NUM_IMAGES


def test_what_a_process_cannot_do_is_said_with_its_device(store, backbone, pending, tmp_path):
    missing = BackboneRef(DIGITS_DEMO.backbones[-1], checkpoint=str(tmp_path / "missing.safetensors"))
    with pytest.raises(JepaScoreError, match="cpu#"):
        measure_on(missing, TWO)(MeasureTask(store, backbone, SPEC), pending)


def test_names_of_devices():
    assert resolve_devices("cpu,cpu") == TWO
    assert resolve_devices("cpu") == TWO[:1]
    assert len(resolve_devices("auto")) == max(1, torch.cuda.device_count())
    with pytest.raises(UnknownNameError, match="cuda:99"):
        resolve_devices("cpu,cuda:99")
