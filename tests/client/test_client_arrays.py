import tracemalloc
from contextlib import suppress
from typing import Any

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
from google.protobuf import json_format, struct_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from learnwire.v1 import io_pb2
from learnwire_client.arrays import decode_array, encode_array
from learnwire_client.errors import FieldError

TYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
ORDERED = [f"{order}{name}" for name in TYPES[1:] for order in "<>"]
SHAPES = npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
MEBIBYTE = 2**20

numbers = st.sampled_from(["?", *ORDERED]).flatmap(lambda name: npst.arrays(name, SHAPES))
strings = npst.arrays(object, SHAPES, elements=ANY_TEXT)


def round_trip(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    sent = encode_array(array).SerializeToString()
    return decode_array(io_pb2.NdArray.FromString(sent))


def by_hand(text: str, **fields: Any) -> io_pb2.NdArray:
    """Make the array that a person typed as JSON."""
    return io_pb2.NdArray(values=json_format.Parse(text, struct_pb2.ListValue()), **fields)


@settings(deadline=None)
@given(numbers)
def test_numbers_come_back_equal_in_type_and_value(array: np.ndarray[Any, Any]) -> None:
    back = round_trip(array)
    assert back.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(back, array)


@settings(deadline=None)
@given(strings)
def test_strings_of_all_of_unicode_come_back_equal(array: np.ndarray[Any, Any]) -> None:
    back = round_trip(array)
    assert back.dtype == object
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("text", ["", "a", "ä", "水", "🐧", "\U0010ffff", "\x00", "a\x00"])
def test_a_string_of_each_plane_comes_back(text: str) -> None:
    assert round_trip(np.array([text], object)).tolist() == [text]


@pytest.mark.parametrize(
    "array",
    [np.array(["Adélie", "🐧"]), np.array(["Adélie", "🐧"], np.dtypes.StringDType())],
    ids=["fixed", "variable"],
)
def test_numpy_string_arrays_come_back_as_objects(array: np.ndarray[Any, Any]) -> None:
    assert round_trip(array).tolist() == ["Adélie", "🐧"]


@settings(deadline=None)
@given(numbers)
def test_the_layout_in_memory_makes_no_difference(array: np.ndarray[Any, Any]) -> None:
    view = np.repeat(array[..., np.newaxis], 3, axis=-1).T[::2]
    assert view.size == 0 or view.shape == (2, *array.T.shape)
    np.testing.assert_array_equal(round_trip(view), view)


def test_a_decoded_array_is_read_only() -> None:
    assert not round_trip(np.zeros(2)).flags.writeable


@pytest.mark.parametrize(
    ("array", "field"),
    [
        (np.zeros(1, complex), "data_type"),
        (np.zeros(1, "M8[s]"), "data_type"),
        (np.zeros(1, "S3"), "data_type"),
        (np.zeros(1, [("a", "i4")]), "data_type"),
        (np.array([1, "a"], object), "data"),
        (np.array([None], object), "data"),
        (np.array(["a", {}], object), "data"),
        (np.array(["\ud800"], object), "data"),
    ],
    ids=["complex", "time", "bytes", "record", "mixed", "null", "dict", "surrogate"],
)
def test_an_array_without_a_form_on_the_wire_is_refused(
    array: np.ndarray[Any, Any], field: str
) -> None:
    with pytest.raises(FieldError) as caught:
        encode_array(array)
    assert caught.value.violation.field == field


def test_nested_values_give_their_own_shape() -> None:
    message = by_hand("[[0, 1, 2], [3, 4, 5]]", data_type=io_pb2.DATA_TYPE_INT16)
    array = decode_array(message)
    assert array.dtype == np.int16
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_flat_values_take_the_given_shape() -> None:
    message = by_hand("[0, 1, 2, 3]", shape=[2, 2], data_type=io_pb2.DATA_TYPE_FLOAT32)
    assert decode_array(message).tolist() == [[0, 1], [2, 3]]


def test_values_without_a_type_take_the_expected_one() -> None:
    assert decode_array(by_hand("[1, 2]"), np.dtype(np.uint8)).dtype == np.uint8


@pytest.mark.parametrize(
    ("text", "data_type", "expected"),
    [
        ("[true, false]", io_pb2.DATA_TYPE_BOOL, [True, False]),
        ('["a", "🐧"]', io_pb2.DATA_TYPE_STRING, ["a", "🐧"]),
        ("[[], []]", io_pb2.DATA_TYPE_INT8, [[], []]),
        ("[9007199254740992]", io_pb2.DATA_TYPE_INT64, [2**53]),
    ],
)
def test_values_of_each_kind_are_read(
    text: str, data_type: "io_pb2.DataType.ValueType", expected: list[Any]
) -> None:
    assert decode_array(by_hand(text, data_type=data_type)).tolist() == expected


INT8, INT64 = io_pb2.DATA_TYPE_INT8, io_pb2.DATA_TYPE_INT64
FLOAT16, BOOL = io_pb2.DATA_TYPE_FLOAT16, io_pb2.DATA_TYPE_BOOL
STRING = io_pb2.DATA_TYPE_STRING

HOSTILE: dict[str, tuple[io_pb2.NdArray, str]] = {
    "negative dimension": (io_pb2.NdArray(shape=[-1], data_type=INT8), "shape"),
    "two negative dimensions": (io_pb2.NdArray(shape=[-2, -2], data_type=INT8), "shape"),
    "overflowing product": (io_pb2.NdArray(shape=[2**62, 2**62], data_type=INT8), "shape"),
    "product that wraps to zero": (io_pb2.NdArray(shape=[2**32, 2**32], data_type=INT8), "shape"),
    "huge beside zero": (io_pb2.NdArray(shape=[0, 2**62], data_type=INT8), "shape"),
    "too many dimensions": (io_pb2.NdArray(shape=[1] * 1000, data_type=INT8, data=b"a"), "shape"),
    "large shape, no data": (io_pb2.NdArray(shape=[2**31 - 1], data_type=INT64), "data"),
    "large shape, no strings": (io_pb2.NdArray(shape=[2**31 - 1], data_type=STRING), "data"),
    "too few bytes": (io_pb2.NdArray(shape=[2], data_type=INT64, data=b"a" * 15), "data"),
    "too many bytes": (io_pb2.NdArray(shape=[2], data_type=INT64, data=b"a" * 17), "data"),
    "bytes without a shape": (io_pb2.NdArray(data_type=INT8, data=b"ab"), "data"),
    "no bytes for a scalar": (io_pb2.NdArray(data_type=INT8), "data"),
    "bool that is 2": (io_pb2.NdArray(shape=[3], data_type=BOOL, data=b"\0\2\1"), "data"),
    "no type": (io_pb2.NdArray(shape=[1], data=b"a"), "data_type"),
    "unknown type": (io_pb2.NdArray(shape=[1], data_type=99, data=b"a"), "data_type"),  # type: ignore[arg-type]
    "string cut in its length": (io_pb2.NdArray(shape=[1], data_type=STRING, data=b"\1\0"), "data"),
    "string cut": (
        io_pb2.NdArray(shape=[1], data_type=STRING, data=b"\xff\xff\xff\xffab"),
        "data",
    ),
    "second string cut": (
        io_pb2.NdArray(shape=[2], data_type=STRING, data=b"\4\0\0\0abcd\1\0\0"),
        "data",
    ),
    "bytes after the strings": (
        io_pb2.NdArray(shape=[1], data_type=STRING, data=b"\0\0\0\0a"),
        "data",
    ),
    "string not UTF-8": (
        io_pb2.NdArray(shape=[1], data_type=STRING, data=b"\1\0\0\0\xff"),
        "data",
    ),
    "values and data": (by_hand("[1]", data_type=INT8, data=b"a"), "values"),
    "values of an unknown type": (by_hand("[1]", data_type=99), "data_type"),
    "values of no type": (by_hand("[1]"), "data_type"),
    "ragged values": (by_hand("[[1, 2], [3]]", data_type=INT8), "values"),
    "values of unequal depth": (by_hand("[[1], 2]", data_type=INT8), "values"),
    "values deeper later": (by_hand("[1, [2]]", data_type=INT8), "values"),
    "values that promise much": (
        by_hand(str([[[0] * 99] + [[]] * 999] + [[]] * 9999), data_type=INT8),
        "values",
    ),
    "values too deep": (by_hand("[" * 40 + "]" * 40, data_type=INT8), "values"),
    "values of another shape": (by_hand("[[1], [2]]", shape=[1, 2], data_type=INT8), "values"),
    "fewer values than shape": (by_hand("[1]", shape=[2**31 - 1], data_type=INT8), "values"),
    "values of a negative shape": (by_hand("[1]", shape=[-1], data_type=INT8), "shape"),
    "null": (by_hand("[1, null]", data_type=INT8), "values"),
    "unset value": (
        io_pb2.NdArray(values=struct_pb2.ListValue(values=[struct_pb2.Value()]), data_type=INT8),
        "values",
    ),
    "struct": (by_hand('[{"a": 1}]', data_type=INT8), "values"),
    "string for a number": (by_hand('["1"]', data_type=INT8), "values"),
    "number for a string": (by_hand("[1]", data_type=STRING), "values"),
    "bool for a number": (by_hand("[true]", data_type=INT8), "values"),
    "number for a bool": (by_hand("[1]", data_type=BOOL), "values"),
    "fraction for an integer": (by_hand("[1.5]", data_type=INT8), "values"),
    "integer out of range": (by_hand("[128]", data_type=INT8), "values"),
    "integer beyond 2^53": (by_hand("[9007199254740994]", data_type=INT64), "values"),
    "infinite integer": (
        io_pb2.NdArray(
            values=struct_pb2.ListValue(values=[struct_pb2.Value(number_value=float("inf"))]),
            data_type=INT64,
        ),
        "values",
    ),
    "integer that is no number": (
        io_pb2.NdArray(
            values=struct_pb2.ListValue(values=[struct_pb2.Value(number_value=float("nan"))]),
            data_type=INT64,
        ),
        "values",
    ),
    "float out of range": (by_hand("[65520]", data_type=FLOAT16), "values"),
}


@pytest.mark.parametrize(("message", "field"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_message_is_refused_and_nothing_large_is_made(
    message: io_pb2.NdArray, field: str
) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(FieldError) as caught:
            decode_array(message)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.violation.field == field
    assert peak < 4 * MEBIBYTE


@settings(deadline=None)
@given(st.sampled_from(io_pb2.DataType.values()), st.binary(max_size=64))
def test_no_bytes_off_the_wire_raise_anything_else(
    data_type: "io_pb2.DataType.ValueType", data: bytes
) -> None:
    with suppress(FieldError):
        array = decode_array(io_pb2.NdArray(shape=[2], data_type=data_type, data=data))
        assert array.shape == (2,)
