"""Columns that runs and cost probes share: what to measure."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict
from typing import Any

from jepascore_core.records.approximation import ApproximationPlan
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.canonical import canonical_json
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.pilots import Pilot
from jepascore_core.records.requests import ResolvedRequest


def request_columns(request: ResolvedRequest) -> tuple[str, str, str, str | None, str | None]:
    """Encode dataset_id, backbone, spec, plan and pilot: what makes two requests the same."""
    plan = None if request.plan is None else canonical_json(asdict(request.plan))
    backbone, spec = canonical_json(request.backbone.to_dict()), canonical_json(request.spec.to_dict())
    pilot = None if request.pilot is None else canonical_json(request.pilot.to_dict())
    return request.dataset_id, backbone, spec, plan, pilot


def request_values(row: sqlite3.Row) -> dict[str, Any]:
    """Decode the columns that say what to measure; the others are unchanged."""
    return {
        **dict(row),
        "backbone": BackboneRef.from_dict(json.loads(row["backbone"])),
        "spec": MeasurementSpec.from_dict(json.loads(row["spec"])),
        "plan": ApproximationPlan(**json.loads(row["plan"])) if row["plan"] else None,
        "pilot": Pilot.from_dict(json.loads(row["pilot"])) if row["pilot"] else None,
    }
