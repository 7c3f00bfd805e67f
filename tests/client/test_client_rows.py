import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from google.protobuf import json_format, struct_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from learnwire.v1 import io_pb2
from learnwire_client.errors import FieldError, Violation
from learnwire_client.rows import (
    Cell,
    decode_answered,
    decode_row,
    encode_ordered_row,
    encode_row,
    is_row,
    to_answered,
    to_cells,
)

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
CELLS = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | ANY_TEXT
)


@settings(deadline=None)
@given(st.dictionaries(ANY_TEXT, CELLS, max_size=5))
def test_a_row_comes_back_equal_with_its_types(row: dict[str, Cell]) -> None:
    sent = encode_row(row).SerializeToString()
    back = decode_row(io_pb2.TabularRow.FromString(sent))
    assert back == row
    for name, cell in row.items():
        assert type(back[name]) is (float if type(cell) is int else type(cell))


def test_a_series_is_a_row_whose_missing_cells_are_null() -> None:
    row = pd.Series(
        {"nan": np.nan, "float": np.float32("nan"), "na": pd.NA, "nat": pd.NaT, "none": None},
        dtype=object,
    )
    assert to_cells(row) == dict.fromkeys(row.index)


def test_numpy_scalars_become_plain_values() -> None:
    row = {
        "bool": np.bool_(True),
        "int": np.int8(-3),
        "uint": np.uint64(2**53),
        "float": np.float32(0.5),
        "str": np.str_("a"),
    }
    cells = to_cells(row)
    assert cells == {"bool": True, "int": -3, "uint": 2**53, "float": 0.5, "str": "a"}
    assert [type(cell) for cell in cells.values()] == [bool, int, int, float, str]


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (date(2024, 5, 31), "2024-05-31"),
        (datetime(2024, 5, 31, 12, 30), "2024-05-31T12:30:00"),
        (datetime(2024, 5, 31, 12, 30, tzinfo=UTC), "2024-05-31T12:30:00+00:00"),
        (pd.Timestamp("2024-05-31 12:30"), "2024-05-31T12:30:00"),
        (np.datetime64("2024-05-31T12:30:00"), "2024-05-31T12:30:00"),
        (np.datetime64("NaT"), None),
    ],
    ids=repr,
)
def test_dates_and_times_become_iso_8601(moment: object, text: str | None) -> None:
    assert to_cells({"x": moment}) == {"x": text}


def test_a_frames_row_keeps_its_values() -> None:
    frame = pd.DataFrame({"island": ["Dream"], "mass": [3700], "length": [39.1], "wild": [True]})
    assert to_cells(frame.iloc[0]) == {
        "island": "Dream",
        "mass": 3700,
        "length": 39.1,
        "wild": True,
    }


def test_what_pandas_means_by_missing_is_null_in_a_mapping_too() -> None:
    frame = pd.DataFrame({"a": [np.nan], "b": [pd.NaT], "c": pd.array([None], "Int64")})
    [row] = frame.to_dict("records")
    assert to_cells({str(name): cell for name, cell in row.items()}) == {
        "a": None,
        "b": None,
        "c": None,
    }
    assert to_cells({"a": np.float32("nan")}) == {"a": None}


def test_nan_on_the_wire_is_refused_since_null_is_meant() -> None:
    message = io_pb2.TabularRow(cells={"a": struct_pb2.Value(number_value=math.nan)})
    with pytest.raises(FieldError, match=r'cells\["a"\]: expected a finite number, got nan; a mis'):
        decode_row(message)


@settings(deadline=None)
@given(st.dictionaries(ANY_TEXT, CELLS, max_size=5))
def test_an_ordered_row_comes_back_in_its_order_with_its_integers(row: dict[str, Cell]) -> None:
    sent = encode_ordered_row(row).SerializeToString()
    back = decode_row(io_pb2.TabularRow.FromString(sent))
    assert list(back.items()) == list(row.items())
    assert [type(cell) for cell in back.values()] == [type(cell) for cell in row.values()]


def test_a_row_that_tells_no_order_comes_in_that_of_its_names() -> None:
    assert list(decode_row(encode_row({"b": 1, "a": 2, "c": 3}))) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("said", "field", "problem"),
    [
        ({"columns": ["a", "b", "a"]}, "columns[2]", 'expected each name once, got "a" again'),
        ({"columns": ["a", "b", "c"]}, "columns[2]", 'expected the name of a cell, got "c"'),
        ({"columns": ["a"]}, "columns", 'expected the names of all cells, "b" is missing'),
        ({"integers": ["a", "c"]}, "integers[1]", 'expected the name of a cell, got "c"'),
        ({"integers": ["b"]}, 'cells["b"]', "expected an integer within 2^53, got 1.5"),
    ],
)
def test_what_a_row_says_of_its_columns_must_be_so(
    said: dict[str, list[str]], field: str, problem: str
) -> None:
    message = encode_row({"a": 1, "b": 1.5})
    json_format.ParseDict(said, message)
    with pytest.raises(FieldError) as caught:
        decode_row(message)
    assert caught.value.violation == Violation(field, problem)


def test_an_answer_may_have_arrays_as_cells() -> None:
    answer = {
        "p": np.array([0.25, 0.75], np.float32),
        "n": [[1, 2]],
        "label": ("a", "b"),
        "none": [],
    }
    back = decode_answered(encode_ordered_row(to_answered(answer)))
    assert back == {"p": [0.25, 0.75], "n": [[1, 2]], "label": ["a", "b"], "none": []}
    assert type(back["n"][0][0]) is int  # type: ignore[index]  # a list, see above
    with pytest.raises(FieldError, match="got a list"):
        decode_row(encode_ordered_row({"p": [0.25]}))


def test_any_mapping_is_a_row() -> None:
    row: Mapping[str, int] = MappingProxyType({"a": 1})
    assert is_row(row)
    assert to_cells(row) == {"a": 1}


@pytest.mark.parametrize("value", ["a", [1], np.zeros(1), pd.DataFrame({"a": [1]})])
def test_other_values_are_no_rows(value: object) -> None:
    assert not is_row(value)


@pytest.mark.parametrize(
    "cell",
    [
        2**53 + 1,
        -(2**53) - 1,
        10**400,
        b"a",
        [1],
        {"a": 1},
        1j,
        np.timedelta64(1, "ns"),
        pd.Timedelta(1),
        time(12),
        "\ud800",
    ],
    ids=repr,
)
def test_a_cell_without_a_form_on_the_wire_is_refused_by_its_path(cell: object) -> None:
    with pytest.raises(FieldError) as caught:
        encode_row({"ok": 1, "x": cell})
    assert caught.value.violation.field == 'cells["x"]'


@pytest.mark.parametrize("name", [1, None, ("a", "b"), "\ud800"])
def test_a_column_name_that_is_no_text_is_refused(name: object) -> None:
    with pytest.raises(FieldError) as caught:
        encode_row({name: 1})  # type: ignore[dict-item]  # the wrong type is the point
    assert caught.value.violation.field == "cells"


def test_a_column_twice_in_a_series_is_refused() -> None:
    with pytest.raises(FieldError, match="got several"):
        encode_row(pd.Series([1, 2], index=["x", "x"]))


def test_the_path_of_a_cell_quotes_its_name() -> None:
    with pytest.raises(FieldError) as caught:
        encode_row({'Größe "2"': b""})
    assert caught.value.violation.field == r'cells["Größe \"2\""]'


@pytest.mark.parametrize("cell", ["[1]", '{"a": 1}'])
def test_a_nested_cell_off_the_wire_is_refused(cell: str) -> None:
    message = json_format.Parse(f'{{"cells": {{"x": {cell}}}}}', io_pb2.TabularRow())
    with pytest.raises(FieldError) as caught:
        decode_row(message)
    assert caught.value.violation.field == 'cells["x"]'


def test_an_unset_cell_is_null() -> None:
    message = io_pb2.TabularRow()
    message.cells["x"].SetInParent()
    assert decode_row(message) == {"x": None}
