"""Everything about one sample."""

from dataclasses import asdict, replace

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from jepascore_core.datasets.quality import measure_quality
from jepascore_core.errors import UnknownNameError
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.score import DEFINITIONS
from jepascore_core.scores.score_set import ScoreSet, scored_sql
from jepascore_core.storage.measurement_sql import CALIBRATED_SCHEMA
from jepascore_core.views import detail
from jepascore_core.views.detail import DefinedScore, find_sample, sample_detail, scores_by_definition
from jepascore_core.views.distribution import MIN_BINS
from jepascore_core.views.extremes import class_extremes
from tests.conftest import add_backbone, add_dataset, add_measurements, make_sample, make_samples


@pytest.fixture
def scored(store):
    samples = [
        *make_samples("aaaabbbb"),
        make_sample("copy.png", "a", content="b/0004.png", kind="exact_duplicate", note=None, number=3),
    ]
    dataset = add_dataset(store, "d", samples)
    first, second = add_backbone(store), add_backbone(store, "timm:resnet18.a1", dimension=12)
    values = dict(zip([s.sample_key for s in samples], [4.0, 3, 2, 1, 9, 7, 7, 7, 9], strict=True))
    scores = add_measurements(store, dataset, first, values, samples=samples)
    precise = MeasurementSpec(precision="float64")
    some = {key: 100.0 - value for key, value in values.items() if key.startswith("b")}
    add_measurements(store, dataset, second, some, samples=samples, spec=precise)
    return store, scores


def test_scores_that_differ_by_rounding_alone_are_tied(store):
    samples = make_samples("aaaa")
    dataset = add_dataset(store, "d", samples)
    values = dict(zip([item.sample_key for item in samples], [1.0, 2.0, 2.000002, 3.0], strict=True))
    scores = add_measurements(store, dataset, add_backbone(store), values, samples=samples)
    found = [sample_detail(store, scores, item.sample_key).chosen for item in samples]
    assert [item.percentile for item in found] == [12.5, 50, 50, 87.5]
    assert [item.class_percentile for item in found] == [12.5, 50, 50, 87.5]
    rows = store.query(f"SELECT percentile FROM ({scored_sql(store, scores)}) ORDER BY sample_key")
    assert rows["percentile"].to_pylist() == [12.5, 50, 50, 87.5]


def test_scores_agree_with_the_store(scored):
    store, scores = scored
    for row in store.query(scored_sql(store, scores)).to_pylist():
        chosen = sample_detail(store, scores, row["sample_key"]).chosen
        assert chosen.scores == scores
        assert (chosen.score, chosen.rank) == (row["score"], row["rank"])
        assert chosen.percentile == pytest.approx(row["percentile"])
        assert chosen.class_percentile == pytest.approx(row["class_percentile"])


def test_places_count_from_the_least_likely(scored):
    store, scores = scored
    chosen = sample_detail(store, scores, "b/0006.png").chosen
    assert (chosen.place, chosen.num_scored, chosen.class_place, chosen.num_scored_in_class) == (5, 9, 1, 4)


def test_every_backbone_that_measured_it(scored):
    store, scores = scored
    found = sample_detail(store, scores, "b/0005.png")
    assert [(item.title, item.score) for item in found.scores] == [
        ("ViT-Ti/16 (timm)", 7.0), ("ResNet-18 (timm)", 93.0),
    ]  # fmt: skip
    assert len(sample_detail(store, scores, "a/0000.png").scores) == 1


def test_a_backbone_that_did_not_measure_it(scored):
    store, scores = scored
    other = sample_detail(store, scores, "b/0005.png").scores[1].scores
    found = sample_detail(store, other, "a/0000.png")
    assert (found.chosen, found.spectrum, found.place) == (None, None, None)
    assert len(found.scores) == 1


def test_row_metadata_and_duplicates(scored):
    store, scores = scored
    found = sample_detail(store, scores, "copy.png")
    assert found.sample.metadata == {"kind": "exact_duplicate", "number": 3}
    assert (found.sample.width, found.sample.num_bytes, found.class_title) == (64, 1000, "a")
    assert [item.sample_key for item in found.duplicates] == ["b/0004.png"]
    assert found.num_duplicates == 1
    assert sample_detail(store, scores, "a/0000.png").num_duplicates == 0


def test_under_every_definition_as_the_store_says(scored):
    store, scores = scored
    found = scores_by_definition(store, scores, find_sample(store, scores.dataset_id, "b/0005.png"))
    assert list(found) == ["ViT-Ti/16 (timm)", "ResNet-18 (timm)"]
    for definition, score in found["ViT-Ti/16 (timm)"].items():
        rows = store.query(scored_sql(store, replace(scores, definition=definition))).to_pylist()
        (row,) = (row for row in rows if row["sample_key"] == "b/0005.png")
        assert score == DefinedScore(row["score"], row["class_percentile"], is_exact=True)
    assert len(found["ResNet-18 (timm)"]) == len(DEFINITIONS)


def test_by_content_id_or_not_at_all(scored):
    store, scores = scored
    content_id = make_sample("copy.png", content="b/0004.png").content_id
    assert find_sample(store, scores.dataset_id, content_id).sample_key == "b/0004.png"
    with pytest.raises(UnknownNameError, match=r"no sample 'gone\.png'"):
        find_sample(store, scores.dataset_id, "gone.png")


def test_spectrum_with_the_band_of_its_class(scored, monkeypatch):
    store, scores = scored
    spectrum = sample_detail(store, scores, "a/0000.png").spectrum
    assert spectrum.singular_values.shape == (8,)
    assert np.sum(np.log(spectrum.singular_values[: spectrum.rank])) == pytest.approx(4.0, rel=1e-5)
    assert np.all(np.diff(spectrum.singular_values) <= 0)
    assert spectrum.num_reference == 5
    # Class a scores 1, 2, 3, 4 and (the copy) 9: its median image has the score 3.
    assert np.sum(np.log(spectrum.class_median[: spectrum.rank])) == pytest.approx(3.0, rel=1e-5)
    assert np.all(spectrum.class_low <= spectrum.class_median)
    assert np.all(spectrum.class_median <= spectrum.class_high)
    monkeypatch.setattr(detail, "NUM_REFERENCE", 2)
    assert sample_detail(store, scores, "b/0005.png").spectrum.num_reference == 2


def test_place_among_the_dataset_and_its_class(scored):
    store, scores = scored
    place = sample_detail(store, scores, "b/0004.png").place
    assert [(s.title, s.num_scored, len(s.counts)) for s in place.histograms.series] == [
        ("Dataset", 9, MIN_BINS), ("Class b", 4, MIN_BINS),
    ]  # fmt: skip
    assert place.score == 9.0


def test_the_definition_is_the_same_for_all_backbones(scored):
    store, scores = scored
    found = sample_detail(store, replace(scores, definition="paper"), "b/0005.png")
    assert [item.score for item in found.scores] == pytest.approx([7 + 2 * np.log(1e-6), 93 + 2 * np.log(1e-6)])


def test_unlabelled_dataset(store):
    samples = make_samples([None, None])
    dataset = add_dataset(store, "flat", samples)
    scores = add_measurements(
        store, dataset, add_backbone(store), {s.sample_key: 1.0 for s in samples}, samples=samples
    )
    found = sample_detail(store, scores, samples[0].sample_key)
    assert found.class_title == "(all)"
    assert found.chosen.class_percentile == 50
    assert found.place.histograms.series[1].num_scored == 2


def test_an_estimate_says_so_and_has_no_spectrum(store):
    samples = make_samples("aaaa")
    dataset, info = add_dataset(store, "d", samples), add_backbone(store)
    spec = MeasurementSpec("calibrated", probes=2, calibration="abc")
    values = {"score": 5.0, "lower": 4.0, "upper": 6.0, "score_paper": 1.0, "lower_paper": 0.5, "upper_paper": 2.0}
    rows = [{"content_id": sample.content_id, "rank": 6, **values} for sample in samples]
    store.write_shard(info.backbone_id, spec, pa.Table.from_pylist(rows, schema=CALIBRATED_SCHEMA))
    add_measurements(store, dataset, info, {samples[0].sample_key: 5.5, samples[1].sample_key: 4.5}, samples=samples)
    scores = ScoreSet(dataset.dataset_id, spec.key(info.backbone_id))

    estimated = sample_detail(store, scores, samples[2].sample_key)
    assert (estimated.chosen.lower, estimated.chosen.upper, estimated.chosen.is_exact) == (4.0, 6.0, False)
    assert estimated.spectrum is None
    assert estimated.place.score == 5.0
    exact = sample_detail(store, scores, samples[0].sample_key)
    assert (exact.chosen.score, exact.chosen.lower, exact.chosen.is_exact) == (5.5, 5.5, True)
    assert exact.spectrum.num_reference == 2
    (extremes,) = class_extremes(store, scores, ["a"], n=4)
    assert [(item.score, item.lower, item.is_exact) for item in extremes.least] == [
        (4.5, 4.5, True),
        (5.0, 4.0, False),
        (5.0, 4.0, False),
        (5.5, 5.5, True),
    ]


def test_the_quality_of_an_image_is_shown_as_it_was_measured(store):
    quality = measure_quality(Image.fromarray(np.arange(1024, dtype=np.uint8).reshape(32, 32)))
    samples = [replace(make_samples("a")[0], quality=quality)]
    dataset = add_dataset(store, "d", samples)
    found = find_sample(store, dataset.dataset_id, samples[0].sample_key)
    assert asdict(found.quality) == pytest.approx(asdict(quality))
    assert found.quality.phash == quality.phash
