"""Scores of augmented views: combined as the paper's theorem says, the same in every batch, resumable as all runs."""

import dataclasses
import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.special import erfi
from torch import nn

import jepascore_core as js
from jepascore_core.datasets.content import content_id
from jepascore_core.errors import RunCancelled
from jepascore_core.measuring import batch_runner
from jepascore_core.measuring.batching import BatchPlan
from jepascore_core.measuring.image_views import cropped, make_view, view_generator
from jepascore_core.measuring.loading import PendingImage, load_views
from jepascore_core.measuring.pipeline import measure_pending
from jepascore_core.measuring.specs import resolve_spec
from jepascore_core.measuring.task import Callbacks, MeasureTask
from jepascore_core.records.augmentation import CropViews, WarpViews
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.score import expected_score, view_spread
from jepascore_core.storage.audit import audit
from jepascore_core.storage.store import Store

SIDE = 6
NOISE = WarpViews(**{**dict.fromkeys(WarpViews.__slots__, 0.0), "noise": 0.5})


class Exponential(nn.Module):
    """Pixels x -> exp(a x) / a: the log of the Jacobian's determinant is a times the sum of the pixels."""

    def __init__(self, rate=0.4):
        super().__init__()
        self.rate = nn.Parameter(torch.tensor(rate, dtype=torch.float64))

    def forward(self, images):
        return torch.exp(self.rate * images.flatten(1)) / self.rate


def backbone_of(module, size=SIDE):
    return js.wrap_encoder(module, "toy", image_size=size, mean=(0.0,), std=(1.0,))


@pytest.fixture
def toy():
    return backbone_of(Exponential())


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "home")
    yield store
    assert audit(store) == []


@pytest.fixture
def pending(tmp_path):
    return write_images(tmp_path / "images", 8)


def write_images(folder, count, size=(SIDE, SIDE)):
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        Image.fromarray(rng.integers(20, 200, size, np.uint8)).save(folder / f"{number:02d}.png")
    return as_pending(folder)


def as_pending(folder):
    return [PendingImage(content_id(path.read_bytes()), path.name, str(path)) for path in sorted(folder.iterdir())]


def spec_of(views, augmentation=NOISE, **options):
    return resolve_spec(precision="float64", views=views, augmentation=augmentation.text, **options)


def rows_of(store, backbone, spec):
    rows = store.query(store.measurements_sql(spec.key(backbone.info.backbone_id))).to_pylist()
    return {row["content_id"]: row for row in rows}


def batches_of(monkeypatch, size):
    plan = BatchPlan(batch=size, chunk=64, limit=size, growing=False)
    monkeypatch.setattr(batch_runner, "first_plan", lambda *_: plan)


def test_the_expectation_over_noise_has_a_closed_form(store, toy, pending, monkeypatch):
    """A view adds noise of strength s U to every pixel, so a view's score is normal around that of the image."""
    batches_of(monkeypatch, 256)
    spec = spec_of(128)
    measure_pending(MeasureTask(store, toy, spec), pending)
    rows, rate = rows_of(store, toy, spec), float(toy.encoder.rate)
    pixels = {image.content_id: np.asarray(Image.open(image.uri)) / 255 for image in pending}
    # E over U of exp(c U^2), c = a^2 s^2 D / 2.
    exponent = rate**2 * NOISE.noise**2 * SIDE**2 / 2
    shift = math.log(math.sqrt(math.pi / exponent) / 2 * erfi(math.sqrt(exponent)))
    errors = [rows[key]["score"] - (rate * values.sum() - shift) for key, values in pixels.items()]
    # Nearly five standard errors of the mean of 8 images.
    assert abs(np.mean(errors)) < 0.12
    assert np.std(errors) < 0.3
    spreads = [row["view_spread_rank"] for row in rows.values()]
    assert np.mean(spreads) == pytest.approx(rate * NOISE.noise * SIDE / math.sqrt(3), rel=0.1)


def test_a_linear_encoder_scores_every_view_alike(store, pending):
    torch.manual_seed(0)
    linear = backbone_of(nn.Sequential(nn.Flatten(), nn.Linear(SIDE**2, 4)).double())
    spec, plain = spec_of(3, WarpViews()), resolve_spec(precision="float64")
    for each in (spec, plain):
        measure_pending(MeasureTask(store, linear, each), pending)
    views, images = rows_of(store, linear, spec), rows_of(store, linear, plain)
    for name in ("score", "score_paper", "score_tail", "score_top"):
        assert {key: row[name] for key, row in views.items()} == pytest.approx(
            {key: row[name] for key, row in images.items()}, abs=1e-6
        )
    assert all(row["view_spread_rank"] < 1e-6 for row in views.values())


def test_rows_hold_each_views_score_and_the_images_own_embedding(store, toy, pending):
    spec = spec_of(4)
    measure_pending(MeasureTask(store, toy, spec), pending)
    for image in pending:
        row = rows_of(store, toy, spec)[image.content_id]
        tensors = torch.stack([tensor for _, tensor in load_views(image, toy, spec)])
        expected = js.measure(toy, tensors, precision="float64").score
        assert row["view_scores_rank"] == pytest.approx(expected.tolist(), abs=1e-9)
        for name, column in {"rank": "score", "paper": "score_paper", "tail": "score_tail", "top": "score_top"}.items():
            scores = row[f"view_scores_{name}"]
            assert row[column] == pytest.approx(float(expected_score(scores)), abs=1e-9)
            assert row[f"view_spread_{name}"] == pytest.approx(float(view_spread(scores)))
        assert row["log_singular_values"] is None
        assert store.spectrum(spec.key(toy.info.backbone_id), image.content_id) is None
        own = toy.encode(toy.preprocess(Image.open(image.uri).convert("RGB"))[None])[0]
        np.testing.assert_allclose(row["embedding"], own, rtol=1e-3)


@pytest.mark.parametrize("size", [1, 7])
def test_a_result_does_not_depend_on_the_batch_nor_on_the_order(store, toy, pending, monkeypatch, size):
    batches_of(monkeypatch, size)
    spec = spec_of(3)
    measure_pending(MeasureTask(store, toy, spec), pending[::-1])
    found = {key: row["view_scores_rank"] for key, row in rows_of(store, toy, spec).items()}
    for image in pending:
        alone = torch.stack([tensor for _, tensor in load_views(image, toy, spec)])
        assert found[image.content_id] == pytest.approx(js.measure(toy, alone, precision="float64").score, abs=1e-9)


def test_four_views_are_the_first_four_of_eight(store, toy, pending):
    four, eight = spec_of(4), spec_of(8)
    for spec in (four, eight):
        measure_pending(MeasureTask(store, toy, spec), pending)
    of_eight = rows_of(store, toy, eight)
    for key, row in rows_of(store, toy, four).items():
        assert row["view_scores_rank"] == pytest.approx(of_eight[key]["view_scores_rank"][:4], abs=1e-9)


def test_a_cancelled_run_keeps_whole_images_and_the_next_one_measures_the_others(store, toy, pending, monkeypatch):
    batches_of(monkeypatch, 2)
    spec, measured, calls = spec_of(3), [], []
    real = batch_runner.run_backward

    def counting(engine, device, images, *others, **options):
        measured.append(len(images))
        return real(engine, device, images, *others, **options)

    def check():
        calls.append(None)
        if len(calls) > 8:
            raise RunCancelled

    monkeypatch.setattr(batch_runner, "run_backward", counting)
    with pytest.raises(RunCancelled):
        measure_pending(MeasureTask(store, toy, spec, Callbacks(check=check)), pending)
    stored = rows_of(store, toy, spec)
    assert 0 < len(stored) < len(pending)
    measured.clear()
    rest = [image for image in pending if image.content_id not in stored]
    final = measure_pending(MeasureTask(store, toy, spec), rest)
    assert (final.num_measured, sum(measured)) == (len(rest), 3 * len(rest)), "no view of a stored image again"
    assert len(rows_of(store, toy, spec)) == len(pending)


class _Sometimes(Exponential):
    """Fails for views with a dark corner."""

    def forward(self, images):
        corner = images.flatten(1)[:, :1]
        return super().forward(images) + torch.where((corner > 0.1) & (corner < 0.3), torch.nan, 0.0)


def test_an_image_with_a_view_that_fails_is_one_failure(store, pending):
    broken, spec, failures = backbone_of(_Sometimes()), spec_of(6), []
    task = MeasureTask(store, broken, spec, Callbacks(lambda _, failed: failures.extend(failed)))
    final = measure_pending(task, pending)
    ids = [failure.content_id for failure in failures]
    assert len(ids) == len(set(ids)) == final.num_failed > 0
    assert final.num_measured + final.num_failed == len(pending)
    assert all(failure.message.startswith("View ") for failure in failures)
    assert set(rows_of(store, broken, spec)) == {image.content_id for image in pending} - set(ids)


def test_sketches_of_views_are_combined_in_the_same_way(store, toy, pending):
    spec = spec_of(3, estimator="sketch", probes=4)
    measure_pending(MeasureTask(store, toy, spec), pending)
    for image in pending:
        row = rows_of(store, toy, spec)[image.content_id]
        tensors = torch.stack([tensor for _, tensor in load_views(image, toy, spec)])
        sketch = js.measure(toy, tensors, "sketch", "float64", probes=4).score
        assert row["view_scores_rank"] == pytest.approx(sketch.tolist(), abs=1e-9)
        assert row["score"] == pytest.approx(float(expected_score(sketch)), abs=1e-9)


def test_structured_passes_measure_views_too(store, tmp_path):
    from timm.models.vision_transformer import VisionTransformer

    torch.manual_seed(0)
    options = {"img_size": SIDE, "patch_size": 3, "in_chans": 1, "embed_dim": 8, "depth": 1, "num_heads": 2}
    backbone = backbone_of(VisionTransformer(**options, num_classes=4))
    images, spec = write_images(tmp_path / "large", 3, size=(11, 9)), spec_of(2, CropViews())
    measure_pending(MeasureTask(store, backbone, spec), images)
    for image in images:
        tensors = torch.stack([tensor for _, tensor in load_views(image, backbone, spec)])
        expected = js.measure(backbone, tensors, precision="float64").score
        found = rows_of(store, backbone, spec)[image.content_id]["view_scores_rank"]
        assert found == pytest.approx(expected.tolist(), rel=1e-9)


def picture(width=40, height=20):
    """Red grows to the right, green downwards."""
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([across, down, np.full_like(down, 99)], axis=2).astype(np.uint8))


def test_crops_keep_the_pixels_of_the_image_and_the_share_of_its_area():
    plain = CropViews(flip=0, jitter=0)
    whole = picture()
    for number in range(50):
        view = cropped(whole, plain, view_generator("image", number))
        share = view.width * view.height / (whole.width * whole.height)
        assert 0.9 * plain.crop <= share <= 1
        left, top = (np.asarray(view)[0, 0, :2] / 255 * (39, 19)).round().astype(int)
        assert np.array_equal(view, whole.crop((left, top, left + view.width, top + view.height)))
    assert cropped(whole, CropViews(crop=1, flip=0, jitter=0), view_generator("image", 0)).tobytes() == whole.tobytes()
    mirrored = cropped(whole, CropViews(crop=1, flip=1, jitter=0), view_generator("image", 0))
    assert np.array_equal(mirrored, np.asarray(whole)[:, ::-1])


def test_colours_change_without_moving_the_crop():
    kept, changed = (
        [cropped(picture(), CropViews(jitter=jitter), view_generator("image", number)) for number in range(20)]
        for jitter in (0, 1)
    )
    assert [view.size for view in kept] == [view.size for view in changed]
    assert sum(np.array_equal(*pair) for pair in zip(kept, changed, strict=True)) < 3
    still = CropViews(jitter=1, brightness=0, contrast=0, saturation=0, hue=0)
    view = cropped(picture(), still, view_generator("image", 3))
    np.testing.assert_allclose(view, kept[3], atol=1)


def test_views_of_an_image_differ_and_are_the_same_again(toy):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (SIDE, SIDE), np.uint8)).convert("RGB")
    original = toy.preprocess(image)

    def views(name, augmentation):
        return [make_view(image, original, toy, augmentation, view_generator(name, number)) for number in range(4)]

    for augmentation in (WarpViews(), CropViews()):
        first = torch.stack(views("a", augmentation))
        assert torch.equal(first, torch.stack(views("a", augmentation)))
        assert not torch.equal(first, torch.stack(views("b", augmentation)))
        assert len({view.numpy().tobytes() for view in first}) > 1
    still = WarpViews(**dict.fromkeys(WarpViews.__slots__, 0.0))
    torch.testing.assert_close(views("a", still)[0], original)


def test_specs_without_views_are_written_and_named_as_before():
    plain = MeasurementSpec(engine_version=1)
    assert plain.spec_id == "exact-float32-88d2655f"
    assert not {"views", "augmentation"} & plain.to_dict().keys()
    stored = {"estimator": "exact", "precision": "float32", "probes": None, "seed": 0, "engine_version": 1}
    assert MeasurementSpec.from_dict({**stored, "calibration": None}) == plain
    assert resolve_spec().spec_id == plain.spec_id


@pytest.mark.parametrize("change", [{"views": 9}, {"augmentation": CropViews().text}])
def test_views_and_augmentation_are_part_of_the_id(change):
    spec = spec_of(8)
    assert MeasurementSpec.from_dict(spec.to_dict()) == spec
    assert dataclasses.replace(spec, **change).spec_id != spec.spec_id
    assert (spec.exact, spec.sketch(4).views) == (spec, 8)


def test_shards_of_an_earlier_release_are_read_as_they_are(store, toy, pending, monkeypatch):
    """Without the columns of views, and with a spec file that does not name them."""
    from jepascore_core.storage import store as module

    spec = resolve_spec(precision="float64")
    full = module.MEASUREMENT_SCHEMA
    former = full.empty_table().select([name for name in full.names if not name.startswith("view_")]).schema
    monkeypatch.setattr(module, "MEASUREMENT_SCHEMA", former)
    monkeypatch.setattr(module, "VIEW_SCORES", {})
    measure_pending(MeasureTask(store, toy, spec), pending[:5])
    monkeypatch.undo()
    measure_pending(MeasureTask(store, toy, spec), pending[5:])
    rows = rows_of(store, toy, spec).values()
    assert len(rows) == len(pending)
    assert {row["view_spread_rank"] for row in rows} == {None}
    assert all(row["score_tail"] is not None for row in rows)


def test_an_image_that_cannot_be_decoded_fails_once(store, toy, tmp_path):
    folder = tmp_path / "bad"
    folder.mkdir()
    buffer = io.BytesIO()
    Image.new("L", (SIDE, SIDE), 50).save(buffer, "PNG")
    (folder / "cut.png").write_bytes(buffer.getvalue()[:40])
    final = measure_pending(MeasureTask(store, toy, spec_of(4)), as_pending(folder))
    assert (final.num_measured, final.num_failed) == (0, 1)
