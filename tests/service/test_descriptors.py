"""What descriptors refuse when they are made, and how they check values."""

from typing import Any

import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest


def odd(value: Any) -> Any:
    """Give a value of a type that mypy would not let pass."""
    return value


def problems(descriptor: Any, value: object) -> dict[str, str]:
    """Give what is wrong with a value, by the paths."""
    with pytest.raises(lw.InvalidInput) as caught:
        descriptor.check(value)
    return {violation.field: violation.description for violation in caught.value.violations}


@pytest.mark.parametrize(
    ("make", "error", "problem"),
    [
        (lambda: lw.Text(max_chars=0), ValueError, "max_chars: expected 1 or more, got 0"),
        (lambda: lw.Table("ab"), TypeError, "columns: expected a list of names, got the str 'ab'"),
        (lambda: lw.Table(odd([1])), TypeError, "columns: expected names as str, got 1"),
        (lambda: lw.Table([]), ValueError, "columns: expected some names, each once"),
        (lambda: lw.Table(["a", "a"]), ValueError, "columns: expected some names, each once"),
        (lambda: lw.Table(["a"], {"b": "int64"}), ValueError, "dtypes: expected types of the"),
        (lambda: lw.Table(["a"], odd(["int64"])), TypeError, "dtypes: expected a dict by columns"),
        (lambda: lw.Table(dtypes={"a": "complex"}), ValueError, "dtypes: expected bools, inte"),
        (lambda: lw.Table(dtypes={"a": "category"}), ValueError, "dtypes: expected bools, inte"),
        (lambda: lw.Table(dtypes={"a": "datetime64[D]"}), ValueError, "dtypes: expected"),
        (lambda: lw.TabularRow(dtypes={"a": "nonsense"}), ValueError, "a type for 'a', got 'non"),
        (lambda: lw.NdArray("complex64"), ValueError, "dtype: expected bools, integers, floats"),
        (lambda: lw.NdArray("nonsense"), TypeError, "nonsense"),
        (lambda: lw.NdArray(shape=(2, -3)), ValueError, "shape: expected sizes, -1 for any"),
        (lambda: lw.NdArray(enforce_dtype=True), ValueError, "expected a dtype beside it"),
        (lambda: lw.NdArray(enforce_shape=True), ValueError, "expected a shape beside it"),
    ],
)
def test_a_descriptor_that_makes_no_sense_is_refused(
    make: Any, error: type[Exception], problem: str
) -> None:
    with pytest.raises(error, match=problem):
        make()


@pytest.mark.parametrize(
    ("dtype", "cell", "problem"),
    [
        ("int8", 200, "expected an integer from -128 to 127, got 200"),
        ("uint8", -1, "expected an integer from 0 to 255, got -1"),
        ("int64", True, "expected an integer, got true"),
        ("Int64", "x", 'expected an integer or null, got the string "x"'),
        ("float32", 1e39, "expected a number that float32 can hold, got 1e+39"),
        ("float64", float("inf"), "expected a finite number, got inf"),
        ("bool", 1, "expected a bool, got the number 1"),
        ("bool", None, "expected a bool, got null"),
        ("str", 3, "expected a string or null, got the number 3"),
        (
            "datetime64[ns]",
            "3000-01-01",
            'expected a timestamp in units of ns, got the string "3000-01-01"',
        ),
        (
            "datetime64[s]",
            "2024-01-01T00:00:00+02:00",
            'expected a timestamp without a zone, got the string "2024-01-01T00:00:00+02:00"',
        ),
    ],
)
def test_a_cell_that_its_type_cannot_hold_is_refused(
    dtype: str, cell: object, problem: str
) -> None:
    assert problems(lw.TabularRow(dtypes={"c": dtype}), {"c": cell}) == {'row.cells["c"]': problem}


@pytest.mark.parametrize(
    ("dtype", "cells"),
    [
        ("Int64", [3, None]),
        ("boolean", [True, None]),
        ("float32", [0.5, None]),
        ("string", ["a", None]),
        ("str", ["a", None]),
        ("object", ["a", None]),
        ("datetime64[s]", [pd.Timestamp("2024-05-31T12:00:00"), None]),
    ],
)
def test_columns_have_the_type_said_and_null_where_it_knows_that(
    dtype: str, cells: list[Any]
) -> None:
    checked = lw.Table(dtypes={"c": dtype}).check(pd.DataFrame({"c": cells}, dtype=object))
    assert str(checked["c"].dtype) == dtype
    assert checked["c"][0] == cells[0]
    assert pd.isna(checked["c"][1])
    assert lw.Table(dtypes={"c": dtype}).check([{"c": cell} for cell in cells]).equals(checked)


def test_the_first_wrong_cell_of_a_column_is_named_with_its_row() -> None:
    table = lw.Table(dtypes={"n": "int32"})
    for column in ([1.0, 2.5], [1, 2**40], [1, "2"], [1, None]):
        found = problems(table, pd.DataFrame({"n": column}, dtype=object))
        assert found["table.columns[0].values"].endswith("in row 1")
    found = problems(table, pd.DataFrame({"n": [0.5, 1.0]}))
    assert found["table.columns[0].values"].endswith("got 0.5 in row 0")


def test_rows_must_have_the_columns_of_the_first() -> None:
    found = problems(lw.Table(), [{"a": 1}, {"b": 1}])
    assert found == {"rows.rows[1].cells": "expected the columns of the first row, got others"}


def test_rows_without_cells_are_no_table() -> None:
    # Found by fuzzing: what an endpoint is given it must be able to answer.
    assert problems(lw.Table(), [{}, {}]) == {"rows.rows[0].cells": "expected cells, got none"}


def test_a_row_is_a_series_whose_cells_stay_what_they_are() -> None:
    row = lw.TabularRow().check({"b": 2, "a": 1.5, "c": None, "d": "x"})
    assert row.to_dict() == {"b": 2, "a": 1.5, "c": None, "d": "x"}
    assert type(row["b"]) is int
    assert list(row.index) == ["b", "a", "c", "d"]


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        ({"b": 2.5, "a": 1.0}, "float64"),
        ({"b": 2.5, "a": None}, "float64"),
        ({"b": 2, "a": 1}, "int64"),
        ({"b": True, "a": False}, "bool"),
        ({"b": 2, "a": 1.5}, "object"),
        ({"b": 2, "a": None}, "object"),
        ({"b": True, "a": None}, "object"),
        ({}, "object"),
    ],
)
def test_a_row_of_one_type_has_that(cells: dict[str, Any], dtype: str) -> None:
    row = lw.TabularRow().check(cells)
    assert str(row.dtype) == dtype
    assert [None if pd.isna(cell) else cell for cell in row] == list(cells.values())


def test_a_row_has_the_columns_and_nulls_of_its_types() -> None:
    dtypes = {"n": "Int64", "f": "float32", "t": "datetime64[s]", "b": "bool"}
    row = lw.TabularRow(dtypes=dtypes).check({"b": True, "f": None, "t": None, "n": None})
    assert list(row.index) == list(dtypes)
    assert row["n"] is pd.NA
    assert np.isnan(row["f"])
    assert row["t"] is pd.NaT
    assert row["b"] is True


@pytest.mark.parametrize(
    ("cells", "dtype"), [([1, None], "Int64"), ([True, None], "boolean"), ([1.5, None], "float64")]
)
def test_nulls_do_not_change_what_a_column_is(cells: list[Any], dtype: str) -> None:
    frame = pd.DataFrame({"c": pd.Series(cells, dtype=object)})
    for given in (frame, [{"c": cell} for cell in cells]):
        column = lw.Table().check(given)["c"]
        assert str(column.dtype) == dtype
        assert column[0] == cells[0]
        assert pd.isna(column[1])


def test_lists_of_rows_keep_the_order_of_the_first() -> None:
    table = lw.Table().check([{"b": 1, "a": 2}, {"a": 4, "b": 3}])
    assert table.to_dict("list") == {"b": [1, 3], "a": [2, 4]}


def test_a_tables_index_is_kept() -> None:
    frame = pd.DataFrame({"a": [1.5, 2]}, pd.Index(["x", "y"], name="id"))
    pd.testing.assert_frame_equal(lw.Table().check(frame), frame)
    pd.testing.assert_frame_equal(lw.Table(dtypes={"a": "float64"}).check(frame), frame)


def test_a_text_is_bounded_by_its_descriptor_or_else_by_the_server() -> None:
    assert lw.Text(max_chars=3).check("abc", max_text_chars=2) == "abc"
    with pytest.raises(lw.InvalidInput, match="at most 2 characters, got 3"):
        lw.Text().check("abc", max_text_chars=2)
    with pytest.raises(lw.InvalidInput, match="at most 2 characters, got 3"):
        lw.TabularRow().check({"a": "abc"}, max_text_chars=2)


@pytest.mark.parametrize(
    ("array", "dtype", "problem"),
    [
        ([1.0, float("nan")], "int64", "got nan"),
        ([1.5], "int64", "got 1.5"),
        ([300], "uint8", "got 300"),
        ([-1], "uint64", "got -1"),
        ([2.0**63], "int64", r"got 9.223372036854776e\+18"),
        ([2**53 + 1], "float64", "got 9007199254740993"),
        ([1e39], "float32", r"got 1e\+39"),
        ([2], "bool", "got 2"),
        (["1"], "int64", "got strings"),
        ([1], "str", "got int64"),
    ],
)
def test_a_cast_that_would_lose_something_is_refused(
    array: list[Any], dtype: str, problem: str
) -> None:
    with pytest.raises(lw.InvalidInput, match=problem):
        lw.NdArray(dtype).check(np.array(array))


def test_a_shape_is_enforced_only_where_that_is_said() -> None:
    assert lw.NdArray(shape=(3,)).check([1, 2]).shape == (2,)
    assert lw.NdArray(shape=(-1, 2), enforce_shape=True).check(np.ones((0, 2))).shape == (0, 2)
    for wrong in (np.ones((2, 3)), np.ones(2), np.ones((1, 1, 2))):
        found = problems(lw.NdArray(shape=(-1, 2), enforce_shape=True), wrong)
        assert found == {"array.shape": f"expected [-1, 2], got {list(wrong.shape)}"}
