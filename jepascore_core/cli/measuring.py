"""`jepascore score`: measuring a dataset, or saying what it would cost."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from jepascore_core.cli.output import JsonFlag, errors, print_json, say
from jepascore_core.cli.runs import report_end
from jepascore_core.cli.waiting import wait_for_run
from jepascore_core.errors import JepaScoreError
from jepascore_core.measurement_specs import ESTIMATORS, PRECISIONS
from jepascore_core.records import BackboneRef, CostProbe, ProbeState
from jepascore_core.runs import WorkerWatch, request_probe, request_run
from jepascore_core.store import Store
from jepascore_core.views.formats import bytes_text, duration_text

BackboneOption = Annotated[
    str, typer.Option("--backbone", "-b", help="timm:<name>, open_clip:<name>:<tag> or bundled:<name>.")
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("score")(score)


def score(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset (see `jepascore datasets`).")],
    backbone: BackboneOption,
    checkpoint: Annotated[str | None, typer.Option(help="Own weights: .safetensors or weights-only .pth.")] = None,
    pooling: Annotated[str | None, typer.Option(help="token, avg or projection, if not the backbone's own.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the input in pixels.")] = None,
    mean: Annotated[str | None, typer.Option(help="Mean per channel, for example 0.5,0.5,0.5.")] = None,
    std: Annotated[str | None, typer.Option(help="Standard deviation per channel.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never try the network for weights.")] = False,
    estimator: Annotated[str, typer.Option(help=f"One of: {', '.join(ESTIMATORS)}.")] = "exact",
    precision: Annotated[str, typer.Option(help=f"auto or one of: {', '.join(PRECISIONS)}.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    predict: Annotated[bool, typer.Option("--predict", help="Only say what it would cost.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Only ask for it; the worker does it.")] = False,
    json: JsonFlag = False,
) -> None:
    """Measure every image of a dataset that was not measured yet under a backbone."""
    ref = BackboneRef(
        name=backbone,
        checkpoint=str(Path(checkpoint).expanduser().resolve()) if checkpoint else None,
        pooling=pooling,
        image_size=image_size,
        mean=parse_channels(mean),
        std=parse_channels(std),
        offline=offline,
    )
    store = Store()
    if predict:
        show_cost(wait_for_probe(store, request_probe(store, dataset, ref, estimator, precision, device)), json)
        return
    run = request_run(store, dataset, ref, estimator, precision, device)
    report_end(run if detach else wait_for_run(store, run.run_id), json)


def parse_channels(text: str | None) -> tuple[float, ...] | None:
    """Numbers separated by commas, one a channel."""
    if text is None:
        return None
    try:
        return tuple(float(item) for item in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"Expected numbers separated by commas, such as 0.5,0.5,0.5, not {text!r}.") from None


def wait_for_probe(store: Store, probe: CostProbe) -> CostProbe:
    """Wait until the worker has answered.

    Raises:
        JepaScoreError: if no worker takes it up.
    """
    watch = WorkerWatch(store)
    with errors.status("Timing a few images"):
        while probe.state is ProbeState.QUEUED:
            watch.look()
            time.sleep(0.2)
            probe = store.catalogue.probe(probe.probe_id)
    return probe


def show_cost(probe: CostProbe, json: bool) -> None:
    """Print the answer of a cost probe.

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
    say(
        f"{found.num_pending} of {found.num_total} images are still to be measured: about "
        f"{duration_text(found.seconds_total)} on {found.device} "
        f"({duration_text(found.seconds_per_image)} an image, K = {found.dimension}{memory})."
    )
