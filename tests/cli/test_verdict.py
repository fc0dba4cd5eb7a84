"""`jepascore trust verdict`: the sentence, the checks with their commands, and the same as JSON."""

from __future__ import annotations

from tests.cli.conftest import Cli
from tests.trust.test_confounds import put_measured


def test_the_sentence_and_its_checks(cli: Cli) -> None:
    put_measured(cli.store)
    answer = cli("trust", "verdict", "toy")
    assert answer.code == 0
    assert "(red): Do not cut by the score untested: it mostly orders your images by brightness" in answer.err
    assert "jepascore trust plant toy -b" in answer.out
    found = cli("trust", "verdict", "toy", "--json").json
    assert (found["colour"], found["recommended"], found["dataset"]) == ("red", None, "toy")
    assert [check["name"] for check in found["checks"]] == [
        "planted", "cut", "confounds", "agreement", "gaussianity", "theory",
    ]  # fmt: skip
    assert found["checks"][2]["command"].startswith("jepascore trust confounds toy -b ")


def test_another_variant_has_a_verdict_of_its_own(cli: Cli) -> None:
    put_measured(cli.store)
    found = cli("trust", "verdict", "toy", "--definition", "paper", "--json").json
    assert found["checks"][2]["colour"] == "red"
