"""Connect and gRPC-Web, as their specifications write them: the test makes each byte."""

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator, Iterator
from threading import Event
from typing import Any

import httpx
import learnwire_service as lw
import numpy as np
import pytest
from google.protobuf import json_format
from google.rpc import status_pb2
from learnwire.v1 import endpoint_service_pb2, io_pb2
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire_client.rows import encode_row

from tests.conftest import Trained
from tests.end_to_end.web import (
    GENERIC,
    PENGUINS,
    framed,
    frames,
    trailers,
    violations,
    web_serving,
)

PATIENCE = 60
CALL, STREAM = (f"/learnwire.v1.EndpointService/{name}" for name in ("Call", "CallStream"))
TYPES = ["application/grpc-web+proto", "application/grpc-web-text", "application/connect+proto"]
MANY = 400


class Numbers:
    """A service that streams, and tells how far it is and whether it was left."""

    def __init__(self) -> None:
        self.made, self.left = 0, Event()
        self.service = svc = lw.Service("numbers")

        @svc.api(input=lw.Text(), output=lw.Text())
        def shout(text: str) -> str:
            return text.upper()

        @svc.api(input=lw.Text(), output=lw.Text())
        async def wait(text: str) -> str:
            self.left.clear()
            try:
                return await asyncio.Future()
            finally:
                self.left.set()

        @svc.api(input=lw.Text(), output=lw.Text())
        async def count(text: str) -> AsyncIterator[str]:
            self.made = 0
            self.left.clear()
            try:
                for _ in range(MANY):
                    self.made += 1
                    yield text
                if text == "fail":
                    raise lw.EndpointError("NOT_FOUND", "no more", reason="NO_MORE")
            finally:
                self.left.set()


@pytest.fixture(scope="module")
def numbers() -> Numbers:
    return Numbers()


@pytest.fixture(scope="module")
def http(trained: dict[str, Trained], numbers: Numbers) -> Iterator[httpx.Client]:
    with web_serving(*trained, numbers.service) as (_, client):
        yield client


def asked(http: httpx.Client, path: str, content_type: str, message: Any) -> tuple[Any, ...]:
    """Ask in a stream's protocol; give the answers' bytes, and how it ended."""
    is_text, is_json = "text" in content_type, content_type.endswith("json")
    data = json_format.MessageToJson(message).encode() if is_json else message.SerializeToString()
    body = framed(data)
    answer = http.post(
        path,
        content=base64.b64encode(body) if is_text else body,
        headers={"content-type": content_type},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    content = answer.content
    if is_text:
        # Pieces end with a padding of their own.
        content = b"".join(base64.b64decode(one + b"==") for one in content.split(b"="))
    *answers, (flags, end) = frames(content)
    assert all(flags == 0 for flags, _ in answers)
    if "connect" in content_type:
        assert flags == 2
        error = json.loads(end).get("error")
        return [data for _, data in answers], error and error["code"]
    assert flags == 128
    return [data for _, data in answers], trailers(end)


def text(content: str, endpoint: str = "count") -> Any:
    payload = endpoint_service_pb2.Payload(text=io_pb2.Text(content=content))
    return endpoint_service_pb2.CallRequest(endpoint=endpoint, input=payload)


@pytest.mark.parametrize("codec", ["proto", "json"])
@pytest.mark.parametrize("kind", ["grpc-web", "grpc-web-text", "connect"])
def test_many_rows_stream_as_the_learner_answers(
    http: httpx.Client, trained: dict[str, Trained], kind: str, codec: str
) -> None:
    one = trained["penguins"]
    items = one.items[:40]
    rows = io_pb2.TabularRows(rows=[encode_row(item) for item in items])
    request = pb.PredictManyRequest(model="penguins", rows=rows)
    answers, end = asked(http, f"{GENERIC}/PredictMany", f"application/{kind}+{codec}", request)
    assert end in (None, {"grpc-status": "0"})
    probabilities: list[Any] = []
    for data in answers:
        response = (
            json_format.Parse(data, pb.PredictManyResponse())
            if codec == "json"
            else pb.PredictManyResponse.FromString(data)
        )
        told = response.single_labels.probabilities
        probabilities += list(np.frombuffer(told.data, "<f4").reshape(tuple(told.shape)))
    expected = [one.predict(item)[2] for item in items]
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


@pytest.mark.parametrize("content_type", TYPES)
def test_errors_of_streams_come_behind_the_answers(http: httpx.Client, content_type: str) -> None:
    answers, end = asked(http, STREAM, content_type, text("fail"))
    assert len(answers) == MANY
    if "connect" in content_type:
        assert end == "not_found"
        return
    assert (end["grpc-status"], end["grpc-message"]) == ("5", "no more")
    packed = base64.b64decode(end["grpc-status-details-bin"] + "==")
    assert status_pb2.Status.FromString(packed).code == 5


@pytest.mark.parametrize("content_type", TYPES[:2])
def test_grpc_web_answers_once_and_tells_errors_in_trailers(
    http: httpx.Client, content_type: str
) -> None:
    [answer], end = asked(http, CALL, content_type, text("hello", "shout"))
    told = endpoint_service_pb2.CallResponse.FromString(answer)
    assert (told.output.text.content, end) == ("HELLO", {"grpc-status": "0"})
    none, end = asked(http, CALL, content_type, text("hello", "größer"))
    assert (none, end["grpc-status"]) == ([], "5")
    assert "gr%C3%B6%C3%9Fer" in end["grpc-message"]


def test_connect_answers_once_in_bytes(http: httpx.Client) -> None:
    headers = {"content-type": "application/proto", "connect-protocol-version": "1"}
    data = text("hello", "shout").SerializeToString()
    answer = http.post(CALL, content=data, headers=headers)
    assert answer.headers["content-type"] == "application/proto"
    told = endpoint_service_pb2.CallResponse.FromString(answer.content)
    assert told.output.text.content == "HELLO"
    wrong = http.post(CALL, content=b"\xff", headers=headers)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_argument")


@pytest.mark.parametrize(
    ("path", "content_type"), [(STREAM, "application/proto"), (CALL, "application/connect+proto")]
)
def test_a_protocol_without_a_way_to_answer_is_refused(
    http: httpx.Client, path: str, content_type: str
) -> None:
    answer = http.post(path, content=b"", headers={"content-type": content_type})
    assert content_type in answer.text
    assert '"unimplemented"' in answer.text


def test_plain_json_streams_in_lines(http: httpx.Client) -> None:
    asks = {"endpoint": "count", "input": {"text": {"content": "fail"}}}
    answer = http.post(STREAM, json=asks)
    assert answer.headers["content-type"] == "application/x-ndjson"
    *answers, last = map(json.loads, answer.text.splitlines())
    assert answers == [{"output": {"text": {"content": "fail"}}}] * MANY
    assert last["error"]["code"] == "not_found"
    none = http.post(STREAM, json={**asks, "endpoint": "cuont"})
    assert (none.status_code, none.json()["code"]) == (404, "not_found")


def test_a_models_own_stream_has_plain_fields(
    http: httpx.Client, trained: dict[str, Trained]
) -> None:
    rows = [
        {name: None if cell != cell else cell for name, cell in item.to_dict().items()}
        for item in trained["penguins"].items[:3]
    ]
    lines = http.post(f"{PENGUINS}/PredictMany", json={"requests": rows}).text.splitlines()
    results = [one for line in lines for one in json.loads(line)["results"]]
    expected = [trained["penguins"].predict(item)[0] for item in trained["penguins"].items[:3]]
    assert [one["response"]["label"] for one in results] == expected
    wrong = http.post(f"{PENGUINS}/PredictMany", json={"requests": [rows[0], {"islnad": "Dream"}]})
    assert violations(wrong).keys() == {"requests[1].islnad"}


def test_a_stream_whose_reader_leaves_is_cancelled(http: httpx.Client, numbers: Numbers) -> None:
    large = {"endpoint": "count", "input": {"text": {"content": "a" * 99_999}}}
    with http.stream("POST", STREAM, json=large) as answer:
        next(answer.iter_bytes())
    assert numbers.left.wait(PATIENCE)
    assert numbers.made < MANY


def test_a_call_whose_caller_leaves_is_cancelled(http: httpx.Client, numbers: Numbers) -> None:
    asks = {"endpoint": "wait", "input": {"text": {"content": ""}}}
    with pytest.raises(httpx.ReadTimeout):
        http.post(CALL, json=asks, timeout=0.2)
    assert numbers.left.wait(PATIENCE)


def test_a_stream_that_is_read_slowly_is_held_back(http: httpx.Client, numbers: Numbers) -> None:
    large = {"endpoint": "count", "input": {"text": {"content": "a" * 99_999}}}
    with http.stream("POST", STREAM, json=large) as answer:
        read = answer.iter_bytes()
        found = len(next(read))
        for _ in range(20):  # which take longer than what is not held back
            http.post(CALL, json={**large, "endpoint": "shout"}).raise_for_status()
        assert numbers.made < MANY
        found += sum(map(len, read))
    assert numbers.made == MANY
    assert found > MANY * 99_999


def test_messages_are_compressed_where_both_sides_say_so(http: httpx.Client) -> None:
    data = text("a" * 50_000, "shout").SerializeToString()
    packed = gzip.compress(data)
    unary = http.post(
        CALL,
        content=packed,
        headers={"content-type": "application/proto", "content-encoding": "gzip"},
    )
    assert unary.headers["content-encoding"] == "gzip"
    assert int(unary.headers["content-length"]) < 1000
    told = endpoint_service_pb2.CallResponse.FromString(unary.content)
    assert told.output.text.content == "A" * 50_000
    headers = {"grpc-encoding": "gzip", "grpc-accept-encoding": "identity, gzip"}
    web = http.post(
        CALL, content=framed(packed, 1), headers={"content-type": "application/grpc-web", **headers}
    )
    (flags, answer), (end, _) = frames(web.content)
    assert (flags, end, web.headers["grpc-encoding"]) == (1, 128, "gzip")
    assert endpoint_service_pb2.CallResponse.FromString(gzip.decompress(answer)) == told
    for accepted in ("gzip;q=0", "br, gzip; q=0.0", "identity"):
        plain = http.post(
            CALL,
            content=data,
            headers={"content-type": "application/proto", "accept-encoding": accepted},
        )
        assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (framed(b""), {"grpc-encoding": "br"}, "12"),
        (framed(b"", 1), {}, "3"),
        (framed(b"no gzip", 1), {"grpc-encoding": "gzip"}, "3"),
        (framed(gzip.compress(b"", mtime=0) * 2, 1), {"grpc-encoding": "gzip"}, "3"),
        (framed(gzip.compress(bytes(2**25), mtime=0), 1), {"grpc-encoding": "gzip"}, "8"),
        (framed(b"") * 2, {}, "3"),
        (b"\0\0", {}, "3"),
        (framed(b"\xff"), {}, "3"),
        (framed(b""), {"grpc-timeout": "soon"}, "3"),
        (framed(text("", "wait").SerializeToString()), {"grpc-timeout": "50m"}, "4"),
    ],
)
def test_what_is_no_request_is_refused(
    http: httpx.Client, body: bytes, headers: dict[str, str], code: str
) -> None:
    kind = {"content-type": "application/grpc-web"}
    answer = http.post(CALL, content=body, headers={**kind, **headers})
    [(flags, end)] = frames(answer.content)
    assert (flags, trailers(end)["grpc-status"]) == (128, code)
