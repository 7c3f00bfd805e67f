from typing import Any

import numpy as np
import pytest
from learnwire_client.errors import Violation
from learnwire_service import InvalidInput
from learnwire_service.signature.specs import ArrayInput, ArraysInput, InputSpec
from learnwire_service.signature.validation import check

GREY = ArrayInput(shape=(-1, -1), dtype="uint8", axes=("height", "width"))
MEASURES = ArrayInput(shape=(2,), dtype="float32", axes=("a",))
PAIR = ArraysInput(arrays=(GREY, MEASURES))
PHOTO = ArrayInput(shape=(-1, -1), dtype="uint8", axes=("height", "width"), encoded=True)
COLOUR = ArrayInput(shape=(-1, -1, 3), dtype="uint8", axes=("height", "width", "channels"))


def violations(spec: InputSpec, value: object) -> list[Violation]:
    with pytest.raises(InvalidInput) as caught:
        check(spec, value, max_text_chars=100)
    return list(caught.value.violations)


def passed(spec: InputSpec, value: object) -> Any:
    return check(spec, value, max_text_chars=100).item


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (3, 500)])
def test_an_array_that_fits_passes_as_it_is(shape: tuple[int, ...]) -> None:
    grey = np.zeros(shape, np.uint8)
    assert passed(GREY, grey) is grey
    colour = np.zeros((*shape, 3), np.uint8)
    assert passed(COLOUR, colour) is colour


@pytest.mark.parametrize(
    "shape", [(), (8,), (8, 8), (8, 8, 1), (8, 8, 4), (0, 8, 3), (8, 0, 3), (1, 8, 8, 3)]
)
def test_an_array_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    [violation] = violations(COLOUR, np.zeros(shape, np.uint8))
    assert violation.field == "array.shape"
    assert violation.description.startswith("expected [-1, -1, 3] (height, width, channels;")
    assert violation.description.endswith(f"got {list(shape)}")


@pytest.mark.parametrize("dtype", ["int8", "int64", "float32", "bool", "uint16", "object"])
def test_an_array_of_another_type_is_refused(dtype: str) -> None:
    assert violations(GREY, np.zeros((2, 2), dtype)) == [
        Violation("array.data_type", f"expected uint8, got {dtype}")
    ]


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "uint8", ">f8", ">f4"])
def test_numbers_become_floats_of_the_trained_type(dtype: str) -> None:
    array = passed(MEASURES, np.array([1, 2], dtype))
    assert (array.dtype, array.tolist()) == (np.float32, [1.0, 2.0])
    assert np.array_equal(passed(MEASURES, [0.1, 0.2]), passed(MEASURES, np.array([0.1, 0.2])))


def test_integers_become_wider_ones_and_never_floats_integers() -> None:
    codes = ArrayInput(shape=(1,), dtype="int64", axes=("a",))
    assert passed(codes, np.array([7], np.int32)).dtype == np.int64
    for dtype in ("uint64", "float64"):
        [violation] = violations(codes, np.array([7], dtype))
        assert violation.description == f"expected int64, got {dtype}"


@pytest.mark.parametrize("many", [1e39, -1e300])
def test_a_number_that_a_narrower_float_makes_infinite_is_refused(many: float) -> None:
    assert violations(MEASURES, np.array([0, many])) == [
        Violation("array.data", "expected numbers that float32 can hold, got greater ones")
    ]


@pytest.mark.parametrize("size", [1, 1000])
def test_an_encoded_image_passes_only_where_it_is_taken(size: int) -> None:
    encoded = np.zeros(size, np.uint8)
    assert passed(PHOTO, encoded) is encoded
    [violation] = violations(GREY, encoded)
    assert violation.field == "array.shape"


@pytest.mark.parametrize("array", [np.zeros(0, np.uint8), np.zeros((1, 2, 3), np.uint8)])
def test_an_array_that_is_neither_image_nor_pixels_is_refused(array: Any) -> None:
    [violation] = violations(PHOTO, array)
    assert violation.field == "array.shape"
    assert "or an encoded image [n], got" in violation.description


def test_several_arrays_pass_as_a_tuple() -> None:
    arrays = [np.zeros((3, 4), np.uint8), np.zeros(2, np.float32)]
    for value in (arrays, tuple(arrays)):
        item = passed(PAIR, value)
        assert isinstance(item, tuple)
        assert all(got is given for got, given in zip(item, arrays, strict=True))


def test_of_several_arrays_the_wrong_one_is_named() -> None:
    first = np.zeros((3, 4), np.uint8)
    [violation] = violations(PAIR, (first, np.zeros(2, bool)))
    assert violation == Violation("arrays.arrays[1].data_type", "expected float32, got bool")
    [violation] = violations(PAIR, (first, np.zeros(3, np.float32)))
    assert violation.field == "arrays.arrays[1].shape"
    assert violations(PAIR, (first, 1)) == [
        Violation("arrays.arrays[1]", "expected an array, got int")
    ]
    for count in (0, 1, 3):
        assert violations(PAIR, (first,) * count) == [
            Violation("arrays", f"expected 2 arrays, got {count}")
        ]
