"""`jepascore trust plant`: cost, table, rule, kinds of one's own, and the same again from the cache."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Cli
from tests.trust.planted.conftest import put_digits, work

FEW = ("--kinds", "foreign,inverted", "--per-kind", "6", "--clean", "24")


@pytest.fixture
def digits(cli: Cli, tmp_path: Path) -> Cli:
    """Digits that are measured."""
    put_digits(cli.store, tmp_path / "digits")
    return cli


def plant(cli: Cli, monkeypatch: pytest.MonkeyPatch, *arguments: str | Path):
    """Give the command, with a worker that does what it asks for at once."""
    monkeypatch.setattr("jepascore_core.jobs.requests.process.start_worker", lambda *_: work(cli.store))
    return cli("trust", "plant", "digits", *arguments)


def test_cost_table_and_rule(digits: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cost = digits("trust", "plant", "digits", *FEW, "--dry-run", "--json").json
    assert (cost["num_clean"], cost["num_defects"], cost["num_kinds"]) == (24, 12, 2)
    assert "12 images to make and measure" in digits("trust", "plant", "digits", *FEW, "--dry-run").err
    assert digits.store.catalogue.datasets(hidden=True) == digits.store.catalogue.datasets()

    answer = plant(digits, monkeypatch, *FEW)
    assert answer.code == 0
    assert "Inverted colours" in answer.out
    assert "Mahalanobis" in answer.out
    assert "Rule: percentile[" in answer.err
    found = digits("trust", "plant", "digits", *FEW, "--json").json
    assert len(found["cells"]) == 2 * len(found["scores"])
    assert {"auroc", "lower", "upper", "precision", "direction"} <= set(found["cells"][0])
    assert found["rule"] in answer.err
    # The rule is one that the rule language knows.
    assert digits("export", "digits", digits.home.parent / "kept.txt", "--rules", found["rule"]).code == 0
    assert "planted" not in digits("datasets").out + digits("runs").out


def test_kinds_of_ones_own(digits: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "red").mkdir()
    Image.new("RGB", (32, 32), (250, 20, 20)).save(tmp_path / "red" / "a.png")
    options = ("--kinds", "none", "--per-kind", "6", "--clean", "24", "--json")
    found = plant(digits, monkeypatch, "--kind", f"red={tmp_path / 'red'}", *options).json
    assert [kind["name"] for kind in found["kinds"]] == ["red"]
    answer = digits("trust", "plant", "digits", "--kind", "red")
    assert answer.code == 2
    assert "Expected NAME=FOLDER" in answer.err
    answer = digits("trust", "plant", "digits", "--kinds", "blurr")
    assert answer.code == 1
    assert 'Did you mean "blur"' in answer.sentence
