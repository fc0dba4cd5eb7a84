"""MNIST-style folders: splits, labels, and files that do not fit together."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from jepascore_core.datasets.candidates import Candidate, SourceOptions
from jepascore_core.datasets.reading import read_bytes
from jepascore_core.datasets.sources import detect_kind, scan
from jepascore_core.errors import SourceError
from tests.datasets.test_reading import digits, write_idx


def candidates(source: Path) -> list[Candidate]:
    return [item for item in scan(source, SourceOptions(), source).items if isinstance(item, Candidate)]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_folder_of_train_and_test(tmp_path: Path, suffix: str):
    write_idx(tmp_path / f"train-images-idx3-ubyte{suffix}", digits(12))
    write_idx(tmp_path / f"train-labels-idx1-ubyte{suffix}", np.arange(12) % 10)
    write_idx(tmp_path / f"t10k-images-idx3-ubyte{suffix}", digits(3))
    write_idx(tmp_path / f"t10k-labels-idx1-ubyte{suffix}", np.array([7, 8, 9]))
    assert detect_kind(tmp_path) == "idx"
    found = candidates(tmp_path)
    assert [(item.sample_key, item.split, item.label) for item in found][:4] == [
        ("test/00000", "test", "7"),
        ("test/00001", "test", "8"),
        ("test/00002", "test", "9"),
        ("train/00000", "train", "0"),
    ]
    assert found[-1].sample_key == "train/00011"
    assert read_bytes(found[-1].uri).endswith(digits(12)[11].tobytes())


def test_a_single_images_file_finds_its_labels_in_the_other_packing(tmp_path: Path):
    images = write_idx(tmp_path / "train.images.idx3.ubyte", digits(2))
    assert [item.label for item in candidates(images)] == [None, None]
    write_idx(tmp_path / "train.labels.idx1.ubyte.gz", np.array([4, 5]))
    assert [item.label for item in candidates(images)] == ["4", "5"]


def test_several_sets_of_one_split_keep_their_names_apart(tmp_path: Path):
    for name in ("emnist-digits-train", "emnist-letters-train", "emnist-digits-test"):
        write_idx(tmp_path / f"{name}-images-idx3-ubyte", digits(2))
    assert [item.sample_key for item in candidates(tmp_path)] == [
        "test/00000",
        "test/00001",
        "emnist-digits-train/00000",
        "emnist-digits-train/00001",
        "emnist-letters-train/00000",
        "emnist-letters-train/00001",
    ]


def test_a_file_that_is_there_plain_and_packed_counts_once(tmp_path: Path):
    write_idx(tmp_path / "train-images-idx3-ubyte", digits(2))
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", digits(2))
    assert len(candidates(tmp_path)) == 2


def test_files_that_do_not_fit_are_refused(tmp_path: Path):
    images = write_idx(tmp_path / "train-images-idx3-ubyte", digits(4))
    labels = write_idx(tmp_path / "train-labels-idx1-ubyte", np.arange(3))
    with pytest.raises(SourceError, match="3 labels for the 4 images"):
        candidates(tmp_path)
    labels.write_bytes(b"not labels")
    with pytest.raises(SourceError, match="idx"):
        candidates(tmp_path)
    labels.unlink()
    images.write_bytes(images.read_bytes()[:-1])
    with pytest.raises(SourceError, match="truncated"):
        candidates(tmp_path)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_header_that_declares_billions_of_items_is_refused_at_once(tmp_path: Path, suffix: str):
    path = write_idx(tmp_path / f"train-images-idx3-ubyte{suffix}", digits(1))
    data = struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 28, 28) + bytes(784)
    path.write_bytes(gzip.compress(data) if suffix else data)
    with pytest.raises(SourceError, match=r"truncated|unpacks to more"):
        candidates(tmp_path)
