"""`jepascore score`, `runs`: measuring and following it."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Annotated

import typer

from jepascore_core.cli.data import show_failures
from jepascore_core.cli.output import JsonFlag, describe_speed, print_json, print_table, progress_bar, say
from jepascore_core.errors import JepaScoreError, RunCancelled
from jepascore_core.records import BackboneRef, ProbeState, Run, RunState
from jepascore_core.runs import (
    WorkerWatch,
    cancel_run,
    follow_run,
    request_probe,
    request_run,
    resume_run,
)
from jepascore_core.store import Store
from jepascore_core.views.formats import bytes_text, duration_text

runs_app = typer.Typer(help="List, cancel and resume runs, and see what failed.")

BackboneOption = Annotated[
    str, typer.Option("--backbone", "-b", help="timm:<name>, open_clip:<name>:<tag> or bundled:<name>.")
]
RunArgument = Annotated[str, typer.Argument(help="Id of the run, or its first characters.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("score")(score)
    app.add_typer(runs_app, name="runs")


def score(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset (see `jepascore datasets`).")],
    backbone: BackboneOption,
    checkpoint: Annotated[str | None, typer.Option(help="Own weights: .safetensors or weights-only .pth.")] = None,
    pooling: Annotated[str | None, typer.Option(help="token, avg or projection, if not the backbone's own.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the input in pixels.")] = None,
    mean: Annotated[str | None, typer.Option(help="Mean per channel, for example 0.5,0.5,0.5.")] = None,
    std: Annotated[str | None, typer.Option(help="Standard deviation per channel.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never try the network for weights.")] = False,
    estimator: Annotated[str, typer.Option(help="exact")] = "exact",
    precision: Annotated[str, typer.Option(help="auto, float32 or float64.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    predict: Annotated[bool, typer.Option("--predict", help="Only say what it would cost.")] = False,
    detach: Annotated[bool, typer.Option(help="Only ask for it; the worker measures in the background.")] = False,
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
        predict_cost(store, dataset, ref, estimator, precision, device, json)
        return
    run = request_run(store, dataset, ref, estimator, precision, device)
    if not detach:
        run = wait_for_run(store, run.run_id)
    if json:
        print_json(dataclasses.asdict(run))
    elif detach:
        say(f"Queued as {run.run_id}. Follow it with `jepascore runs` or in the app.")
    else:
        say(f"{run.message}.")


def parse_channels(text: str | None) -> tuple[float, ...] | None:
    """Numbers separated by commas, one a channel."""
    if text is None:
        return None
    try:
        return tuple(float(item) for item in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"Expected numbers separated by commas, such as 0.5,0.5,0.5, not {text!r}.") from None


def predict_cost(
    store: Store, dataset: str, ref: BackboneRef, estimator: str, precision: str, device: str, json: bool
) -> None:
    """Ask the worker for a cost probe and print its answer.

    Raises:
        JepaScoreError: if the probe failed.
    """
    probe = request_probe(store, dataset, ref, estimator, precision, device)
    watch = WorkerWatch(store)
    while probe.state is ProbeState.QUEUED:
        watch.look()
        time.sleep(0.2)
        probe = store.catalogue.probe(probe.probe_id)
    if probe.result is None:
        raise JepaScoreError(probe.message)
    found = probe.result
    if json:
        print_json({**found.to_dict(), "seconds_total": found.seconds_total})
        return
    memory = f", {bytes_text(found.peak_bytes)} of its memory" if found.peak_bytes else ""
    say(
        f"{found.num_pending} of {found.num_total} images are still to be measured: about "
        f"{duration_text(found.seconds_total)} on {found.device} "
        f"({duration_text(found.seconds_per_image)} an image, K = {found.dimension}{memory})."
    )


def wait_for_run(store: Store, run_id: str) -> Run:
    """Show a bar until a run ends.

    Raises:
        JepaScoreError: if it failed.
        RunCancelled: if somebody cancelled it; Ctrl-C does.
    """
    run = store.catalogue.run(run_id)
    with progress_bar() as bar:
        task = bar.add_task(f"Measuring with {run.backbone.name}", total=None, detail="")
        try:
            for run in follow_run(store, run_id):
                done = run.num_measured + run.num_failed
                bar.update(task, total=run.num_total or None, completed=done, detail=describe_speed(run))
        except KeyboardInterrupt:
            cancel_run(store, run_id)
            say(f"Cancelling; what was measured is kept. Continue with `jepascore runs resume {run_id}`.")
            raise
    if run.state is RunState.CANCELLED:
        raise RunCancelled(run.message)
    if run.state is RunState.FAILED:
        raise JepaScoreError(run.message)
    return run


@runs_app.callback(invoke_without_command=True)
def list_runs(context: typer.Context, json: JsonFlag = False) -> None:
    """List the runs, newest first."""
    if context.invoked_subcommand is not None:
        return
    store = Store()
    names = {dataset.dataset_id: dataset.name for dataset in store.catalogue.datasets()}
    found = store.catalogue.runs()
    if json:
        print_json([dataclasses.asdict(run) for run in found])
        return
    print_table(
        "Runs",
        ("id", "dataset", "backbone", "state", "measured", "failed", ""),
        [_row(run, names[run.dataset_id]) for run in found],
    )


def _row(run: Run, dataset: str) -> tuple[object, ...]:
    measured = f"{run.num_measured}/{run.num_total}"
    return run.run_id, dataset, run.backbone.name, run.state, measured, run.num_failed, describe_speed(run)


@runs_app.command("cancel")
def cancel(run_id: RunArgument) -> None:
    """Cancel a run; what was measured is kept."""
    store = Store()
    run = find_run(store, run_id)
    cancel_run(store, run.run_id)
    say(f"Asked run {run.run_id} to stop.")


@runs_app.command("resume")
def resume(
    run_id: RunArgument,
    retry_failures: Annotated[bool, typer.Option("--retry-failures", help="Try failed images again.")] = False,
    detach: Annotated[bool, typer.Option(help="Do not wait for it.")] = False,
) -> None:
    """Continue a run that was cancelled, failed, or has failures to retry."""
    store = Store()
    run = resume_run(store, find_run(store, run_id).run_id, retry_failures)
    if not detach:
        run = wait_for_run(store, run.run_id)
    say(f"{run.message}.")


@runs_app.command("failures")
def failures(
    run_id: RunArgument,
    out: Annotated[Path | None, typer.Option(help="Write them to this CSV file.")] = None,
    json: JsonFlag = False,
) -> None:
    """List the images that a run could not measure, and why."""
    store = Store()
    run = find_run(store, run_id)
    show_failures(store.catalogue.run_failures(run.run_id), f"Failed images of run {run.run_id}", out, json)


def find_run(store: Store, prefix: str) -> Run:
    """The one run whose id begins with `prefix`.

    Raises:
        UnknownNameError: if there is none.
        JepaScoreError: if there are several.
    """
    found = [run for run in store.catalogue.runs() if run.run_id.startswith(prefix)]
    if len(found) > 1:
        raise JepaScoreError(f"{len(found)} runs begin with {prefix!r}. Give more characters.")
    return found[0] if found else store.catalogue.run(prefix)
