"""`jepascore report`: what it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.pages.situations import NAME, put


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    found = Cli(tmp_path / "home")
    put(found.store, "finished")
    return found


def test_a_report_is_one_file(cli: Cli, tmp_path: Path):
    out = tmp_path / "new folder" / "report.html"
    answer = cli("report", NAME, out, "--rules", "class_percentile >= 25", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["bytes"] == out.stat().st_size
    assert answer.json["sections"][-1] == "Rules"
    again = cli("report", NAME, out)
    assert again.code == 1
    assert "exists" in again.sentence
    assert cli("report", NAME, out, "--overwrite").code == 0


def test_a_saved_recipe_is_named(cli: Cli, tmp_path: Path):
    assert cli("recipes", "save", NAME, "mine", "--rules", "score >= 10").code == 0
    answer = cli("report", NAME, tmp_path / "out.html", "--recipe", "mine", "--json")
    assert answer.json["sections"][-1] == "Recipe mine"
    assert cli("report", NAME, tmp_path / "b.html", "--recipe", "no such").code == 1


def test_what_cannot_be_is_refused_before_any_work(cli: Cli, tmp_path: Path):
    assert "ends with .html" in cli("report", NAME, tmp_path / "out.pdf").sentence
    both = cli("report", NAME, tmp_path / "out.html", "--recipe", "a", "--rules", "all")
    assert "not both" in both.sentence
    assert cli("report", "nothing", tmp_path / "out.html").code == 1
    assert not list(tmp_path.glob("*.html"))
