"""`jepascore app` as a process: what ends it ends all that it holds, and what it started leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress

import pytest

from jepascore_core.jobs.process import (
    PROBE_PATIENCE,
    start_worker,
    starting_file,
    worker_is_alive,
    worker_lock,
    worker_pid,
)
from pages.ui.app.lifespan import GRACE_SECONDS
from tests.cli.conftest import Cli, finish

PATIENCE = 120.0


def until(what: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether something is true within some seconds."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def can_be_bound(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def is_up(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def states_of_children(pid: int) -> list[str]:
    """What `ps` says of each child of a process; a zombie's begins with Z."""
    listed = subprocess.run(["ps", "-A", "-o", "ppid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return [state for parent, state in rows if int(parent) == pid]


def start_app(cli: Cli, *options: str) -> tuple[subprocess.Popen[str], int]:
    """Run `jepascore app` until it answers; the process, and its port."""
    port = free_port()
    process = cli.start("app", "--no-browser", "--port", str(port), *options, stderr=subprocess.STDOUT)
    if not until(lambda: is_up(port) or process.poll() is not None) or process.poll() is not None:
        process.kill()
        raise AssertionError(f"The app did not start: {finish(process).out}")
    return process, port


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (signal.SIGTERM, 143),
        (signal.SIGINT, 0),
        (signal.SIGHUP, 129),
        (signal.SIGKILL, 137),
    ],
)
def test_a_signal_ends_the_server_and_frees_its_port(cli: Cli, kind: signal.Signals, status: int) -> None:
    process, port = start_app(cli)
    assert not can_be_bound(port)
    children = states_of_children(process.pid)
    with socket.create_connection(("127.0.0.1", port)):  # as an open tab has one
        process.send_signal(kind)
        answer = finish(process, 20)
    assert until(lambda: can_be_bound(port), 5)
    assert (as_a_shell(answer.code), children) == (status, [])
    assert "Aborted" not in answer.out and "Traceback" not in answer.out


def test_an_answer_that_nobody_takes_does_not_hold_the_server(cli: Cli) -> None:
    process, port = start_app(cli)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
        script = re.search(rb'src="\.?/?(static/js/[^"]+)"', answer.read())
    assert script is not None
    request = b"GET /" + script[1] + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(request * 100)
        time.sleep(1)
        process.terminate()
        assert until(lambda: can_be_bound(port), 5)
        assert as_a_shell(finish(process, GRACE_SECONDS + 20).code) == 143


def as_a_shell(code: int) -> int:
    """An exit status as a shell says it: one who ended by a signal has 128 and its number."""
    return code if code >= 0 else 128 - code


def test_the_worker_of_the_demo_outlives_the_app_and_leaves_it_no_zombie(cli: Cli) -> None:
    process, port = start_app(cli, "--demo")
    try:
        assert until(lambda: worker_pid(cli.home) is not None)
        first = worker_pid(cli.home)
        assert first is not None and states_of_children(process.pid), "it was started before the server"
        os.kill(first, signal.SIGKILL)
        # Several were started at once, one of which works; another may still take the place of the one that ended.
        assert until(lambda: not any(state.startswith("Z") for state in states_of_children(process.pid)), 60)
        assert is_up(port)
        assert until(lambda: start_worker(cli.home) or worker_pid(cli.home) not in (None, first))
        assert until(lambda: worker_pid(cli.home) not in (None, first))
        process.terminate()
        assert as_a_shell(finish(process, 20).code) == 143
        assert worker_is_alive(cli.home), "it goes on without the app"
    finally:
        process.kill()
        end_worker(cli)


def test_a_worker_that_ends_leaves_no_zombie_to_who_started_it(cli: Cli) -> None:
    assert start_worker(cli.home, idle_seconds=0.1)
    try:
        assert until(lambda: worker_pid(cli.home) is not None)
        pid = worker_pid(cli.home)
        listed = ["ps", "-o", "stat=", "-p", str(pid)]
        assert until(lambda: not subprocess.run(listed, capture_output=True, text=True).stdout.strip())
    finally:
        end_worker(cli)


def end_worker(cli: Cli) -> None:
    pid = worker_pid(cli.home)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
        until(lambda: not worker_is_alive(cli.home), 10)


def test_who_only_looks_for_a_worker_is_not_taken_for_one(cli: Cli) -> None:
    holds = threading.Event()

    def look() -> None:
        with worker_lock(cli.home):
            holds.set()
            time.sleep(PROBE_PATIENCE / 3)

    looking = threading.Thread(target=look)
    looking.start()
    holds.wait()
    try:
        assert start_worker(cli.home, idle_seconds=0.1)
        assert until(lambda: worker_pid(cli.home) is not None)
    finally:
        looking.join()
        end_worker(cli)


def test_a_worker_that_still_loads_is_not_started_twice(cli: Cli) -> None:
    assert start_worker(cli.home, idle_seconds=5)
    try:
        assert not start_worker(cli.home)
        assert until(lambda: worker_pid(cli.home) is not None)
        assert not start_worker(cli.home) and not starting_file(cli.home).exists()
    finally:
        end_worker(cli)


def test_a_worker_that_failed_to_start_is_started_again(cli: Cli) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    cli.home.mkdir(exist_ok=True)
    starting_file(cli.home).write_text(f'{{"pid": {ended.pid}}}')
    try:
        assert start_worker(cli.home, idle_seconds=5)
        assert until(lambda: worker_pid(cli.home) is not None)
    finally:
        end_worker(cli)
