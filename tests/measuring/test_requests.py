"""A request with every question settled: the same as its parts, refused where a part makes no sense."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jepascore_core.errors import UnknownNameError
from jepascore_core.measuring.specs import DEFAULT_PROBES, DEFAULT_TOP, resolve_request
from jepascore_core.records.approximation import ApproximationPlan
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.requests import MeasurementRequest, ResolvedRequest

BACKBONE = BackboneRef("timm:test_vit")
ASKED = MeasurementRequest("birds", BACKBONE)


def test_what_is_left_out_is_exact_scores_in_a_precision_that_is_still_open() -> None:
    assert resolve_request(ASKED, "d1") == ResolvedRequest(
        "d1", BACKBONE, MeasurementSpec("exact", "float32"), "auto", None, is_precision_open=True
    )


def test_what_is_asked_for_is_kept() -> None:
    asked = replace(ASKED, estimator="sketch", precision="float64", device="cuda:1", probes=7, seed=3)
    found = resolve_request(asked, "d1")
    assert found.spec == MeasurementSpec("sketch", "float64", 7, 3)
    assert (found.device, found.plan, found.is_precision_open) == ("cuda:1", None, False)
    plan = ApproximationPlan(target_fidelity=0.9, cut=10.0)
    assert resolve_request(replace(ASKED, estimator="cascade", plan=plan), "d1").plan == plan


def test_defaults_depend_on_the_estimator() -> None:
    assert resolve_request(replace(ASKED, estimator="sketch"), "d1").spec.probes == DEFAULT_PROBES
    assert resolve_request(replace(ASKED, estimator="calibrated"), "d1").spec.probes is None
    assert resolve_request(replace(ASKED, estimator="cascade"), "d1").plan == ApproximationPlan(top=DEFAULT_TOP)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"estimator": "guess"}, "guess"),
        ({"precision": "float8"}, "float8"),
        ({"probes": 5}, "number of probes"),
        ({"estimator": "sketch", "probes": 0}, "at least 1"),
        ({"seed": -1}, "The seed must be at least 0"),
        ({"plan": ApproximationPlan(top=5)}, "not of exact"),
    ],
)
def test_a_request_that_makes_no_sense_says_why(changes: dict[str, object], said: str) -> None:
    with pytest.raises(UnknownNameError, match=said):
        resolve_request(replace(ASKED, **changes), "d1")  # type: ignore[arg-type]
