from typing import Any

import grpc
import numpy as np
import pandas as pd
import pytest
from learnwire_client import InvalidInput
from learnwire_client.arrays import decode_array
from learnwire_client.inputs import predict_request
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


def test_a_tuple_of_ndarrays_is_one_item_of_several_arrays() -> None:
    arrays = predict_request("m", (np.zeros(1), np.ones((2, 2)))).arrays.arrays
    assert [list(array.shape) for array in arrays] == [[1], [2, 2]]


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (pd.DataFrame({"a": [1]}), "predict_many"),
        ((np.zeros(1), 2), "got tuple"),
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
        ((np.zeros(1), np.zeros(1, complex)), "arrays.arrays[1].data_type"),
    ],
    ids=["text", "row", "array type", "array data", "arrays"],
)
def test_a_value_without_a_form_on_the_wire_is_refused_as_the_server_would(
    value: Any, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        predict_request("m", value)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.reason == "INVALID_INPUT"
    assert [violation.field for violation in caught.value.violations] == [field]
