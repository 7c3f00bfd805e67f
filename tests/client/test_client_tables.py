from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from learnwire.v1 import io_pb2
from learnwire_client.arrays import decode_array
from learnwire_client.errors import FieldError
from learnwire_client.rows import to_cells
from learnwire_client.tables import encode_table, is_table, rows_of


def decoded(column: io_pb2.Column) -> list[Any]:
    """Read a column as the contract tells it."""
    values: list[Any] = decode_array(column.values).tolist()
    if not column.HasField("valid"):
        return values
    valid = decode_array(column.valid)
    assert valid.dtype == np.bool_
    return [value if ok else None for value, ok in zip(values, valid.tolist(), strict=True)]


def only_column(series: "pd.Series[Any]") -> io_pb2.Column:
    (column,) = encode_table(pd.DataFrame({"x": series})).columns
    return column


COLUMNS: dict[str, tuple[Any, list[Any], str]] = {
    "bool": (pd.Series([True, False]), [True, False], "BOOL"),
    "int64": (pd.Series([1, -2]), [1, -2], "INT64"),
    "int8": (pd.Series([1, -2], dtype="int8"), [1, -2], "INT8"),
    "uint64": (pd.Series([2**64 - 1], dtype="uint64"), [2**64 - 1], "UINT64"),
    "big-endian": (pd.Series(np.array([1, 2], ">i4")), [1, 2], "INT32"),
    "float64": (pd.Series([0.5, np.nan, np.inf]), [0.5, None, np.inf], "FLOAT64"),
    "float32": (pd.Series([0.5, np.nan], dtype="float32"), [0.5, None], "FLOAT32"),
    "all NaN": (pd.Series([np.nan, np.nan]), [None, None], "FLOAT64"),
    "string": (pd.Series(["a", "🐧"]), ["a", "🐧"], "STRING"),
    "string with nulls": (pd.Series(["a", None, np.nan]), ["a", None, None], "STRING"),
    "string[python]": (pd.Series(["a", pd.NA], dtype="string[python]"), ["a", None], "STRING"),
    "object of strings": (
        pd.Series(["a", None, np.nan, pd.NA], dtype=object),
        ["a", None, None, None],
        "STRING",
    ),
    "object of bools": (pd.Series([True, None], dtype=object), [True, None], "BOOL"),
    "object of integers": (pd.Series([1, None, np.int8(3)], dtype=object), [1, None, 3], "INT64"),
    "object of numbers": (pd.Series([1, 0.5, None], dtype=object), [1, 0.5, None], "FLOAT64"),
    "object of nulls": (pd.Series([None, pd.NaT], dtype=object), [None, None], "STRING"),
    "Int64": (pd.Series([2**62 + 1, pd.NA], dtype="Int64"), [2**62 + 1, None], "INT64"),
    "Float64": (pd.Series([0.5, pd.NA], dtype="Float64"), [0.5, None], "FLOAT64"),
    "boolean": (pd.Series([True, pd.NA], dtype="boolean"), [True, None], "BOOL"),
    "category of strings": (
        pd.Series(["b", None, "a"], dtype="category"),
        ["b", None, "a"],
        "STRING",
    ),
    "times": (
        pd.Series([pd.Timestamp("2024-05-31 12:30"), None]),
        ["2024-05-31T12:30:00", None],
        "STRING",
    ),
    "times with a zone": (
        pd.Series([pd.Timestamp("2024-05-31 12:30", tz="UTC")]),
        ["2024-05-31T12:30:00+00:00"],
        "STRING",
    ),
    "object of dates": (
        pd.Series([date(2024, 5, 31), None], dtype=object),
        ["2024-05-31", None],
        "STRING",
    ),
    "category of integers": (pd.Series([2, None, 1], dtype="category"), [2, None, 1], "INT64"),
    "empty": (pd.Series([], dtype="int64"), [], "INT64"),
    "empty strings": (pd.Series([], dtype="str"), [], "STRING"),
}


@pytest.mark.parametrize(("series", "cells", "data_type"), COLUMNS.values(), ids=COLUMNS.keys())
def test_a_column_keeps_its_cells_nulls_and_type(
    series: "pd.Series[Any]", cells: list[Any], data_type: str
) -> None:
    column = only_column(series)
    assert decoded(column) == cells
    assert io_pb2.DataType.Name(column.values.data_type) == f"DATA_TYPE_{data_type}"


def test_a_column_without_nulls_says_nothing_of_validity() -> None:
    assert not only_column(pd.Series([1.0, 2.0])).HasField("valid")


def test_columns_keep_their_order_and_the_index_is_ignored() -> None:
    frame = pd.DataFrame({"b": [1, 2], "a": ["x", None]}, index=[7, 7])
    table = encode_table(frame)
    assert {column.name: decoded(column) for column in table.columns} == {
        "b": [1, 2],
        "a": ["x", None],
    }
    assert [column.name for column in table.columns] == ["b", "a"]


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(["a", 1], dtype=object),
        pd.Series([True, 1], dtype=object),
        pd.Series([[1]], dtype=object),
        pd.Series([b"a"], dtype=object),
        pd.Series([1j]),
        pd.Series([pd.Timedelta(1)]),
        pd.Series([2**63 + 1, None], dtype=object),
        pd.Series(["\ud800"], dtype=object),
    ],
    ids=[
        "strings and numbers",
        "bools and numbers",
        "lists",
        "bytes",
        "complex",
        "durations",
        "large",
        "surrogate",
    ],
)
def test_a_column_without_a_form_on_the_wire_is_refused_by_its_path(series: Any) -> None:
    with pytest.raises(FieldError) as caught:
        encode_table(pd.DataFrame({"ok": range(len(series)), "x": series}))
    assert caught.value.violation.field == "columns[1].values.data"


@pytest.mark.parametrize("names", [["x", "x"], ["x", 1], ["x", ("a", "b")], ["x", "\ud800"]])
def test_a_bad_column_name_is_refused_by_its_path(names: list[Any]) -> None:
    frame = pd.DataFrame([[1, 2]])
    frame.columns = pd.Index(names, dtype=object, tupleize_cols=False)
    with pytest.raises(FieldError) as caught:
        encode_table(frame)
    assert caught.value.violation.field == "columns[1].name"


def test_rows_without_columns_are_refused() -> None:
    with pytest.raises(FieldError, match="expected columns, got none"):
        encode_table(pd.DataFrame(index=[0, 1]))


def test_the_rows_of_a_frame_keep_the_type_of_each_cell() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, None], "c": [True, False]}, index=[7, 7])
    first, second = map(to_cells, rows_of(frame))
    assert first == {"a": 1, "b": 0.5, "c": True}
    assert second == {"a": 2, "b": None, "c": False}
    assert [type(cell) for cell in first.values()] == [int, float, bool]


@pytest.mark.parametrize("value", [pd.Series([1]), {"x": [1]}, [], None])
def test_other_values_are_no_tables(value: object) -> None:
    assert not is_table(value)
