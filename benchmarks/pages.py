"""How long a run of each page takes on the finished demo. No page is to take over a second.

    python benchmarks/pages.py                  # makes and measures the demo first
    python benchmarks/pages.py --home FOLDER    # a home folder with other datasets
    python benchmarks/pages.py --runs 50

Pages run as Streamlit runs them for a visitor, without a browser. "First" is the first visit to a fresh server, which
imports what the page needs; the others are runs after a click, of which the median and the slowest are shown.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT_SECONDS = 1.0
#: A second set of scores, for Compare: timm's smallest transformer, untrained.
SECOND = "timm:test_vit"
SECOND_SIZE = 32
THREE_RULES = "class_percentile >= 5 | one per exact | budget 1000"


@dataclass(frozen=True)
class Visit:
    """One row of the table: a page as its URL says it."""

    title: str
    page: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)


def visits(sample_key: str) -> list[Visit]:
    """What is timed."""
    return [
        Visit("Home"),
        Visit("Runs", "pages/runs.py"),
        Visit("Explore, all classes", "pages/explore.py"),
        Visit("Explore, one class", "pages/explore.py", {"class": "class red ball on dark", "n": "30"}),
        Visit("Explore, a sample's detail", "pages/explore.py", {"sample": sample_key}),
        Visit("Compare", "pages/compare.py"),
        Visit("Distributions", "pages/distributions.py"),
        Visit("Distributions by class", "pages/distributions.py", {"by": "label"}),
        Visit("Curate, no rules", "pages/curate.py"),
        Visit("Curate, three rules", "pages/curate.py", {"rules": THREE_RULES}),
        Visit("Review", "pages/review.py"),
        Visit("Duplicates", "pages/duplicates.py"),
    ]


def prepare_demo() -> None:
    """The demo with scores under the bundled encoders and a third backbone, measured by a worker of its own."""
    import timm
    from safetensors.torch import save_file

    from jepascore_core.jobs.demos import DEFAULT_DEMO
    from jepascore_core.jobs.requests import follow, request_demo, request_run
    from jepascore_core.records.backbones import BackboneRef
    from jepascore_core.records.requests import MeasurementRequest
    from jepascore_core.records.runs import RunState
    from jepascore_core.storage.store import Store

    store = Store()
    checkpoint = store.home / "untrained.safetensors"
    save_file(timm.create_model(SECOND.partition(":")[2], pretrained=False).state_dict(), checkpoint)
    half = (0.5, 0.5, 0.5)
    asked = request_demo(store)
    second = BackboneRef(SECOND, str(checkpoint), image_size=SECOND_SIZE, mean=half, std=half)
    for run in (*asked, request_run(store, MeasurementRequest(DEFAULT_DEMO.name, second))):
        *_, last = follow(store, partial(store.catalogue.run, run.run_id))
        if last.state is not RunState.FINISHED or last.num_failed:
            raise SystemExit(f"The demo was not measured: {last.message}")


def end_worker() -> None:
    """Stop the worker that measured the demo."""
    import signal

    from jepascore_core.jobs.process import worker_is_alive, worker_pid
    from jepascore_core.storage.home import home_folder

    pid = worker_pid(home_folder())
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
    while worker_is_alive(home_folder()):
        time.sleep(0.1)


def time_visit(visit: Visit, num_runs: int) -> list[float]:
    """Seconds of each run; the first one pays for what is imported and read for the first time."""
    # This file is called like the folder of the pages, which it must not hide.
    sys.path[:] = [str(ROOT), *(entry for entry in sys.path if Path(entry) != Path(__file__).parent)]
    logging.disable(logging.WARNING)
    from streamlit.testing.v1 import AppTest  # noqa: TID251 - the app itself is what is timed

    # The server has done so before its first visitor comes.
    import_module("app")
    import_module("pages.ui.app.lifespan").preload()
    started = time.perf_counter()
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params.update(visit.parameters)
    if visit.page is not None:
        app.switch_page(visit.page)
    seconds = []
    for _ in range(num_runs + 1):
        app.run()
        if app.exception or app.error:
            raise RuntimeError(f"{visit.title}: {[item.value for item in (*app.exception, *app.error)]}")
        seconds.append(time.perf_counter() - started)
        started = time.perf_counter()
    return seconds


def main() -> int:
    """Prepare, time, print a table; 1 if a page takes over a second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=None, help="a home folder with scores (default: the demo, anew)")
    parser.add_argument("--runs", type=int, default=20, help="timed runs of each page (default: 20)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jepascore-pages-") as folder:
        os.environ["JEPASCORE_HOME"] = str(options.home or folder)
        if options.home is None:
            prepare_demo()
            end_worker()
        return show(visits("digits/2/0000.png"), options.runs)


def show(rows: list[Visit], num_runs: int) -> int:
    """Time each page in a process of its own, and print as it goes."""
    print(f"{os.cpu_count()} processors, {num_runs} runs of each page, seconds")
    print(f"{'page':28} {'first':>7} {'median':>7} {'slowest':>8}")
    slow = 0
    context = multiprocessing.get_context("spawn")
    for visit in rows:
        with context.Pool(1) as pool:
            first, *others = pool.apply(time_visit, (visit, num_runs))
        median = statistics.median(others)
        slow += median > LIMIT_SECONDS
        print(f"{visit.title:28} {first:>7.2f} {median:>7.3f} {max(others):>8.3f}", flush=True)
    print(f"{slow} pages take over {LIMIT_SECONDS:g} s" if slow else f"no page takes over {LIMIT_SECONDS:g} s")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
