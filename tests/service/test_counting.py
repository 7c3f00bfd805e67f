"""What a message holds is counted on its bytes, before it is one."""

from typing import Any

import numpy as np
import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from learnwire.v1 import arrays_pb2, endpoint_service_pb2, io_pb2
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire_client.errors import FieldError
from learnwire_client.inputs import predict_request
from learnwire_service.common.bounds import Bounds
from learnwire_service.rpc.counting import Counting
from learnwire_service.rpc.wire import Malformed, records

SMALL = Bounds(max_cells=10, max_items=10, max_elements=10, max_numbers=10)


def field(number: int, value: bytes) -> bytes:
    """A field of a message that has bytes, text or a message."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(number: int) -> bytes:
    """A number as the wire has it."""
    more = b""
    while number > 127:
        more += bytes([number & 127 | 128])
        number >>= 7
    return more + bytes([number])


def descriptor_of(kind: type[Message]) -> Descriptor:
    descriptor: Any = kind.DESCRIPTOR
    return descriptor  # type: ignore[no-any-return]


def refusal(data: bytes, kind: type[Message], bounds: Bounds = SMALL) -> str:
    """Count, expect too much, and give what is said of it."""
    with pytest.raises(FieldError) as caught:
        Counting(descriptor_of(kind), bounds).check(data)
    return str(caught.value)


def taken(message: Message, bounds: Bounds = SMALL) -> None:
    """Count what is within the bounds."""
    Counting(descriptor_of(type(message)), bounds).check(message.SerializeToString())


def row(cells: int) -> pb.PredictRequest:
    return predict_request("m", {f"c{i}": None if i % 2 else float(i) for i in range(cells)})


def texts(count: int) -> pb.PredictManyRequest:
    return pb.PredictManyRequest(texts=io_pb2.Texts(contents=["a"] * count))


def nested(*sizes: int) -> pb.PredictRequest:
    """An array as plain lists of these sizes."""
    request = pb.PredictRequest()
    for size in sizes:
        request.array.values.values.add().list_value.extend([1.0] * size)
    return request


CASES: list[tuple[Any, Any, str, str, int, int]] = [
    (row(10), row(11), "row.cells", "cells", 10, 11),
    (texts(10), texts(12), "texts.contents", "items", 10, 12),
    (
        pb.PredictManyRequest(rows=io_pb2.TabularRows(rows=[io_pb2.TabularRow()] * 10)),
        pb.PredictManyRequest(rows=io_pb2.TabularRows(rows=[io_pb2.TabularRow()] * 11)),
        "rows.rows",
        "items",
        10,
        11,
    ),
    (
        pb.PredictManyRequest(rows=io_pb2.TabularRows(rows=[row(10).row])),
        pb.PredictManyRequest(rows=io_pb2.TabularRows(rows=[row(10).row, row(13).row])),
        "rows.rows[1].cells",
        "cells",
        10,
        13,
    ),
    (
        pb.PredictManyRequest(table=io_pb2.Table(columns=[io_pb2.Column(name="a")] * 10)),
        pb.PredictManyRequest(table=io_pb2.Table(columns=[io_pb2.Column(name="a")] * 11)),
        "table.columns",
        "cells",
        10,
        11,
    ),
    (nested(4, 4), nested(4, 5), "array.values.values[1].list_value.values", "elements", 10, 11),
    (
        arrays_pb2.StringArray(values=["a"] * 10),
        arrays_pb2.StringArray(values=["a"] * 11),
        "values",
        "elements",
        10,
        11,
    ),
    (
        arrays_pb2.FloatArray(values=[1.0] * 10),
        arrays_pb2.FloatArray(values=[1.0] * 11),
        "values",
        "numbers",
        10,
        11,
    ),
    (
        arrays_pb2.IntArray(values=[2**i for i in range(10)]),
        arrays_pb2.IntArray(values=[-(2**i) for i in range(11)]),
        "values",
        "numbers",
        10,
        11,
    ),
    (
        endpoint_service_pb2.CallRequest(
            inputs={str(i): endpoint_service_pb2.Payload() for i in range(10)}
        ),
        endpoint_service_pb2.CallRequest(
            inputs={str(i): endpoint_service_pb2.Payload() for i in range(11)}
        ),
        "inputs",
        "items",
        10,
        11,
    ),
]


@pytest.mark.parametrize(("within", "beyond", "path", "noun", "most", "count"), CASES)
def test_a_message_is_taken_up_to_a_bound_and_refused_with_field_bound_and_count_beyond(
    within: Message, beyond: Message, path: str, noun: str, most: int, count: int
) -> None:
    taken(within)
    assert refusal(beyond.SerializeToString(), type(beyond)) == (
        f"{path}: expected at most {most} {noun}, got {count}; send fewer at a time, or raise "
        f"--max-{noun} of the server"
    )


def test_a_row_that_comes_in_several_pieces_is_one() -> None:
    pieces = [row(4).SerializeToString(), row(4).SerializeToString(), row(4).SerializeToString()]
    assert refusal(b"".join(pieces), pb.PredictRequest).startswith("row.cells: expected at most 10")
    taken(pb.PredictRequest.FromString(pieces[0]))


def test_lists_are_counted_together_and_at_any_depth() -> None:
    request = pb.PredictRequest()
    value = request.array.values.values.add()
    for _ in range(20):
        value = value.list_value.values.add()
    taken(request, Bounds(max_elements=21))
    assert "at most 20 elements" in refusal(
        request.SerializeToString(), pb.PredictRequest, Bounds(max_elements=20)
    )


def test_a_cell_that_holds_a_list_is_looked_into() -> None:
    request = row(3)
    request.row.cells["list"].list_value.extend(["a"] * 11)
    assert "list_value.values: expected at most 10 elements, got 11" in refusal(
        request.SerializeToString(), pb.PredictRequest
    )


@pytest.mark.parametrize(
    "piece",
    [
        field(15, b""),  # a field that the message does not have
        b"\x78\x00",
        b"\x7b\x7c",  # groups, one after the other
        field(1, b"m"),  # one that it has once
        field(2, b""),
        field(4, field(3, b"")),
    ],
)
def test_fields_without_end_are_refused(piece: bytes) -> None:
    assert "expected at most 140 fields in all, got more" in refusal(piece * 141, pb.PredictRequest)
    Counting(descriptor_of(pb.PredictRequest), SMALL).check(piece * 70)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 20,
        b"\x0a\x05abc",  # cut
        b"\x7c",  # the end of a group that did not begin
        b"\x7b" * 5,
        b"\x7b" * 200,
        b"\x07\x00",  # no wire type
        b"\x00\x00",  # no field
        field(3, b"\xff"),
    ],
)
def test_bytes_that_are_no_message_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        Counting(descriptor_of(pb.PredictRequest), Bounds()).check(data)


def test_a_message_deeper_than_protobuf_goes_is_malformed() -> None:
    data = b""
    for _ in range(60):
        data = field(1, field(6, data))
    with pytest.raises(Malformed):
        Counting(descriptor_of(pb.PredictRequest), Bounds()).check(field(4, field(4, data)))


def test_millions_of_elements_are_told_as_at_least_so_many() -> None:
    data = field(4, field(4, b"\x0a\x00" * 1_400_000))
    said = refusal(data, pb.PredictRequest, Bounds())
    assert "array.values.values: expected at most 262144 elements, got at least" in said


@given(st.recursive(st.one_of(st.none(), st.booleans(), st.floats(), st.text()), st.lists))
def test_a_value_of_any_form_is_counted_as_it_was_made(value: Any) -> None:
    def elements(value: Any) -> int:
        return sum(1 + elements(one) for one in value) if isinstance(value, list) else 0

    request = pb.PredictRequest()
    request.array.values.extend([value])
    count = 1 + elements(value)
    taken(request, Bounds(max_elements=count))
    if count > 1:
        assert f"at most {count - 1} elements, got {count}" in refusal(
            request.SerializeToString(), pb.PredictRequest, Bounds(max_elements=count - 1)
        )


def test_records_tell_where_each_value_stands() -> None:
    data = predict_request("m", np.zeros(300, np.uint8)).SerializeToString()
    [model, array] = records(data, 0, len(data))
    assert (model[0], data[model[2] : model[3]]) == (1, b"m")
    assert array[0] == 4
    assert array[3] == len(data)
