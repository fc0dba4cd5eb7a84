"""The same on real images, where they are: every folder of the development data."""

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from jepascore_core.datasets.decoding import FORMATS, decode
from jepascore_core.datasets.indexing import build_index
from jepascore_core.datasets.manifest import Dataset
from jepascore_core.datasets.sources import SourceOptions, detect_kind
from jepascore_core.errors import SampleError

BESIDE = Path(__file__).parents[3] / "shared" / "data"
DATA = Path(os.environ.get("JEPASCORE_DEV_DATA") or BESIDE)

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"development data is not at {DATA} (JEPASCORE_DEV_DATA)")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "kind", "count", "classes"),
    [
        ("flowers", "imagefolder", 720, 12),
        ("imagenet_samples", "flat", 1000, 0),
        ("mnist", "imagefolder", 500, 10),
        ("cifar10_noisy/labels.csv", "table", 2000, 10),
        ("cifar10_noisy", "table", 2000, 10),
        ("galaxies/labels.csv", "table", 500, 6),
    ],
)
def test_real_images_are_all_indexed(tmp_path: Path, source: str, kind: str, count: int, classes: int):
    assert detect_kind(DATA / source) == kind
    result = build_index(
        DATA / source, SourceOptions(), tmp_path / "v1", tmp_path / "thumbs", tmp_path / "work", None, lambda _: None
    )
    assert (result.total, result.indexed, result.failed) == (count, count, 0)
    samples = list(Dataset(tmp_path / "v1"))
    assert len({row.label for row in samples} - {None}) == classes
    if source.startswith("cifar"):
        assert Counter(row.metadata["clean_label"] for row in samples).keys() == {row.label for row in samples}


def test_odd_and_malformed_files_end_as_pillow_says_or_stricter():
    """We accept what Pillow does, but for formats that we do not read and images of one pixel."""
    folder = DATA / "bad_images"
    allowed = {*FORMATS, "MPO"}
    for row in csv.DictReader((folder / "outcomes.csv").open(encoding="utf-8")):
        verdict, *words = row["pillow_13_outcome"].split()
        try:
            accepted = decode((folder / row["file"]).read_bytes()).mode == "RGB"
        except SampleError as error:
            accepted = False
            assert error.stage == "decode"
        readable = verdict == "OK" and words[0] in allowed and "(1, 1)" not in row["pillow_13_outcome"]
        assert accepted == readable, row
