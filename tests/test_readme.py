"""The README and docs are run, not believed: commands parse, marked blocks work, tables and numbers are the code's."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from jepascore_core.backbones.registry import list_specs
from jepascore_core.cli import app
from jepascore_core.datasets.candidates import KINDS
from jepascore_core.datasets.decoding import FORMATS as IMAGE_FORMATS
from jepascore_core.datasets.decoding import MAX_PIXELS, MIN_SIDE
from jepascore_core.exporters import FORMATS as EXPORT_FORMATS
from jepascore_core.measuring.specs import ESTIMATORS
from jepascore_core.score import LOG_FLOOR, PAPER_CLIP, RANK_TOLERANCE
from jepascore_core.storage.measurement_sql import MEASUREMENT_SCHEMA

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SCORE = (ROOT / "docs" / "score.md").read_text(encoding="utf-8")
DATA = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
TABLES = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
INSTALL = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")

_BLOCK = re.compile(r"^```(?P<info>[^\n]+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str, only_runnable: bool = False) -> list[str]:
    """The code blocks of a language; those marked "run" are meant to work as they stand, one after the other."""
    wanted = (f"{language} run",) if only_runnable else (language, f"{language} run")
    return [found["body"] for found in _BLOCK.finditer(README) if found["info"] in wanted]


COMMANDS = sorted(
    {line.partition("  #")[0] for block in blocks("sh") for line in block.splitlines() if line.startswith("jepascore ")}
)
MENTIONED = sorted(set(re.findall(r"`jepascore ([a-z]+(?: [a-z]+)*)", README + SCORE + DATA + TABLES + INSTALL)))
TARGETS = sorted(set(re.findall(r"\bmake ([a-z][a-z-]*)", "".join(blocks("sh")))))


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_parses(line: str):
    words = shlex.split(line)[1:]
    command = typer.main.get_command(app)
    context = command.make_context("jepascore", words)
    while rest := getattr(command, "commands", None) and [*context._protected_args, *context.args]:
        name, command, words = command.resolve_command(context, rest)  # type: ignore[attr-defined]
        context = command.make_context(name, words, parent=context)
    assert not context.args


@pytest.mark.parametrize("words", MENTIONED)
def test_every_command_that_is_mentioned_exists(words: str):
    assert CliRunner().invoke(app, [*words.split(), "--help"]).exit_code == 0


@pytest.mark.parametrize("target", TARGETS)
def test_every_make_target_exists(target: str):
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_marked_blocks_work_in_a_fresh_home(tmp_path: Path):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "JEPASCORE_HOME": str(tmp_path / "home"), "PATH": path}
    commands = [["bash", "-euc", block] for block in blocks("sh", only_runnable=True)]
    commands += [[sys.executable, "-c", block] for block in blocks("python", only_runnable=True)]
    assert len(commands) >= 2
    try:
        for command in commands:
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500, check=False
            )
            assert done.returncode == 0, done.stderr
    finally:
        subprocess.run(["jepascore", "worker", "stop"], env=environment, check=True)
    assert len((tmp_path / "kept.csv").read_text().splitlines()) > 1700


def section(text: str, title: str) -> str:
    """A section without its sub-sections' siblings: from its heading to the next one."""
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_the_tables_name_everything_that_there_is():
    exports, estimators, table = (section(TABLES, title) for title in ("Exports", "Estimators", "Backbones"))
    assert set(EXPORT_FORMATS) <= set(re.findall(r"`([^`]+)`", exports)), "add a row to the exports of docs/tables.md"
    assert set(ESTIMATORS) <= set(re.findall(r"`([^`]+)`", estimators)), "add a row to the estimators of docs/tables.md"
    families = {spec.family for spec in list_specs()}
    cells = {name.strip() for row in table.splitlines() if row.startswith("|") for name in re.split("[|,]", row)}
    assert families <= cells, "add the family to the backbones of docs/tables.md"


def test_links_lead_to_files():
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        targets = re.findall(r"\]\(([^)#]+)[)#]", page.read_text(encoding="utf-8"))
        broken = [target for target in targets if "://" not in target and not (page.parent / target).is_file()]
        assert broken == [], page.name


def test_the_numbers_about_the_score_are_those_of_the_code():
    tolerances = re.findall(r"^\| `(\w+)` \| ([0-9.e-]+) \|", SCORE, re.MULTILINE)
    assert {name: float(value) for name, value in tolerances} == RANK_TOLERANCE
    assert f"{PAPER_CLIP:g}".replace("e-06", "e-6") in SCORE
    assert f"{LOG_FLOOR:g}" in SCORE
    assert set(MEASUREMENT_SCHEMA.names) <= set(re.findall(r"`(\w+)`", section(SCORE, "What is stored")))


def test_the_limits_of_the_data_are_those_of_the_code():
    assert f"{MAX_PIXELS:,}" in DATA
    assert f"shorter side of at least {MIN_SIDE} pixels" in DATA
    assert set(IMAGE_FORMATS) <= set(re.findall(r"[A-Z]{3,4}P?\b", section(DATA, "Formats").upper()))
    assert set(KINDS) <= set(re.findall(r"`(\w+)`", section(DATA, "Sources")))
