"""`jepascore worker`, `backbones`, `demo`, `doctor`, `app`: the machine room."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import logging
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from jepascore_core.backbones.specs import list_specs
from jepascore_core.cli.data import wait_for_index
from jepascore_core.cli.measuring import wait_for_run
from jepascore_core.cli.output import JsonFlag, print_json, print_table, say
from jepascore_core.errors import JepaScoreError
from jepascore_core.runs import (
    WORKER_ENVIRONMENT,
    WORKER_IDLE_SECONDS,
    request_demo,
    start_worker,
    worker_is_alive,
    worker_pid,
)
from jepascore_core.store import Store
from jepascore_core.views.formats import bytes_text

worker_app = typer.Typer(help="The background process that indexes and measures.", no_args_is_help=True)

PACKAGES = ("streamlit", "torch", "torchvision", "timm", "open_clip_torch", "duckdb", "pyarrow", "huey")


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("backbones")(backbones)
    app.command("demo")(demo)
    app.command("doctor")(doctor)
    app.command("app")(open_app)
    app.add_typer(worker_app, name="worker")


@worker_app.command("run")
def worker_run(
    idle: Annotated[float, typer.Option(help="End after so many seconds without work.")] = float("inf"),
) -> None:
    """Work in this terminal until stopped."""
    for name, value in WORKER_ENVIRONMENT.items():
        os.environ.setdefault(name, value)  # read when torch is loaded, which is now
    from jepascore_core.worker import run_worker

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    if not run_worker(Store().home, idle):
        say("Another worker serves this home folder already.")


@worker_app.command("start")
def worker_start() -> None:
    """Start a worker in the background."""
    store = Store()
    say("Started." if start_worker(store.home, WORKER_IDLE_SECONDS) else "A worker is running already.")


@worker_app.command("stop")
def worker_stop() -> None:
    """Stop the worker; unfinished work goes on when one is started again."""
    home = Store().home
    pid = worker_pid(home)
    if pid is None:
        say("No worker is running.")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while worker_is_alive(home):
        if time.monotonic() > deadline:
            raise JepaScoreError(f"The worker (process {pid}) has not ended after 30 s. See {home / 'worker.log'}.")
        time.sleep(0.1)
    say("Stopped.")


@worker_app.command("status")
def worker_status(json: JsonFlag = False) -> None:
    """Whether a worker is running, and what waits for it."""
    store = Store()
    pid = worker_pid(store.home)
    waiting = len(store.catalogue.runs(active_only=True))
    if json:
        print_json({"alive": pid is not None, "pid": pid, "active_runs": waiting})
    else:
        say(f"{'Process ' + str(pid) + ' is working' if pid else 'No worker is running'}; {waiting} active runs.")


def backbones(
    search: Annotated[str, typer.Argument(help="Show only names and families that contain this.")] = "",
    json: JsonFlag = False,
) -> None:
    """List the known backbones; any other timm or open_clip name works too."""
    found = [spec for spec in list_specs() if search.lower() in f"{spec.name} {spec.family}".lower()]
    if json:
        print_json([dataclasses.asdict(spec) for spec in found])
        return
    rows = [(item.name, item.family, item.dimension, item.image_size, item.pooling, item.licence) for item in found]
    print_table("Backbones", ("name", "family", "K", "size", "pooling", "licence of the weights"), rows)


def demo(
    detach: Annotated[bool, typer.Option(help="Only ask for it; the worker does it in the background.")] = False,
) -> None:
    """Add the embedded demo, 1,797 digits with planted contaminants, and measure it."""
    store = Store()
    run = request_demo(store)
    if not detach:
        wait_for_index(store, run.dataset_id)
        run = wait_for_run(store, run.run_id)
    say(f"{run.message}." if run.message else "Queued.")


def doctor(json: JsonFlag = False) -> None:
    """Check this installation and its home folder; ends with 1 if something is wrong."""
    store = Store()
    problems = store.check()
    usage = shutil.disk_usage(store.home)
    if usage.free < 1 << 30:
        problems.append(f"Only {bytes_text(usage.free)} are free on the disk of {store.home}.")
    facts = {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
        "devices": ", ".join(_devices()),
        "home": str(store.home),
        "free disk": bytes_text(usage.free),
        "worker": worker_pid(store.home),
        "worker log": str(store.home / "worker.log"),
    }
    if json:
        print_json({**facts, "problems": problems})
    else:
        print_table("Installation", ("what", "found"), list(facts.items()))
        say("\n".join(problems) or "Nothing is wrong.")
    if problems:
        raise typer.Exit(1)


def _devices() -> list[str]:
    import torch

    found = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return [*found, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def open_app(
    demo: Annotated[bool, typer.Option("--demo", help="Add and measure the embedded demo if it is not there.")] = False,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8501,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open the app in the browser."""
    script = Path(__file__).parents[2] / "app.py"
    if not script.is_file():
        raise JepaScoreError("The app's pages are not installed: run this from a clone of the repository.")
    if demo:
        request_demo(Store())
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    # Without a display there is no browser to open; without a terminal nobody answers the question for an address.
    has_display = sys.platform in ("darwin", "win32") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
    headless = str(not (browser and has_display)).lower()
    command += ["--server.headless", headless, "--server.showEmailPrompt", "false"]
    raise typer.Exit(subprocess.call(command, cwd=script.parent))
