"""The types of the package are for its users, too: a program of theirs is checked in mypy's strict mode."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import jepascore_core

PACKAGE = Path(jepascore_core.__file__).parent

PROGRAM = """
import numpy as np
import torch
import jepascore_core as js

backbone = js.load_backbone("bundled:digits-vit")
result = js.measure(backbone, torch.zeros(2, 1, 32, 32))
reveal_type(result.score)
reveal_type(js.jepa_score(np.ones((2, 3))))
for sample in js.open_dataset("digits-demo"):
    reveal_type(sample.sample_key)
js.load_backbone(3)
"""


def check(program: Path) -> list[str]:
    """Return what mypy says of a program in its strict mode, with the package where installed ones are looked for."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--no-error-summary", str(program)]
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent), "MYPY_CACHE_DIR": str(program.parent / "cache")}
    done = subprocess.run(command, cwd=program.parent, env=environment, capture_output=True, text=True, check=False)
    assert not done.stderr
    return [line.partition(" ")[2] for line in done.stdout.splitlines()]


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.slow
def test_a_program_is_checked_against_the_public_types(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    score, function, key, wrong = check(program)
    assert score.endswith('"torch._tensor.Tensor"')
    assert function.endswith('"numpy.ndarray[tuple[Any, ...], numpy.dtype[numpy.float64]]"')
    assert key.endswith('"str"')
    assert wrong.startswith('error: Argument 1 to "load_backbone" has incompatible type "int"')
