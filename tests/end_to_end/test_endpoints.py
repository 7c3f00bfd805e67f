"""Endpoints over a socket: what they take, what they answer, and what they refuse."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import wraps
from typing import Any

import grpc
import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from learnwire.v1 import endpoint_service_pb2 as pb
from learnwire.v1 import endpoint_service_pb2_grpc as pb_grpc
from learnwire.v1 import io_pb2
from learnwire_client import (
    CallError,
    Client,
    EndpointNotFound,
    InvalidInput,
    ServerFailed,
    SingleLabel,
)
from learnwire_client.arrays import decode_array
from learnwire_client.errors import Violation
from learnwire_service.services.descriptors.base import Descriptor

from tests.conftest import Trained

FAILED = "the endpoint failed on this call; the server's log tells more"
COLUMNS = ["shop", "size", "open", "price", "since"]
DTYPES = {"size": "int64", "open": "bool", "price": "float32", "since": "datetime64[ns]"}
ROW = {"shop": "north", "size": 2, "open": True, "price": 10.5, "since": "2024-05-31T12:00:00"}
FRAME = pd.DataFrame([ROW, {**ROW, "shop": None, "price": None}])
DESCRIPTORS: dict[str, Descriptor] = {
    "text": lw.Text(max_chars=20),
    "row": lw.TabularRow(COLUMNS, DTYPES),
    "any_row": lw.TabularRow(),
    "table": lw.Table(COLUMNS, DTYPES),
    "any_table": lw.Table(),
    "array": lw.NdArray("float32", (-1, 2), enforce_shape=True),
    "strict": lw.NdArray("uint8", enforce_dtype=True),
    "any_array": lw.NdArray(),
    "prediction": lw.Prediction(),
}
svc = lw.Service("everything")
# What the functions were called with, and what `answer` is to answer.
got: list[Any] = []
answers: list[Any] = []


def _endpoints_of(name: str, descriptor: Descriptor) -> None:
    @svc.api(input=descriptor, output=descriptor, name=name)
    def echo(value: Any) -> Any:
        got.append(value)
        return value

    @svc.api(output=descriptor, name=f"answer_{name}")
    async def answer() -> Any:
        return answers.pop()


for _name, _descriptor in DESCRIPTORS.items():
    _endpoints_of(_name, _descriptor)


@svc.api(input={"title": lw.Text(), "rows": lw.Table(dtypes={"n": "int64"})}, output=lw.Text())
def several(*, rows: pd.DataFrame, title: str) -> str:
    """Join a title and numbers.

    In order.
    """
    return f"{title} {rows['n'].tolist()}"


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any) -> Any:
        return function(*args)

    return call


@svc.api(input=lw.Text(), output=lw.Text())
@decorated
async def shout(text: str) -> str:
    await asyncio.sleep(0)
    return text.upper()


@svc.api(
    input=lw.Table(dtypes={"n": "int64", "u": "uint64"}),
    output=lw.Table(dtypes={"n": "int64", "u": "uint64"}),
)
async def wide(table: pd.DataFrame) -> pd.DataFrame:
    return table


@svc.api(input=lw.Text(), output=lw.Text())
async def words(text: str) -> AsyncIterator[str]:
    for word in text.split():
        if word == "boom":
            raise RuntimeError("/secret/path exploded")
        yield word


@svc.api(input=lw.Text(), output=lw.NdArray("int64"))
async def wrong_stream(text: str) -> AsyncIterator[object]:
    yield 1
    yield text


@svc.api(input=lw.Text(), output=lw.Text())
def raising(kind: str) -> str:
    match kind:
        case "own":
            raise lw.EndpointError(
                "NOT_FOUND",
                "there is no such film",
                reason="NO_FILM",
                metadata={"film": "Metropolis"},
                violations=[("input.text", "expected a film, got another word")],
            )
        case "long":
            facts = {"film": "ü" * 20_000, "more": "x" * 20_000, "last": "x" * 20_000}
            raise lw.EndpointError("NOT_FOUND", "ü" * 20_000, reason="LONG", metadata=facts)
        case "input":
            raise lw.InvalidInput([Violation("row.cells", "expected more, got less")])
        case "full":
            raise lw.QueueFull("7 items wait for shop already; try again shortly")
        case "exit":
            raise SystemExit(3)
        case "stop":
            raise StopIteration
        case "close":
            raise GeneratorExit
        case "store":
            raise lw.ModelNotFound("no business of the caller")
    raise RuntimeError("/secret/path exploded")


@svc.api(input=lw.Text(), output=lw.Text())
async def raising_async(kind: str) -> str:
    return raising(kind)


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with lw.serving(svc) as address:
        yield address


@pytest.fixture
def asked(served: str) -> Iterator[Client]:
    got.clear()
    with Client(served) as connected:
        yield connected


@pytest.fixture
def stub(served: str) -> Iterator[pb_grpc.EndpointServiceStub]:
    with grpc.insecure_channel(served) as channel:
        yield pb_grpc.EndpointServiceStub(channel)


def by_hand(stub: pb_grpc.EndpointServiceStub, endpoint: str, **request: Any) -> Any:
    """Call an endpoint with what one would type."""
    message = json_format.ParseDict({"endpoint": endpoint, **request}, pb.CallRequest())
    return json_format.MessageToDict(stub.Call(message).output, preserving_proto_field_name=True)


def violations(call: Callable[[], object]) -> dict[str, str]:
    """Give what a refused call tells, by the paths."""
    with pytest.raises(InvalidInput) as caught:
        call()
    assert "does not fit the endpoint" in caught.value.message
    return {violation.field: violation.description for violation in caught.value.violations}


def test_a_text_goes_in_and_comes_out(asked: Client) -> None:
    assert asked.call("text", "Très bien 🎬") == "Très bien 🎬" == got[0]


def test_a_row_becomes_a_series_with_the_columns_and_types_said(asked: Client) -> None:
    shuffled = {name: ROW[name] for name in reversed(COLUMNS)}
    answer = asked.call("row", shuffled)
    [row] = got
    assert list(row.index) == list(answer) == COLUMNS
    assert row.to_dict() == {**ROW, "since": pd.Timestamp("2024-05-31T12:00:00")}
    assert answer == ROW
    assert type(row["size"]) is type(answer["size"]) is int


def test_a_null_is_missing_where_the_type_knows_that(asked: Client) -> None:
    answer = asked.call("row", {**ROW, "shop": None, "price": None, "since": None})
    assert got[0][["shop", "price", "since"]].isna().all()
    assert answer == {**ROW, "shop": None, "price": None, "since": None}


def test_a_row_without_cells_is_a_row_all_the_same(asked: Client) -> None:
    assert asked.call("any_row", {}) == {}
    assert got[0].shape == (0,)


def test_a_type_of_strings_is_what_pandas_2_makes_of_str() -> None:
    texts = lw.TabularRow(dtypes={"a": np.dtype("U")}).check({"a": "longer than any"})
    assert texts["a"] == "longer than any"


def test_a_row_without_columns_said_keeps_what_came(asked: Client) -> None:
    row = {"b": 1.5, "a": "x", "c": None, "d": True, "n": 2, "f": 2.0}
    answer = asked.call("any_row", row)
    assert list(got[0].index) == list(answer) == list(row)
    assert answer == row
    assert type(got[0]["n"]) is type(answer["n"]) is int
    assert type(got[0]["f"]) is type(answer["f"]) is float


def test_a_row_typed_by_hand_may_tell_its_order_and_its_integers(
    stub: pb_grpc.EndpointServiceStub,
) -> None:
    cells = {"b": 1, "a": 2, "c": 3}
    for said, order in ({}, ["a", "b", "c"]), ({"columns": ["c", "a", "b"]}, ["c", "a", "b"]):
        got.clear()
        by_hand(stub, "any_row", input={"row": {"cells": cells, **said, "integers": ["a"]}})
        assert list(got[0].index) == order
        assert {name: type(cell) for name, cell in got[0].items()} == {
            "a": int,
            "b": float,
            "c": float,
        }


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"columns": ["a", "a"]}, "input.row.columns[1]"),
        ({"columns": ["b"]}, "input.row.columns[0]"),
        ({"columns": []}, None),
        ({"integers": ["b"]}, "input.row.integers[0]"),
    ],
)
def test_columns_that_a_row_has_not_are_refused_with_the_path(
    said: dict[str, list[str]], path: str | None, stub: pb_grpc.EndpointServiceStub
) -> None:
    request = {"row": {"cells": {"a": 1}, **said}}
    if path is None:
        by_hand(stub, "any_row", input=request)
        return
    with pytest.raises(grpc.RpcError) as caught:
        by_hand(stub, "any_row", input=request)
    error = caught.value
    assert isinstance(error, grpc.Call)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    status, bad = rpc_status.from_call(error), error_details_pb2.BadRequest()
    assert status is not None
    assert any(detail.Unpack(bad) for detail in status.details)
    assert [one.field for one in bad.field_violations] == [path]


def test_a_tables_index_goes_in_and_comes_out(asked: Client) -> None:
    frame = pd.DataFrame({"b": [1, 2], "a": ["x", "y"]}, pd.Index([7, 3], name="id"))
    answer = asked.call("any_table", frame)
    for one in (got[0], answer):
        assert one.index.equals(frame.index)
        assert one.index.name == "id"
    with pytest.raises(InvalidInput, match=r"reset_index\(\)"):
        asked.call("any_table", frame.set_index("a", append=True))


def test_integers_beside_nulls_stay_integers(asked: Client) -> None:
    frame = pd.DataFrame({"n": pd.array([1, None], "Int64"), "o": [True, False]})
    answer = asked.call("any_table", frame)
    assert str(got[0]["n"].dtype) == str(answer["n"].dtype) == "Int64"
    assert answer["n"].isna().tolist() == [False, True]


def test_a_table_becomes_a_frame_with_the_columns_and_types_said(asked: Client) -> None:
    answer = asked.call("table", FRAME[COLUMNS[::-1]])
    [frame] = got
    assert list(frame.columns) == COLUMNS
    assert {name: str(frame[name].dtype) for name in DTYPES} == DTYPES
    assert frame["price"].isna().tolist() == frame["shop"].isna().tolist() == [False, True]
    assert answer["size"].tolist() == [2, 2]
    assert answer["since"].tolist() == [ROW["since"]] * 2
    assert answer["shop"].isna().tolist() == [False, True]


def test_rows_typed_by_hand_are_a_table(stub: pb_grpc.EndpointServiceStub) -> None:
    got.clear()
    by_hand(stub, "table", input={"rows": {"rows": [{"cells": ROW}, {"cells": ROW}]}})
    assert got[0]["size"].tolist() == [2, 2]
    assert {name: str(got[0][name].dtype) for name in DTYPES} == DTYPES


def test_a_column_that_has_each_string_once_is_a_column_like_others(
    stub: pb_grpc.EndpointServiceStub,
) -> None:
    column = {"name": "word", "values": {"data_type": "DATA_TYPE_STRING", "values": ["a", "b"]}}
    table = {"columns": [{**column, "indices": {"values": [0, 1, 1]}}]}
    output = by_hand(stub, "any_table", input={"table": table})
    [answered] = json_format.ParseDict(output["table"], io_pb2.Table()).columns
    assert decode_array(answered.values).tolist() == ["a", "b", "b"]
    assert not answered.HasField("indices")


def test_a_table_without_columns_said_keeps_what_came(asked: Client) -> None:
    frame = pd.DataFrame({"b": [1, 2], "a": ["x", None], "c": [True, False], "d": [0.5, None]})
    answer = asked.call("any_table", frame)
    assert list(answer.columns) == list(got[0].columns) == ["b", "a", "c", "d"]
    assert answer["b"].tolist() == [1, 2]
    assert answer["a"].isna().tolist() == [False, True]
    assert answer["d"].isna().tolist() == [False, True]


def test_a_table_has_all_integers_of_64_bits(asked: Client) -> None:
    frame = pd.DataFrame({"n": [-(2**63), 2**53 + 1], "u": np.array([2**64 - 1, 0], np.uint64)})
    pd.testing.assert_frame_equal(asked.call("wide", frame), frame)
    with pytest.raises(InvalidInput, match=r"columns\[0\].values: expected an integer"):
        asked.call("wide", frame.assign(n=frame["u"]))


def test_a_coroutine_function_may_be_decorated(asked: Client) -> None:
    assert asked.call("shout", "loud") == "LOUD"


def test_an_empty_table_has_its_columns(asked: Client) -> None:
    answer = asked.call("table", FRAME.iloc[:0])
    assert {name: str(got[0][name].dtype) for name in DTYPES} == DTYPES
    assert (len(answer), list(answer.columns)) == (0, COLUMNS)


def test_an_array_is_cast_where_that_loses_nothing(asked: Client) -> None:
    answer = asked.call("array", np.array([[1, 2], [3, 4]]))
    assert (answer.dtype, answer.tolist()) == (np.float32, [[1, 2], [3, 4]])
    assert got[0].flags.writeable


@pytest.mark.parametrize(
    ("values", "dtype"), [([[1, 2.5]], "float64"), ([True], "bool"), (["a"], "object")]
)
def test_an_array_typed_by_hand_has_the_type_that_it_looks_like(
    values: list[Any], dtype: str, stub: pb_grpc.EndpointServiceStub
) -> None:
    got.clear()
    by_hand(stub, "any_array", input={"array": {"values": values}})
    assert (got[0].dtype, got[0].tolist()) == (dtype, values)


def test_an_array_typed_by_hand_has_the_type_of_the_endpoint(
    stub: pb_grpc.EndpointServiceStub,
) -> None:
    got.clear()
    by_hand(stub, "strict", input={"array": {"values": [1, 255]}})
    assert (got[0].dtype, got[0].tolist()) == (np.uint8, [1, 255])


def test_a_prediction_goes_in_and_comes_out(asked: Client) -> None:
    sent = SingleLabel("yes", 1, np.array([0.25, 0.75], np.float32)).signed("m", "v1")
    answer = asked.call("prediction", sent)
    assert (answer.label, answer.index, answer.model, answer.version) == ("yes", 1, "m", "v1")
    assert answer.probabilities.tolist() == [0.25, 0.75]


def test_inputs_by_name_reach_the_parameters_of_that_name(asked: Client) -> None:
    rows = pd.DataFrame({"n": [2, 1]})
    assert asked.call("several", inputs={"rows": rows, "title": "Numbers"}) == "Numbers [2, 1]"


def test_an_async_generator_streams(asked: Client) -> None:
    assert list(asked.stream("words", "one two three")) == ["one", "two", "three"]
    assert list(asked.stream("words", "")) == []


@pytest.mark.parametrize(
    ("endpoint", "value", "path", "description"),
    [
        ("text", "x" * 21, "input.text.content", "expected at most 20 characters, got 21"),
        ("text", np.ones(2), "input.array", "expected text, got array"),
        ("row", "no row", "input.text", "expected row, got text"),
        (
            "row",
            {**ROW, "size": 2.5},
            'input.row.cells["size"]',
            "expected an integer from -9223372036854775808 to 9223372036854775807, got 2.5",
        ),
        (
            "row",
            {**ROW, "size": "2"},
            'input.row.cells["size"]',
            'expected an integer, got the string "2"',
        ),
        ("row", {**ROW, "size": None}, 'input.row.cells["size"]', "expected an integer, got null"),
        (
            "row",
            {**ROW, "colour": "red"},
            'input.row.cells["colour"]',
            'expected only the columns "shop", "size", "open", "price", "since", got another',
        ),
        (
            "row",
            {name: ROW[name] for name in COLUMNS[1:]} | {},
            'input.row.cells["shop"]',
            "expected a string, number, bool, timestamp or null, got nothing: "
            "the column is missing",
        ),
        (
            "row",
            {**ROW, "since": "yesterday"},
            'input.row.cells["since"]',
            "expected an ISO 8601 timestamp such as 2024-05-31T12:00:00, "
            'got the string "yesterday"',
        ),
        (
            "table",
            FRAME.assign(size=["2", "3"]),
            "input.table.columns[1].values",
            'expected an integer, got the string "2" in row 0',
        ),
        (
            "table",
            FRAME.drop(columns="size"),
            "input.table.columns",
            'expected the column "size", got none of that name',
        ),
        (
            "table",
            FRAME.assign(colour="red"),
            "input.table.columns[5].name",
            'expected only the columns "shop", "size", "open", "price", "since", got another',
        ),
        ("array", np.ones((2, 3)), "input.array.shape", "expected [-1, 2], got [2, 3]"),
        (
            "array",
            np.array([["a", "b"]]),
            "input.array",
            "expected elements that float32 can hold, got strings",
        ),
        ("strict", np.ones(2), "input.array.data_type", "expected uint8, got float64"),
        ("prediction", "yes", "input.text", "expected prediction, got text"),
    ],
)
def test_an_input_that_does_not_fit_is_refused_with_its_path(
    endpoint: str, value: Any, path: str, description: str, asked: Client
) -> None:
    assert violations(lambda: asked.call(endpoint, value)) == {path: description}
    assert got == []


def test_all_faults_are_told_at_once(asked: Client) -> None:
    found = violations(lambda: asked.call("row", {**ROW, "size": 0.5, "open": 1, "price": 1e39}))
    assert list(found) == [f'input.row.cells["{name}"]' for name in ("size", "open", "price")]


def test_a_fault_in_rows_typed_by_hand_names_the_row(stub: pb_grpc.EndpointServiceStub) -> None:
    rows = [{"cells": ROW}, {"cells": {**ROW, "open": "yes"}}]
    with pytest.raises(grpc.RpcError, match=r'input.rows.rows\[1\].cells\["open"\]: expected a b'):
        by_hand(stub, "table", input={"rows": {"rows": rows}})


def test_an_array_that_contradicts_itself_is_refused(stub: pb_grpc.EndpointServiceStub) -> None:
    with pytest.raises(grpc.RpcError, match=r"input.array.values: expected lists of equal length"):
        by_hand(stub, "any_array", input={"array": {"values": [[1, 2], [3]]}})


def test_inputs_that_are_missing_or_strange_are_refused(asked: Client) -> None:
    found = violations(lambda: asked.call("several", inputs={"rows": FRAME[["size"]], "x": "y"}))
    assert found == {
        "inputs.title.text": "expected text, got nothing",
        "inputs.x": "expected only the inputs title, rows, got another",
    }
    assert violations(lambda: asked.call("several", "y")) == {
        "input": "expected the inputs by their names title, rows, as inputs, got one without a name"
    }
    assert violations(lambda: asked.call("text")) == {"input.text": "expected text, got nothing"}
    assert violations(lambda: asked.call("answer_text", "x")) == {
        "input": "expected no inputs, got one"
    }
    assert violations(lambda: asked.call("text", inputs={"text": "x"})) == {
        "input.text": "expected text, got nothing",
        "inputs.text": "expected the one input without a name, as input, got one with a name",
    }
    assert violations(lambda: asked.call("text", inputs={"": "y"})) == {
        "inputs": "expected names, got an empty one; an input without a name is sent as input"
    }


@pytest.mark.parametrize(
    ("endpoint", "answer"),
    [
        ("text", 3),
        ("text", "x" * 21),
        ("text", "\ud800"),
        ("row", {**ROW, "size": 2.5}),
        ("row", pd.DataFrame([ROW, ROW])),
        ("row", ["north"]),
        ("any_row", {"a": object()}),
        ("table", FRAME.drop(columns="size")),
        ("table", FRAME.assign(open=["yes", "no"])),
        ("table", "no table"),
        ("any_table", pd.DataFrame({"mixed": ["a", 1]})),
        ("any_table", pd.DataFrame([[1, 2]], columns=["same", "same"])),
        ("array", np.ones(2)),
        ("array", np.full((1, 2), "x")),
        ("strict", np.array([1])),
        ("any_array", None),
        ("any_array", [[1, 2], [3]]),
        ("any_array", [1, object()]),
        ("any_array", [["a"], [1]]),
        ("any_array", np.ones(2, np.complex64)),
        ("prediction", ("yes", 1, [0.25])),
    ],
)
def test_an_answer_that_breaks_its_descriptor_is_told_to_the_log_alone(
    endpoint: str, answer: Any, asked: Client, caplog: pytest.LogCaptureFixture
) -> None:
    answers.append(answer)
    with pytest.raises(ServerFailed) as caught:
        asked.call(f"answer_{endpoint}")
    assert (caught.value.message, caught.value.reason) == (FAILED, "ENDPOINT_FAILED")
    assert caught.value.violations == ()
    told = (
        "the answer of tests.end_to_end.test_endpoints._endpoints_of.<locals>.answer does not fit"
    )
    [record] = [one for one in caplog.records if one.message.startswith(told)]
    assert ": expected " in record.message


@pytest.mark.parametrize(
    ("endpoint", "answer", "expected"),
    [
        ("row", pd.Series(ROW), ROW),
        ("row", pd.DataFrame([ROW], index=[7]), ROW),
        ("any_row", {"n": np.int8(3), "day": pd.Timestamp("2024-05-31")}, None),
        ("any_row", {}, {}),
        ("any_array", 3, 3),
        ("any_array", [[1, 2]], [[1, 2]]),
        ("any_array", np.array(["a", "b"]), ["a", "b"]),
    ],
)
def test_an_answer_may_be_what_is_as_good(
    endpoint: str, answer: Any, expected: Any, asked: Client
) -> None:
    answers.append(answer)
    found = asked.call(f"answer_{endpoint}")
    if expected is None:
        expected = {"n": 3, "day": "2024-05-31T00:00:00"}
    assert (found.tolist() if isinstance(found, np.ndarray) else found) == expected


def test_a_table_may_be_answered_as_a_list_of_rows(asked: Client) -> None:
    answers.append([ROW, pd.Series(ROW)])
    assert asked.call("answer_table")["size"].tolist() == [2, 2]


@pytest.mark.parametrize("endpoint", ["raising", "raising_async"])
@pytest.mark.parametrize("kind", ["unexpected", "exit", "stop", "close", "store"])
def test_what_an_endpoint_raises_is_told_to_the_log_alone(
    endpoint: str, kind: str, asked: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ServerFailed) as caught:
        asked.call(endpoint, kind)
    assert (caught.value.message, caught.value.reason) == (FAILED, "ENDPOINT_FAILED")
    [record] = [one for one in caplog.records if one.message == "endpoint failed"]
    assert record.exc_info is not None
    assert asked.call("text", "still there") == "still there"


@pytest.mark.parametrize("endpoint", ["raising", "raising_async"])
def test_an_endpoints_own_error_has_its_code_and_details(endpoint: str, asked: Client) -> None:
    with pytest.raises(CallError) as caught:
        asked.call(endpoint, "own")
    error = caught.value
    assert (error.code, error.message) == (grpc.StatusCode.NOT_FOUND, "there is no such film")
    assert (error.reason, error.metadata) == ("NO_FILM", {"film": "Metropolis"})
    assert [str(one) for one in error.violations] == [
        "input.text: expected a film, got another word"
    ]


def test_an_endpoints_own_error_arrives_however_long_it_is(asked: Client) -> None:
    with pytest.raises(CallError) as caught:
        asked.call("raising", "long")
    error = caught.value
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "LONG")
    assert error.message.startswith("üüü")
    assert set(error.metadata) == {"film"}
    assert error.metadata["film"].startswith("üüü")


@pytest.mark.parametrize(
    ("kind", "code", "reason"),
    [
        ("input", grpc.StatusCode.INVALID_ARGUMENT, "INVALID_INPUT"),
        ("full", grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL"),
    ],
)
def test_what_a_runner_refuses_reaches_the_caller(
    kind: str, code: grpc.StatusCode, reason: str, asked: Client
) -> None:
    with pytest.raises(CallError) as caught:
        asked.call("raising", kind)
    assert (caught.value.code, caught.value.reason) == (code, reason)


def test_an_error_ends_a_stream_behind_the_answers_before_it(asked: Client) -> None:
    stream = asked.stream("words", "one boom two")
    assert next(stream) == "one"
    with pytest.raises(ServerFailed, match=FAILED):
        next(stream)
    stream = asked.stream("wrong_stream", "x")
    assert next(stream).tolist() == 1
    with pytest.raises(ServerFailed, match=FAILED):
        next(stream)


def test_each_method_refuses_the_endpoints_of_the_other(asked: Client) -> None:
    with pytest.raises(
        CallError,
        match=r"the endpoint words streams: ask it with CallStream, in Python client\.stream",
    ) as one:
        asked.call("words", "x")
    with pytest.raises(
        CallError, match=r"the endpoint text answers once: ask it with Call, in Python client\.call"
    ) as other:
        list(asked.stream("text", "x"))
    assert one.value.code == other.value.code == grpc.StatusCode.UNIMPLEMENTED


def test_an_endpoint_that_is_not_there_is_not_found(asked: Client) -> None:
    with pytest.raises(EndpointNotFound, match='no endpoint "nobody" is served here, only answer_'):
        asked.call("nobody")
    with pytest.raises(EndpointNotFound):
        asked.endpoint_statistics("nobody")


def test_endpoints_are_listed_with_what_they_take(
    asked: Client, stub: pb_grpc.EndpointServiceStub
) -> None:
    listed = {one.name: one for one in asked.endpoints()}
    assert list(listed) == sorted(svc.endpoints)
    several = listed["several"]
    assert (several.service, several.description) == (
        "everything",
        "Join a title and numbers.\n\nIn order.",
    )
    assert list(several.inputs) == ["title", "rows"]
    assert several.inputs["title"].max_chars == 100_000
    assert several.output.kind == "text"
    row = listed["row"].inputs[""]
    assert [(one.name, one.type, one.nullable) for one in row.columns] == [
        ("shop", "", True),
        ("size", "integer", False),
        ("open", "bool", False),
        ("price", "float", True),
        ("since", "timestamp", True),
    ]
    array = listed["array"].output
    assert (array.shape, array.dtype, array.enforce_shape) == ((-1, 2), np.dtype("f4"), True)
    assert listed["strict"].inputs[""].enforce_dtype
    assert [one.name for one in listed.values() if one.streaming] == ["words", "wrong_stream"]
    assert {one.output.kind for one in listed.values()} == {
        *("text", "row", "table", "array", "prediction")
    }


def test_details_are_those_of_the_contract(stub: pb_grpc.EndpointServiceStub) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Call(pb.CallRequest(endpoint="text"))
    status = rpc_status.from_call(caught.value)  # type: ignore[arg-type]
    assert status is not None
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(bad)
    assert (info.reason, info.domain) == ("INVALID_INPUT", "learnwire")
    assert bad.field_violations[0].field == "input.text"


def test_what_a_runner_answers_is_an_endpoints_answer(trained: dict[str, Trained]) -> None:
    runners = [lw.get(name).to_runner() for name in trained]
    service = lw.Service("predictions", runners=runners)
    for runner in runners:

        @service.api(input=lw.Text(), output=lw.Prediction(), name=runner.name)
        async def predict(place: str, runner: lw.LearnerRunner = runner) -> Any:
            return await runner.predict.async_run(trained[runner.name].items[int(place)])

    with lw.serving(service) as target, Client(target) as client:
        for name, one in trained.items():
            answer, plain = client.call(name, "5"), client.predict(name, one.items[5])
            assert answer[:2] == plain[:2]
            assert answer.version == lw.get(name).manifest.version
            np.testing.assert_allclose(answer.probabilities, plain.probabilities, atol=1e-5)
            assert client.statistics(name).predicted == 2
