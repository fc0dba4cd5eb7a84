"""Commands as people and programs give them: in this process where that is real enough, else in one of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jepascore_core.cli import app
from jepascore_core.jobs import process
from jepascore_core.storage.store import Store


def _heed_signals() -> None:
    """`nohup`, or a shell's `&`, has a process and its children ignore these."""
    for kind in (signal.SIGINT, signal.SIGHUP):
        signal.signal(kind, signal.SIG_DFL)


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value that standard output holds."""
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """The error, which is not a traceback and has a line of its own."""
        assert "Traceback" not in self.out + self.err
        (line,) = [line for line in self.err.splitlines() if line.startswith("Error: ")]
        return line.removeprefix("Error: ")


class Cli:
    """`jepascore` in one home folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**os.environ, "JEPASCORE_HOME": str(home)}
        self.started: list[subprocess.Popen[str]] = []

    def __call__(self, *arguments: str | Path, typed: str | None = None) -> Answer:
        """Give a command in this process; an exception that is no exit goes through."""
        runner = CliRunner(env={"JEPASCORE_HOME": str(self.home)})
        result = runner.invoke(app, [str(item) for item in arguments], input=typed)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    def start(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
        """Give a command in a process of its own, which signals reach however the tests were started."""
        process = subprocess.Popen(
            [sys.executable, "-m", "jepascore_core", *map(str, arguments)],
            env={**self.environment, **options.pop("environment", {})},
            stdout=subprocess.PIPE,
            stderr=options.pop("stderr", subprocess.PIPE),
            text=True,
            preexec_fn=_heed_signals,
            **options,
        )
        self.started.append(process)
        return process

    @property
    def store(self) -> Store:
        """What the commands work on."""
        return Store(self.home)


def finish(process: subprocess.Popen[str], timeout: float = 240) -> Answer:
    """Wait for a started command."""
    out, err = process.communicate(timeout=timeout)
    return Answer(process.returncode, out, err or "")


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """Commands in an empty home folder, where requests start no worker."""
    monkeypatch.setattr(process, "start_worker", lambda *_: False)
    # Some test runners set a width for their own reports.
    monkeypatch.delenv("COLUMNS", raising=False)
    return Cli(tmp_path / "home")
