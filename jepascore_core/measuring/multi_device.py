"""Several devices of one machine: a process each; who has finished a block of images takes the next one.

Every process writes shards of its own. The caller gets one progress, one way to stop, and the same promises as from
`measure_pending`: what is finished is kept, and what a process that died has left is measured all the same.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.backbones.build import load_ref
from jepascore_core.errors import JepaScoreError, RunCancelled
from jepascore_core.jacobian.engine import Engine
from jepascore_core.measuring.loading import PendingImage
from jepascore_core.measuring.pipeline import Progress, measure_pending
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.datasets import SampleFailure
from jepascore_core.records.measurements import Measurement, MeasurementSpec
from jepascore_core.storage.store import Store

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

logger = logging.getLogger("jepascore.fleet")

#: Images that a process takes at a time.
BLOCK_IMAGES = 32

#: Seconds between looks whether the run was cancelled.
LOOK_SECONDS = 0.2


class Measure(Protocol):
    """`measure_pending`, or the same on several devices."""

    def __call__(
        self,
        store: Store,
        backbone: Backbone,
        spec: MeasurementSpec,
        pending: Sequence[PendingImage],
        *,
        on_progress: Callable[[Progress, list[SampleFailure]], None],
        check: Callable[[], None],
        engine: Engine | None = None,
        nested: MeasurementSpec | None = None,
        on_shard: Callable[[list[Measurement]], None] | None = None,
    ) -> Progress:
        """As `measure_pending`."""
        ...


def measure_on(ref: BackboneRef, devices: Sequence[torch.device]) -> Measure:
    """How to measure on these devices; on one of them it happens in this process."""
    return measure_pending if len(devices) == 1 else partial(_measure_on_several, ref, _named(devices))


def _named(devices: Sequence[torch.device]) -> tuple[str, ...]:
    """A name for each process, also of those that share a device: cpu#0, cpu#1."""
    return tuple(f"{device}#{number}" for number, device in enumerate(devices))


@dataclass(frozen=True)
class _Order:
    """What the processes are to do."""

    home: Path
    ref: BackboneRef
    spec: MeasurementSpec
    nested: MeasurementSpec | None
    pending: tuple[PendingImage, ...]
    wants_rows: bool
    num_threads: int
    parent: int


@dataclass(frozen=True)
class _Told:
    """What a process tells: its progress with new failures, rows that it has stored, or what ended it."""

    progress: Progress | None = None
    failures: tuple[SampleFailure, ...] = ()
    rows: tuple[Measurement, ...] = ()
    error: str = ""


def _measure_on_several(
    ref: BackboneRef,
    devices: tuple[str, ...],
    store: Store,
    backbone: Backbone,
    spec: MeasurementSpec,
    pending: Sequence[PendingImage],
    *,
    on_progress: Callable[[Progress, list[SampleFailure]], None],
    check: Callable[[], None],
    engine: Engine | None = None,
    nested: MeasurementSpec | None = None,
    on_shard: Callable[[list[Measurement]], None] | None = None,
) -> Progress:
    """`measure_pending` by a process for each device."""
    here = partial(measure_pending, store, backbone, spec, check=check, engine=engine, nested=nested, on_shard=on_shard)
    if len(pending) <= BLOCK_IMAGES:
        return here(pending, on_progress=on_progress)
    threads = max(1, (os.cpu_count() or 1) // len(devices))
    order = _Order(store.home, ref, spec, nested, tuple(pending), on_shard is not None, threads, os.getpid())
    ledger = _Ledger(on_progress, on_shard)
    context = multiprocessing.get_context("spawn")
    stop, next_block = context.Event(), context.Value("q", 0)
    lines: dict[Connection, str] = {}
    processes = []
    for device in devices:
        receiver, sender = context.Pipe(duplex=False)
        arguments = (order, device, sender, stop, next_block)
        process = context.Process(target=_work, args=arguments, name=f"measure-{device}", daemon=True)
        process.start()
        processes.append(process)
        # The copy in this process: without it the line ends when its process does.
        sender.close()
        lines[receiver] = device
    try:
        for line, told in _listen(lines):
            # Before anything is raised: what was told is told once.
            if told is not None:
                ledger.enter(lines[line], told)
            check()
            if ledger.error:
                raise JepaScoreError(ledger.error)
    finally:
        stop.set()
        for line, told in _listen(lines):
            if told is not None:
                ledger.enter(lines[line], told)
        for process in processes:
            process.join()
    if all(process.exitcode == 0 for process in processes):
        return ledger.progress
    shards = store.shards_sql(backbone.info.backbone_id, spec.spec_id)
    known = set(store.query(f"SELECT content_id FROM ({shards})")["content_id"].to_pylist()) | ledger.failed_ids
    left = [image for image in pending if image.content_id not in known]
    logger.warning("a process died; the %d images that it has left are measured by this one", len(left))
    ledger.settle(len(pending) - len(left) - len(ledger.failed_ids))
    here(left, on_progress=lambda progress, failures: ledger.enter("here", _Told(progress, tuple(failures))))
    return ledger.progress


def _listen(lines: dict[Connection, str]) -> Iterator[tuple[Connection, _Told | None]]:
    """What comes in until every line has ended; None now and then, for somebody to look around."""
    open_lines = [line for line in lines if not line.closed]
    while open_lines:
        ready = wait(open_lines, LOOK_SECONDS)
        if not ready:
            yield open_lines[0], None
        for line in ready:
            assert isinstance(line, Connection)
            try:
                yield line, line.recv()
            except (EOFError, OSError):
                line.close()
                open_lines.remove(line)


class _Ledger:
    """The counts of all processes, as one progress."""

    def __init__(
        self,
        on_progress: Callable[[Progress, list[SampleFailure]], None],
        on_shard: Callable[[list[Measurement]], None] | None,
    ) -> None:
        self._on_progress, self._on_shard = on_progress, on_shard
        self._latest: dict[str, Progress] = {}
        self.failed_ids: set[str | None] = set()
        self.error = ""

    @property
    def progress(self) -> Progress:
        """Sum over the processes."""
        found = self._latest.values()
        rates = [each.rate for each in found if each.rate is not None]
        measured, failed = sum(each.num_measured for each in found), sum(each.num_failed for each in found)
        return Progress(measured, failed, sum(rates) if rates else None)

    def enter(self, who: str, told: _Told) -> None:
        """Take in what a process tells."""
        self.error = self.error or told.error
        if told.rows and self._on_shard is not None:
            self._on_shard(list(told.rows))
        if told.progress is not None:
            self._latest[who] = told.progress
            self.failed_ids |= {failure.content_id for failure in told.failures}
            self._on_progress(self.progress, list(told.failures))

    def settle(self, num_measured: int) -> None:
        """Forget what was only told: so many were stored before all processes had ended."""
        self._latest = {"before": Progress(num_measured, len(self.failed_ids), None)}


def _work(
    order: _Order, device: str, line: Connection, stop: Event, next_block: Synchronized[int]
) -> None:  # pragma: no cover - runs in a process of its own
    """The life of a process: load the backbone, measure block after block, tell."""

    def check() -> None:
        if stop.is_set() or os.getppid() != order.parent:
            raise RunCancelled

    def blocks() -> Iterator[PendingImage]:
        while True:
            with next_block.get_lock():
                start = next_block.value
                next_block.value += BLOCK_IMAGES
            if start >= len(order.pending):
                return
            yield from order.pending[start : start + BLOCK_IMAGES]

    # Ctrl-C goes to the whole group of processes: the one that started this says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(order.num_threads)
    try:
        measure_pending(
            Store(order.home),
            load_ref(order.ref, device.partition("#")[0]),
            order.spec,
            blocks(),
            on_progress=lambda progress, failures: line.send(_Told(progress, tuple(failures))),
            check=check,
            nested=order.nested,
            on_shard=(lambda rows: line.send(_Told(rows=tuple(rows)))) if order.wants_rows else None,
        )
    except (RunCancelled, BrokenPipeError):
        pass
    except JepaScoreError as error:
        line.send(_Told(error=f"{device}: {error}"))
