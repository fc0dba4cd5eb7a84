"""The task queue between the processes that ask and the worker (huey on SQLite). It only carries names of work: what is
wanted, and how far it got, is in the catalogue or in files beside it, so a lost queue loses nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from huey import SqliteHuey
from huey.registry import Message
from huey.serializer import Serializer


class Work(StrEnum):
    """Kinds of work. What may take long has queues of its own, so that nothing quick need wait for it to end."""

    RUN = "run"
    INDEX = "index"
    PROBE = "probe"
    CLOSEUP = "closeup"
    EXPORT = "export"
    PREPARATION = "preparation"

    @property
    def queue_name(self) -> str:
        """Name of the queue that carries this kind of work."""
        return _QUEUES.get(self, "quick")


_QUEUES = {Work.RUN: "runs", Work.EXPORT: "exports", Work.PREPARATION: "preparations"}
QUEUES = (*_QUEUES.values(), "quick")


class _JsonSerializer(Serializer):
    """huey pickles its messages by default; nothing of ours is ever unpickled."""

    def _serialize(self, data: Any) -> bytes:
        return json.dumps(data._asdict()).encode()

    def _deserialize(self, data: bytes) -> Message:
        return Message(**json.loads(data))


@dataclass(frozen=True)
class TaskQueue:
    """One named queue. `huey` is what a consumer runs; `put` is what everybody else calls."""

    huey: SqliteHuey
    put: Callable[[str, str], Any]


def open_queue(home: Path, name: str, handle: Callable[[Work, str], None] | None = None) -> TaskQueue:
    """Open a queue of this home folder; only the worker gives a `handle`."""
    huey = SqliteHuey(name, filename=str(home / "queue.sqlite"), results=False, serializer=_JsonSerializer())

    @huey.task(name="work")
    def work(kind: str, identifier: str) -> None:
        if handle is None:
            raise RuntimeError("This process asks for work; only the worker does it.")
        handle(Work(kind), identifier)

    return TaskQueue(huey, lambda kind, identifier: work(kind, identifier))


def enqueue(home: Path, kind: Work, identifier: str) -> None:
    """Tell the worker, if one is listening, that there is something to do."""
    queue = open_queue(home, kind.queue_name)
    try:
        queue.put(kind.value, identifier)
    finally:
        queue.huey.storage.close()
