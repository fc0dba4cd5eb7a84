"""`jepascore demo`, `doctor`, `app`: try, check and open the application."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from jepascore_core.cli.app_script import app_script
from jepascore_core.cli.output import JsonFlag, print_json, print_table, say, work_json
from jepascore_core.cli.runs import report_end
from jepascore_core.cli.waiting import conclude, wait_for_index, wait_for_run
from jepascore_core.errors import JepaScoreError, one_of
from jepascore_core.formatting import bytes_text
from jepascore_core.jobs.demos import DEFAULT_DEMO, DEMOS
from jepascore_core.jobs.process import worker_pid
from jepascore_core.jobs.requests import cancel_run, request_demo
from jepascore_core.records.runs import Run, RunState
from jepascore_core.storage.audit import audit
from jepascore_core.storage.store import Store

PACKAGES = ("streamlit", "torch", "torchvision", "timm", "open_clip_torch", "duckdb", "pyarrow")
LOW_DISK_BYTES = 1 << 30
DEFAULT_PORT = 8501
PORTS_TRIED = 20


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("demo")(demo)
    app.command("doctor")(doctor)
    app.command("app")(open_app)


def demo(
    which: Annotated[str, typer.Argument(help=f"{' or '.join(DEMOS)} (default: the demo that the app opens).")] = "",
    detach: Annotated[bool, typer.Option("--detach", help="Queue the job and return.")] = False,
    json: JsonFlag = False,
) -> None:
    """Add a built-in demo with planted contaminants, and measure it with both of its encoders.

    The demos are 1,800 rendered pictures whose true density is known, and 1,797 handwritten digits.
    """
    demo = DEMOS[one_of(which, DEMOS, "demo")] if which else DEFAULT_DEMO
    store = Store()
    asked = request_demo(store, demo)
    if not detach:
        conclude(wait_for_index(store, asked[0].dataset_id))
    ends = asked if detach else _wait_for_all(store, asked)
    if json:
        print_json([work_json(run) for run in ends])
    for run in ends:
        if json:
            conclude(run)
        else:
            report_end(run, json)


def _wait_for_all(store: Store, asked: Sequence[Run]) -> list[Run]:
    """Wait for runs one after the other, up to the first that does not finish. Ctrl-C cancels all remaining ones."""
    ends: list[Run] = []
    try:
        for run in asked:
            ends.append(wait_for_run(store, run.run_id))
            if ends[-1].state is not RunState.FINISHED:
                break
    except KeyboardInterrupt:
        for run in asked[len(ends) + 1 :]:
            cancel_run(store, run.run_id)
        raise
    return ends


def doctor(json: JsonFlag = False) -> None:
    """Check this installation and its home folder; exits with status 1 if a check fails."""
    store = Store()
    devices, problems = _devices()
    versions = {name: _version(name) for name in PACKAGES}
    problems += [f"{name} is not installed. Reinstall jepascore." for name, found in versions.items() if not found]
    problems += audit(store)
    usage = shutil.disk_usage(store.home)
    if usage.free < LOW_DISK_BYTES:
        problems.append(f"The disk of {store.home} is almost full: {bytes_text(usage.free)} left. Free some space.")
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        **versions,
        "devices": ", ".join(devices),
        "home": str(store.home),
        "free disk": bytes_text(usage.free),
        "worker": worker_pid(store.home),
        "worker log": str(store.home / "worker.log"),
    }
    if json:
        print_json({**facts, "problems": problems})
    else:
        print_table("Installation", ("what", "found"), list(facts.items()))
        say("\n".join(problems) or "No problems found.")
    if problems:
        raise typer.Exit(1)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _devices() -> tuple[list[str], list[str]]:
    """Return the devices that torch can use, and the problems with it."""
    try:
        import torch

        importlib.import_module("torchvision")  # its operators are missing when torch is of another build
    except (ImportError, OSError, RuntimeError) as error:
        return [], [f"PyTorch or torchvision cannot be loaded: {error}. Install both from the same index."]
    found = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return [*found, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"], []


def open_app(
    demo: Annotated[bool, typer.Option("--demo", help="Add and measure the built-in demo unless it exists.")] = False,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help=f"Local port (default: the first free one from {DEFAULT_PORT})."),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open the app in the browser; Ctrl-C or SIGTERM stops it, and the worker continues unfinished work."""
    script = app_script()
    chosen = _checked_port(port) if port else _free_port()
    store = Store()
    # Absolute: the server runs in another folder, where a relative path would name another home.
    os.environ["JEPASCORE_HOME"] = str(store.home)
    if demo and any(run.state.is_active for run in request_demo(store)):
        say("The demo is being measured in the background: its pages fill in within a minute or two.")
    say("Starting the app. Ctrl-C stops it; the worker continues in the background (`jepascore worker stop` stops it).")
    command = [sys.executable, "-m", "pages.ui.app.serve", "run", str(script), "--server.port", str(chosen)]
    # Without a display there is no browser to open; without a terminal, Streamlit's prompt for an address would block.
    has_display = sys.platform in ("darwin", "win32") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
    headless = str(not (browser and has_display)).lower()
    command += ["--server.headless", headless, "--server.showEmailPrompt", "false"]
    _become(command, script.parent)


def _become(command: list[str], folder: Path) -> NoReturn:
    """Replace this process with the server, so that a signal to either stops both."""
    if os.name == "nt":  # where exec starts another process and exits
        try:
            raise typer.Exit(subprocess.call(command, cwd=folder))
        except KeyboardInterrupt:
            raise typer.Exit(0) from None  # the usual way to stop it; the app receives the same signal
    os.chdir(folder)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], command)


def _checked_port(port: int) -> int:
    if not _is_free(port):
        raise JepaScoreError(f"Port {port} is in use, perhaps by this app in another terminal. Choose another --port.")
    return port


def _free_port() -> int:
    found = next((port for port in range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED) if _is_free(port)), None)
    if found is None:
        raise JepaScoreError(f"Ports {DEFAULT_PORT} to {DEFAULT_PORT + PORTS_TRIED - 1} are in use. Choose a --port.")
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still closing is free to use.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
