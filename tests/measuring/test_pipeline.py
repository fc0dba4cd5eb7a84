"""Pending images become shards: complete, resumable, tolerant of single failures."""

import dataclasses
import threading

import numpy as np
import pytest
import torch
from PIL import Image
from timm.models.vision_transformer import VisionTransformer
from torch import nn

import jepascore_core as js
from jepascore_core.backbones.backbone import Backbone
from jepascore_core.datasets.content import content_id
from jepascore_core.errors import OutOfMemoryError, RunCancelled
from jepascore_core.measuring import batch_runner, shard_writer
from jepascore_core.measuring.batching import BatchPlan
from jepascore_core.measuring.loading import PendingImage
from jepascore_core.measuring.pipeline import measure_pending
from jepascore_core.measuring.shard_writer import flush_interval
from jepascore_core.measuring.task import Callbacks, MeasureTask
from jepascore_core.records.backbones import BackboneInfo, Preprocessing
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.storage.audit import audit
from jepascore_core.storage.store import Store
from tests.reference import listing_score

SPEC = MeasurementSpec(precision="float64")
SIDE = 6


class Encoder(nn.Module):
    """Two layers on tiny grey images; a pure black image gives NaN, a pure white one gives no gradient."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 8), nn.Tanh(), nn.Linear(8, 4)).double()
        self.broken_for = None

    def forward(self, images):
        level = images.flatten(1).mean(1, keepdim=True)
        out = self.body(images) * torch.where(level > 0.999, 0.0, 1.0)
        return out + torch.where(level < 0.001, torch.nan, 0.0)


@pytest.fixture(params=["in turns", "overlapping"], autouse=True)
def overlap(request, monkeypatch):
    """Spectra in turns with the passes, as on a processor, and beside them, as with a GPU."""
    monkeypatch.setattr(batch_runner, "is_overlapping", lambda _: request.param == "overlapping")
    return request.param


@pytest.fixture
def backbone():
    encoder = Encoder().eval().requires_grad_(False)
    preprocessing = Preprocessing(SIDE, SIDE, (0.0,), (1.0,), SIDE)
    info = BackboneInfo("toy-1", "toy", "local", "toy", "native", 4, preprocessing, "0", 1)
    return Backbone(info, encoder, torch.device("cpu"))


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "home")
    yield store
    assert audit(store) == []


def write_images(folder, count, seed=0):
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        Image.fromarray(rng.integers(20, 200, (SIDE, SIDE), np.uint8)).save(folder / f"{number:03d}.png")
    return as_pending(folder)


def as_pending(folder):
    paths = sorted(folder.iterdir())
    return [PendingImage(content_id(path.read_bytes()), path.name, str(path)) for path in paths]


def rows_of(store, backbone):
    return store.query(store.measurements_sql(SPEC.key(backbone.info.backbone_id))).to_pylist()


def test_scores_equal_the_papers_listing(store, backbone, tmp_path):
    pending = write_images(tmp_path / "images", 7)
    measure_pending(MeasureTask(store, backbone, SPEC), pending)
    rows = {row["content_id"]: row for row in rows_of(store, backbone)}
    images = torch.stack([backbone.preprocess(Image.open(image.uri).convert("RGB")) for image in pending]).double()
    expected = listing_score(backbone.encoder, images)
    assert [rows[image.content_id]["score_paper"] for image in pending] == pytest.approx(expected.tolist(), rel=1e-9)
    assert [rows[image.content_id]["score"] for image in pending] == pytest.approx(expected.tolist(), rel=1e-9)
    embedding = backbone.encode(images)
    np.testing.assert_allclose([rows[image.content_id]["embedding"] for image in pending], embedding, rtol=1e-2)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_output_that_does_not_depend_on_the_image_is_a_failure_of_the_fast_passes_too(store, tmp_path, precision):
    options = {"img_size": SIDE, "patch_size": 3, "in_chans": 1, "embed_dim": 8, "depth": 1, "num_heads": 2}
    encoder = VisionTransformer(**options, num_classes=0, init_values=1.0).eval().requires_grad_(False)
    for scale in (encoder.blocks[0].ls1, encoder.blocks[0].ls2):
        scale.gamma.zero_()
    backbone = js.wrap_encoder(encoder, "blind", image_size=SIDE, mean=(0.0,), std=(1.0,))
    failures = []
    listener = Callbacks(lambda _, failed: failures.extend(failed))
    task = MeasureTask(store, backbone, MeasurementSpec(precision=precision), listener)
    final = measure_pending(task, write_images(tmp_path / "images", 3))
    assert (final.num_measured, final.num_failed) == (0, 3)
    assert {failure.message for failure in failures} == {
        "The Jacobian is 0: the encoder's output does not depend on this image."
    }


def test_one_bad_image_fails_alone_and_says_where(store, backbone, tmp_path):
    folder = tmp_path / "images"
    write_images(folder, 12)
    Image.new("L", (SIDE, SIDE), 0).save(folder / "nan.png")
    Image.new("L", (SIDE, SIDE), 255).save(folder / "zero.png")
    (folder / "truncated.png").write_bytes((folder / "000.png").read_bytes()[:40])
    pending = as_pending(folder)
    (folder / "001.png").unlink()
    Image.new("L", (SIDE, SIDE), 77).save(folder / "002.png")

    reports = []
    listener = Callbacks(lambda progress, failed: reports.append((progress, failed)))
    final = measure_pending(MeasureTask(store, backbone, SPEC, listener), pending)
    failures = {failure.sample_key: failure for _, failed in reports for failure in failed}
    assert {key: failure.stage for key, failure in failures.items()} == {
        "nan.png": "measure",
        "zero.png": "measure",
        "truncated.png": "decode",
        "001.png": "read",
        "002.png": "read",
    }
    assert "changed" in failures["002.png"].message
    assert (final.num_measured, final.num_failed) == (10, 5)
    assert len(rows_of(store, backbone)) == 10
    for progress, _ in reports:
        assert progress.num_measured + progress.num_failed <= len(pending)


def test_cancelling_keeps_what_was_measured(store, backbone, tmp_path):
    pending = write_images(tmp_path / "images", 30)
    seen = []

    def check():
        if len(seen) >= 3:
            raise RunCancelled

    listener = Callbacks(lambda *report: seen.append(report), check)
    with pytest.raises(RunCancelled):
        measure_pending(MeasureTask(store, backbone, SPEC, listener), pending)
    stored = {row["content_id"] for row in rows_of(store, backbone)}
    # What had passed is finished first, also what is not reported any more.
    assert 0 < seen[-1][0].num_measured <= len(stored) < 30
    rest = [image for image in pending if image.content_id not in stored]
    measure_pending(MeasureTask(store, backbone, SPEC), rest)
    assert len(rows_of(store, backbone)) == 30


def test_memory_running_out_halves_the_batch_until_it_fits(store, backbone, tmp_path, monkeypatch):
    real, sizes = batch_runner.run_backward, []

    def tight(encoder, device, images, spec, *, chunk, **options):
        sizes.append((len(images), chunk))
        if len(images) > 2:
            raise torch.OutOfMemoryError
        return real(encoder, device, images, spec, chunk=chunk, **options)

    monkeypatch.setattr(batch_runner, "run_backward", tight)
    monkeypatch.setattr(batch_runner, "first_plan", lambda *_: BatchPlan(batch=8, chunk=4, limit=8))
    pending = write_images(tmp_path / "images", 9)
    final = measure_pending(MeasureTask(store, backbone, SPEC), pending)
    assert final.num_measured == 9
    assert [size for size, _ in sizes[:3]] == [8, 4, 2]
    assert len(rows_of(store, backbone)) == 9


def test_memory_running_out_in_the_spectra_is_tried_again_with_less(store, backbone, tmp_path, monkeypatch):
    real, sizes = batch_runner.finish, []

    def tight(passes, *others):
        sizes.append(len(passes.found.rows))
        if len(passes.found.rows) > 2:
            raise torch.OutOfMemoryError
        return real(passes, *others)

    monkeypatch.setattr(batch_runner, "finish", tight)
    plan = BatchPlan(batch=4, chunk=4, limit=4, growing=False)
    monkeypatch.setattr(batch_runner, "first_plan", lambda *_: plan)
    pending = write_images(tmp_path / "images", 9)
    final = measure_pending(MeasureTask(store, backbone, SPEC), pending)
    assert final.num_measured == len(rows_of(store, backbone)) == 9
    assert max(sizes) == 4


def test_spectra_of_several_batches_are_worked_out_at_once(store, backbone, tmp_path, monkeypatch, overlap):
    real, all_here = batch_runner.finish, threading.Barrier(4 if overlap == "overlapping" else 1)

    def together(passes, *others):
        all_here.wait(timeout=60)
        return real(passes, *others)

    monkeypatch.setattr(batch_runner, "finish", together)
    plan = BatchPlan(batch=1, chunk=4, limit=1, growing=False)
    monkeypatch.setattr(batch_runner, "first_plan", lambda *_: plan)
    pending, reports = write_images(tmp_path / "images", 8), []
    listener = Callbacks(lambda progress, _: reports.append(progress.num_measured))
    assert measure_pending(MeasureTask(store, backbone, SPEC, listener), pending).num_measured == 8
    assert reports[-1] == 8, "what is in flight when the images end is reported, too"
    assert len(rows_of(store, backbone)) == 8


def test_what_waits_gives_its_memory_back_before_a_batch_gets_smaller(store, backbone, tmp_path, monkeypatch, overlap):
    run_backward, finish, sizes, alive = batch_runner.run_backward, batch_runner.finish, [], []
    refused = threading.Event()

    def tight(encoder, device, images, spec, **options):
        if len(alive) > 2:
            refused.set()
            raise torch.OutOfMemoryError
        sizes.append(len(images))
        alive.append(None)
        return run_backward(encoder, device, images, spec, **options)

    def freeing(passes, *others):
        assert overlap == "in turns" or refused.wait(60)
        try:
            return finish(passes, *others)
        finally:
            alive.pop()

    monkeypatch.setattr(batch_runner, "run_backward", tight)
    monkeypatch.setattr(batch_runner, "finish", freeing)
    plan = BatchPlan(batch=2, chunk=4, limit=2, growing=False)
    monkeypatch.setattr(batch_runner, "first_plan", lambda *_: plan)
    pending = write_images(tmp_path / "images", 20)
    assert measure_pending(MeasureTask(store, backbone, SPEC), pending).num_measured == 20
    assert sizes == [2] * 10


def test_the_last_batch_is_not_forgotten_when_images_end_or_a_run_is_cancelled(store, backbone, tmp_path, monkeypatch):
    plan = BatchPlan(batch=2, chunk=4, limit=2, growing=False)
    monkeypatch.setattr(batch_runner, "first_plan", lambda *_: plan)
    pending = write_images(tmp_path / "images", 8)
    calls = []

    def check():
        calls.append(None)
        if len(calls) > 4:
            raise RunCancelled

    with pytest.raises(RunCancelled):
        measure_pending(MeasureTask(store, backbone, SPEC, Callbacks(check=check)), pending)
    assert len(rows_of(store, backbone)) == 4, "two batches had passed when the third was stopped"
    rest = pending[4:]
    final = measure_pending(MeasureTask(store, backbone, SPEC), rest)
    assert final.num_measured == 4
    assert len(rows_of(store, backbone)) == 8


def test_memory_that_never_suffices_is_a_clear_error(store, backbone, tmp_path, monkeypatch):
    def never(*_, **__):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(batch_runner, "run_backward", never)
    with pytest.raises(OutOfMemoryError, match="smaller backbone"):
        measure_pending(MeasureTask(store, backbone, SPEC), write_images(tmp_path / "images", 2))


def test_shards_come_soon_and_then_seldom():
    assert flush_interval(0) == 3.0
    assert flush_interval(3600) == pytest.approx(72.0)
    assert flush_interval(10**6) == 300.0


def test_a_full_shard_is_written_before_the_run_ends(store, backbone, tmp_path, monkeypatch):
    monkeypatch.setattr(shard_writer, "SHARD_IMAGES", 4)
    measure_pending(MeasureTask(store, backbone, SPEC), write_images(tmp_path / "images", 20))
    parts = list(store.measurement_folder(SPEC.key("toy-1")).glob("part-*.parquet"))
    assert len(parts) > 1


def test_the_score_does_not_depend_on_the_batch(store, backbone, tmp_path):
    pending = write_images(tmp_path / "images", 9)
    measure_pending(MeasureTask(store, backbone, SPEC), pending)
    other = dataclasses.replace(backbone, info=dataclasses.replace(backbone.info, backbone_id="toy-2"))
    for image in reversed(pending):
        measure_pending(MeasureTask(store, other, SPEC), [image])
    alone = {row["content_id"]: row["score"] for row in rows_of(store, other)}
    together = {row["content_id"]: row["score"] for row in rows_of(store, backbone)}
    assert alone == pytest.approx(together, rel=1e-9)
