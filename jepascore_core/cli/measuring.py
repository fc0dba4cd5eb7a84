"""`jepascore score`: measure a dataset, or estimate the cost."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from jepascore_core.cli import options
from jepascore_core.cli.output import JsonFlag, errors, print_json, say
from jepascore_core.cli.runs import report_end
from jepascore_core.cli.waiting import wait_for_run
from jepascore_core.errors import JepaScoreError
from jepascore_core.formatting import bytes_text, duration_text
from jepascore_core.jobs.requests import follow, request_probe, request_run
from jepascore_core.records.approximation import ApproximationPlan
from jepascore_core.records.augmentation import AUTO
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.pilots import Pilot
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.records.runs import CostProbe
from jepascore_core.storage.store import Store

_PLAN = ApproximationPlan()


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("score")(score)


def score(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset (see `jepascore datasets`).")],
    backbone: options.Backbone,
    checkpoint: options.Checkpoint = None,
    pooling: options.Pooling = None,
    image_size: options.ImageSize = None,
    mean: options.Mean = None,
    std: options.Std = None,
    preprocessing: options.Preprocessing = None,
    offline: options.Offline = False,
    estimator: options.Estimator = "exact",
    precision: options.Precision = "auto",
    probes: options.Probes = None,
    seed: options.Seed = 0,
    target_fidelity: options.TargetFidelity = _PLAN.target_fidelity,
    calibration: options.Calibration = _PLAN.num_calibration,
    coverage: options.Coverage = _PLAN.coverage,
    top: options.Top = None,
    cut: options.Cut = None,
    confidence: options.Confidence = _PLAN.confidence,
    views: options.Views = 1,
    view_augmentation: options.ViewAugmentation = AUTO,
    device: options.Device = "auto",
    pilot: options.Pilot = None,
    pilot_per_class: options.PilotPerClass = None,
    predict: options.Predict = False,
    detach: options.Detach = False,
    json: JsonFlag = False,
) -> None:
    """Measure every image of a dataset that is not measured yet under a backbone."""
    ref = BackboneRef(
        name=backbone,
        checkpoint=str(Path(checkpoint).expanduser().resolve()) if checkpoint else None,
        pooling=pooling,
        image_size=image_size,
        mean=parse_channels(mean),
        std=parse_channels(std),
        offline=offline,
        preprocessing=None if preprocessing == "authors" else preprocessing,
    )
    plan = ApproximationPlan(target_fidelity, calibration, coverage, top, cut, confidence)
    store = Store()
    request = MeasurementRequest(
        dataset, ref, estimator, precision, device, probes, seed, plan, views, view_augmentation,
        parse_pilot(pilot, pilot_per_class),
    )  # fmt: skip
    if predict:
        show_cost(wait_for_probe(store, request_probe(store, request)), json)
        return
    run = request_run(store, request)
    report_end(run if detach else wait_for_run(store, run.run_id), json)


def parse_pilot(num_images: int | None, per_class: int | None) -> Pilot | None:
    """Return the images to measure alone, None for all."""
    if num_images is not None and per_class is not None:
        raise typer.BadParameter("Give --pilot or --pilot-per-class, not both.")
    if per_class is not None:
        return Pilot(per_class, per_class=True)
    return None if num_images is None else Pilot(num_images)


def parse_channels(text: str | None) -> tuple[float, ...] | None:
    """Parse numbers separated by commas, one per channel."""
    if text is None:
        return None
    try:
        return tuple(float(item) for item in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"Expected numbers separated by commas, such as 0.5,0.5,0.5, not {text!r}.") from None


def wait_for_probe(store: Store, probe: CostProbe) -> CostProbe:
    """Wait until the worker has finished a cost probe.

    Raises:
            JepaScoreError: if no worker is available.
    """
    with errors.status("Timing a few images"):
        *_, answered = follow(store, partial(store.catalogue.probe, probe.probe_id))
    return answered


def show_cost(probe: CostProbe, json: bool) -> None:
    """Print the result of a cost probe.

    Raises:
        JepaScoreError: if the probe failed.
    """
    found = probe.result
    if found is None:
        raise JepaScoreError(probe.message)
    if json:
        print_json({**found.to_dict(), "seconds_total": found.seconds_total})
        return
    memory = f", {bytes_text(found.peak_bytes)} of its memory" if found.peak_bytes else ""
    faster = ", or less: the run first tries a faster precision on a few images" if found.may_be_faster else ""
    say(
        f"{found.num_pending:,} of {found.num_total:,} images remain to be measured: about "
        f"{duration_text(found.seconds_total)} on {found.device} "
        f"({duration_text(found.seconds_per_image)} per image, K = {found.dimension}{memory}) in "
        f"{found.precision}{faster}."
    )
