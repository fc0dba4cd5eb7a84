"""What a GPU makes of exact and sketched scores: images a second, share of its peak, and where the time goes.

    python benchmarks/gpu.py [--encoder NAME ...] [--probes 64] [--seconds 15] [--only rates ...]

Six tables, about five minutes on a fast card; encoders have random weights. `--device cpu` tries the program itself.
"""

from __future__ import annotations

import argparse
import io
import itertools
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from common import as_the_worker_runs, counted_operations, machine, matrix_peak, seconds, show

as_the_worker_runs()

import numpy as np  # noqa: E402
import timm  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from torch.profiler import ProfilerActivity, profile  # noqa: E402

import jepascore_core as js  # noqa: E402
from jepascore_core.backbones.backbone import Backbone  # noqa: E402
from jepascore_core.datasets.content import content_id  # noqa: E402
from jepascore_core.errors import JepaScoreError, RunCancelled  # noqa: E402
from jepascore_core.jacobian.kernel_choice import fused_candidates  # noqa: E402
from jepascore_core.jacobian.structured import StructuredEngine  # noqa: E402
from jepascore_core.jacobian.vit import PLAIN_OPERATIONS  # noqa: E402
from jepascore_core.measuring import batch_runner  # noqa: E402
from jepascore_core.measuring.batching import first_plan  # noqa: E402
from jepascore_core.measuring.estimators import build_engine, finish, measure_with, run_backward  # noqa: E402
from jepascore_core.measuring.loading import PendingImage  # noqa: E402
from jepascore_core.measuring.pipeline import measure_pending  # noqa: E402
from jepascore_core.measuring.specs import resolve_spec  # noqa: E402
from jepascore_core.measuring.task import Callbacks, MeasureProgress, MeasureTask  # noqa: E402
from jepascore_core.records.measurements import MeasurementSpec  # noqa: E402
from jepascore_core.storage.store import Store  # noqa: E402

DEFAULT_ENCODERS = ("vit_small_patch14_dinov2", "vit_base_patch14_dinov2", "vit_large_patch14_dinov2")
NUM_FILES = 256

#: What kernels do, by words in their names, in the order in which they are asked.
KINDS = {
    "attention, fused": ("pull_back_queries", "pull_back_keys_and_values"),
    "norms and slopes, fused": ("add_norm", "scale_hidden"),
    "matrix products": ("gemm", "cutlass", "nvjet", "xmma", "wgmma"),
    "copies and conversions": ("copy", "memcpy", "cat"),
}


def backbone_of(name: str, device: torch.device) -> Backbone:
    """An encoder with random weights at 224 x 224."""
    torch.manual_seed(0)
    encoder = timm.create_model(name, num_classes=0, **({"img_size": 224} if "dinov" in name else {}))
    return js.wrap_encoder(encoder, name, image_size=224, mean=0.5, std=0.25, device=str(device))


def engine_of(backbone: Backbone, spec: MeasurementSpec) -> StructuredEngine:
    """An engine that has chosen its operations."""
    engine = build_engine(backbone, spec)
    assert isinstance(engine, StructuredEngine)
    measure_with(engine, backbone.device, torch.randn(1, 3, 224, 224), spec)
    return engine


def synchronize(device: torch.device) -> None:
    """Wait for what a GPU was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def write_files(folder: Path) -> list[PendingImage]:
    """Distinct JPEG files of 256 x 256 pixels."""
    folder.mkdir()
    rng, found = np.random.default_rng(0), []
    for number in range(NUM_FILES):
        small = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        target = io.BytesIO()
        Image.fromarray(small).resize((256, 256), Image.Resampling.BICUBIC).save(target, "JPEG")
        path = folder / f"{number}.jpg"
        path.write_bytes(target.getvalue())
        found.append(PendingImage(content_id(target.getvalue()), path.name, str(path)))
    return found


def rate_of_a_run(
    backbone: Backbone, engine: StructuredEngine, spec: MeasurementSpec, files: list[PendingImage], budget: float
) -> float:
    """Images a second of a whole run, files in, shards out; its first third, which seeks the batch size, left out."""
    started, seen = time.perf_counter(), list[tuple[float, int]]()

    def stop() -> None:
        if time.perf_counter() - started > budget:
            raise RunCancelled

    def note(progress: MeasureProgress, _: object) -> None:
        seen.append((time.perf_counter(), progress.num_measured))

    with tempfile.TemporaryDirectory() as home:
        try:
            pending = itertools.cycle(files)
            measure_pending(MeasureTask(Store(Path(home)), backbone, spec, Callbacks(note, stop), engine), pending)
        except RunCancelled:
            pass
    steady = [each for each in seen if each[0] > started + budget / 3]
    if len(steady) < 2:
        return float("nan")
    (first, before), (last, done) = steady[0], steady[-1]
    return (done - before) / (last - first)


def show_rates(names: list[str], probes: int, device: torch.device, budget: float, files: list[PendingImage]) -> None:
    """Whole runs: what a user gets."""
    peak = matrix_peak(torch.bfloat16, device, 8192 if device.type == "cuda" else 1024)
    rows = []
    for name, (kind, number) in itertools.product(names, (("exact", None), ("sketch", probes))):
        label = kind if number is None else f"{kind}, r = {number}"
        try:
            backbone, spec = backbone_of(name, device), resolve_spec(kind, "bfloat16", number)
            engine = engine_of(backbone, spec)
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            rate = rate_of_a_run(backbone, engine, spec, files, budget)
            memory = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else 0.0
            chosen, engine.operations = engine.operations.name, PLAIN_OPERATIONS
            # Counted of the plain operations: the fused ones are not seen, and do the same.
            count = counted_operations(partial(measure_with, engine, device, torch.randn(1, 3, 224, 224), spec))
            limit = first_plan(backbone, engine).limit
            rows.append((name, label, chosen, limit, f"{rate:.2f}", f"{count * rate / peak:.0%}", f"{memory:.1f}"))
            if engine.note:
                print(engine.note)
        except (JepaScoreError, torch.OutOfMemoryError) as error:
            rows.append((name, label, "", "", "", "", str(error)[:60]))
    heads = ("encoder", "estimator", "operations", "largest batch", "images/s", "share of peak", "memory, GiB")
    show(f"Runs in bfloat16, 224 x 224; peak {peak / 1e12:,.1f} TFLOP/s", heads, rows, machine())


def show_operations(names: list[str], device: torch.device) -> None:
    """The passes of one image by each kind of operations."""
    rows = []
    for name in names:
        backbone, spec = backbone_of(name, device), resolve_spec("exact", "bfloat16")
        engine = engine_of(backbone, spec)
        images = torch.randn(1, 3, 224, 224)

        def work(engine: StructuredEngine = engine, images: torch.Tensor = images) -> None:
            run_backward(engine, device, images, spec)  # noqa: B023 - called at once
            synchronize(device)

        chosen = engine.operations
        plain = float("nan")
        for operations in (PLAIN_OPERATIONS, *fused_candidates(device, torch.bfloat16)[0]):
            engine.operations = operations
            took = statistics.median(seconds(work, 5))
            plain = took if operations is PLAIN_OPERATIONS else plain
            is_chosen = "x" if operations.name == chosen.name else ""
            rows.append((name, operations.name, f"{1000 * took:.1f}", f"{plain / took:.2f}x", is_chosen))
    show("Passes of one image", ("encoder", "operations", "ms", "speed-up", "chosen"), rows)


def show_precisions(name: str, device: torch.device) -> None:
    """Scores of the same images in every precision that the device has."""
    backbone, images = backbone_of(name, device), torch.randn(4, 3, 224, 224)
    reference, rows = None, []
    for precision in ("float32", *(("tf32",) if device.type == "cuda" else ()), "bfloat16"):
        spec = resolve_spec("exact", precision)
        engine = engine_of(backbone, spec)
        took = statistics.median(seconds(partial(measure_with, engine, device, images, spec), 2)) / len(images)
        score = measure_with(engine, device, images, spec).score
        reference = score if reference is None else reference
        worst = float((score - reference).abs().max())
        rows.append((precision, engine.operations.name, f"{1000 * took:.1f}", f"{score.mean():.3f}", f"{worst:.4f}"))
    show(f"{name}: scores by precision", ("precision", "operations", "ms an image", "score", "largest error"), rows)


def show_spectra(device: torch.device) -> None:
    """Eigenvalues and vectors of K x K matrices: on the device, and on the processor's threads."""
    rows = []
    for size in (384, 768, 1024):
        tall = torch.randn(8, size, 2 * size, dtype=torch.float64)
        grams = tall @ tall.mT
        there = grams.to(device)

        def on_device(there: torch.Tensor = there) -> None:
            torch.linalg.eigh(there)
            synchronize(device)

        def on_threads(grams: torch.Tensor = grams) -> None:
            with ThreadPoolExecutor(8, initializer=partial(torch.set_num_threads, 1)) as pool:
                list(pool.map(torch.linalg.eigh, grams))

        times = [statistics.median(seconds(work, 2)) / len(grams) for work in (on_device, on_threads)]
        rows.append((size, *(f"{1000 * took:.1f}" for took in times)))
    show("Eigenvalues, ms a matrix", ("K", "on the device", "on 8 threads"), rows)


def show_overlap(name: str, probes: int, device: torch.device, budget: float, files: list[PendingImage]) -> None:
    """Whole runs with spectra worked out in turns with the passes, and beside them."""
    rows = []
    for kind, number in (("exact", None), ("sketch", probes)):
        backbone, spec = backbone_of(name, device), resolve_spec(kind, "bfloat16", number)
        engine, rates = engine_of(backbone, spec), []
        for is_overlapping in (False, True):
            batch_runner.is_overlapping = lambda _, answer=is_overlapping: answer
            rates.append(rate_of_a_run(backbone, engine, spec, files, budget))
        rows.append((kind, *(f"{rate:.2f}" for rate in rates), f"{rates[1] / rates[0]:.2f}x"))
    batch_runner.is_overlapping = lambda _: device.type == "cuda"
    show(f"{name}: images/s", ("estimator", "in turns", "overlapping", "gain"), rows)


def kind_of(kernel: str) -> str:
    """What a kernel of this name does."""
    return next((kind for kind, words in KINDS.items() if any(word in kernel for word in words)), "the rest")


def show_kernels(name: str, kind: str, number: int | None, device: torch.device) -> None:
    """Time of the device by kinds of kernels, and how long it had nothing to do: what CUDA graphs could save."""
    backbone, spec = backbone_of(name, device), resolve_spec(kind, "bfloat16", number)
    engine = engine_of(backbone, spec)
    images = torch.randn(min(8, first_plan(backbone, engine).limit) if kind == "sketch" else 1, 3, 224, 224)
    measure_with(engine, device, images, spec)
    synchronize(device)
    activities = [ProfilerActivity.CUDA if device.type == "cuda" else ProfilerActivity.CPU]
    with profile(activities=activities) as recorded:
        started = time.perf_counter()
        passes = run_backward(engine, device, images, spec)
        synchronize(device)
        total = time.perf_counter() - started
    times, longest = defaultdict[str, float](float), []
    for event in recorded.key_averages():
        took = (event.self_device_time_total if device.type == "cuda" else event.self_cpu_time_total) / 1e6
        times[kind_of(event.key.lower())] += took
        longest.append((took, event.key[:100]))
    rows = [(kind, f"{1000 * took:.2f}", f"{took / total:.0%}") for kind, took in times.items()]
    rows.append(("nothing", f"{1000 * (total - sum(times.values())):.2f}", f"{1 - sum(times.values()) / total:.0%}"))
    rows.append(("all", f"{1000 * total:.2f}", "100%"))
    rows += [(f"  {key}", f"{1000 * took:.2f}", f"{took / total:.0%}") for took, key in sorted(longest)[:-7:-1]]
    started = time.perf_counter()
    finish(passes)
    rows.append(("then spectra", f"{1000 * (time.perf_counter() - started):.2f}", ""))
    show(f"{name}, {kind}, {len(images)} images: the device's time", ("kernels", "ms", "share"), rows)


TABLES = ("rates", "operations", "precisions", "spectra", "overlap", "kernels")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", action="append")
    parser.add_argument("--probes", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each run")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", action="append", choices=TABLES)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("There is no CUDA device here; benchmarks/exact.py measures the CPU.")
    card, encoders, wanted = (
        torch.device(options.device),
        options.encoder or list(DEFAULT_ENCODERS),
        options.only or TABLES,
    )
    with tempfile.TemporaryDirectory() as scratch:
        images = write_files(Path(scratch) / "images")
        if "operations" in wanted:
            show_operations(encoders, card)
        if "rates" in wanted:
            show_rates(encoders, options.probes, card, options.seconds, images)
        if "precisions" in wanted:
            show_precisions(encoders[0], card)
        if "spectra" in wanted:
            show_spectra(card)
        if "overlap" in wanted:
            show_overlap(encoders[0], options.probes, card, options.seconds, images)
        if "kernels" in wanted:
            for each in dict.fromkeys((encoders[0], encoders[-1])):
                show_kernels(each, "exact", None, card)
            show_kernels(encoders[0], "sketch", options.probes, card)
