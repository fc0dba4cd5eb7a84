"""How fluent the whole dataset and the sample window are in a browser, at a million samples, by its own clock.

    python benchmarks/browsing.py                   # makes 1,000,000 rows over 500 pictures in a temporary folder first
    python benchmarks/browsing.py --home FOLDER     # keeps them there, or uses what is there already
    python benchmarks/browsing.py --rows 50000

No backbone: this is what is there once images are indexed. Chromium scrolls by wheel through the list, and jumps in it;
the times between its animation frames are the frames a second, its own count of the heap the memory. Then it opens a
sample and goes on by arrow keys, with a pause as long as one looks: what is timed is from the key to the frame behind
the decoded picture. Filters are timed from the click to the new counts. "Cold" is the first visit of a fresh server.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = os.environ.get("JEPASCORE_CHROMIUM", "/usr/bin/chromium")
NUM_PICTURES, SIDE = 500, 480
NUM_CLASSES = 1_000
#: Frames a second, share of frames that take over a 30th of a second, seconds, bytes.
FRAMES, LATE, STEP, FILTER, GROWTH = 60.0, 0.01, 0.15, 0.3, 20e6
LATE_MILLISECONDS = 1000 / 30

#: What is pressed, and how many milliseconds there are between two presses.
WALKS = (("next, looking", "ArrowRight", 400), ("next, fast", "ArrowRight", 60), ("previous", "ArrowLeft", 400))

#: Scrolls the list for some seconds and returns the milliseconds between frames.
SCROLL = """async ([seconds, jumps]) => {
  const host = [...document.querySelectorAll('*')].find((e) => e.shadowRoot?.querySelector('.scroller'));
  const scroller = host.shadowRoot.querySelector('.scroller');
  const times = [];
  let before = await new Promise(requestAnimationFrame);
  const end = before + 1000 * seconds;
  let step = 0;
  while (before < end) {
    scroller.scrollTop += jumps ? (step % 20 ? 0 : 200000) : 40;
    step += 1;
    const now = await new Promise(requestAnimationFrame);
    times.push(now - before);
    before = now;
  }
  return times;
}"""
#: Presses a key some times and returns the seconds until the next picture is seen.
WALK = """async ([key, number, pause]) => {
  const host = [...document.querySelectorAll('*')].find((e) => e.shadowRoot?.querySelector('.sample'));
  const root = host.shadowRoot;
  const shown = () => root.querySelector('.picture img.base');
  const times = [];
  for (let step = 0; step < number; step += 1) {
    const before = root.querySelector('.where').textContent;
    const started = performance.now();
    document.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    while (root.querySelector('.where').textContent === before || !shown()) await new Promise(requestAnimationFrame);
    await shown().decode();
    await new Promise(requestAnimationFrame);
    times.push((performance.now() - started) / 1000);
    await new Promise((done) => setTimeout(done, pause));
  }
  return times;
}"""
#: Chooses a value of a facet and returns the seconds until the counts of its list are there.
CHOOSE = """async (name) => {
  const host = [...document.querySelectorAll('*')].find((e) => e.shadowRoot?.querySelector('.scroller'));
  const root = host.shadowRoot;
  const facet = root.querySelector(`.facet[data-name="${name}"]`);
  const total = root.querySelector('.total');
  const [counts, listed] = [() => root.querySelector('.rail').textContent, total.textContent];
  const before = counts();
  const started = performance.now();
  facet.querySelector('input[type="checkbox"]').click();
  while (counts() === before || total.textContent === listed) await new Promise(requestAnimationFrame);
  return (performance.now() - started) / 1000;
}"""


def build(home: Path, rows: int) -> None:
    """A dataset of `rows` samples of some hundred pictures, with image quality, previews and files."""
    from jepascore_core.datasets.content import content_id
    from jepascore_core.datasets.manifest import MANIFEST_SCHEMA
    from jepascore_core.datasets.thumbnails import ensure_thumbnail
    from jepascore_core.records.datasets import DatasetState
    from jepascore_core.storage.store import Store

    store, generator = Store(home), np.random.default_rng(0)
    pictures = home / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    ids = []
    down, across = np.mgrid[:SIDE, :SIDE]
    for number in range(NUM_PICTURES):
        phase = generator.random(6) * 9
        waves = [np.sin(down / (20 + 9 * p) + across / (30 + 7 * q)) for p, q in phase.reshape(3, 2)]
        image = 127 + 120 * np.stack(waves, 2)
        encoded = io.BytesIO()
        Image.fromarray(image.astype(np.uint8)).save(encoded, "JPEG", quality=90)
        (pictures / f"{number}.jpg").write_bytes(encoded.getvalue())
        ids.append(content_id(encoded.getvalue()))
        ensure_thumbnail(home / "thumbs", ids[-1], Image.open(encoded))
    dataset = store.catalogue.add_dataset("big", str(pictures), "imagefolder", {})
    folder = store.dataset_folder(dataset.dataset_id) / "v1"
    folder.mkdir(parents=True)
    which = generator.integers(0, NUM_PICTURES, rows)
    labels = np.char.mod("class %04d", np.sort(generator.integers(0, NUM_CLASSES, rows)))
    hashes = generator.integers(0, 2**63, NUM_PICTURES, dtype=np.uint64)
    values: dict[str, Any] = {
        "sample_key": np.char.add(np.char.add(labels, "/"), np.char.mod("image %09d.jpg", np.arange(rows))),
        "uri": np.char.mod(f"{pictures}/%d.jpg", which),
        "label": labels,
        "split": np.where(generator.random(rows) < 0.2, "test", "train"),
        "content_id": np.array(ids)[which],
        "width": np.full(rows, SIDE),
        "height": np.full(rows, SIDE),
        "num_bytes": generator.integers(500, 10**6, rows),
        "modified_ns": np.zeros(rows, np.int64),
        "phash": hashes[which],
        "phash_mirrored": hashes[which],
        "quality_version": np.full(rows, 2),
    }
    columns = [pa.array(values.get(field.name, generator.random(rows))).cast(field.type) for field in MANIFEST_SCHEMA]
    pq.write_table(pa.table(columns, schema=MANIFEST_SCHEMA), folder / "manifest-1.parquet", compression="zstd")
    store.catalogue.update_dataset(
        dataset.dataset_id, version="v1", state=DatasetState.READY, num_indexed=rows, num_total=rows
    )


@contextmanager
def served(home: Path, port: int) -> Iterator[str]:
    """The app on a port, until the block ends."""
    command = [sys.executable, "-m", "pages.ui.app.serve", "run", str(ROOT / "app.py"), "--server.port", str(port)]
    environment = {**os.environ, "JEPASCORE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=2).read()
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def measure(url: str, seconds: float) -> bool:
    """Print what a browser measures; whether a target is missed."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--enable-precise-memory-info", "--js-flags=--expose-gc"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        asked: dict[str, float] = {}
        page.on("requestfinished", lambda request: _note(asked, request))
        started = time.perf_counter()
        page.goto(f"{url}/explore")
        page.locator(".tile[data-key]:visible").first.wait_for(timeout=120_000)
        missed = show("first pictures, cold", time.perf_counter() - started, None)
        page.locator('.facet[data-name="split"]').wait_for(timeout=120_000)
        missed |= show("filters with counts, cold", time.perf_counter() - started, None)
        for name, took in asked.items():
            missed |= show(f"first request of {name}", took, None)
        number = page.locator(".tile[data-key]:visible").count()
        print(f"{'pictures on the first screen, 1440 x 900':44} {number:8}")
        missed |= number < 24
        heap = _heap(page)
        for title, jumps in (("by the wheel", False), ("in jumps", True)):
            times = page.evaluate(SCROLL, [seconds, jumps])
            missed |= show_frames(f"scrolling {title}", times)
        page.wait_for_timeout(1000)
        missed |= show("heap grown by scrolling (MB)", (_heap(page) - heap) / 1e6, GROWTH / 1e6)
        for name in ("split", "label"):
            missed |= show(f"a filter by {name}", page.evaluate(CHOOSE, name), FILTER)
        page.locator(".tile[data-key]:visible").first.click()
        page.locator(".picture img.base").wait_for(timeout=60_000)
        page.wait_for_timeout(2000)
        for title, key, pause in WALKS:
            times = page.evaluate(WALK, [key, 20, pause])
            missed |= show(f"sample window: {title}, median", statistics.median(times), STEP)
            missed |= show(f"sample window: {title}, slowest of 20", max(times), None)
        browser.close()
    return missed


def _note(asked: dict[str, float], request: Any) -> None:
    name = request.url.partition("?")[0].rpartition("/")[2]
    if name in ("rows", "facets") and name not in asked:
        asked[name] = request.timing["responseEnd"] / 1000


def _heap(page: Any) -> float:
    return float(page.evaluate("() => { window.gc?.(); return performance.memory.usedJSHeapSize; }"))


def show_frames(title: str, times: list[float]) -> bool:
    """Print frames a second, and how many came late."""
    late = sum(item > LATE_MILLISECONDS for item in times) / len(times)
    rate = 1000 * len(times) / sum(times)
    missed = rate < 0.95 * FRAMES or late > LATE
    print(f"{title:44} {rate:8.1f} frames a second, {100 * late:.1f} % late {'MISSED' if missed else ''}", flush=True)
    return missed


def show(title: str, value: float, target: float | None) -> bool:
    """Print one line; whether the target is missed."""
    missed = target is not None and value > target
    text = "" if target is None else f"< {target:g}"
    print(f"{title:44} {value:8.3f}   {text} {'MISSED' if missed else ''}", flush=True)
    return missed


def main() -> int:
    """Make the rows, serve them, measure; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=None, help="folder of the rows (default: a temporary one)")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=10.0, help="of scrolling each way")
    parser.add_argument("--port", type=int, default=8829)
    options = parser.parse_args()
    # The folder of this program holds a pages.py, which would hide the app's.
    sys.path[:] = [str(ROOT), *(entry for entry in sys.path if Path(entry) != Path(__file__).parent)]
    with tempfile.TemporaryDirectory(prefix="jepascore-browsing-") as folder:
        home = (options.home or Path(folder)).resolve()
        if not (home / "catalogue.sqlite").is_file():
            home.mkdir(parents=True, exist_ok=True)
            build(home, options.rows)
        print(f"{options.rows:,} samples, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
        with served(home, options.port) as url:
            return int(measure(url, options.seconds))


if __name__ == "__main__":
    sys.exit(main())
