"""The line that a call leaves in the log."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import grpc
import learnwire_service as lw
import pytest
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1 import prediction_service_pb2_grpc as pb_grpc
from learnwire_client import AsyncClient, Client, InvalidInput, ModelNotFound
from learnwire_client.rows import encode_row
from learnwire_service.common import logs

from tests.conftest import Trained
from tests.end_to_end.test_workers import await_that

REQUEST_ID = "x-request-id"
Lines = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """Log as a server does, and give so many lines of predictions as soon as they are there."""
    logs.configure("json")
    found: list[dict[str, Any]] = []

    def read() -> list[dict[str, Any]]:
        events = map(json.loads, capsys.readouterr().err.splitlines())
        calls = (event for event in events if event["event"] == "call")
        found.extend(one for one in calls if "PredictionService" in one["method"])
        return found

    def until(count: int, method: str = "") -> list[dict[str, Any]]:
        await_that(lambda: read()[count - 1 :], f"{count} lines")
        await_that(lambda: read()[-1]["method"].endswith(method), f"the line of {method}")
        assert len(found) == count or method
        return found

    return until


def predict(target: str, row: Any, *metadata: tuple[str, str]) -> str:
    """Make a call with metadata, and give the id that comes back."""
    request = pb.PredictRequest(model="penguins", row=encode_row(row))
    with grpc.insecure_channel(target) as channel:
        stub = pb_grpc.PredictionServiceStub(channel)
        _, call = stub.Predict.with_call(request, metadata=metadata)
        return str(dict(call.trailing_metadata())[REQUEST_ID])


def test_it_tells_whose_call_it_was_and_what_became_of_it(
    target: str, penguins: Trained, lines: Lines
) -> None:
    sent = "Root=1-67891233-abcdef012345678912345678"
    assert predict(target, penguins.items[0], (REQUEST_ID, sent)) == sent
    [line] = lines(1)
    assert line["ms"] > 0
    assert line["peer"].startswith("ipv4:127.0.0.1:")
    told = {name: line[name] for name in ("code", "items", "model", "request_id", "level")}
    assert told == {
        "code": "OK",
        "items": 1,
        "model": "penguins",
        "request_id": sent,
        "level": "info",
    }
    assert line["version"] == lw.get("penguins").manifest.version


@pytest.mark.parametrize("sent", ["", "x" * 129, "a b", 'a"b', "a;b", "<b>", "a,b"])
def test_an_id_that_is_none_is_replaced(
    target: str, penguins: Trained, lines: Lines, sent: str
) -> None:
    given = predict(target, penguins.items[0], (REQUEST_ID, sent))
    other = predict(target, penguins.items[0])
    assert len({sent, given, other, ""}) == 4 - (sent == "")
    assert [line["request_id"] for line in lines(2)] == [given, other]


def test_an_error_has_the_id_of_its_line_and_its_line_the_reason(
    client: Client, lines: Lines
) -> None:
    with pytest.raises(ModelNotFound) as missing:
        client.predict("nobody", "very secret words")
    with pytest.raises(InvalidInput) as refused:
        client.predict("penguins", "very secret words")
    first, second = lines(2)
    assert first["request_id"] == missing.value.request_id != ""
    assert second["request_id"] == refused.value.request_id != ""
    assert (first["code"], first["reason"]) == ("NOT_FOUND", "MODEL_NOT_FOUND")
    assert (second["code"], second["reason"]) == ("INVALID_ARGUMENT", "INVALID_INPUT")
    assert {first["level"], second["level"]} == {"warning"}
    assert "secret" not in json.dumps([first, second])


def test_errors_of_the_async_client_have_it_too(target: str, lines: Lines) -> None:
    async def main() -> str:
        async with AsyncClient(target) as client:
            with pytest.raises(ModelNotFound) as missing:
                await client.predict("nobody", "")
            return missing.value.request_id

    assert asyncio.run(main()) == lines(1)[0]["request_id"]


def test_items_that_fail_are_counted(client: Client, penguins: Trained, lines: Lines) -> None:
    row = dict(penguins.items[0])
    items = [row, {**row, "year": "long ago"}, row]
    list(client.predict_many("penguins", items))
    list(client.predict_stream("penguins", items))
    *many, stream = lines(2, method="PredictStream")
    # The client may have sent them in several calls.
    assert sum(line["items"] for line in many) == stream["items"] == 3
    assert sum(line.get("errors", 0) for line in many) == stream["errors"] == 1
    assert {line["code"] for line in (*many, stream)} == {"OK"}


def test_of_calls_that_succeed_a_share_is_told_and_of_others_all(
    penguins: Trained, lines: Lines
) -> None:
    with lw.serving("penguins", log_sample=0) as target, Client(target) as client:
        for _ in range(3):
            client.predict("penguins", penguins.items[0])
        with pytest.raises(ModelNotFound):
            client.predict("nobody", penguins.items[0])
    assert [line["code"] for line in lines(1)] == ["NOT_FOUND"]
