"""Whose fault it is: callers learn of what stands in their message, the log of all else."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
from learnwire.v1 import endpoint_service_pb2 as pb
from learnwire.v1 import endpoint_service_pb2_grpc as pb_grpc
from learnwire_client import CallError, Client, InvalidInput, ServerFailed
from learnwire_client.errors import Violation

from tests.conftest import Trained

MOST = 20
LONG = "a film " * MOST
BAD = "a word"


@pytest.fixture(scope="module")
def served(trained: dict[str, Trained]) -> Iterator[str]:
    sentiment = lw.get("sentiment").to_runner(max_text_chars=MOST)
    penguins, digits = lw.get("penguins").to_runner(), lw.get("digits").to_runner()
    svc = lw.Service("blamed", runners=[sentiment, penguins, digits])

    @svc.api(input=lw.Text(), output=lw.Prediction())
    async def as_it_is(text: str) -> Any:
        return await sentiment.predict.async_run(text)

    @svc.api(input=lw.Text(), output=lw.Prediction())
    def in_a_thread(text: str) -> Any:
        return sentiment.predict.run(text)

    @svc.api(input={"title": lw.Text(), "text": lw.Text()}, output=lw.Prediction())
    async def named(text: str, title: str) -> Any:
        return await sentiment.predict.async_run(text)

    @svc.api(input=lw.Text(), output=lw.Prediction())
    async def streamed(text: str) -> AsyncIterator[Any]:
        yield await sentiment.predict.async_run("fine")
        yield await sentiment.predict.async_run(text)

    @svc.api(input=lw.Text(), output=lw.Prediction())
    async def in_words(text: str) -> Any:
        return await sentiment.predict.async_run(text.split())

    @svc.api(input=lw.Text(), output=lw.Prediction())
    async def longer(text: str) -> Any:
        return await sentiment.predict.async_run(text * MOST)

    @svc.api(input=lw.Text(), output=lw.Prediction())
    async def text_as_row(text: str) -> Any:
        return await penguins.predict.async_run(text)

    @svc.api(input=lw.TabularRow(), output=lw.Prediction())
    async def row(row: Any) -> Any:
        return await penguins.predict.async_run(row)

    @svc.api(input=lw.TabularRow(), output=lw.Prediction())
    async def spoilt_row(row: Any) -> Any:
        row["year"] = BAD
        return await penguins.predict.async_run(row)

    @svc.api(input=lw.Table(), output=lw.NdArray())
    async def each_row(table: pd.DataFrame) -> Any:
        rows = [row for _, row in table.iterrows()]
        answers = await penguins.predict.async_run_batch(rows)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return np.stack([answer.probabilities for answer in answers])

    @svc.api(input=lw.Table(), output=lw.NdArray())
    async def whole_table(table: pd.DataFrame) -> Any:
        _, _, probabilities = await penguins.predict.async_run(table)
        return probabilities

    @svc.api(input=lw.NdArray(), output=lw.Prediction())
    async def image(image: Any) -> Any:
        return await digits.predict.async_run(image)

    @svc.api(input=lw.NdArray(), output=lw.Prediction())
    async def second_image(images: Any) -> Any:
        return await digits.predict.async_run(images[1])

    @svc.api(input=lw.NdArray(), output=lw.Prediction())
    async def scaled_image(image: Any) -> Any:
        image /= 255
        return await digits.predict.async_run(image)

    @svc.api(input=lw.Text(), output=lw.Text())
    async def refusing(field: str) -> str:
        raise lw.InvalidInput("must be positive", field=field)

    @svc.api(input=lw.Text(), output=lw.Text())
    def saying(sentence: str) -> str:
        raise lw.InvalidInput(sentence)

    @svc.api(input=lw.Text(), output=lw.Text())
    def missing(film: str) -> str:
        raise lw.EndpointError(grpc.StatusCode.NOT_FOUND, f"no {film}", reason="NO_FILM")

    @svc.api(input=lw.Text(), output=lw.Text())
    def mistaken(reason: str) -> str:
        raise lw.EndpointError("not_found", "no film", reason=reason)

    class TooOld(lw.InvalidInput):
        pass

    @svc.api(input=lw.Text(), output=lw.Text())
    def derived(text: str) -> str:
        raise TooOld("age: must be below 100")

    with lw.serving(svc) as target:
        yield target


@pytest.fixture(scope="module")
def caller(served: str) -> Iterator[Client]:
    with Client(served) as client:
        yield client


@pytest.fixture
def bad_row(trained: dict[str, Trained]) -> dict[str, Any]:
    good = trained["penguins"].items[0].to_dict()
    return {name: None if value != value else value for name, value in good.items()} | {"year": BAD}


@pytest.mark.parametrize("endpoint", ["as_it_is", "in_a_thread", "named", "streamed"])
def test_what_stands_in_the_callers_message_is_told_with_its_path(
    endpoint: str, caller: Client
) -> None:
    path = "inputs.text.text.content" if endpoint == "named" else "input.text.content"
    calls: dict[str, Callable[[], Any]] = {
        "named": lambda: caller.call("named", inputs={"title": "x", "text": LONG}),
        "streamed": lambda: list(caller.stream("streamed", LONG)),
    }
    with pytest.raises(InvalidInput) as caught:
        calls.get(endpoint, lambda: caller.call(endpoint, LONG))()
    problem = f"expected at most {MOST} characters, got {len(LONG)}"
    assert caught.value.violations == (Violation(path, problem),)
    assert caught.value.message.startswith(f"the input does not fit the endpoint {endpoint}: ")


def test_a_row_is_told_with_its_cell(caller: Client, bad_row: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        caller.call("row", bad_row)
    [violation] = caught.value.violations
    assert violation.field == 'input.row.cells["year"]'
    assert BAD in violation.description


def test_a_row_of_a_table_is_told_with_its_place(
    caller: Client, served: str, bad_row: dict[str, Any]
) -> None:
    rows = [bad_row | {"year": "2007"}, bad_row | {"year": BAD}]
    good = [{**bad_row, "year": 2007}, {**bad_row, "year": 2008}]
    assert caller.call("each_row", pd.DataFrame(good)).shape == (2, 3)
    np.testing.assert_allclose(
        caller.call("whole_table", pd.DataFrame(good)),
        caller.call("each_row", pd.DataFrame(good)),
        atol=1e-6,
    )
    place = list(bad_row).index("year")
    for endpoint in ("each_row", "whole_table"):
        with pytest.raises(InvalidInput) as caught:
            caller.call(endpoint, pd.DataFrame([rows[1]]))
        [violation] = caught.value.violations
        assert violation.field == f"input.table.columns[{place}].values"
        assert violation.description.startswith("row 0: expected")
    message = pb.CallRequest(endpoint="each_row")
    for one in (good[0], rows[1]):
        cells = message.input.rows.rows.add().cells
        for name, cell in one.items():
            if cell is None:
                cells[name].null_value = 0  # type: ignore[assignment]
            elif isinstance(cell, str):
                cells[name].string_value = cell
            else:
                cells[name].number_value = cell
    with grpc.insecure_channel(served) as channel, pytest.raises(grpc.RpcError) as error:
        pb_grpc.EndpointServiceStub(channel).Call(message)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert 'input.rows.rows[1].cells["year"]: ' in str(error.value.details())


def test_an_array_is_told_whole_and_by_its_elements(caller: Client) -> None:
    with pytest.raises(InvalidInput) as caught:
        caller.call("image", np.zeros((2, 3, 4, 5), np.uint8))
    assert [one.field for one in caught.value.violations] == ["input.array.shape"]
    with pytest.raises(InvalidInput) as caught:
        caller.call("second_image", np.zeros((2, 0, 4), np.uint8))
    [violation] = caught.value.violations
    assert violation.field == "input.array.shape"
    assert violation.description.startswith("element 0: expected")


@pytest.mark.parametrize(
    ("endpoint", "value"),
    [
        ("in_words", "a film"),
        ("longer", "fine"),
        ("text_as_row", "fine"),
        ("spoilt_row", {"year": 2007, "island": "Dream"}),
        ("scaled_image", np.ones((8, 8))),
    ],
)
def test_what_the_service_makes_of_it_is_the_services_fault(
    endpoint: str, value: Any, caller: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ServerFailed) as caught:
        caller.call(endpoint, value)
    assert caught.value.code is grpc.StatusCode.INTERNAL
    assert (caught.value.reason, caught.value.violations) == ("ENDPOINT_FAILED", ())
    [record] = [one for one in caplog.records if one.message == "endpoint failed"]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], lw.InvalidInput)
    trace = record.exc_info[2]
    lines = []
    while trace is not None:
        lines.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert endpoint in lines


def test_a_function_refuses_its_input_in_a_sentence_or_with_a_field(caller: Client) -> None:
    with pytest.raises(InvalidInput) as caught:
        caller.call("saying", "age: must be positive")
    assert str(caught.value) == "age: must be positive"
    with pytest.raises(InvalidInput) as caught:
        caller.call("refusing", 'input.row.cells["age"]')
    assert caught.value.violations == (Violation('input.row.cells["age"]', "must be positive"),)
    with pytest.raises(InvalidInput, match="age: must be below 100"):
        caller.call("derived", "x")


def test_an_endpoints_error_takes_grpcs_codes_and_is_checked_where_it_is_raised(
    caller: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(CallError, match="no film") as caught:
        caller.call("missing", "film")
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.NOT_FOUND, "NO_FILM")
    with pytest.raises(CallError) as caught:
        caller.call("mistaken", "NO_FILM")
    assert caught.value.code is grpc.StatusCode.NOT_FOUND
    with pytest.raises(ServerFailed):
        caller.call("mistaken", "no film")
    [record] = [one for one in caplog.records if one.message == "endpoint failed"]
    assert record.exc_info is not None
    assert "reason: expected a word in capitals such as NO_FILM" in str(record.exc_info[1])
