"""How fast the same small images are indexed: from files, tars, Parquet, and a folder saved by `datasets`.

    python benchmarks/sources.py               # 20,000 images
    python benchmarks/sources.py --images 5000 --threads 4 --repeats 3

Images are those of `indexing.py`. Sources take turns, and the fastest of the repeats counts; each is also indexed again
unchanged. Ratios are to files; processor time says more where others use the machine.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from indexing import write_files

from jepascore_core.datasets.indexing import build_index
from jepascore_core.datasets.sources import SourceOptions

SHARD_IMAGES = 5000
GROUP_ROWS = 100
_PAIR = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_SCHEMA = pa.schema([("image", _PAIR), ("label", pa.string())])


def write_tars(files: list[Path], folder: Path) -> None:
    """Write shards of WebDataset: image, `.cls` and `.json`."""
    folder.mkdir()
    for shard, some in enumerate(_shards(files)):
        with tarfile.open(folder / f"{shard:06d}.tar", "w", format=tarfile.USTAR_FORMAT) as sink:
            for path in some:
                row = json.dumps({"width": 100, "caption": f"a picture of {path.parent.name}"}).encode()
                for suffix, data in (
                    (path.suffix, path.read_bytes()),
                    (".cls", path.parent.name.encode()),
                    (".json", row),
                ):
                    member = tarfile.TarInfo(path.stem + suffix)
                    member.size = len(data)
                    sink.addfile(member, io.BytesIO(data))


def write_parquet(files: list[Path], folder: Path) -> None:
    """Write Parquet as Hugging Face does, in small row groups."""
    folder.mkdir()
    for shard, some in enumerate(_shards(files)):
        with pq.ParquetWriter(folder / f"train-{shard:05d}.parquet", _SCHEMA) as sink:
            for batch in _batches(some):
                sink.write_batch(batch)


def write_saved(files: list[Path], folder: Path) -> None:
    """Write what `save_to_disk` writes, without that library."""
    folder.mkdir()
    names = []
    for shard, some in enumerate(_shards(files)):
        names.append(f"data-{shard:05d}.arrow")
        with (folder / names[-1]).open("wb") as stream, pa.ipc.new_stream(stream, _SCHEMA) as sink:
            for batch in _batches(some):
                sink.write_batch(batch)
    state = {"_data_files": [{"filename": name} for name in names], "_split": None}
    (folder / "state.json").write_text(json.dumps(state))


def _shards(files: list[Path]) -> list[list[Path]]:
    return [files[first : first + SHARD_IMAGES] for first in range(0, len(files), SHARD_IMAGES)]


def _batches(files: list[Path]) -> list[pa.RecordBatch]:
    iterator, batches = iter(files), []
    while some := list(islice(iterator, GROUP_ROWS)):
        rows = [{"image": {"bytes": path.read_bytes(), "path": path.name}, "label": path.parent.name} for path in some]
        batches.append(pa.RecordBatch.from_pylist(rows, _SCHEMA))
    return batches


WRITERS: dict[str, Callable[[list[Path], Path], None]] = {
    "tars": write_tars,
    "Parquet": write_parquet,
    "datasets": write_saved,
}


def seconds_of(folder: Path, name: str, version: str, previous: str | None, threads: int | None) -> tuple[float, float]:
    """Index a source; the seconds that it took, and those of processors."""
    started = time.perf_counter(), time.process_time()
    build_index(
        folder / name,
        SourceOptions(),
        folder / version,
        folder / f"thumbs-{version if previous is None else previous}",
        folder / "work",
        folder / previous if previous else None,
        lambda _: None,
        num_threads=threads,
    )
    return time.perf_counter() - started[0], time.process_time() - started[1]


def main() -> None:
    """Make the sources, index them in turn, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000, help="how many (default: 20,000)")
    parser.add_argument("--threads", type=int, default=None, help="default: the product's own choice")
    parser.add_argument("--repeats", type=int, default=2, help="of each source (default: 2)")
    parser.add_argument("--folder", type=Path, default=None, help="where to work (default: the temporary folder)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="jepascore-sources-", dir=options.folder))
    try:
        size = write_files(folder / "files", options.images)
        files = sorted((folder / "files").rglob("*.*"))
        for name, write in WRITERS.items():
            write(files, folder / name)
        print(f"{options.images:,} images, {size / 1e6:,.0f} MB, {os.cpu_count()} processors")
        first: dict[str, list[tuple[float, float]]] = {name: [] for name in ("files", *WRITERS)}
        again: dict[str, list[tuple[float, float]]] = {name: [] for name in first}
        for repeat in range(options.repeats):
            for name in first:
                version = f"{name}-{repeat}"
                first[name].append(seconds_of(folder, name, version, None, options.threads))
                again[name].append(seconds_of(folder, name, f"{version}-again", version, options.threads))
                shutil.rmtree(folder / f"thumbs-{version}")
        for title, times in (("read", first), ("unchanged", again)):
            print(f"\n{title:10} {'images/s':>9} {'ratio':>6} {'CPU ms/image':>13} {'ratio':>6}")
            of_files, cpu_of_files = map(min, zip(*times["files"], strict=True))
            for name in times:
                seconds, cpu = map(min, zip(*times[name], strict=True))
                rate, each = options.images / seconds, 1000 * cpu / options.images
                print(f"{name:10} {rate:9,.0f} {of_files / seconds:6.2f} {each:13.2f} {cpu_of_files / cpu:6.2f}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
