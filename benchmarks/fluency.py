"""How fluent the app is at a million samples: pages cold and warm, filters, page turns, histograms, memory.

    python benchmarks/fluency.py                    # makes 1,000,000 synthetic rows in a temporary folder first
    python benchmarks/fluency.py --home FOLDER      # keeps them there, or uses what is there already
    python benchmarks/fluency.py --rows 50000 --classes 100 --dimension 64

Two backbones, K = 384, 1,000 classes (see benchmarks/curation.py). Pages run as Streamlit runs them for a visitor,
without a browser. Before, the scores are laid out for looking (see views/score_tables.py), as the worker does at the
end of each run. "Cold" is the first visit to a page in a fresh server, as soon as a browser can be there (see
BROWSER_SECONDS): until then the server reads ahead. "Warm" is the fastest of those after it. Beside the clock is the
processor time, which other programs do not lengthen. The last line visits every page in one process and prints the
memory that it then holds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COLD, WARM, STEP, HISTOGRAM = 1.5, 0.5, 0.3, 0.5
#: From the moment that the server is ready to the first run of a page, at the least: what Chromium takes to load
#: Streamlit's files from its cache and to connect. With an empty cache it takes 1.4 to 1.8 s.
BROWSER_SECONDS = 0.7
#: What a rule keeps and drops, before and after, in pictures.
RULE = 1.0
MAX_BYTES = 10**9
WARM_RUNS = 5
#: Seconds on the clock, and of processors.
Seconds = tuple[float, float]


@dataclass(frozen=True)
class Step:
    """Something that a visitor does on a page: parameters that the URL gets."""

    title: str
    parameters: dict[str, str]
    target: float = STEP


@dataclass(frozen=True)
class Visit:
    """One page and what is done there."""

    title: str
    page: str | None = None
    steps: tuple[Step, ...] = field(default_factory=tuple)


VISITS = (
    Visit("Home"),
    Visit("Runs", "pages/runs.py"),
    Visit(
        "Explore",
        "pages/explore.py",
        (
            Step("page turn", {"page": "7"}),
            Step("order", {"order": "worst", "page": "1"}),
            Step("one class", {"class": "class class 0007"}),
            Step("other definition", {"definition": "paper"}),
            Step("a sample, cold", {"sample": "class 0007/image 000000007.jpg"}, COLD),
            Step("another sample", {"sample": "class 0007/image 000001007.jpg"}, WARM),
        ),
    ),
    Visit(
        "Compare",
        "pages/compare.py",
        (Step("other class", {"class": "class class 0007"}), Step("more samples", {"n": "20"})),
    ),
    Visit(
        "Distributions",
        "pages/distributions.py",
        (
            Step("by split", {"by": "split"}),
            Step("by class", {"by": "label"}),
            Step("density", {"by": "none", "shape": "density"}),
        ),
    ),
    Visit(
        "Curate",
        "pages/curate.py",
        (
            Step("a rule", {"rules": "class_percentile >= 5"}, RULE),
            Step("another", {"rules": "class_percentile >= 7"}, RULE),
        ),
    ),
    Visit("Review", "pages/review.py"),
    Visit("Duplicates", "pages/duplicates.py"),
    Visit("Trust", "pages/trust.py"),
)


def open_pages() -> None:
    """What the server has done before its first visitor comes."""
    # The folder of this program holds a pages.py, which would hide the app's.
    sys.path[:] = [str(ROOT), *(entry for entry in sys.path if Path(entry) != Path(__file__).parent)]
    import_module("logging").disable(import_module("logging").WARNING)
    import_module("app")
    import_module("pages.ui.app.lifespan").preload()
    time.sleep(BROWSER_SECONDS)


def run_visit(visit: Visit, warm_runs: int) -> tuple[Seconds, Seconds, list[Seconds]]:
    """Times of the first run, of the fastest later one, and of each step."""
    from streamlit.testing.v1 import AppTest  # noqa: TID251 - the app itself is what is timed

    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=600)
    if visit.page is not None:
        app.switch_page(visit.page)

    def timed() -> Seconds:
        started, busy = time.perf_counter(), time.process_time()
        app.run()
        if app.exception or app.error:
            raise RuntimeError(f"{visit.title}: {[item.value for item in (*app.exception, *app.error)]}")
        return time.perf_counter() - started, time.process_time() - busy

    cold, warm = timed(), min(timed() for _ in range(warm_runs))
    steps = []
    for step in visit.steps:
        app.query_params.update(step.parameters)
        steps.append(timed())
    return cold, warm, steps


def fresh_visit(visit: Visit) -> tuple[Seconds, Seconds, list[Seconds]]:
    """The same in a server of its own."""
    open_pages()
    return run_visit(visit, WARM_RUNS)


def visit_everything() -> tuple[int, int]:
    """Bytes in memory after every page and step in one process, and the most there ever were."""
    import resource

    open_pages()
    for visit in VISITS:
        run_visit(visit, 1)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * os.sysconf("SC_PAGE_SIZE"), 1024 * peak


def time_histograms() -> tuple[Seconds, Seconds]:
    """Times of the histograms of every score set there is, first and again."""
    from jepascore_core.scores.score_set import ScoreSet
    from jepascore_core.storage.store import Store
    from jepascore_core.views.distribution import HistogramOptions, histograms

    store = Store()
    everything = [
        ScoreSet(dataset.dataset_id, measured)
        for dataset in store.catalogue.datasets()
        for measured in store.measured_keys()
    ]
    times = []
    for bins in (60, 61):
        started, busy = time.perf_counter(), time.process_time()
        histograms(store, everything, HistogramOptions(bins=bins))
        times.append((time.perf_counter() - started, time.process_time() - busy))
    return times[0], times[1]


def in_a_process(work: Callable[..., Any], *arguments: Any) -> Any:
    """The result of `work`, done by a process that does nothing else."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def show(title: str, times: Seconds, target: float) -> bool:
    """Print one line; whether the target is missed."""
    seconds, busy = times
    missed = seconds > target
    print(f"{title:34} {seconds:7.2f} s  {busy:6.2f} s   < {target:g} s {'MISSED' if missed else ''}", flush=True)
    return missed


def main() -> int:
    """Make the rows, time, print a table; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--home", type=Path, default=None, help="folder of the synthetic rows (default: a temporary one)"
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--classes", type=int, default=1_000)
    parser.add_argument("--dimension", type=int, default=384)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jepascore-fluency-") as folder:
        home = options.home or Path(folder)
        os.environ["JEPASCORE_HOME"] = str(home)
        if not (home / "catalogue.sqlite").is_file():
            from curation import build

            build(home, options.rows, options.classes, options.dimension)
        return time_everything()


def lay_out() -> None:
    """What the worker does at the end of a run."""
    from jepascore_core.scores.score_set import ScoreSet
    from jepascore_core.scores.tables import build_score_table
    from jepascore_core.storage.store import Store
    from jepascore_core.trust.precompute import precompute_trust

    store, started = Store(), time.perf_counter()
    for dataset in store.catalogue.datasets():
        for measured in store.measured_keys():
            build_score_table(store, dataset, measured)
            precompute_trust(store, ScoreSet(dataset.dataset_id, measured))
    print(f"scores laid out for looking in {time.perf_counter() - started:.0f} s, once after a run")


def time_everything() -> int:
    """Print as it goes."""
    lay_out()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print(f"{'':34} {'clock':>9}  {'busy':>8}   target")
    missed = 0
    for visit in VISITS:
        cold, warm, steps = in_a_process(fresh_visit, visit)
        missed += show(f"{visit.title}, cold", cold, COLD)
        missed += show(f"{visit.title}, warm", warm, WARM)
        for step, seconds in zip(visit.steps, steps, strict=True):
            missed += show(f"{visit.title}: {step.title}", seconds, step.target)
    first, again = in_a_process(time_histograms)
    missed += show("histograms of everything, cold", first, COLD)
    missed += show("histograms of everything", again, HISTOGRAM)
    held, peak = in_a_process(visit_everything)
    missed += held > MAX_BYTES
    verdict = "MISSED" if held > MAX_BYTES else ""
    print(
        f"{'memory after every page':34} {held / 1e9:7.2f} GB  < 1 GB {verdict} (most at any time {peak / 1e9:.2f} GB)"
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
