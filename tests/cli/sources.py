"""Small sources of every kind, with what an index of each must hold."""

from __future__ import annotations

import csv
import gzip
import json
import struct
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

COUNT = 6


@dataclass(frozen=True)
class Expected:
    """What must be found in a source."""

    kind: str
    labels: set[str | None]
    splits: set[str | None]
    count: int = COUNT


def write_noise(folder: Path, count: int, seed: int = 0) -> Path:
    """Different small images `a/0000.png`, `b/0001.png` and so on; returns the folder."""
    pixels = np.random.default_rng([seed, count]).integers(0, 256, (count, 16, 16, 3), np.uint8)
    for number, image in enumerate(pixels):
        path = folder / "ab"[number % 2] / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


def imagefolder(root: Path) -> tuple[Path, Expected]:
    """Classes below splits."""
    write_noise(root / "set" / "train", COUNT - 2)
    write_noise(root / "set" / "test", 2, seed=1)
    return root / "set", Expected("imagefolder", {"a", "b"}, {"train", "test"})


def flat(root: Path) -> tuple[Path, Expected]:
    """Images side by side."""
    for path in write_noise(root / "made", COUNT).rglob("*.png"):
        (root / "flat").mkdir(exist_ok=True)
        path.replace(root / "flat" / path.name)
    return root / "flat", Expected("flat", {None}, {None})


def _rows(root: Path) -> list[dict[str, str]]:
    paths = sorted(path.relative_to(root).as_posix() for path in write_noise(root / "images", COUNT).rglob("*.png"))
    return [{"file_name": path, "class": path[7], "subset": "val", "note": f"{path}, ünïcode"} for path in paths]


_FROM_A_TABLE = Expected("table", {"a", "b"}, {"val"})


def _separated(root: Path, name: str, separator: str) -> tuple[Path, Expected]:
    rows = _rows(root)
    with (root / name).open("w", newline="", encoding="utf-8") as sink:
        writer = csv.DictWriter(sink, rows[0], delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)
    return root / name, _FROM_A_TABLE


def jsonl(root: Path) -> tuple[Path, Expected]:
    """One JSON object a line."""
    (root / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in _rows(root)))
    return root / "list.jsonl", _FROM_A_TABLE


def parquet(root: Path) -> tuple[Path, Expected]:
    """A Parquet table."""
    pq.write_table(pa.Table.from_pylist(_rows(root)), root / "list.parquet")
    return root / "list.parquet", _FROM_A_TABLE


def archive(root: Path) -> tuple[Path, Expected]:
    """A zip of class folders inside a wrapping folder."""
    folder = write_noise(root / "made" / "wrap", COUNT)
    with zipfile.ZipFile(root / "set.zip", "w") as sink:
        for path in sorted(folder.rglob("*.png")):
            sink.write(path, path.relative_to(root / "made"))
    return root / "set.zip", Expected("zip", {"a", "b"}, {None})


def _idx(root: Path, ending: str, write: Callable[[Path, bytes], object]) -> tuple[Path, Expected]:
    (root / "mnist").mkdir()
    rng = np.random.default_rng(0)
    for stem, count in (("train", 4), ("t10k", 2)):
        images = rng.integers(0, 256, (count, 28, 28), np.uint8).tobytes()
        labels = bytes(number % 2 for number in range(count))
        header = struct.pack(">4B3I", 0, 0, 8, 3, count, 28, 28)
        write(root / "mnist" / f"{stem}-images-idx3-ubyte{ending}", header + images)
        write(root / "mnist" / f"{stem}-labels-idx1-ubyte{ending}", struct.pack(">4BI", 0, 0, 8, 1, count) + labels)
    return root / "mnist", Expected("idx", {"0", "1"}, {"train", "test"})


def _write_gzip(path: Path, data: bytes) -> None:
    path.write_bytes(gzip.compress(data))


def npz(root: Path) -> tuple[Path, Expected]:
    """A NumPy archive of images and labels."""
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 28, 28, 3), np.uint8)
    np.savez_compressed(root / "set.npz", images=images, labels=np.arange(COUNT) % 2)
    return root / "set.npz", Expected("npz", {"0", "1"}, {None})


def tar(root: Path) -> tuple[Path, Expected]:
    """Two shards of WebDataset."""
    paths = sorted(write_noise(root / "made", COUNT).rglob("*.png"))
    for number, split in enumerate(("train", "val")):
        (root / "shards").mkdir(exist_ok=True)
        with tarfile.open(root / "shards" / f"{split}-{number:06d}.tar", "w") as sink:
            for path in paths[number::2]:
                label = path.with_suffix(".cls")
                label.write_text(path.parent.name)
                sink.add(path, path.name)
                sink.add(label, label.name)
    return root / "shards", Expected("tar", {"a", "b"}, {"train", "val"})


def images_in_parquet(root: Path) -> tuple[Path, Expected]:
    """A Parquet file that holds the images, as Hugging Face writes them."""
    paths = sorted(write_noise(root / "made", COUNT).rglob("*.png"))
    rows = [{"image": {"bytes": path.read_bytes(), "path": path.name}, "label": path.parent.name} for path in paths]
    (root / "data").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), root / "data" / "train-00000-of-00001.parquet", row_group_size=4)
    return root / "data", Expected("parquet", {"a", "b"}, {"train"})


def saved(root: Path) -> tuple[Path, Expected]:
    """A folder that `datasets` saved, with two splits."""
    import datasets

    paths = sorted(write_noise(root / "made", COUNT).rglob("*.png"))
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])})
    splits = {
        split: datasets.Dataset.from_list(
            [{"image": {"bytes": path.read_bytes(), "path": None}, "label": path.parent.name} for path in some],
            features,
        )
        for split, some in (("train", paths[:4]), ("test", paths[4:]))
    }
    datasets.DatasetDict(splits).save_to_disk(str(root / "saved"))
    return root / "saved", Expected("datasets", {"a", "b"}, {"train", "test"})


SOURCES: dict[str, Callable[[Path], tuple[Path, Expected]]] = {
    "imagefolder": imagefolder,
    "flat": flat,
    "csv": lambda root: _separated(root, "list.csv", ","),
    "tsv": lambda root: _separated(root, "list.tsv", "\t"),
    "jsonl": jsonl,
    "parquet": parquet,
    "zip": archive,
    "idx": lambda root: _idx(root, "", Path.write_bytes),
    "npz": npz,
    "tar": tar,
    "images-in-parquet": images_in_parquet,
    "saved": saved,
    "idx-gz": lambda root: _idx(root, ".gz", _write_gzip),
}
