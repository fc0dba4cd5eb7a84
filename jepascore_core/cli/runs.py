"""`jepascore runs`: list, follow and manage runs and their failures."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from jepascore_core.cli.data import OutOption, Overwrite, show_failures
from jepascore_core.cli.output import JsonFlag, ListsByDefault, describe_speed, print_json, print_table, say, work_json
from jepascore_core.cli.waiting import conclude, wait_for_run
from jepascore_core.errors import JepaScoreError, RunCancelled
from jepascore_core.formatting import plural
from jepascore_core.jobs.deletions import delete_scores, plan_deletion
from jepascore_core.jobs.requests import cancel_run, forget_run, resume_run
from jepascore_core.records.runs import Run, RunState
from jepascore_core.storage.store import Store

runs_app = typer.Typer(
    cls=ListsByDefault, help="List, follow, cancel, resume and delete runs, and list their failures."
)

#: Failed runs whose reason the list prints; a home folder may hold years of them.
EXPLAINED = 3

RunArgument = Annotated[str, typer.Argument(help="Id of the run, or its first characters.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(runs_app, name="runs")


@runs_app.command("list")
def list_runs(json: JsonFlag = False) -> None:
    """List the runs, newest first. `jepascore runs` is the same."""
    store = Store()
    found = store.catalogue.runs()
    if json:
        print_json([work_json(run) for run in found])
        return
    names = {dataset.dataset_id: dataset.name for dataset in store.catalogue.datasets()}
    length = _telling_length([run.run_id for run in found])
    rows = [(run.run_id[:length], *_row(run, names.get(run.dataset_id, run.dataset_id))) for run in found]
    columns = ("id", "dataset", "backbone", "state", "measured", "failed", "note")
    width = len(columns) if any(row[-1] for row in rows) else len(columns) - 1
    print_table("Runs", columns[:width], [row[:width] for row in rows])
    failed = [run for run in found if run.state is RunState.FAILED]
    for run in failed[:EXPLAINED]:
        say(f"{run.run_id[:length]} failed: {run.message}")
    if len(failed) > EXPLAINED:
        say(f"{len(failed) - EXPLAINED} more failed: `jepascore runs follow ID` shows the reason.")


def _row(run: Run, dataset: str) -> tuple[object, ...]:
    measured = f"{run.num_measured}/{run.num_total}"
    note = describe_speed(run) if run.state.is_active else ""
    return dataset, run.backbone.name, run.state, measured, run.num_failed, note


def _telling_length(run_ids: list[str]) -> int:
    """Return how many leading characters distinguish the runs; the first ten encode the millisecond of the request."""
    return next(size for size in range(10, 27) if len({run_id[:size] for run_id in run_ids}) == len(run_ids))


@runs_app.command("follow")
def follow(run_id: RunArgument, json: JsonFlag = False) -> None:
    """Show the progress of a run until it ends; Ctrl-C stops following, not the run."""
    store = Store()
    report_end(wait_for_run(store, find_run(store, run_id).run_id, cancel_on_interrupt=False), json)


@runs_app.command("cancel")
def cancel(run_id: RunArgument, json: JsonFlag = False) -> None:
    """Cancel a run; what was measured is kept."""
    store = Store()
    run = find_run(store, run_id)
    cancel_run(store, run.run_id)
    now = store.catalogue.run(run.run_id)
    if json:
        print_json(work_json(now))
    elif not run.state.is_active:
        say(f"Run {run.run_id} is already {run.state}.")
    else:
        say(f"Asked run {run.run_id} to stop." if now.state.is_active else f"Run {run.run_id} is cancelled.")


@runs_app.command("resume")
def resume(
    run_id: RunArgument,
    retry_failures: Annotated[bool, typer.Option("--retry-failures", help="Try failed images again.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Queue the job and return.")] = False,
    json: JsonFlag = False,
) -> None:
    """Continue a run that was cancelled, failed, or has failures to retry."""
    store = Store()
    run = resume_run(store, find_run(store, run_id).run_id, retry_failures)
    if not detach:
        run = wait_for_run(store, run.run_id)
    report_end(run, json)


@runs_app.command("forget")
def forget(run_id: RunArgument, json: JsonFlag = False) -> None:
    """Remove a run from the list that failed or was cancelled before it measured anything."""
    store = Store()
    run = find_run(store, run_id)
    forget_run(store, run.run_id)
    if json:
        print_json(work_json(run))
    else:
        say(f"Run {run.run_id} is removed.")


@runs_app.command("delete")
def delete(
    run_id: RunArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation.")] = False,
    json: JsonFlag = False,
) -> None:
    """Delete a run and its scores; measurements that other runs need are kept and counted."""
    store = Store()
    run = find_run(store, run_id)
    plan = plan_deletion(store, run.run_id)
    if not yes:
        say(plan.text)
        if not typer.confirm("Delete these scores?", err=True):
            raise RunCancelled(f"The scores of run {run.run_id} were not deleted")
    done = delete_scores(store, run.run_id)
    if json:
        print_json(asdict(done))
    else:
        kept = (
            f" Those of {plural(done.num_kept, 'image')} are kept, because other runs need them."
            if done.num_kept
            else ""
        )
        say(f"{plural(done.num_measurements, 'measurement')} of {done.dataset_name} deleted.{kept}")


@runs_app.command("failures")
def failures(run_id: RunArgument, out: OutOption = None, overwrite: Overwrite = False, json: JsonFlag = False) -> None:
    """List the images that a run could not measure, and why."""
    store = Store()
    run = find_run(store, run_id)
    found = store.catalogue.run_failures(run.run_id)
    show_failures(found, f"Failed images of run {run.run_id}", out, overwrite, json)


def report_end(run: Run, json: bool) -> None:
    """Report how a run ended, or that it is queued.

    Raises:
        JepaScoreError: if it failed.
            RunCancelled: if it was cancelled.
    """
    if json:
        print_json(work_json(run))
    conclude(run)
    if json:
        return
    if run.state.is_active:
        say(f"Queued as {run.run_id}. Follow it with `jepascore runs follow {run.run_id}` or in the app.")
        return
    say(f"{run.message}.")
    if run.num_failed:
        say(f"List the failures and their reasons: `jepascore runs failures {run.run_id}`.")


def find_run(store: Store, prefix: str) -> Run:
    """Return the one run whose id begins with `prefix`.

    Raises:
        UnknownNameError: if there is none.
        JepaScoreError: if there are several.
    """
    found = [run for run in store.catalogue.runs() if prefix and run.run_id.startswith(prefix)]
    if len(found) > 1:
        raise JepaScoreError(f"{len(found)} runs begin with {prefix!r}. Give more characters.")
    return found[0] if found else store.catalogue.run(prefix)
