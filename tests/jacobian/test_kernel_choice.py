"""The choice among operations, made of ones that are slow, wrong or broken on purpose."""

import dataclasses
import time

import pytest
import torch

from jepascore_core.jacobian.kernel_choice import fastest_operations, fused_candidates
from jepascore_core.jacobian.vit import PLAIN_OPERATIONS


def named(name):
    return dataclasses.replace(PLAIN_OPERATIONS, name=name)


def work(operations):
    """Rows as different operations would find them, and how long it takes them."""
    if operations.name == "broken":
        raise RuntimeError("no compiler here\nand much more")
    time.sleep({"plain": 0.02, "slow": 0.06}.get(operations.name, 0.0))
    rows = torch.ones(3, 4, dtype=torch.bfloat16)
    return {"wrong": 1.2 * rows, "rounded": 1.01 * rows, "not a number": rows * torch.nan}.get(operations.name, rows)


def test_the_fastest_that_agrees_is_taken():
    found, note = fastest_operations(work, [named("slow"), named("broken"), named("wrong"), named("rounded")])
    assert (found.name, note) == ("rounded", "")


@pytest.mark.parametrize(
    ("name", "says"),
    [("broken", "no compiler here)"), ("wrong", "differs by 0.2"), ("not a number", "differs by nan")],
)
def test_without_any_that_works_the_plain_ones_are_taken_and_it_is_said(name, says):
    found, note = fastest_operations(work, [named(name)])
    assert found is PLAIN_OPERATIONS
    assert says in note
    assert "much more" not in note


def test_slower_ones_are_no_news():
    assert fastest_operations(work, [named("slow")]) == (PLAIN_OPERATIONS, "")


@pytest.mark.parametrize("products", [torch.float32, torch.bfloat16])
def test_a_processor_has_the_plain_ones_alone(products):
    assert fused_candidates(torch.device("cpu"), products) == ([], "")
