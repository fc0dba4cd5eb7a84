"""Names of estimators and precisions, and how a request becomes a measurement spec. No torch: the web asks too."""

from __future__ import annotations

from dataclasses import replace

from jepascore_core.errors import JepaScoreError, UnknownNameError, one_of
from jepascore_core.records.approximation import ApproximationPlan
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.requests import MeasurementRequest, ResolvedRequest

#: Of a batch of images, and of a whole dataset.
BATCH_ESTIMATORS = ("exact", "sketch")
ESTIMATORS = (*BATCH_ESTIMATORS, "calibrated", "cascade")
DEFAULT_PROBES = 32
DEFAULT_TOP = 20
#: Fewer images do not calibrate (see calibration.MIN_IMAGES), and failures take their share.
LEAST_CALIBRATION = 40
PRECISIONS = ("bfloat16", "tf32", "float32", "float64")


def resolve_request(request: MeasurementRequest, dataset_id: str) -> ResolvedRequest:
    """Settle what a request leaves open; `dataset_id` is that of its dataset.

    Raises:
        UnknownNameError: for an unknown estimator or precision, or options that make no sense.
    """
    return ResolvedRequest(
        dataset_id=dataset_id,
        backbone=request.backbone,
        spec=resolve_spec(request.estimator, request.precision, request.probes, request.seed),
        device=request.device,
        plan=resolve_plan(request.estimator, request.plan),
        is_precision_open=request.precision == "auto",
    )


def resolve_spec(
    estimator: str = "exact", precision: str = "auto", probes: int | None = None, seed: int = 0
) -> MeasurementSpec:
    """Return a measurement spec, which names the shards that the results go to.

    The spec of a calibrated run or a cascade leaves open what the run determines: the number of probes unless it is
    given, and the calibration.

    Raises:
        UnknownNameError: for an unknown estimator or precision, or an invalid number of probes or seed.
    """
    one_of(estimator, ESTIMATORS, "estimator")
    one_of(precision, ("auto", *PRECISIONS), "precision")
    if probes is not None and (estimator == "exact" or probes < 1):
        raise UnknownNameError("Only a sketch has a number of probes, and it needs at least 1.")
    if seed < 0:
        raise UnknownNameError(f"A seed is 0 or more, not {seed}.")
    precision = "float32" if precision == "auto" else precision
    if estimator == "exact":
        return MeasurementSpec(estimator, precision)
    if estimator == "sketch":
        probes = probes or DEFAULT_PROBES
    return MeasurementSpec(estimator, precision, probes, seed)


def check_probes(spec: MeasurementSpec, dimension: int) -> None:
    """Refuse a sketch that costs as much as the exact scores of an encoder with so many outputs, and tells less.

    Raises:
        JepaScoreError: saying so.
    """
    if spec.probes is not None and spec.probes >= dimension:
        raise JepaScoreError(
            f"A sketch of {spec.probes} probes is no cheaper than the {dimension} passes of an exact score. "
            "Ask for fewer, or measure exactly."
        )


def resolve_plan(estimator: str, plan: ApproximationPlan | None = None) -> ApproximationPlan | None:
    """How a calibrated run or a cascade goes about it; None for the other estimators.

    A cascade that was not told what to settle settles the `DEFAULT_TOP` least and most likely samples of each class.

    Raises:
        UnknownNameError: for a plan that makes no sense.
    """
    if estimator in BATCH_ESTIMATORS:
        if plan is not None and plan != ApproximationPlan():
            raise UnknownNameError(
                f"Target fidelity, calibration, top and cut are options of calibrated and cascade, not of {estimator}."
            )
        return None
    plan = plan or ApproximationPlan()
    if estimator == "calibrated" and plan.is_cascade:
        raise UnknownNameError("Lists and cuts are settled by the estimator cascade, not by calibrated.")
    if estimator == "cascade" and not plan.is_cascade:
        plan = replace(plan, top=DEFAULT_TOP)
    _check_plan(plan)
    return plan


def _check_plan(plan: ApproximationPlan) -> None:
    for name, value in (
        ("target fidelity", plan.target_fidelity),
        ("coverage", plan.coverage),
        ("confidence", plan.confidence),
    ):
        if not 0 < value < 1:
            raise UnknownNameError(f"The {name} lies between 0 and 1, without them; {value:g} does not.")
    if plan.num_calibration < LEAST_CALIBRATION:
        raise UnknownNameError(
            f"A calibration takes at least {LEAST_CALIBRATION} images, not {plan.num_calibration}; 300 are usual."
        )
    if plan.top is not None and plan.top < 1:
        raise UnknownNameError(f"A list has at least 1 sample, not {plan.top}.")
    if plan.cut is not None and not 0 < plan.cut < 100:
        raise UnknownNameError(f"A cut is a percentile between 0 and 100, without them; {plan.cut:g} is none.")
