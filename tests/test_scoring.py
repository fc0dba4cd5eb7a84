"""`js.score_dataset`, with a real worker process."""

import os
import signal

import numpy as np
import pytest
from PIL import Image

import jepascore_core as js
from jepascore_core.errors import JepaScoreError, UnknownNameError
from jepascore_core.jobs.process import worker_pid
from jepascore_core.storage.audit import audit
from jepascore_core.storage.store import Store

BACKBONE = "bundled:digits-vit"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("JEPASCORE_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    pid = worker_pid(tmp_path / "home")
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(70):
        path = tmp_path / "images" / "ab"[number % 2] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(rng.uniform(60, 200) + rng.uniform(2, 60) * rng.standard_normal((16, 16)), 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    return tmp_path / "images"


@pytest.mark.slow
def test_a_folder_becomes_scores_with_intervals_and_then_exact_ones(home, folder):
    plan = js.ApproximationPlan(target_fidelity=0.8, num_calibration=40)
    found = js.score_dataset(str(folder), BACKBONE, "calibrated", "float32", "cpu", plan=plan)
    rows = found.table.to_pylist()
    assert [row["sample_key"] for row in rows] == sorted(row["sample_key"] for row in rows)
    assert len(rows) == 70
    assert sum(row["is_exact"] for row in rows) == found.report.num_exact == 40
    assert all(row["lower"] <= row["score"] <= row["upper"] for row in rows)
    assert "70 images scored" in found.message
    exact = js.score_dataset(str(folder), BACKBONE, "exact", "float32", "cpu")
    assert exact.report is None
    assert "40 of them before this run" in exact.message
    assert all(row["is_exact"] for row in exact.table.to_pylist())
    assert audit(Store(home)) == []
    with pytest.raises(JepaScoreError, match="ended as failed"):
        js.score_dataset(str(folder), "timm:no_such_architecture", device="cpu")


def test_a_name_that_is_nothing(home):
    with pytest.raises(UnknownNameError, match="not a file or folder"):
        js.score_dataset("nowhere", BACKBONE)


def test_a_definition_that_is_none_is_said_before_anything_is_measured(home, folder):
    with pytest.raises(UnknownNameError, match='Unknown definition "best"'):
        js.score_dataset(str(folder), "bundled:digits-vit", definition="best")
    assert Store().catalogue.datasets() == []


def test_a_batch_cannot_be_calibrated():
    backbone = js.load_backbone(BACKBONE, device="cpu")
    preprocessing = backbone.info.preprocessing
    image = backbone.preprocess(Image.new("RGB", (preprocessing.width, preprocessing.height), "grey"))[None]
    with pytest.raises(UnknownNameError, match="score_dataset"):
        js.measure(backbone, image, "calibrated")
