"""`jepascore trust defects`: what a review finds, as a table or JSON."""

from __future__ import annotations

from tests.cli.conftest import Cli
from tests.trust.conftest import put_embeddings


def test_a_review_is_a_table_or_json(cli: Cli):
    given = iter(range(200))
    put_embeddings(cli.store, ["a"] * 200, lambda _: float(next(given)), ["torn"] * 20 + [""] * 180)
    answer = cli("trust", "defects", "toy")
    assert "10 of them are among the 20 known defects" in answer.err
    assert "percentile >= 5" in answer.out
    found = cli("trust", "defects", "toy", "--json").json
    assert (found["budget"], found["num_defects"], found["orders"][0]["num_found"]) == (10, 20, 10)


def test_a_dataset_without_known_defects_says_what_to_do(cli: Cli):
    put_embeddings(cli.store, ["a"] * 20)
    answer = cli("trust", "defects", "toy")
    assert answer.code == 1
    assert "needs a column contaminant" in answer.err
    assert "jepascore trust plant" in answer.err
