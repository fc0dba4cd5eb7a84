"""Bytes of files and idx items, and an error with stage "read" for whatever is neither."""

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.datasets import reading
from jepascore_core.datasets.content import content_id
from jepascore_core.datasets.decoding import decode
from jepascore_core.datasets.item_uris import item_uri
from jepascore_core.datasets.reading import file_state, read_bytes, read_content
from jepascore_core.datasets.uris import path_to_uri
from jepascore_core.errors import SampleError


def write_idx(path: Path, values: np.ndarray) -> Path:
    data = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def digits(count: int = 5) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 6, 4), dtype=np.uint8)


def fails(uri: str) -> str:
    with pytest.raises(SampleError) as caught:
        read_bytes(uri)
    assert caught.value.stage == "read"
    return str(caught.value)


def test_a_file_is_read_with_its_state(tmp_path: Path):
    path = tmp_path / "ä b\n#1.bin"
    path.write_bytes(b"content")
    content = read_content(str(path))
    assert content.data == b"content" == read_bytes(str(path))
    assert content.state == file_state(str(path)) == (7, path.stat().st_mtime_ns)


def test_a_file_whose_name_is_not_utf8_is_read(tmp_path: Path):
    path = os.fsencode(tmp_path) + b"/\xff\xfe.bin"
    try:
        Path(os.fsdecode(path)).write_bytes(b"odd")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    assert read_bytes(path_to_uri(os.fsdecode(path))) == b"odd"


def test_what_is_no_file_is_a_read_error(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    assert "does not exist" in fails(str(tmp_path / "missing.png"))
    assert "does not exist" in fails(str(tmp_path / "file" / "below.png"))
    assert "folder" in fails(str(tmp_path / "folder"))
    assert "pipe" in fails(str(tmp_path / "pipe"))
    assert "device" in fails("/dev/zero")
    assert "absolute" in fails("relative/a.png")
    assert "absolute" in fails("http://example.org/a.png")
    assert "name" in fails("/nul\0byte.png")
    assert "cannot be read" in fails("/" + "x" * 5000)


def test_a_file_without_permission_is_a_read_error(tmp_path: Path):
    path = tmp_path / "locked.png"
    path.write_bytes(b"x")
    path.chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)  # nobody
    try:
        assert "permission" in fails(str(path)).lower()
    finally:
        if is_root:
            os.seteuid(0)


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", 10)
    (tmp_path / "small").write_bytes(bytes(10))
    (tmp_path / "large").write_bytes(bytes(11))
    assert len(read_bytes(str(tmp_path / "small"))) == 10
    assert "limit of 10" in fails(str(tmp_path / "large"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_a_file_that_yields_more_than_its_size_said_is_an_error():
    assert Path("/proc/self/status").stat().st_size == 0
    assert "changed" in fails("/proc/self/status")


@pytest.mark.parametrize("name", ["images-idx3-ubyte", "images-idx3-ubyte.gz"])
def test_an_idx_item_is_a_pgm_of_its_pixels(tmp_path: Path, name: str):
    values = digits()
    path = write_idx(tmp_path / name, values)
    for index, expected in enumerate(values):
        content = read_content(item_uri("idx", str(path), index))
        assert content.data == b"P5\n4 6\n255\n" + expected.tobytes()
        assert (
            content.state
            == file_state(item_uri("idx", str(path), index))
            == (len(content.data), path.stat().st_mtime_ns)
        )
        np.testing.assert_array_equal(np.asarray(decode(content.data))[..., 0], expected)


def test_the_content_id_does_not_depend_on_compression_or_place(tmp_path: Path):
    plain = write_idx(tmp_path / "a#b-idx3-ubyte", digits())
    packed = write_idx(tmp_path / "c-idx3-ubyte.gz", digits())
    first, second = (content_id(read_bytes(item_uri("idx", str(path), 3))) for path in (plain, packed))
    assert first == second


def test_broken_idx_uris_are_read_errors(tmp_path: Path):
    path = write_idx(tmp_path / "images-idx3-ubyte", digits())
    assert "item 5" in fails(item_uri("idx", str(path), 5))
    assert "item -1" in fails(item_uri("idx", str(path), -1))
    assert fails(f"idx:{path}#nonsense")
    assert fails(f"idx:{path}")
    assert "does not exist" in fails(item_uri("idx", str(tmp_path / "none"), 0))
    labels = write_idx(tmp_path / "labels-idx1-ubyte", np.arange(5))
    assert "dimension" in fails(item_uri("idx", str(labels), 0))


def test_a_damaged_gz_is_a_read_error(tmp_path: Path):
    path = write_idx(tmp_path / "images-idx3-ubyte.gz", digits(500))
    data = bytearray(path.read_bytes())
    path.write_bytes(data[:-20])
    assert "damaged" in fails(item_uri("idx", str(path), 0))
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    assert "damaged" in fails(item_uri("idx", str(path), 0))


def test_an_idx_file_that_was_replaced_is_read_anew(tmp_path: Path):
    path = write_idx(tmp_path / "images-idx3-ubyte.gz", digits())
    before = read_bytes(item_uri("idx", str(path), 0))
    write_idx(path, 255 - digits(6))
    os.utime(path, ns=(1, 1))
    assert read_bytes(item_uri("idx", str(path), 0)) != before
    assert read_bytes(item_uri("idx", str(path), 5))


@given(st.text(max_size=40))
def test_any_uri_is_read_or_a_read_error(uri: str):
    try:
        read_bytes(uri)
    except SampleError as error:
        assert error.stage == "read"
