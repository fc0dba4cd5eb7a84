"""NumPy archives: each image by its index, labels, and files that are something else."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from jepascore_core.datasets.candidates import Candidate, SourceOptions
from jepascore_core.datasets.decoding import decode
from jepascore_core.datasets.item_uris import item_uri
from jepascore_core.datasets.reading import file_state, read_content
from jepascore_core.datasets.sources import detect_kind, scan
from jepascore_core.errors import SampleError, SourceError

SAVES = pytest.mark.parametrize("save", [np.savez, np.savez_compressed])


def pixels(count: int = 12, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *(shape or (6, 4, 3))), dtype=np.uint8)


def candidates(source: Path) -> list[Candidate]:
    return [item for item in scan(source, SourceOptions(), source).items if isinstance(item, Candidate)]


@SAVES
@pytest.mark.parametrize("shape", [(6, 4, 3), (6, 4, 1), (6, 4)])
def test_each_image_is_read_by_its_index(tmp_path: Path, save, shape):
    path, values = tmp_path / "ä#1.npz", pixels(12, *shape)
    save(path, other=np.arange(3), images=values, labels=np.arange(12) % 3)
    assert detect_kind(path) == "npz"
    found = candidates(path)
    assert [item.sample_key for item in found] == [f"ä#1.npz#{index}" for index in range(12)]
    assert [item.label for item in found] == [str(index % 3) for index in range(12)]
    for item, expected in zip(found, values, strict=True):
        content = read_content(item.uri)
        assert content.state == file_state(item.uri) == (len(content.data), path.stat().st_mtime_ns)
        wanted = np.broadcast_to(expected.reshape(6, 4, -1), (6, 4, 3))
        np.testing.assert_array_equal(np.asarray(decode(content.data)), wanted)


def test_the_content_does_not_depend_on_compression(tmp_path: Path):
    np.savez(tmp_path / "a.npz", images=pixels())
    np.savez_compressed(tmp_path / "b.npz", images=pixels())
    one, two = (read_content(item_uri("npz", str(tmp_path / name), 5)).data for name in ("a.npz", "b.npz"))
    assert one == two


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        (np.array(["cat", ""]), ["cat", None]),
        (np.array([b"cat", b"\xff"]), ["cat", "\\xff"]),
        (np.array([[7], [-1]]), ["7", "-1"]),
        (np.array([True, False]), ["True", "False"]),
    ],
)
def test_labels_are_texts(tmp_path: Path, labels, wanted):
    np.savez(tmp_path / "a.npz", images=pixels(2), labels=labels)
    assert [item.label for item in candidates(tmp_path / "a.npz")] == wanted


def test_without_labels_there_are_none(tmp_path: Path):
    np.savez(tmp_path / "a.npz", images=pixels(2))
    assert [item.label for item in candidates(tmp_path / "a.npz")] == [None, None]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x_train": pixels(2)}, "no array `images`, only x_train"),
        ({"images": pixels(2).astype(np.float32)}, "float32, not uint8"),
        ({"images": pixels(2, 3, 8, 8)}, r"shape \[2, 3, 8, 8\]"),
        ({"images": pixels(6)[0]}, None),
        ({"images": np.asfortranarray(pixels(2))}, "Fortran order"),
        ({"images": np.array([{}, {}])}, "object, not uint8"),
        ({"images": pixels(2), "labels": np.arange(3)}, r"shape \[3\], not \[2\]"),
        ({"images": pixels(2), "labels": np.array([0.5, 1])}, "are float64"),
        ({"images": pixels(2), "labels": np.array(["a", None])}, "are object"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, arrays, words):
    np.savez(tmp_path / "a.npz", **arrays)
    if words is None:  # [H, W, 3] of a single image reads as H images of W x 3 pixels: nobody can tell
        assert len(candidates(tmp_path / "a.npz")) == 6
        return
    with pytest.raises(SourceError, match=words):
        candidates(tmp_path / "a.npz")


@SAVES
def test_a_truncated_archive_is_refused(tmp_path: Path, save):
    path = tmp_path / "a.npz"
    save(path, images=pixels())
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SourceError, match="damaged"):
        candidates(path)


def test_damaged_pixels_are_failures_of_samples(tmp_path: Path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, images=pixels(500))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    found = candidates(path)
    assert len(found) == 500
    with pytest.raises(SampleError, match="damaged") as caught:
        read_content(found[3].uri)
    assert caught.value.stage == "read"


def test_a_missing_item_and_a_replaced_file_are_noticed(tmp_path: Path):
    path = tmp_path / "a.npz"
    np.savez(path, images=pixels())
    before = read_content(item_uri("npz", str(path), 0)).data
    for index in (12, -1):
        with pytest.raises(SampleError, match=f"item {index}"):
            read_content(item_uri("npz", str(path), index))
    np.savez(tmp_path / "b.npz", images=255 - pixels(13))
    shutil.move(tmp_path / "b.npz", path)
    assert read_content(item_uri("npz", str(path), 0)).data != before
    path.unlink()
    with pytest.raises(SampleError, match="does not exist"):
        read_content(item_uri("npz", str(path), 0))
