"""A folder of every kind of broken image: each becomes a recorded failure, and the good ones beside it are indexed."""

from pathlib import Path

import pytest

from jepascore_core.datasets.decoding import decode
from jepascore_core.datasets.indexing import build_index
from jepascore_core.datasets.manifest import Dataset
from jepascore_core.datasets.sources import SourceOptions
from jepascore_core.errors import SampleError
from tests.datasets.images import bad_entries, bad_files, write_image

BAD_FILES = bad_files()


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_bytes_are_a_decode_error_with_a_reason_and_a_remedy(name: str):
    data, words = BAD_FILES[name]
    with pytest.raises(SampleError) as caught:
        decode(data)
    assert caught.value.stage == "decode"
    assert words in str(caught.value)
    assert "object at 0x" not in str(caught.value)
    assert ": " in str(caught.value), "every message ends with what to do"


@pytest.mark.parametrize("kind", ["flat", "imagefolder"])
def test_a_folder_of_broken_images_loses_nothing_else(tmp_path: Path, kind: str):
    source = tmp_path / "source"
    folder = source if kind == "flat" else source / "class"
    good = [write_image(folder / f"good_{number}.png", number) for number in range(5)]
    for name, (data, _) in BAD_FILES.items():
        (folder / name).write_bytes(data)
    expected = {name: ("decode", words) for name, (_, words) in BAD_FILES.items()}
    expected |= bad_entries(folder, tmp_path / "outside")
    assert len(expected) > 40

    result = build_index(
        source, SourceOptions(), tmp_path / "index", tmp_path / "thumbs", tmp_path / "work", None, lambda _: None
    )

    dataset = Dataset(tmp_path / "index")
    failures = {Path(failure.sample_key).name: failure for failure in dataset.failures()}
    assert {sample.sample_key for sample in dataset} == {path.relative_to(source).as_posix() for path in good}
    assert failures.keys() == expected.keys()
    for name, (stage, words) in expected.items():
        assert failures[name].stage == stage, name
        assert words in failures[name].message, name
        assert failures[name].error_class, name
        assert (failures[name].content_id is not None) == (stage == "decode"), name
    assert (result.indexed, result.failed, result.pending) == (len(good), len(expected), 0)
