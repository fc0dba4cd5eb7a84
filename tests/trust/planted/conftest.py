"""A dataset of real digits that a bundled encoder measured, by a worker in the test's own thread."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from PIL import Image

from jepascore_core.datasets.demo import load_digit_images
from jepascore_core.jobs import process
from jepascore_core.jobs.requests import request_dataset, request_run
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.audit import audit
from jepascore_core.storage.store import Store
from jepascore_core.trust.planted.plan import PlantOptions
from jepascore_core.worker.loop import Worker

BACKBONE = BackboneRef("bundled:digits-small")
FEW = PlantOptions(kinds=("foreign", "inverted", "near_duplicate", "swapped_label"), per_kind=6, clean=24)


def write_digits(folder: Path, count: int = 90) -> Path:
    """Write digits 0 and 1 as PNG files, a folder each."""
    images, labels = load_digit_images()
    for number in [index for index, label in enumerate(labels) if label < 2][:count]:
        path = folder / str(labels[number]) / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[number]).save(path)
    return folder


def put_digits(store: Store, folder: Path, name: str = "digits", count: int = 90) -> ScoreSet:
    """Index and measure digits."""
    request_dataset(store, name, str(write_digits(folder, count)))
    run = request_run(store, MeasurementRequest(name, BACKBONE, precision="float32"))
    work(store)
    key = store.catalogue.run(run.run_id).key
    assert key is not None
    return ScoreSet(run.dataset_id, key)


def work(store: Store) -> None:
    """Do all that was asked for."""
    worker = Worker(store)
    for job in worker.unfinished():
        worker.handle(*job)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterable[Store]:
    """A store whose requests start no process."""
    monkeypatch.setattr(process, "start_worker", lambda *_: False)
    made = Store(tmp_path / "home")
    yield made
    assert audit(made) == []


@pytest.fixture
def scores(store: Store, tmp_path: Path) -> ScoreSet:
    """Scores of 90 digits."""
    return put_digits(store, tmp_path / "digits")
