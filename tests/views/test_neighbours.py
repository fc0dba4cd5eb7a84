"""The nearest images in embedding space."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from jepascore_core.embeddings import files as vector_files
from jepascore_core.embeddings.files import vector_folder
from jepascore_core.embeddings.index import unit
from jepascore_core.scores import tables as score_tables
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.tables import build_score_table
from jepascore_core.views import neighbours
from jepascore_core.views.neighbours import nearest_images, nearest_samples
from tests.conftest import SPEC, add_backbone, add_dataset, make_measurement, make_sample

NUM = 60


@pytest.fixture
def measured(store):
    """Sixty images with random embeddings, the first of them under two keys; and one of another dataset."""
    samples = [make_sample(f"{number:02d}.png", "a") for number in range(NUM)]
    samples.append(make_sample("00-copy.png", "a", content="00.png"))
    stranger = make_sample("stranger.png")
    dataset, backbone = add_dataset(store, "d", samples), add_backbone(store)
    embeddings = np.random.default_rng(0).normal(size=(NUM + 1, 8)).astype(np.float16)
    rows = [
        replace(make_measurement(sample.content_id, float(place)), embedding=embeddings[place])
        for place, sample in enumerate([*samples[:NUM], stranger])
    ]
    for part in (rows[:20], rows[20:]):
        store.write_measurements(backbone.backbone_id, SPEC, part)
    return store, ScoreSet(dataset.dataset_id, SPEC.key(backbone.backbone_id)), samples, embeddings[:NUM]


@pytest.mark.parametrize("batch", [7, 16_384])
def test_they_are_those_of_an_exhaustive_comparison(measured, monkeypatch, batch):
    store, scores, samples, embeddings = measured
    monkeypatch.setattr(vector_files, "BATCH_ROWS", batch)
    found = nearest_samples(store, scores, samples[3].content_id, 5)
    vectors = unit(embeddings).astype(np.float64)
    distances = 1 - vectors @ vectors[3]
    nearest = [place for place in np.argsort(distances) if place != 3][:5]
    expected = [samples[place].sample_key.replace("00.png", "00-copy.png") for place in nearest]
    assert [item.sample.sample_key for item in found] == expected
    assert [item.distance for item in found] == pytest.approx(distances[nearest], abs=1e-5)
    assert [item.sample.score for item in found] == [float(place) for place in nearest]


def test_an_image_is_not_its_own_neighbour_under_another_key(measured):
    store, scores, samples, _ = measured
    found = nearest_samples(store, scores, samples[0].content_id, NUM)
    assert len(found) == NUM - 1
    assert samples[0].content_id not in {item.sample.content_id for item in found}


def test_new_measurements_are_seen(measured):
    store, scores, samples, embeddings = measured
    fresh = make_sample("fresh.png", "a")
    assert nearest_samples(store, scores, fresh.content_id) == ()
    row = replace(make_measurement(fresh.content_id, 1.0), embedding=embeddings[5])
    store.write_measurements(scores.backbone_id, SPEC, [row])
    (first, *_) = nearest_samples(store, scores, fresh.content_id)
    assert (first.sample.sample_key, round(first.distance, 6)) == (samples[5].sample_key, 0.0)


@pytest.mark.parametrize("batch", [7, 16_384])
def test_laid_out_embeddings_say_the_same(measured, monkeypatch, batch):
    store, scores, samples, _ = measured
    monkeypatch.setattr(vector_files, "BATCH_ROWS", batch)
    before = nearest_samples(store, scores, samples[3].content_id, 5)
    monkeypatch.setattr(score_tables, "MIN_SAMPLES", 1)
    dataset = store.catalogue.dataset(scores.dataset_id)
    table = build_score_table(store, dataset, scores.key)
    content_ids = pq.read_table(vector_folder(table) / "images.parquet")["content_id"].to_pylist()
    assert set(content_ids) == {sample.content_id for sample in samples}, "the stranger is not among them"
    monkeypatch.setattr(neighbours, "stream_embeddings", None)
    after = nearest_samples(store, scores, samples[3].content_id, 5)
    assert [item.sample.sample_key for item in after] == [item.sample.sample_key for item in before]
    assert [item.distance for item in after] == pytest.approx([item.distance for item in before], abs=1e-3)
    assert len(nearest_samples(store, scores, samples[0].content_id, NUM)) == NUM - 1


def test_an_image_that_is_not_laid_out_yet_has_neighbours(measured, monkeypatch):
    store, scores, samples, embeddings = measured
    monkeypatch.setattr(score_tables, "MIN_SAMPLES", 1)
    dataset = store.catalogue.dataset(scores.dataset_id)
    vectors = vector_folder(build_score_table(store, dataset, scores.key))
    fresh = make_sample("fresh.png", "a")
    row = replace(make_measurement(fresh.content_id, 1.0), embedding=embeddings[5])
    store.write_measurements(scores.backbone_id, SPEC, [row])
    found = nearest_images(store, scores, fresh.content_id, 3, vectors)
    assert next(iter(found)) == samples[5].content_id
    assert len(found) == 3
