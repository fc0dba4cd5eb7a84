"""How a worker starts: what it loads before it can index."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jepascore_core.worker.loop import NICENESS, NICENESS_VARIABLE, niceness
from tests.rooms import ROOT

#: What no index needs, and each of which takes as long to load as all that it does need.
LATE = ("scipy", "sklearn", "faiss", "torch", "typer", "rich", "plotly", "streamlit")
_LOADER = """
import sys
import jepascore_core.worker.background
sys.exit(", ".join(sorted(set(sys.modules) & set(sys.argv[1:]))) or 0)
"""


def test_what_an_index_does_not_need_is_not_loaded(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", _LOADER, *LATE], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.stderr.strip(), done.returncode) == ("", 0)


@pytest.mark.parametrize(("asked", "expected"), [("0", 0), ("5", 5), ("40", 19), ("", NICENESS), ("low", NICENESS)])
def test_niceness_is_set_by_a_variable(monkeypatch: pytest.MonkeyPatch, asked: str, expected: int):
    monkeypatch.setenv(NICENESS_VARIABLE, asked)
    assert niceness() == expected


def test_a_worker_in_a_terminal_does_not_slow_down_what_else_runs_there(tmp_path: Path):
    """Niceness of the session is only lowered where the worker has one of its own."""
    session = Path("/proc/self/autogroup")
    before = session.read_text() if session.exists() else ""
    command = [sys.executable, "-m", "jepascore_core", "--worker", "--idle", "0"]
    environment = {**os.environ, "JEPASCORE_HOME": str(tmp_path / "home")}
    del environment[NICENESS_VARIABLE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert not session.exists() or session.read_text() == before
