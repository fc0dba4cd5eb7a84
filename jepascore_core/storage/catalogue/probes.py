"""Cost probes: requested and finished cost predictions."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from jepascore_core.errors import UnknownNameError
from jepascore_core.records.requests import ResolvedRequest
from jepascore_core.records.runs import CostProbe, ProbeResult, ProbeState
from jepascore_core.storage.catalogue.database import Database, new_id, utc_now
from jepascore_core.storage.catalogue.requests import request_columns, request_values


class ProbeTable(Database):
    """The table `probes`."""

    def add_probe(self, request: ResolvedRequest) -> CostProbe:
        """Queue a cost probe."""
        probe_id = new_id()
        self._execute(
            "INSERT INTO probes (probe_id, dataset_id, backbone, spec, plan, pilot, is_precision_open, device, state,"
            " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(probe_id, *request_columns(request)),
            *(request.is_precision_open, request.device, ProbeState.QUEUED, utc_now()),
        )
        return self.probe(probe_id)

    def probe(self, probe_id: str) -> CostProbe:
        """Return the cost probe with this id.

        Raises:
            UnknownNameError: if there is none.
        """
        rows = self._rows("SELECT * FROM probes WHERE probe_id = ?", probe_id)
        if not rows:
            raise UnknownNameError(f"The cost probe {probe_id} was removed: request a new prediction.")
        return _probe(rows[0])

    def queued_probes(self) -> list[CostProbe]:
        """Return the queued cost probes, oldest first."""
        return [_probe(row) for row in self._rows("SELECT * FROM probes WHERE state = 'queued' ORDER BY probe_id")]

    def update_probe(self, probe_id: str, **changes: Any) -> None:
        """Set the given columns."""
        self._update("probes", "probe_id", probe_id, changes)


def _probe(row: sqlite3.Row) -> CostProbe:
    result = ProbeResult.from_dict(json.loads(row["result"])) if row["result"] else None
    is_open = bool(row["is_precision_open"])
    return CostProbe(
        **{**request_values(row), "state": ProbeState(row["state"]), "result": result, "is_precision_open": is_open}
    )
