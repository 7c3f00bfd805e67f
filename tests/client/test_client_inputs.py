from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pandas as pd
import pytest
from learnwire_client import InvalidInput
from learnwire_client.arrays import decode_array
from learnwire_client.inputs import predict_many_request, predict_request
from learnwire_client.rows import decode_row


def test_a_str_is_a_text() -> None:
    request = predict_request("m", "What a film! 🐧")
    assert (request.model, request.text.content) == ("m", "What a film! 🐧")


def test_a_str_that_looks_like_a_path_is_still_its_own_text() -> None:
    assert predict_request("m", __file__).text.content == __file__


@pytest.mark.parametrize("row", [{"a": 1, "b": None}, pd.Series({"a": 1, "b": np.nan})])
def test_a_mapping_and_a_series_are_rows(row: Any) -> None:
    assert decode_row(predict_request("m", row).row) == {"a": 1, "b": None}


def test_an_ndarray_is_an_array() -> None:
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.testing.assert_array_equal(decode_array(predict_request("m", image).array), image)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (b"text", "decode"),
        (Path(__file__), "not opened"),
        (pd.DataFrame({"a": [1]}), "predict_many"),
        ([1, 2], "got list"),
        (np.float32(1), "got float32"),
        (None, "got NoneType"),
    ],
)
def test_a_value_of_another_type_is_refused_with_what_is_accepted(value: Any, hint: str) -> None:
    with pytest.raises(TypeError, match=f"(?s)a str for a text.*{hint}"):
        predict_request("m", value)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("\ud800", "text.content"),
        ({"x": [1]}, 'row.cells["x"]'),
        (np.zeros(1, complex), "array.data_type"),
        (np.array([None], object), "array.data"),
    ],
    ids=["text", "row", "array type", "array data"],
)
def test_a_value_without_a_form_on_the_wire_is_refused_as_the_server_would(
    value: Any, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        predict_request("m", value)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.reason == "INVALID_INPUT"
    assert [violation.field for violation in caught.value.violations] == [field]


def test_many_values_of_each_kind_keep_their_order() -> None:
    texts = predict_many_request("m", ["a", "b"]).request
    rows = predict_many_request("m", [{"x": 1}, pd.Series({"x": 2})]).request
    arrays = predict_many_request("m", [np.zeros(1), np.ones((2, 2))]).request
    assert texts.texts.contents == ["a", "b"]
    assert [decode_row(row)["x"] for row in rows.rows.rows] == [1, 2]
    assert [list(array.shape) for array in arrays.arrays.arrays] == [[1], [2, 2]]


def test_a_series_of_texts_a_stack_of_arrays_and_a_generator_are_many_values() -> None:
    assert predict_many_request("m", pd.Series(["a", "b"])).request.texts.contents == ["a", "b"]
    assert len(predict_many_request("m", np.zeros((3, 2, 2))).request.arrays.arrays) == 3
    assert len(predict_many_request("m", ({"x": i} for i in range(2))).request.rows.rows) == 2


def test_a_frame_is_a_table_with_a_place_for_each_row() -> None:
    many = predict_many_request("m", pd.DataFrame({"x": [1, 2, 3]}))
    assert decode_array(many.request.table.columns[0].values).tolist() == [1, 2, 3]
    assert many.faults == [None, None, None]


def test_a_value_that_cannot_be_sent_is_left_out_and_its_fault_is_kept() -> None:
    many = predict_many_request("m", [{"x": 1}, {"x": []}, {"x": 3}])
    assert [decode_row(row)["x"] for row in many.request.rows.rows] == [1, 3]
    first, fault, last = many.faults
    assert first is last is None
    assert fault is not None
    assert fault.violations[0].field == 'row.cells["x"]'


def test_a_bad_column_of_a_frame_is_refused_whole() -> None:
    with pytest.raises(InvalidInput) as caught:
        predict_many_request("m", pd.DataFrame({"x": [pd.Timestamp(0)]}))
    assert caught.value.violations[0].field == "table.columns[0].values.data"


@pytest.mark.parametrize("values", ["text", b"text", {"x": 1}])
def test_one_value_is_not_taken_for_many(values: Any) -> None:
    with pytest.raises(TypeError, match="several"):
        predict_many_request("m", values)


def test_mixed_kinds_are_refused() -> None:
    with pytest.raises(TypeError, match="TabularRow and Text"):
        predict_many_request("m", ["a", {"x": 1}])
