"""A test run that is interrupted leaves no server, worker or browser behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import guardian
from tests.browser.conftest import CHROMIUM
from tests.conftest import wait_until

ROOT = Path(__file__).resolve().parents[1]
#: Starts one of each, says so, and waits to be interrupted.
TEST = """
import time
from pathlib import Path

from jepascore_core.jobs.process import start_worker, worker_pid
from tests.browser.conftest import ROOT, serve
from tests.conftest import wait_until


def test_waits(visit, tmp_path):
    with serve(ROOT / "app.py", tmp_path / "home") as server:
        start_worker(server.home)
        wait_until(lambda: worker_pid(server.home) is not None)
        visit(server.url)
        Path(__file__).with_name("ready").touch()
        time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(sys.platform != "linux", reason="guardians of tests read /proc")
@pytest.mark.parametrize(
    ("kind", "options"),
    [(signal.SIGINT, ()), (signal.SIGTERM, ()), (signal.SIGKILL, ()), (signal.SIGKILL, ("-n", "1"))],
    ids=["interrupted", "terminated", "killed", "killed with xdist"],
)
def test_an_interrupted_run_leaves_nothing_behind(
    tmp_path: Path, kind: signal.Signals, options: tuple[str, ...]
) -> None:
    if not Path(CHROMIUM).is_file():
        pytest.skip(f"no Chromium at {CHROMIUM}; install it or set JEPASCORE_CHROMIUM")
    (tmp_path / "test_waits.py").write_text(TEST)
    plugins = ("-p", "tests.conftest", "-p", "tests.browser.conftest", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *plugins, *options, "--basetemp", str(tmp_path / "base")]
    run = subprocess.Popen(
        [*command, "--rootdir", str(tmp_path), str(tmp_path / "test_waits.py")],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        stdout=(tmp_path / "log").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=_heed_interrupts,
    )
    try:
        wait_until(lambda: (tmp_path / "ready").exists() or run.poll() is not None)
        assert run.poll() is None, (tmp_path / "log").read_text()
        words = b" ".join(command_of(process) for process in guardian.marked(run.pid))
        for part in (b"streamlit", b"--worker", Path(CHROMIUM).name.encode()):
            assert part in words
        run.send_signal(kind)
        run.wait(60)
        wait_until(lambda: not guardian.marked(run.pid) and not named(tmp_path))
    finally:
        run.kill()
        run.wait()


def _heed_interrupts() -> None:
    """`nohup`, or a shell's `&`, has a process and its children ignore them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def command_of(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return b""


def named(folder: Path) -> list[int]:
    """Processes with this folder among their arguments, as those of a browser with their profile in it."""
    mark = str(folder).encode()
    processes = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [process for process in processes if mark in command_of(process)]
