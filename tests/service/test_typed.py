"""What a contract's requests become, as far as no learner is needed to tell."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from learnwire_service.common.errors import InvalidInput
from learnwire_service.contracts.derive import derive
from learnwire_service.contracts.growth import grow
from learnwire_service.contracts.lock import Lock
from learnwire_service.rpc.codec import Codec
from learnwire_service.signature.specs import (
    ArrayInput,
    ArraysInput,
    CellType,
    Column,
    InputSpec,
    RegressionOutput,
    Signature,
    TabularInput,
    TextInput,
)

ARRAYS = {"int8": [1, -128, 127], "uint16": [0, 65535], "float16": [0.5, -2.0], "bool": [True]}
BEYOND = {"int8": [1, 128], "uint16": [-1], "float16": [1e5]}


def codec(spec: InputSpec) -> Codec:
    signature = Signature(input=spec, output=RegressionOutput(targets=("total",)))
    lock = grow(Lock(model="m", package="m"), "first", "2026-01-01", signature)
    return Codec(derive(lock, "first", signature), spec)


def item(made: Codec, **fields: Any) -> Any:
    return made.item(made.request_class("Predict")(**fields))


def day(*categories: str) -> Codec:
    column = Column(name="day", type=CellType.TIMESTAMP, categories=categories, nullable=True)
    return codec(TabularInput(columns=(column,)))


def seconds(text: str) -> dict[str, int]:
    return {"seconds": int(datetime.fromisoformat(text).astimezone(UTC).timestamp())}


@pytest.mark.parametrize(
    ("categories", "sent", "expected"),
    [
        ("2024-05-31T12:00:00", "2024-05-31T12:00:00+00:00", "2024-05-31T12:00:00"),
        ("2024-05-31T12:00:00", "2024-05-31T13:00:00+00:00", "2024-05-31T13:00:00"),
        ("1931-05-31T00:00:00", "1931-05-31T00:00:00+00:00", "1931-05-31T00:00:00"),
        ("2024-05-31T12:00:00+02:00", "2024-05-31T10:00:00+00:00", "2024-05-31T12:00:00+02:00"),
        ("2024-05-31T12:00:00+02:00", "2024-05-31T11:00:00+00:00", "2024-05-31T11:00:00+00:00"),
    ],
)
def test_a_timestamp_is_spelled_as_the_column_does(
    categories: str, sent: str, expected: str
) -> None:
    assert item(day(categories), day=seconds(sent)) == {"day": expected}


def test_parts_of_a_second_are_kept() -> None:
    moment = Timestamp(seconds=0, nanos=250_000_000)
    sent = {"seconds": moment.seconds, "nanos": moment.nanos}
    assert item(day("2024-05-31T12:00:00"), day=sent) == {"day": "1970-01-01T00:00:00.250000"}


def test_what_is_not_set_is_left_out_and_what_is_zero_is_not() -> None:
    assert item(day("2024-05-31T12:00:00")) == {}
    assert item(day("1970-01-01T00:00:00"), day={}) == {"day": "1970-01-01T00:00:00"}
    mass = Column(name="mass", type=CellType.FLOAT, nullable=False)
    made = codec(TabularInput(columns=(mass,)))
    assert item(made) == {}
    assert item(made, mass=0) == {"mass": 0.0}


def test_a_text_that_is_not_set_is_no_empty_text() -> None:
    made = codec(TextInput())
    assert item(made, text="") == ""
    with pytest.raises(InvalidInput, match="text: expected a text, got nothing"):
        item(made)


def test_a_timestamp_that_no_calendar_has_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        item(day("2024-05-31T12:00:00"), day={"seconds": 10**15})
    assert [violation.field for violation in caught.value.violations] == ["day"]


@pytest.mark.parametrize("dtype", ARRAYS)
def test_an_array_comes_in_the_models_own_type(dtype: str) -> None:
    made = codec(ArrayInput(shape=(-1,), dtype=dtype, axes=("x",)))
    array = item(made, array={"values": ARRAYS[dtype]})
    assert array.dtype == dtype
    assert array.tolist() == ARRAYS[dtype]


@pytest.mark.parametrize("dtype", BEYOND)
def test_a_number_beyond_the_models_type_is_refused(dtype: str) -> None:
    made = codec(ArrayInput(shape=(-1,), dtype=dtype, axes=("x",)))
    with pytest.raises(InvalidInput, match=f"numbers that {dtype} can hold, got") as caught:
        item(made, array={"values": BEYOND[dtype]})
    assert caught.value.violations[0].field == "array.values"


def test_a_model_that_takes_a_single_element_is_given_one() -> None:
    spec = ArrayInput(shape=(), dtype="float32", axes=(), typical_shape=None, encoded=False)
    made = codec(spec)
    assert item(made, array={"values": [0.5]}).shape == ()
    with pytest.raises(InvalidInput, match=r"array.values: expected 1 elements for shape \[\]"):
        item(made, array={"values": [0.5, 1.0]})


def test_each_of_several_arrays_is_told_from_the_others() -> None:
    spec = ArrayInput(shape=(2, 2), dtype="float32", axes=("y", "x"))
    made = codec(ArraysInput(arrays=(spec, spec)))
    whole = {"shape": (2, 2), "values": [1, 2, 3, 4]}
    first, second = item(made, array_1=whole, array_2=whole)
    assert first.tolist() == second.tolist() == [[1, 2], [3, 4]]
    with pytest.raises(InvalidInput) as caught:
        item(made, array_1=whole, array_2={"shape": (2, 2), "values": [1]})
    assert [str(violation) for violation in caught.value.violations] == [
        "array_2.values: expected 4 elements for shape [2, 2], got 1"
    ]
    with pytest.raises(InvalidInput, match="array_1: expected an array, got nothing"):
        item(made)


@pytest.mark.parametrize("shape", [(-1, 2), (0, 2**62, 8), (1,) * 100])
def test_a_shape_that_no_array_has_is_refused(shape: tuple[int, ...]) -> None:
    made = codec(ArrayInput(shape=(-1, -1), dtype="float32", axes=("y", "x")))
    with pytest.raises(InvalidInput) as caught:
        item(made, array={"shape": shape})
    assert caught.value.violations[0].field == "array.shape"
