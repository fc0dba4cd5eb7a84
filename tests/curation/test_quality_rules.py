"""Rules about image quality, and the issues that a dataset's own sizes decide."""

from dataclasses import replace

import pytest
from PIL import Image, ImageFilter

from jepascore_core.curation.columns.cache import columns
from jepascore_core.datasets.quality import measure_quality
from jepascore_core.records.quality import ImageQuality
from tests.conftest import make_samples
from tests.curation.test_evaluation import kept, measured, rows_of
from tests.datasets.test_quality import photograph


def quality(**changes):
    """An inconspicuous picture, but for these numbers."""
    usual = ImageQuality(0.5, 0.1, 0.9, 0.2, 7.0, 40.0, 500.0, 0.1, 0.0, 1)
    return replace(usual, **changes)


def with_quality(store, qualities, **fields):
    samples = [
        replace(sample, quality=found, **fields)
        for sample, found in zip(make_samples(["a"] * len(qualities)), qualities, strict=True)
    ]
    return measured(store, samples, range(len(samples)))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("sharpness <= 20", [1]),
        ("not sharpness <= 20", [0, 2]),
        ("brightness >= 0.7", [2]),
        ("brightness_p99 > 0.5 and entropy <= 8", [0, 1, 2]),
        ("bytes_per_pixel >= 0.4", []),
        ('quality_issue = "none"', [0]),
        ('quality_issue = "blurry"', [1]),
        ('quality_issue like "*border*"', [2]),
        ('quality_issue != "none"', [1, 2]),
    ],
)
def test_quality_is_a_column_and_unknown_where_it_was_not_measured(store, text, wanted):
    qualities = [quality(), quality(sharpness=4.0), quality(brightness=0.8, brightness_p5=0.97, border=0.4), None]
    scores = with_quality(store, qualities)
    found = [row["verdict"] for row in rows_of(store, scores, text)]
    assert [number for number, verdict in enumerate(found) if verdict == "keep"] == wanted
    assert found[3] == ("drop" if "bytes" in text else "unscored")


def test_issues_of_a_sample_are_listed(store):
    scores = with_quality(store, [quality(brightness_p99=0.1, entropy=1.0, border=1.0), quality(brightness_p5=0.96)])
    name = columns(store).quality(store.catalogue.dataset(scores.dataset_id), "quality_issue")
    assert store.query(f"SELECT * FROM {name}")[name].to_pylist() == ["dark, low information, border", "light"]


def test_odd_sizes_are_those_unlike_the_datasets(store):
    sizes = [(100 + number, 100) for number in range(20)] + [(900, 900), (9, 9), (400, 100)]
    samples = [
        replace(sample, quality=quality(), width=width, height=height)
        for sample, (width, height) in zip(make_samples(["a"] * len(sizes)), sizes, strict=True)
    ]
    scores = measured(store, samples, range(len(samples)))
    odd = kept(store, scores, 'quality_issue like "*odd size*"')
    assert odd == [sample.sample_key for sample in samples[20:]]
    assert kept(store, scores, 'quality_issue like "*odd aspect*"') == [samples[22].sample_key]


def test_built_defects_have_their_issue(store):
    """The kinds that CleanVision names, made from one photograph-like picture."""
    plain = photograph()
    made = {
        "none": plain,
        "dark": plain.point([value // 8 for value in range(256)] * 3),
        "light": plain.point([246 + value // 28 for value in range(256)] * 3),
        "blurry": plain.filter(ImageFilter.GaussianBlur(6)),
        "low information": Image.new("RGB", plain.size, (90, 120, 60)),
    }
    scores = with_quality(store, [measure_quality(image) for image in made.values()])
    name = columns(store).quality(store.catalogue.dataset(scores.dataset_id), "quality_issue")
    found = store.query(f"SELECT * FROM {name}")[name].to_pylist()
    assert found[0] == "none"
    for issue, listed in zip(made, found, strict=True):
        assert issue in listed
