"""Estimators and precisions by name, and conversion of a request to a measurement spec. Without torch, for the web."""

from __future__ import annotations

from dataclasses import replace

from jepascore_core.backbones.augmentation import parse_augmentation
from jepascore_core.backbones.registry import find_spec
from jepascore_core.errors import JepaScoreError, UnknownNameError, one_of
from jepascore_core.records.approximation import ApproximationPlan
from jepascore_core.records.augmentation import AUTO, CropViews
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.pilots import Pilot
from jepascore_core.records.requests import MeasurementRequest, ResolvedRequest

#: Estimators for a batch of images, and those for a whole dataset.
BATCH_ESTIMATORS = ("exact", "sketch")
ESTIMATORS = (*BATCH_ESTIMATORS, "calibrated", "cascade", "embed")
#: What a run of embeddings alone ends with.
HOW_TO_SCORE = "an exact run or a sketch of this backbone computes them."
DEFAULT_PROBES = 32
DEFAULT_TOP = 20
#: Cost grows with the number of views.
MOST_VIEWS = 256
#: More than calibration.MIN_IMAGES, since some images may fail.
LEAST_CALIBRATION = 40
PRECISIONS = ("bfloat16", "tf32", "float32", "float64")


def resolve_request(request: MeasurementRequest, dataset_id: str) -> ResolvedRequest:
    """Fill in what a request leaves open; `dataset_id` is that of its dataset.

    Raises:
        UnknownNameError: for an unknown estimator or precision, or inconsistent options.
    """
    return ResolvedRequest(
        dataset_id=dataset_id,
        backbone=request.backbone,
        spec=resolve_spec(
            request.estimator,
            request.precision,
            request.probes,
            request.seed,
            views=request.views,
            augmentation=resolve_augmentation(request.backbone.name, request.views, request.augmentation),
        ),
        device=request.device,
        plan=resolve_plan(request.estimator, request.plan),
        is_precision_open=request.precision == "auto" and request.estimator != "embed",
        pilot=checked_pilot(request.estimator, request.pilot),
    )


def checked_pilot(estimator: str, pilot: Pilot | None) -> Pilot | None:
    """Return a pilot that makes sense with an estimator.

    Raises:
        UnknownNameError: for no images, or an estimator that needs all of them.
    """
    if pilot is None:
        return None
    if pilot.num_images < 1:
        raise UnknownNameError(f"A pilot must have at least 1 image, got {pilot.num_images}.")
    if estimator not in (*BATCH_ESTIMATORS, "embed"):
        raise UnknownNameError(
            f"A pilot cannot be {estimator}: that is fitted on the whole dataset. Use exact, sketch or embed."
        )
    return pilot


def resolve_augmentation(backbone: str, views: int, augmentation: str = AUTO) -> str | None:
    """Return how the views of an image are made for a backbone of this name, with every parameter; None for none.

    "auto" means none for one view, else the backbone's training's own views where its files say them, else crops.

    Raises:
        UnknownNameError: for an augmentation that does not exist.
    """
    if augmentation != AUTO:
        return parse_augmentation(augmentation).text
    if views == 1:
        return None
    spec = find_spec(backbone)
    return parse_augmentation(spec.augmentation).text if spec and spec.augmentation else CropViews().text


def resolve_spec(
    estimator: str = "exact",
    precision: str = "auto",
    probes: int | None = None,
    seed: int = 0,
    *,
    views: int = 1,
    augmentation: str | None = None,
) -> MeasurementSpec:
    """Return a measurement spec, which names the shards that the results go to; `augmentation` is that of its views.

    The spec of a calibrated run or a cascade leaves open what the run determines: the number of probes unless it is
    given, and the calibration.

    Raises:
        UnknownNameError: for an unknown estimator or precision, or an invalid number of probes or views, or seed.
    """
    one_of(estimator, ESTIMATORS, "estimator")
    one_of(precision, ("auto", *PRECISIONS), "precision")
    if probes is not None and (estimator in ("exact", "embed") or probes < 1):
        raise UnknownNameError("Invalid number of probes: only a sketch has one, and it must be at least 1.")
    if seed < 0:
        raise UnknownNameError(f"The seed must be at least 0, got {seed}.")
    _check_views(estimator, views, augmentation)
    precision = "float32" if precision == "auto" else precision
    if estimator == "embed" and precision != "float32":
        raise UnknownNameError(
            f"Precision {precision} is of backward passes, and an embed run has none: leave the precision out."
        )
    if estimator in ("exact", "embed"):
        return MeasurementSpec(estimator, precision, views=views, augmentation=augmentation)
    if estimator == "sketch":
        probes = probes or DEFAULT_PROBES
    return MeasurementSpec(estimator, precision, probes, seed, views=views, augmentation=augmentation)


def _check_views(estimator: str, views: int, augmentation: str | None) -> None:
    if not 1 <= views <= MOST_VIEWS:
        raise UnknownNameError(f"The number of views must be from 1 to {MOST_VIEWS}, got {views}.")
    if augmentation is None:
        if views > 1:
            raise UnknownNameError(f"{views} views need an augmentation: without one they are all the same.")
        return
    if estimator == "embed":
        raise UnknownNameError("An embed run has no views: they change scores, and it computes none.")
    if estimator not in BATCH_ESTIMATORS:
        raise UnknownNameError(
            f"Views cannot be {estimator}: it predicts the score of one image, not of its views. Use exact or sketch."
        )


def check_probes(spec: MeasurementSpec, dimension: int) -> None:
    """Raise an error for a sketch that costs as much as exact scores of an encoder with this many outputs.

    Raises:
        JepaScoreError: saying so.
    """
    if spec.probes is not None and spec.probes >= dimension:
        raise JepaScoreError(
            f"A sketch of {spec.probes} probes is not cheaper than the {dimension} passes of an exact score: "
            "use fewer probes, or measure exactly."
        )


def resolve_plan(estimator: str, plan: ApproximationPlan | None = None) -> ApproximationPlan | None:
    """Return the plan of a calibrated run or a cascade, with defaults; None for the other estimators.

    By default a cascade makes the `DEFAULT_TOP` lowest and highest scores of each class exact.

    Raises:
        UnknownNameError: for an invalid plan.
    """
    if estimator in (*BATCH_ESTIMATORS, "embed"):
        if plan is not None and plan != ApproximationPlan():
            raise UnknownNameError(
                f"Target fidelity, calibration, top and cut are options of calibrated and cascade, not of {estimator}."
            )
        return None
    plan = plan or ApproximationPlan()
    if estimator == "calibrated" and plan.is_cascade:
        raise UnknownNameError("Options top and cut need the estimator cascade, not calibrated.")
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
            raise UnknownNameError(f"The {name} must be strictly between 0 and 1, got {value:g}.")
    if plan.num_calibration < LEAST_CALIBRATION:
        raise UnknownNameError(
            f"A calibration needs at least {LEAST_CALIBRATION} images, got {plan.num_calibration}; 300 are usual."
        )
    if plan.top is not None and plan.top < 1:
        raise UnknownNameError(f"Option top must be at least 1, got {plan.top}.")
    if plan.cut is not None and not 0 < plan.cut < 100:
        raise UnknownNameError(f"Option cut must be a percentile strictly between 0 and 100, got {plan.cut:g}.")
