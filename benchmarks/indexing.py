"""How fast a folder of small images is indexed, and indexed again when little or nothing changed.

    python benchmarks/indexing.py              # 100,000 files
    python benchmarks/indexing.py --files 20000 --threads 4

Files are photograph-like (smooth colours with grain), four JPEGs to one PNG, sides of 64 to 192 pixels, all different,
in 100 class folders. Memory is the peak of the process so far, of which libraries and pictures are about 150 MB.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from jepascore_core.datasets.indexing import IndexProgress, build_index
from jepascore_core.datasets.sources import SourceOptions

NUM_CLASSES = 100
NUM_PICTURES = 500
PNG_EVERY = 5
CHANGED_EVERY = 100


def encoded_pictures(seed: int = 0) -> list[tuple[str, bytes]]:
    """`NUM_PICTURES` encoded pictures with their extensions; files differ from them in their last bytes only."""
    rng = np.random.default_rng(seed)
    pictures = []
    for number in range(NUM_PICTURES):
        height, width = rng.integers(64, 193, size=2)
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
        smooth = coarse.resize((width, height), Image.Resampling.BICUBIC)
        grain = rng.normal(0, 6, (height, width, 3))
        image = Image.fromarray(np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8))
        kind = "png" if number % PNG_EVERY == 0 else "jpg"
        sink = io.BytesIO()
        image.save(sink, "PNG" if kind == "png" else "JPEG", quality=85)
        pictures.append((kind, sink.getvalue()))
    return pictures


def write_files(folder: Path, count: int) -> int:
    """Write `count` different files; returns their size in bytes."""
    pictures = encoded_pictures()
    for number in range(NUM_CLASSES):
        (folder / f"class{number:02d}").mkdir(parents=True)

    def write(number: int) -> int:
        kind, data = pictures[number % NUM_PICTURES]
        # Bytes behind the end mark change the content id and no pixel.
        data += number.to_bytes(4, "big")
        (folder / f"class{number % NUM_CLASSES:02d}" / f"{number:07d}.{kind}").write_bytes(data)
        return len(data)

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(write, range(count), chunksize=256))


def change_some(folder: Path) -> int:
    """Change every hundredth file; returns how many."""
    changed = sorted(folder.rglob("*.*"))[::CHANGED_EVERY]
    for path in changed:
        path.write_bytes(path.read_bytes() + b"changed")
    return len(changed)


def peak_bytes() -> int:
    """Largest resident size of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def timed(folder: Path, version: str, previous: str | None, threads: int | None) -> tuple[IndexProgress, float]:
    """Index the folder `source` as `version`; what came of it, and the seconds that it took."""
    started = time.perf_counter()
    progress = build_index(
        folder / "source",
        SourceOptions(),
        folder / version,
        folder / "thumbs",
        folder / "work",
        folder / previous if previous else None,
        lambda _: None,
        num_threads=threads,
    )
    return progress, time.perf_counter() - started


def main() -> None:
    """Make the files, index them three times, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000, help="how many (default: 100,000)")
    parser.add_argument("--threads", type=int, default=None, help="default: the product's own choice")
    parser.add_argument("--folder", type=Path, default=None, help="where to work (default: the temporary folder)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="jepascore-indexing-", dir=options.folder))
    try:
        size = write_files(folder / "source", options.files)
        print(f"{options.files:,} files, {size / 1e6:,.0f} MB, {os.cpu_count()} processors")
        print(f"{'index':24} {'read':>9} {'taken over':>10} {'seconds':>8} {'files/s':>8} {'peak memory':>12}")
        show("first time", options.files, *timed(folder, "v1", None, options.threads))
        show("nothing changed", options.files, *timed(folder, "v2", "v1", options.threads))
        changed = change_some(folder / "source")
        show(f"{changed:,} files changed", options.files, *timed(folder, "v3", "v2", options.threads))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def show(title: str, count: int, progress: IndexProgress, seconds: float) -> None:
    """Print one line of the table; an index that is not complete is no measurement."""
    if progress.indexed != count:
        raise SystemExit(f"{progress.failed} files failed")
    read = progress.indexed - progress.reused
    print(
        f"{title:24} {read:>9,} {progress.reused:>10,} {seconds:>8.1f} {count / seconds:>8,.0f} "
        f"{peak_bytes() / 1e6:>9,.0f} MB"
    )


if __name__ == "__main__":
    main()
