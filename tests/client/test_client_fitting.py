"""Frames of every library, asked of a server that says what came."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import grpc
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from learnwire.v1 import model_service_pb2 as pb
from learnwire_client import (
    AsyncClient,
    Client,
    InvalidInput,
    Prediction,
    Regression,
    SingleLabel,
    Violation,
)
from learnwire_client.testing import FakeServer

COLUMNS = [
    pb.ColumnSpec(name="user_id", type=pb.COLUMN_TYPE_STRING),
    pb.ColumnSpec(name="x", type=pb.COLUMN_TYPE_FLOAT, nullable=True),
]
MODEL = pb.Model(
    tabular=pb.TabularInput(columns=COLUMNS),
    single_label=pb.SingleLabelOutput(classes=["low", "high"]),
)
LABELS = {"label": ["low", None, "high"], "p_low": [1, None, 0], "p_high": [0, None, 1]}
Make = Callable[[dict[str, list[Any]]], Any]
LIBRARIES: dict[str, Make] = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}
OTHERS: dict[str, Make] = {"polars": pl.DataFrame, "pyarrow": pa.table}
every_library = pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
every_other_library = pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)


def answer(row: dict[str, Any]) -> Prediction[Any, Any]:
    """Answer as a model of these columns does."""
    if not isinstance(row.get("user_id"), str):
        described = f"expected a string, got the number {row.get('user_id')}"
        fault = Violation('row.cells["user_id"]', described)
        message = f"the input does not fit the model: {fault}"
        raise InvalidInput(grpc.StatusCode.INVALID_ARGUMENT, message, "INVALID_INPUT", (fault,))
    high = (row["x"] or 0) > 0
    return SingleLabel.of("high" if high else "low", {"low": 1 - high, "high": high})


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer({"m": answer}, models={"m": MODEL}) as started:
        yield started


@pytest.fixture
def client(server: FakeServer) -> Iterator[Client]:
    with Client(server.target) as connected:
        yield connected


def as_lists(frame: Any) -> dict[str, list[Any]]:
    lists: dict[str, list[Any]]
    if isinstance(frame, pa.Table):
        lists = frame.to_pydict()
    elif isinstance(frame, pl.DataFrame):
        lists = frame.to_dict(as_series=False)
    else:
        lists = frame.astype(object).where(frame.notna(), None).to_dict("list")
    return lists


@every_library
def test_a_frame_is_answered_in_its_own_kind(make: Make, client: Client) -> None:
    frame = make({"user_id": ["a", None, "c"], "x": [-1.0, 2.0, 3.0]})
    answers = client.predict_frame("m", frame)
    assert type(answers) is type(frame)
    lists = as_lists(answers)
    assert list(lists) == ["label", "p_low", "p_high", "warnings", "error"]
    assert {name: lists[name] for name in LABELS} == LABELS
    assert lists["warnings"] == [None, None, None]
    assert [bool(error) for error in lists["error"]] == [False, True, False]


def test_the_columns_of_answers_have_their_types(client: Client) -> None:
    rows = {"user_id": ["a", "b"], "x": [-1.0, 2.0]}
    frame = client.predict_frame("m", pl.DataFrame(rows))
    types = [pl.String, pl.Float32, pl.Float32, pl.String, pl.String]
    assert frame.dtypes == types
    table = client.predict_frame("m", pa.table(rows))
    assert [str(field.type) for field in table.schema] == [
        *("string", "float", "float", "string", "string")
    ]


@every_library
def test_many_rows_are_answered_in_order(make: Make, client: Client) -> None:
    xs = np.random.default_rng(0).normal(size=3000)
    frame = make({"user_id": ["a"] * len(xs), "x": xs.tolist()})
    expected = ["high" if x > 0 else "low" for x in xs]
    assert [a.label for a in client.predict_many("m", frame, errors="raise")] == expected
    streamed = client.predict_stream("m", frame)
    assert [a.label for a in streamed if isinstance(a, Prediction)] == expected


@every_library
def test_asyncio_answers_as_much(make: Make, server: FakeServer) -> None:
    frame = make({"user_id": ["a", "b"], "x": [1.0, -1.0], "extra": [1, 2]})

    async def ask() -> list[Any]:
        async with AsyncClient(server.target) as client:
            many = [a.label async for a in client.predict_many("m", frame, errors="raise")]
            streamed = [a async for a in client.predict_stream("m", frame)]
            framed = as_lists(await client.predict_frame("m", frame))["label"]
            return [many, [a.label for a in streamed if isinstance(a, Prediction)], framed]

    assert asyncio.run(ask()) == [["high", "low"]] * 3
    assert all(row.keys() == {"user_id", "x"} for _, row in server.asked)


EXTRA: dict[str, list[Any]] = {
    "lists": [[1], [2, 3]],
    "bytes": [b"a", b"b"],
    "decimals": [Decimal("1.5"), Decimal("2.5")],
    "structs": [{"a": 1}, {"a": 2}],
    "numbers": [1, 2],
}


@every_library
@pytest.mark.parametrize("extra", EXTRA)
def test_columns_that_the_model_does_not_have_are_dropped_whatever_they_hold(
    extra: str, make: Make, client: Client, server: FakeServer
) -> None:
    frame = make({extra: EXTRA[extra], "x": [1.0, 2.0], "user_id": ["a", "b"]})
    assert as_lists(client.predict_frame("m", frame))["label"] == ["high", "high"]
    assert all(a.label == "high" for a in client.predict_many("m", frame, errors="raise"))
    assert all(row.keys() == {"user_id", "x"} for _, row in server.asked)


@pytest.mark.parametrize("extra", [[5, 5], ["double", "double"], [None, ("a", 1)]])
def test_columns_with_names_that_cannot_be_sent_are_dropped_too(
    extra: list[Any], client: Client
) -> None:
    frame = pd.DataFrame([[1.0, "a", 0, 0]])
    frame.columns = pd.Index(["x", "user_id", *extra], dtype=object)
    assert client.predict_frame("m", frame)["label"].tolist() == ["high"]


@pytest.mark.parametrize(
    ("names", "field"),
    [(["user_id", "x", "x"], "columns[2].name"), (["a", 1, "b"], "columns[1].name")],
)
def test_names_that_are_left_must_be_str_and_each_its_own(
    names: list[Any], field: str, client: Client
) -> None:
    frame = pd.DataFrame([["a", 1.0, 2.0]])
    frame.columns = pd.Index(names, dtype=object)
    with pytest.raises(InvalidInput) as caught:
        list(client.predict_many("m", frame))
    assert caught.value.violations[0].field == f"table.{field}"


def test_a_table_of_pyarrow_with_a_name_twice_is_refused(client: Client) -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["x", "x"])
    with pytest.raises(InvalidInput, match="each name once"):
        client.predict_frame("m", table)


@every_library
def test_a_frame_without_the_models_columns_is_refused_with_what_it_misses(
    make: Make, client: Client, server: FakeServer
) -> None:
    with pytest.raises(InvalidInput, match=r"none of 2 rows could be answered; the first: .*user"):
        client.predict_frame("m", make({"other": [1, 2]}))
    assert server.asked == [("m", {"other": 1}), ("m", {"other": 2})]


@every_library
def test_ids_read_as_integers_are_told_what_to_do(make: Make, client: Client) -> None:
    frame = make({"user_id": [7, 8], "x": [1.0, 2.0]})
    hint = (
        r"got the number 7; the column is [Ii]nt64: read it as text, with dtype=\{.user_id.: str\}"
    )
    with pytest.raises(InvalidInput, match=f"none of 2 rows .*{hint}") as caught:
        client.predict_frame("m", frame)
    assert str(caught.value).count("dtype") == 1
    first, second = client.predict_many("m", frame)
    assert isinstance(first, InvalidInput)
    assert isinstance(second, InvalidInput)
    assert (first.index, second.index) == (0, 1)
    assert "dtype={'user_id': str}" in first.violations[0].description
    for index, error in client.predict_stream("m", frame, ordered=False):
        assert isinstance(error, InvalidInput)
        assert error.index == index
        assert "dtype={'user_id': str}" in str(error)


def test_nulls_among_ids_make_floats_of_them_and_the_hint_stands(client: Client) -> None:
    frame = pd.DataFrame({"user_id": [7, None], "x": [1.0, 2.0]})
    with pytest.raises(InvalidInput, match="the column is float64: read it as text"):
        client.predict_frame("m", frame)


def test_a_frame_of_which_some_rows_could_be_answered_does_not_raise(client: Client) -> None:
    frame = client.predict_frame("m", pd.DataFrame({"user_id": ["a", None], "x": [1.0, 2.0]}))
    assert frame["error"].notna().tolist() == [False, True]


@every_library
def test_no_rows_are_answered_with_none(make: Make, client: Client, server: FakeServer) -> None:
    frame = make({"user_id": ["a"], "x": [1.0]})[:0]
    answers = client.predict_frame("m", frame)
    assert len(answers) == 0
    assert list(as_lists(answers)) == ["label", "p_low", "p_high", "warnings", "error"]
    assert server.asked == []


CELLS: dict[str, tuple[Any, list[Any]]] = {
    "strings": (pl.Series(["a", None, "🐧"]), ["a", None, "🐧"]),
    "categories": (pl.Series(["b", "a", None], dtype=pl.Categorical), ["b", "a", None]),
    "small integers": (pl.Series([1, None, -3], dtype=pl.Int8), [1, None, -3]),
    "large integers": (pl.Series([2**64 - 1, None], dtype=pl.UInt64), [2**64 - 1, None]),
    "floats": (pl.Series([0.5, None, float("nan")]), [0.5, None, None]),
    "float32": (pl.Series([0.5, None], dtype=pl.Float32), [0.5, None]),
    "bools": (pl.Series([True, None, False]), [True, None, False]),
    "nulls": (pl.Series([None, None]), [None, None]),
    "dates": (pl.Series([date(2024, 5, 31), None]), ["2024-05-31", None]),
    "times": (
        pl.Series([datetime(2024, 5, 31, 12), None], dtype=pl.Datetime("ns")),
        ["2024-05-31T12:00:00", None],
    ),
}


@every_other_library
@pytest.mark.parametrize("cells", CELLS)
def test_cells_of_every_type_arrive(cells: str, make: Make, server: FakeServer) -> None:
    series, expected = CELLS[cells]
    frame: Any = pl.DataFrame({"any": series})
    frame = frame if make is pl.DataFrame else frame.to_arrow()
    server.answers["any"] = Regression.of(1)
    with Client(server.target) as client:
        assert len(list(client.predict_many("any", frame))) == len(expected)
    got = [row["any"] for _, row in server.asked]
    assert got == expected
    assert [type(cell) for cell in got] == [type(cell) for cell in expected]


@every_other_library
@pytest.mark.parametrize("bad", [[[1], [2]], [Decimal(1), Decimal(2)], [b"a", b"b"]])
def test_a_cell_that_cannot_be_sent_fails_its_row(
    bad: list[Any], make: Make, client: Client
) -> None:
    first, second = client.predict_many("m", make({"user_id": ["a", "b"], "x": bad}))
    assert isinstance(first, InvalidInput)
    assert first.violations[0].field == 'row.cells["x"]'
    assert isinstance(second, InvalidInput)


@pytest.mark.parametrize("texts", [pl.Series(["a", "b"]), pa.array(["a", "b"])])
def test_a_column_of_texts_is_answered_as_a_frame(texts: Any, server: FakeServer) -> None:
    server.answers["imdb"] = SingleLabel.of("positive")
    with Client(server.target) as client:
        frame = client.predict_frame("imdb", texts)
        assert len(list(client.predict_many("imdb", texts))) == 2
    assert as_lists(frame)["label"] == ["positive", "positive"]
    assert server.asked == [("imdb", "a"), ("imdb", "b")] * 2


@every_library
def test_an_endpoint_takes_any_frame(make: Make) -> None:
    with FakeServer(endpoints={"rows": len}) as server, Client(server.target) as client:
        assert client.call("rows", make({"x": [1, 2], "y": ["a", None]})) == 2


def test_a_lone_frame_is_told_the_way() -> None:
    with Client("127.0.0.1:1") as client, pytest.raises(TypeError, match="with predict_many"):
        client.predict("m", pl.DataFrame({"x": [1]}))


def test_a_frame_that_is_not_there_yet_is_told_the_way() -> None:
    with Client("127.0.0.1:1") as client, pytest.raises(TypeError, match="LazyFrame: collect"):
        client.predict_many("m", pl.DataFrame({"x": [1]}).lazy())  # type: ignore[call-overload,unused-ignore]
