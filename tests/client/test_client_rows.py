import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from learnwire.v1 import io_pb2
from learnwire_client.errors import FieldError
from learnwire_client.rows import Cell, decode_row, encode_row, is_row, to_cells

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


def test_nan_in_a_mapping_stays_nan() -> None:
    cell = to_cells({"a": np.float64("nan")})["a"]
    assert isinstance(cell, float)
    assert math.isnan(cell)


def test_na_in_a_mapping_is_null() -> None:
    assert to_cells({"a": pd.NA}) == {"a": None}


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
