"""Several devices of one machine: a process each, which takes the next block of images when it has finished one.

Every process writes shards of its own. The caller gets one progress, one way to stop, and the same guarantees as from
`measure_pending`: finished images are kept, and the remaining images of a process that died are measured in this one.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from jepascore_core.backbones.build import load_ref
from jepascore_core.errors import JepaScoreError, RunCancelled
from jepascore_core.measuring.loading import PendingImage
from jepascore_core.measuring.pipeline import measure_pending
from jepascore_core.measuring.task import Callbacks, Measure, MeasureProgress, MeasureTask, ProgressListener
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.datasets import SampleFailure
from jepascore_core.records.measurements import Measurement, MeasurementSpec
from jepascore_core.storage.store import Store

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

logger = logging.getLogger("jepascore.multi_device")

#: Images that a process takes at a time.
BLOCK_IMAGES = 32

#: Seconds between checks whether the run was cancelled.
CHECK_SECONDS = 0.2


def measure_on(ref: BackboneRef, devices: Sequence[torch.device]) -> Measure:
    """Choose how to measure on these devices; a single one is used in this process."""
    return measure_pending if len(devices) == 1 else partial(_measure_on_several, ref, _named(devices))


def _named(devices: Sequence[torch.device]) -> tuple[str, ...]:
    """Name each process, also those that share a device: cpu#0, cpu#1."""
    return tuple(f"{device}#{number}" for number, device in enumerate(devices))


@dataclass(frozen=True)
class _WorkerConfig:
    """Configuration of every process."""

    home: Path
    ref: BackboneRef
    spec: MeasurementSpec
    nested: MeasurementSpec | None
    pending: tuple[PendingImage, ...]
    sends_rows: bool
    num_threads: int
    parent: int


@dataclass(frozen=True)
class _Message:
    """What a process sends: its progress with new failures, rows that it has stored, or the error that ended it."""

    progress: MeasureProgress | None = None
    failures: tuple[SampleFailure, ...] = ()
    rows: tuple[Measurement, ...] = ()
    error: str = ""


def _measure_on_several(
    ref: BackboneRef, devices: tuple[str, ...], task: MeasureTask, pending: Sequence[PendingImage]
) -> MeasureProgress:
    """Run `measure_pending` in a process for each device."""
    if len(pending) <= BLOCK_IMAGES:
        return measure_pending(task, pending)
    threads = max(1, (os.cpu_count() or 1) // len(devices))
    sends_rows = task.on_shard is not None
    config = _WorkerConfig(
        task.store.home, ref, task.spec, task.nested, tuple(pending), sends_rows, threads, os.getpid()
    )
    aggregator = _Aggregator(task)
    context = multiprocessing.get_context("spawn")
    stop, next_block = context.Event(), context.Value("q", 0)
    connections: dict[Connection, str] = {}
    processes = []
    for device in devices:
        receiver, sender = context.Pipe(duplex=False)
        arguments = (config, device, sender, stop, next_block)
        process = context.Process(target=_work, args=arguments, name=f"measure-{device}", daemon=True)
        process.start()
        processes.append(process)
        # The copy in this process: without it the connection ends when its process does.
        sender.close()
        connections[receiver] = device
    try:
        for connection, message in _receive(connections):
            # Before an error is raised: a message is received only once.
            if message is not None:
                aggregator.record(connections[connection], message)
            task.listener.check()
            if aggregator.error:
                raise JepaScoreError(aggregator.error)
    finally:
        stop.set()
        for connection, message in _receive(connections):
            if message is not None:
                aggregator.record(connections[connection], message)
        for process in processes:
            process.join()
    if all(process.exitcode == 0 for process in processes):
        return aggregator.progress
    return _measure_rest(task, pending, aggregator)


def _measure_rest(task: MeasureTask, pending: Sequence[PendingImage], aggregator: _Aggregator) -> MeasureProgress:
    """Measure in this process the images that no shard has after another process died."""
    shards = task.store.shards_sql(task.spec.key(task.backbone.info.backbone_id))
    known = set(task.store.query(f"SELECT content_id FROM ({shards})")["content_id"].to_pylist())
    known |= aggregator.failed_ids
    left = [image for image in pending if image.content_id not in known]
    logger.warning("a process died; this one measures its remaining %d images", len(left))
    aggregator.reset(len(pending) - len(left) - len(aggregator.failed_ids))

    def on_progress(progress: MeasureProgress, failures: Sequence[SampleFailure]) -> None:
        aggregator.record("this process", _Message(progress, tuple(failures)))

    measure_pending(replace(task, listener=Callbacks(on_progress, task.listener.check)), left)
    return aggregator.progress


def _receive(connections: dict[Connection, str]) -> Iterator[tuple[Connection, _Message | None]]:
    """Yield messages until every connection has ended; None at intervals, for the caller to check for a stop."""
    open_connections = [connection for connection in connections if not connection.closed]
    while open_connections:
        ready = wait(open_connections, CHECK_SECONDS)
        if not ready:
            yield open_connections[0], None
        for connection in ready:
            assert isinstance(connection, Connection)
            try:
                yield connection, connection.recv()
            except (EOFError, OSError):
                connection.close()
                open_connections.remove(connection)


class _Aggregator:
    """Aggregates the counts of all processes."""

    def __init__(self, task: MeasureTask) -> None:
        self._listener, self._on_shard = task.listener, task.on_shard
        self._latest: dict[str, MeasureProgress] = {}
        self.failed_ids: set[str | None] = set()
        self.error = ""

    @property
    def progress(self) -> MeasureProgress:
        """Sum over the processes."""
        latest = self._latest.values()
        rates = [each.rate for each in latest if each.rate is not None]
        measured, failed = sum(each.num_measured for each in latest), sum(each.num_failed for each in latest)
        return MeasureProgress(measured, failed, sum(rates) if rates else None)

    def record(self, process: str, message: _Message) -> None:
        """Record a message of a process, and forward it."""
        self.error = self.error or message.error
        if message.rows and self._on_shard is not None:
            self._on_shard(list(message.rows))
        if message.progress is not None:
            self._latest[process] = message.progress
            self.failed_ids |= {failure.content_id for failure in message.failures}
            self._listener.on_progress(self.progress, message.failures)

    def reset(self, num_measured: int) -> None:
        """Replace the counts of the processes by what they stored."""
        self._latest = {"stored": MeasureProgress(num_measured, len(self.failed_ids), None)}


@dataclass(frozen=True)
class _Sender(ProgressListener):  # pragma: no cover - runs in a process of its own
    """Sends progress to the parent process, which signals when to stop."""

    connection: Connection
    stop: Event
    parent: int

    def check(self) -> None:
        """Stop on request, or when the parent process has ended."""
        if self.stop.is_set() or os.getppid() != self.parent:
            raise RunCancelled

    def on_progress(self, progress: MeasureProgress, failures: Sequence[SampleFailure]) -> None:
        """Send counts and failures."""
        self.connection.send(_Message(progress, tuple(failures)))

    def on_shard(self, rows: list[Measurement]) -> None:
        """Send the rows of a shard."""
        self.connection.send(_Message(rows=tuple(rows)))


def _work(
    config: _WorkerConfig, device: str, connection: Connection, stop: Event, next_block: Synchronized[int]
) -> None:  # pragma: no cover - runs in a process of its own
    """Load the backbone and measure block after block, until none is left or the parent process signals stop."""

    def blocks() -> Iterator[PendingImage]:
        while True:
            with next_block.get_lock():
                start = next_block.value
                next_block.value += BLOCK_IMAGES
            if start >= len(config.pending):
                return
            yield from config.pending[start : start + BLOCK_IMAGES]

    # Ctrl-C reaches the whole process group: only the parent process decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(config.num_threads)
    sender = _Sender(connection, stop, config.parent)
    try:
        task = MeasureTask(
            Store(config.home),
            load_ref(config.ref, device.partition("#")[0]),
            config.spec,
            sender,
            nested=config.nested,
            on_shard=sender.on_shard if config.sends_rows else None,
        )
        measure_pending(task, blocks())
    except (RunCancelled, BrokenPipeError):
        pass
    except JepaScoreError as error:
        connection.send(_Message(error=f"{device}: {error}"))
