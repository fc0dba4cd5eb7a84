"""Tables, sentences and JSON under hostile names and unusual terminals."""

from __future__ import annotations

import json

import pytest

from jepascore_core.cli.output import print_json, print_table, say, visible


def test_control_characters_are_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]):
    assert visible("a\x1b[31mb\tc\nd\x9b") == "a\\x1b[31mb\tc\nd\\x9b"
    say("\x1b]0;title\x07")
    print_table("T", ("name",), [("\x1b[2J",)])
    seen = capsys.readouterr()
    assert "\x1b" not in seen.out + seen.err
    assert "\\x1b[2J" in seen.out


def test_names_are_no_markup(capsys: pytest.CaptureFixture[str]):
    print_table("T", ("name", "note"), [("[bold]x[/]", "[/nothing]")])
    say("[red]y[/red]")
    seen = capsys.readouterr()
    assert "[bold]x[/]" in seen.out
    assert "[/nothing]" in seen.out
    assert seen.err == "[red]y[/red]\n"


def test_what_goes_to_a_file_is_not_wrapped(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    long = "word " * 100
    print_table("T", ("name", "note"), [("a", long)])
    say(long)
    seen = capsys.readouterr()
    assert long.strip() in seen.out
    assert seen.err.count("\n") == 1


def test_a_narrow_terminal_breaks_long_columns_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "40")
    print_table("T", ("id", "note"), [("01m86wyppf", "long " * 30)])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 40
    assert sum("01m86wyppf" in line for line in lines) == 1


def test_json_is_plain_whatever_the_environment_wants(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    value = {"name": "näme \x1b[31m " + "x" * 200, "none": None, "number": 0.1}
    print_json(value)
    assert json.loads(capsys.readouterr().out) == value
