"""What an encoder is sensitive to in one image: the vectors against a full decomposition, and the way of a request."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from jepascore_core.backbones.build import wrap_encoder
from jepascore_core.errors import UnknownNameError
from jepascore_core.jobs.queue import JobKind
from jepascore_core.jobs.requests import request_dataset, request_run
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.sensitivity import requests as closeups
from jepascore_core.sensitivity.maps import alone, over, singular_directions
from jepascore_core.sensitivity.requests import (
    NUM_VECTORS,
    closeup_folder,
    picture_name,
    read_closeup,
    request_closeup,
    unfinished_closeups,
)
from jepascore_core.worker.loop import Worker

BUNDLED = BackboneRef("bundled:digits-vit")


class Smooth(nn.Module):
    """[B, 1, 6, 6] -> [B, 5] of rank 4: its last two outputs are the same."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(36, 4, generator=generator))

    def forward(self, images):
        hidden = torch.tanh(images.flatten(1) @ self.weight / 6) * torch.tensor([8.0, 4.0, 2.0, 1.0])
        return torch.cat([hidden, hidden[:, 3:]], dim=1)


@pytest.fixture
def backbone():
    return wrap_encoder(Smooth(), "smooth", mean=[0.5], std=[0.5], image_size=6, channels=1)


def test_they_are_the_right_singular_vectors(backbone):
    image = torch.randn(1, 6, 6, generator=torch.Generator().manual_seed(1))
    full = torch.func.jacrev(lambda x: backbone.encoder(x[None])[0])(image).reshape(5, 36).double()
    _, values, right = torch.linalg.svd(full, full_matrices=False)
    found = singular_directions(backbone, image, 2)
    assert found.rank == 4
    assert found.values.tolist() == pytest.approx(values[:4].tolist(), rel=1e-4)
    cosines = (found.vectors.reshape(4, 36).double() * right[:4]).sum(dim=1).abs()
    assert cosines.tolist() == pytest.approx([1.0] * 4, abs=1e-4)


def test_few_directions_are_not_shown_twice(backbone):
    image = torch.zeros(1, 6, 6)
    assert singular_directions(backbone, image, 3).values.shape == (4,)
    assert singular_directions(backbone, image, 1).vectors.shape == (2, 1, 6, 6)


def test_pictures_show_the_sign():
    vector = torch.zeros(1, 2, 2)
    vector[0, 0, 0], vector[0, 1, 1] = 1.0, -1.0
    assert alone(vector)[..., 0].tolist() == [[1.0, 0.5], [0.5, 0.0]]
    tinted = over(np.full((2, 2, 3), 0.5), vector)
    assert tinted[0, 0].argmax() == 0
    assert tinted[1, 1].argmax() == 2
    assert tinted[0, 1].tolist() == pytest.approx([0.5] * 3)


@pytest.fixture
def measured(store, tmp_path, monkeypatch):
    """Four digits measured with the bundled encoder; requests start no process."""
    for module in ("jepascore_core.jobs.process.start_worker", "jepascore_core.sensitivity.requests.start_worker"):
        monkeypatch.setattr(module, lambda *_: False)
    rng = np.random.default_rng(0)
    for number in range(4):
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).save(tmp_path / "images" / f"{number}.png")
    worker = Worker(store)
    dataset = request_dataset(store, "four", str(tmp_path / "images"))
    worker.handle(JobKind.INDEX, dataset.dataset_id)
    run = request_run(store, MeasurementRequest("four", BUNDLED))
    worker.handle(JobKind.RUN, run.run_id)
    backbone_id = store.catalogue.run(run.run_id).backbone_id
    ids = store.query(store.measurements_sql(store.catalogue.run(run.run_id).spec.key(backbone_id)))["content_id"]
    return store, worker, dataset.dataset_id, backbone_id, ids.to_pylist()


def test_a_request_becomes_pictures(measured):
    store, worker, dataset_id, backbone_id, (content_id, *_) = measured
    assert read_closeup(store.home, backbone_id, content_id).state == "none"
    request_closeup(store, dataset_id, backbone_id, content_id)
    assert read_closeup(store.home, backbone_id, content_id).state == "waiting"
    (identifier,) = unfinished_closeups(store)
    assert (JobKind.CLOSEUP, identifier) in worker.unfinished()
    worker.handle(JobKind.CLOSEUP, identifier)
    found = read_closeup(store.home, backbone_id, content_id)
    assert (found.state, len(found.leading), len(found.trailing)) == ("done", NUM_VECTORS, NUM_VECTORS)
    spectrum = store.spectrum(store.measured_keys()[0], content_id)
    assert found.leading == pytest.approx(spectrum[:NUM_VECTORS], rel=1e-2)
    assert found.trailing[0] < found.trailing[-1] < found.leading[-1]
    folder = closeup_folder(store.home, backbone_id, content_id)
    for name in ("input.png", picture_name("leading", 1, "over"), picture_name("trailing", NUM_VECTORS, "alone")):
        assert Image.open(io.BytesIO((folder / name).read_bytes())).mode == "RGB"
    assert unfinished_closeups(store) == []


def test_an_image_that_is_gone_says_so_and_can_be_asked_for_again(measured, tmp_path):
    store, worker, dataset_id, backbone_id, (content_id, *_) = measured
    kept = {path: path.read_bytes() for path in (tmp_path / "images").iterdir()}
    for path in kept:
        path.unlink()
    request_closeup(store, dataset_id, backbone_id, content_id)
    worker.handle(JobKind.CLOSEUP, f"{backbone_id}/{content_id}")
    found = read_closeup(store.home, backbone_id, content_id)
    assert found.state == "failed"
    assert found.message
    for path, data in kept.items():
        path.write_bytes(data)
    request_closeup(store, dataset_id, backbone_id, content_id)
    assert read_closeup(store.home, backbone_id, content_id).state == "waiting"
    worker.handle(JobKind.CLOSEUP, f"{backbone_id}/{content_id}")
    assert read_closeup(store.home, backbone_id, content_id).state == "done"


def test_a_backbone_that_no_run_knows(store):
    with pytest.raises(UnknownNameError, match="No run in this home folder"):
        request_closeup(store, "d", "unknown", "0" * 32)


@pytest.mark.parametrize("names", [("..", "0" * 32), ("a/b", "c"), ("a", "../c")])
def test_names_lead_nowhere_else(tmp_path, names):
    with pytest.raises(UnknownNameError):
        closeup_folder(tmp_path, *names)


def test_a_result_that_is_forgotten_is_nothing(tmp_path):
    folder = closeup_folder(tmp_path, "b", "c")
    folder.mkdir(parents=True)
    (folder / "closeup.json").write_text(json.dumps({"leading": [2.0], "trailing": [], "message": ""}))
    assert read_closeup(tmp_path, "b", "c") == closeups.Closeup("done", (2.0,), ())
    (folder / "closeup.json").unlink()
    assert read_closeup(tmp_path, "b", "c").state == "none"
