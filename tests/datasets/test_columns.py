"""User columns: whatever cells hold, a column gets one type, loses nothing and never stops a table."""

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.datasets.columns import as_type, cast, common_type, from_text, from_values

FOUR = {pa.bool_(), pa.int64(), pa.float64(), pa.string()}
numbers = st.one_of(st.integers().map(str), st.floats().map(str), st.sampled_from(["1e999", "+1", ".5", "5.", "007"]))
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)


@given(st.lists(numbers | st.just("") | texts, max_size=6) | st.lists(numbers, max_size=6))
def test_text_becomes_numbers_only_if_nothing_is_lost(cells: list[str]):
    column = from_text(pa.chunked_array([pa.array(cells, pa.string())]))
    assert column.type in FOUR
    for cell, value in zip(cells, column.to_pylist(), strict=True):
        if cell == "":
            assert value is None
        elif column.type == pa.float64():
            assert value == float(cell) or math.isnan(value)
        elif column.type == pa.bool_():
            assert str(value).lower() == cell.lower()
        else:
            assert str(value) == cell


@given(st.lists(json_values, max_size=6))
def test_any_json_values_become_a_column_of_one_type(values: list):
    column = from_values(values)
    assert column.type in FOUR | {pa.null()}
    assert [value is None for value in column.to_pylist()] == [value is None for value in values]
    if column.type == pa.int64():
        assert column.to_pylist() == values


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None, 3], pa.int64()),
        ([1, 2.5], pa.float64()),
        ([True, False], pa.bool_()),
        ([True, 1], pa.string()),
        ([1, "a"], pa.string()),
        ([2**63], pa.string()),
        ([0.5, 2**60 + 1], pa.string()),
        ([None], pa.null()),
    ],
)
def test_the_narrowest_type_that_holds_all_values(values: list, expected: pa.DataType):
    assert from_values(values).type == expected


@given(st.lists(st.sampled_from([*FOUR, pa.null()]), max_size=4))
def test_every_column_can_become_the_common_type(types: list[pa.DataType]):
    wanted = common_type(types)
    assert wanted in FOUR
    cells = {pa.bool_(): True, pa.int64(): 7, pa.float64(): 0.5, pa.string(): "x", pa.null(): None}
    for kind in types:
        column = pa.chunked_array(
            [pa.array([None], kind) if pa.types.is_null(kind) else as_type([cells[kind], None], kind)]
        )
        assert cast(column, wanted).type == wanted
        assert cast(column, wanted).null_count == column.null_count
