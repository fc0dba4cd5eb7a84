"""One percentile, whether it is computed over a column or from counts."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.storage.ties import comparable, midrank, percentile_of, standing


@given(
    st.lists(st.integers(-4, 4), min_size=1, max_size=20), st.lists(st.floats(-6e-6, 6e-6), min_size=20, max_size=20)
)
def test_counts_give_the_percentile_of_the_column(values: list[int], noise: list[float]) -> None:
    """Also where scores differ by the rounding of a measurement, which makes ties."""
    scores = pa.table({"score": [value + other for value, other in zip(values, noise, strict=False)]})
    assert scores.num_rows == len(values)
    with duckdb.connect() as connection:
        connection.register("scores", scores)
        rows = connection.sql(f"SELECT score, {midrank(comparable('score'))} AS percentile FROM scores").fetchall()
        for score, percentile in rows:
            counts = connection.execute(f"SELECT {standing('score', '$1::DOUBLE')} FROM scores", [score]).fetchone()
            assert percentile_of(*counts) == pytest.approx(percentile)


def test_by_hand() -> None:
    assert percentile_of(0, 1, 1) == 50
    assert percentile_of(1, 2, 4) == 50
    assert percentile_of(3, 1, 4) == 87.5
