"""What is left of work that is counted; the same for runs, indexes and exports."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.datasets import DatasetState
from jepascore_core.records.exports import ExportRequest
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.runs import ProbeState, Run, RunState

RUN = Run(
    run_id="r",
    dataset_id="d",
    backbone=BackboneRef("b"),
    spec=MeasurementSpec(),
    device="cpu",
    backbone_id=None,
    state=RunState.RUNNING,
    num_total=0,
    num_measured=0,
    num_failed=0,
    num_reused=0,
    rate=None,
    message="",
    cancel_requested=False,
    created_at="",
    started_at=None,
    finished_at=None,
    heartbeat=None,
)
EXPORT = ExportRequest("e", "d", "list.csv", "csv", {}, RunState.RUNNING, 10, 4, None, "", False, "", None, None, None)
COUNTS = st.integers(0, 10**7)


@given(measured=COUNTS, failed=COUNTS, pending=COUNTS, rate=st.floats(0.01, 1e5))
def test_what_is_processed_and_what_is_pending_are_all(measured: int, failed: int, pending: int, rate: float) -> None:
    total = measured + failed + pending
    run = replace(RUN, num_total=total, num_measured=measured, num_failed=failed, rate=rate)
    assert (run.num_processed, run.num_pending) == (measured + failed, pending)
    assert run.seconds_left == pending / rate


def test_nobody_knows_the_time_without_a_rate() -> None:
    assert replace(RUN, num_total=3).seconds_left is None
    assert (EXPORT.num_pending, EXPORT.seconds_left) == (6, None)
    assert replace(EXPORT, rate=2.0).seconds_left == 3.0


def test_which_states_a_worker_is_busy_with() -> None:
    active = [state.value for states in (RunState, ProbeState, DatasetState) for state in states if state.is_active]
    assert active == ["queued", "running", "queued", "indexing"]
