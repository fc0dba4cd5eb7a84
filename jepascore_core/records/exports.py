"""A request to export a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jepascore_core.records.runs import RunState


@dataclass(frozen=True, slots=True)
class ExportRequest:
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
    def num_pending(self) -> int:
        """Samples still to be written."""
        return self.num_total - self.num_written

    @property
    def seconds_left(self) -> float | None:
        """Predicted remaining time, or None while no rate is known."""
        return self.num_pending / self.rate if self.rate else None
