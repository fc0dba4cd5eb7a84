"""A request to export a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jepascore_core.records.counted import Counted
from jepascore_core.records.runs import RunState


@dataclass(frozen=True, slots=True)
class ExportRequest(Counted):
    """One request to write an export with the worker: the whole of it at `path`, or nothing.

    Counted in samples of the list; `num_total` is 0 until it is known. `rate` is in samples per second.
    """

    export_id: str
    dataset_id: str
    path: str
    file_format: str
    options: dict[str, Any]
    state: RunState
    num_total: int
    num_written: int
    rate: float | None
    message: str
    cancel_requested: bool
    created_at: str
    started_at: str | None
    finished_at: str | None
    heartbeat: float | None

    @property
    def num_processed(self) -> int:
        """Samples that are written."""
        return self.num_written
