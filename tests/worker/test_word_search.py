"""Words against images, from a checkpoint in open_clip's format to a rule; open_clip itself is the truth."""

import json

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from jepascore_core.backbones.build import load_ref
from jepascore_core.backbones.open_clip_text_encoder import embed_text
from jepascore_core.curation import evaluate, parse
from jepascore_core.curation.precompute.requests import precompute_request_of, request_precompute
from jepascore_core.curation.precompute.steps import pending_work
from jepascore_core.embeddings.similarity import words_vector
from jepascore_core.errors import CheckpointError
from jepascore_core.jobs.queue import JobKind
from jepascore_core.jobs.requests import request_run
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.scores.score_set import ScoreSet
from tests.worker.sources import indexed, write_images

MODEL = "jepascore-test-words"
#: open_clip's own tokenizer needs its whole vocabulary.
CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2},
}
WORDS = "a photo of a watermark"
COUNT = 8


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    path = folder / f"{MODEL}.json"
    path.write_text(json.dumps(CONFIG))
    open_clip.add_model_config(path)
    torch.manual_seed(0)
    return open_clip.create_model(MODEL).eval()


@pytest.fixture(scope="module")
def ref(clip, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "clip.safetensors"
    save_file(clip.state_dict(), path)
    return BackboneRef(f"open_clip:{MODEL}", str(path), image_size=32, mean=(0.5,) * 3, std=(0.25,) * 3)


def truth(clip):
    with torch.no_grad():
        return clip.encode_text(open_clip.get_tokenizer(MODEL)([WORDS]))[0].numpy()


def test_the_text_tower_alone_is_the_models_own(clip, ref, tmp_path):
    np.testing.assert_allclose(embed_text(ref, WORDS), truth(clip), rtol=1e-4, atol=1e-5)
    wrapped = {"state_dict": {f"module.{name}": value for name, value in clip.state_dict().items()}, "epoch": 1}
    torch.save(wrapped, tmp_path / "training.pt")
    again = embed_text(BackboneRef(ref.name, str(tmp_path / "training.pt")), WORDS)
    np.testing.assert_allclose(again, truth(clip), rtol=1e-4, atol=1e-5)
    save_file(
        {f"visual.{name}": value for name, value in clip.visual.state_dict().items()}, tmp_path / "half.safetensors"
    )
    with pytest.raises(CheckpointError, match="image tower only"):
        embed_text(BackboneRef(ref.name, str(tmp_path / "half.safetensors")), WORDS)


def test_words_rank_images_as_open_clip_does(store, worker, clip, ref, tmp_path):
    folder = write_images(tmp_path / "images", COUNT)
    dataset = indexed(store, worker, folder)
    run = request_run(store, MeasurementRequest("toy", ref, "embed"))
    worker.handle(JobKind.RUN, run.run_id)
    scores = ScoreSet(dataset.dataset_id, store.catalogue.run(run.run_id).key)
    curation = parse(f'all | budget 3 highest similar("{WORDS}")')
    (work,) = pending_work(store, scores, curation)
    request = request_precompute(store, scores, work)
    worker.handle(JobKind.PRECOMPUTE, request.identifier)
    assert precompute_request_of(store, scores, work).state == "none", precompute_request_of(
        store, scores, work
    ).message
    assert pending_work(store, scores, curation) == ()
    np.testing.assert_allclose(words_vector(store, scores.backbone_id, WORDS), truth(clip), rtol=1e-4, atol=1e-5)
    found = evaluate(store, scores, curation)
    sql = f"SELECT sample_key FROM {found.base} POSITIONAL JOIN {found.table} WHERE verdict = 'keep'"
    kept = set(store.query(sql)["sample_key"].to_pylist())
    backbone, names = load_ref(ref, "cpu"), sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))
    images = torch.stack([backbone.preprocess(Image.open(folder / name).convert("RGB")) for name in names])
    with torch.no_grad():
        embeddings = clip.encode_image(images, normalize=True).numpy()
    cosines = embeddings @ (truth(clip) / np.linalg.norm(truth(clip)))
    assert kept == {names[place] for place in np.argsort(-cosines)[:3]}
