"""What only a GPU can show: scores there equal those of the processor, in whatever precision, stream and batch."""

import numpy as np
import pytest
import timm
import torch
from PIL import Image

import jepascore_core as js
from jepascore_core.datasets.content import content_id
from jepascore_core.measuring.estimators import build_engine, finish, measure_with, run_backward
from jepascore_core.measuring.loading import PendingImage
from jepascore_core.measuring.pipeline import measure_pending
from jepascore_core.measuring.specs import resolve_spec
from jepascore_core.measuring.task import MeasureTask
from jepascore_core.storage.store import Store

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="There is no CUDA device here.")

SIDE = 64


def backbone_on(device):
    torch.manual_seed(0)
    encoder = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=SIDE, depth=3)
    return js.wrap_encoder(encoder, "vit", image_size=SIDE, mean=0.5, std=0.25, device=device)


def images(count=5):
    return torch.randn(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("precision", "tolerance"), [("float64", 1e-9), ("float32", 1e-4), ("tf32", 0.01), ("bfloat16", 0.02)]
)
@pytest.mark.parametrize("probes", [None, 16])
def test_scores_equal_the_processors(precision, tolerance, probes):
    kind = "exact" if probes is None else "sketch"
    found = js.measure(backbone_on("cuda"), images(), kind, precision, probes=probes)
    expected = js.measure(backbone_on("cpu"), images(), kind, "float64", probes=probes)
    assert found.rank.tolist() == expected.rank.tolist()
    torch.testing.assert_close(found.score, expected.score, rtol=tolerance, atol=0.0)


def test_spectra_in_a_stream_of_their_own_are_the_same():
    backbone, spec = backbone_on("cuda"), resolve_spec("exact", "float32")
    engine, stream = build_engine(backbone, spec), torch.cuda.Stream()
    batches = [images() * scale for scale in (0.5, 1.0, 2.0)]
    expected = [measure_with(engine, backbone.device, batch, spec).score for batch in batches]
    # All passes are asked for before the first spectrum.
    asked = [run_backward(engine, backbone.device, batch, spec) for batch in batches]
    for passes, score in zip(asked, expected, strict=True):
        torch.testing.assert_close(finish(passes, stream).score, score, rtol=1e-9, atol=0.0)


def test_a_run_equals_the_processors(tmp_path):
    pending, rng = [], np.random.default_rng(0)
    for number in range(40):
        path = tmp_path / f"{number}.png"
        Image.fromarray(rng.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)).save(path)
        pending.append(PendingImage(content_id(path.read_bytes()), path.name, str(path)))
    spec, scores = resolve_spec("exact", "float32"), {}
    for device in ("cpu", "cuda"):
        store, backbone = Store(tmp_path / device), backbone_on(device)
        final = measure_pending(MeasureTask(store, backbone, spec), pending)
        assert final.num_measured == len(pending)
        rows = store.query(store.measurements_sql(spec.key(backbone.info.backbone_id))).to_pylist()
        scores[device] = {row["content_id"]: row["score"] for row in rows}
    assert scores["cuda"] == pytest.approx(scores["cpu"], rel=1e-4)
