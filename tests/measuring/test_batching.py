"""Batch sizes are found by trying."""

from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.measuring.batching import BatchPlan, plan_batches


def test_grows_while_an_image_gets_cheaper():
    plan = BatchPlan(batch=1, chunk=16, limit=64)
    plan = plan.after(1, 1.0)
    plan = plan.after(2, 1.2)
    plan = plan.after(4, 1.6)
    assert plan.batch == 8
    plan = plan.after(8, 3.2)  # 0.4 s an image, as before: not worth the memory
    assert (plan.batch, plan.growing) == (4, False)
    assert plan.after(4, 0.1) == plan


def test_a_short_batch_teaches_nothing():
    plan = BatchPlan(batch=4, chunk=16, limit=64)
    assert plan.after(2, 9.0) == plan


def test_stops_at_its_limit():
    plan = BatchPlan(batch=1, chunk=16, limit=2).after(1, 1.0).after(2, 0.1)
    assert (plan.batch, plan.growing) == (2, False)


@given(batch=st.integers(1, 300), chunk=st.integers(1, 100))
def test_out_of_memory_ends_with_one_image_and_one_cotangent(batch, chunk):
    plan, steps = BatchPlan(batch=batch, chunk=chunk, limit=batch), 0
    while (smaller := plan.smaller()) is not None:
        assert smaller.batch * smaller.chunk < plan.batch * plan.chunk
        plan, steps = smaller, steps + 1
    assert (plan.batch, plan.chunk) == (1, 1)
    assert steps <= 18


@given(dimension=st.integers(1, 4096), pixels=st.integers(1, 10**6), memory=st.integers(1, 10**12))
def test_the_limit_fits_into_memory_or_is_one(dimension, pixels, memory):
    plan = plan_batches(dimension, pixels, chunk=64, memory=memory)
    assert plan.batch == 1
    assert plan.chunk <= dimension
    assert plan.limit == 1 or plan.limit * 4 * dimension * pixels <= memory
