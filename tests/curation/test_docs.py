"""The documentation of rules, commands and formats is that of the code."""

import re
from pathlib import Path

import pytest
import typer

from jepascore_core.cli import app
from jepascore_core.curation import parse
from jepascore_core.curation.rules.column import COLUMNS
from jepascore_core.curation.rules.model import DRAWS, FLAGS, KEEPERS
from jepascore_core.exporters import FORMATS, LINKS, WHICH

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "curating.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
LINES = {kind: [line.partition("  #")[0].strip() for found, body in BLOCKS if found == kind
                for line in body.splitlines()] for kind in ("rules", "sh")}  # fmt: skip


@pytest.mark.parametrize("line", LINES["rules"])
def test_every_rule_is_one(line):
    assert parse(line).clauses


@pytest.mark.parametrize("line", LINES["sh"])
def test_every_command_is_one(line):
    command = typer.main.get_command(app)
    words = re.findall(r"""'[^']*'|"[^"]*"|\S+""", line.partition(" > ")[0])[1:]
    context = command.make_context("jepascore", words)
    while rest := getattr(command, "commands", None) and [*context._protected_args, *context.args]:
        name, command, words = command.resolve_command(context, rest)
        context = command.make_context(name, words, parent=context)
    assert not context.args


def test_everything_is_named():
    prose = re.sub(r"^```.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    words = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`([^`]+)`", prose))))
    assert {*COLUMNS, *FLAGS, *FORMATS, *LINKS, *WHICH} <= words
    assert {*KEEPERS, *DRAWS} - {"random"} <= set(re.findall(r"[a-z_]+", TEXT))
