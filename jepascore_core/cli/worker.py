"""`jepascore worker`: run, start, stop and inspect the background process."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Annotated

import typer

from jepascore_core.cli.output import JsonFlag, print_json, say
from jepascore_core.curation.precompute.requests import precompute_requests
from jepascore_core.errors import JepaScoreError
from jepascore_core.formatting import plural
from jepascore_core.jobs.process import (
    START_PATIENCE,
    WORKER_ENVIRONMENT,
    WORKER_IDLE_SECONDS,
    start_worker,
    worker_is_alive,
    worker_pid,
)
from jepascore_core.jobs.queue import JobKind
from jepascore_core.storage.store import Store
from jepascore_core.worker.jobs import unfinished_jobs

worker_app = typer.Typer(help="The background process that indexes and measures.", no_args_is_help=True)

#: Singular name of a job of each kind.
JOB_NAMES = {
    JobKind.RUN: "run",
    JobKind.INDEX: "index",
    JobKind.PROBE: "cost prediction",
    JobKind.CLOSEUP: "close-up",
    JobKind.EXPORT: "export",
    JobKind.PRECOMPUTE: "preparation",
}

#: A worker stops within one backward pass of being asked, but loading a large backbone cannot be interrupted.
STOP_PATIENCE = 60.0


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(worker_app, name="worker")


@worker_app.command("run")
def run(
    idle: Annotated[float, typer.Option(help="Stop after N seconds without work.")] = float("inf"),
    json: JsonFlag = False,
) -> None:
    """Work in this terminal until stopped; exits with status 1 if another worker serves this home folder."""
    for name, value in WORKER_ENVIRONMENT.items():
        os.environ.setdefault(name, value)  # torch reads it when it is loaded, which is below
    from jepascore_core.worker.loop import LOG_FORMAT, run_worker

    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    home = Store().home
    if not run_worker(home, idle):
        raise JepaScoreError(f"Another worker already serves {home}. Stop it first: `jepascore worker stop`.")
    if json:
        print_json({"home": home, "pid": os.getpid()})


@worker_app.command("start")
def start(json: JsonFlag = False) -> None:
    """Start a worker in the background, unless one is running."""
    home = Store().home
    was_started = start_worker(home, WORKER_IDLE_SECONDS)
    if not _is_soon(lambda: worker_pid(home) is not None, START_PATIENCE):
        raise JepaScoreError(f"The worker could not be started. See its log: {home / 'worker.log'}")
    if json:
        print_json({"started": was_started, "pid": worker_pid(home)})
    else:
        say("Started." if was_started else "A worker is already running.")


@worker_app.command("stop")
def stop(json: JsonFlag = False) -> None:
    """Stop the worker; unfinished work resumes when one is started, as every command that waits for work does."""
    home = Store().home
    pid = worker_pid(home)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        if not _is_soon(lambda: not worker_is_alive(home), STOP_PATIENCE):
            raise JepaScoreError(
                f"The worker (process {pid}) has not ended after {STOP_PATIENCE:.0f} s. See {home / 'worker.log'}."
            )
    if json:
        print_json({"stopped": pid is not None, "pid": pid})
    else:
        say("No worker is running." if pid is None else "Stopped.")


@worker_app.command("status")
def status(json: JsonFlag = False) -> None:
    """Report whether a worker is running, and what is queued."""
    store = Store()
    pid = worker_pid(store.home)
    counts = Counter(job.kind for job in unfinished_jobs(store))
    asked = [item for item in precompute_requests(store) if item.is_active]
    if json:
        listed = [
            {"dataset_id": item.dataset_id, "title": item.work.title, "state": item.state, "share": item.share}
            for item in asked
        ]
        unfinished = {kind.value: counts[kind] for kind in JobKind}
        print_json({"alive": pid is not None, "pid": pid, "unfinished": unfinished, "preparations": listed})
        return
    worker = "No worker is running" if pid is None else f"Process {pid} is running"
    waiting = [plural(number, JOB_NAMES[kind]) for kind, number in counts.items()]
    say(f"{worker}; {'unfinished: ' + ', '.join(waiting) if waiting else 'nothing is queued'}.")
    for item in asked:
        say(f"{item.work.title} · {item.progress_text}")


def _is_soon(condition: Callable[[], bool], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
