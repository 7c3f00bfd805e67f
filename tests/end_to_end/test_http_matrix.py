"""What goes wrong comes out right in each protocol: code, reason, and the wrong field."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import httpx
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from learnwire.v1 import io_pb2
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire_client.rows import encode_row

from tests.access import AccessWriter
from tests.conftest import Trained
from tests.end_to_end.web import GENERIC, framed, frames, trailers, web_serving

ONCE = ["application/json", "application/proto"]
STREAMS = ["application/connect+proto", "application/connect+json", "application/x-ndjson"]
WEB = ["application/grpc-web", "application/grpc-web+json", "application/grpc-web-text"]
LONG = "word " * 20_000


class End(NamedTuple):
    """How a call ended: the name of its code, its reason, and the fields that were wrong."""

    code: str
    reason: str = ""
    fields: tuple[str, ...] = ()


class Asked(NamedTuple):
    """What is asked: one item, or the same one among many."""

    one: pb.PredictRequest
    headers: Mapping[str, str] = {}
    token: str = "all"

    @property
    def many(self) -> pb.PredictManyRequest:
        if self.one.HasField("row"):
            rows = io_pb2.TabularRows(rows=[self.one.row])
            return pb.PredictManyRequest(model=self.one.model, rows=rows)
        texts = io_pb2.Texts(contents=[self.one.text.content])
        return pb.PredictManyRequest(model=self.one.model, texts=texts)


ROW = {
    "island": "Torgersen",
    "sex": "male",
    "year": 2008,
    "bill_length_mm": 39.1,
    "bill_depth_mm": 18.7,
    "flipper_length_mm": 181,
    "body_mass_g": 3750,
}


def a_row(model: str = "penguins", **cells: Any) -> pb.PredictRequest:
    return pb.PredictRequest(model=model, row=encode_row({**ROW, **cells}))


def a_text(content: str) -> pb.PredictRequest:
    return pb.PredictRequest(model="sentiment", text=io_pb2.Text(content=content))


WRONG: Mapping[str, tuple[Asked, End]] = {
    "a bad cell": (
        Asked(a_row(body_mass_g="heavy")),
        End("invalid_argument", "INVALID_INPUT", ('row.cells["body_mass_g"]',)),
    ),
    "an unknown model": (Asked(a_row("pengiuns")), End("not_found", "MODEL_NOT_FOUND")),
    "a deadline": (
        Asked(a_text(LONG), {"connect-timeout-ms": "1", "grpc-timeout": "1m"}),
        End("deadline_exceeded", "DEADLINE_EXCEEDED"),
    ),
    "a message too large": (
        Asked(a_text("a" * 2**21)),
        End("resource_exhausted", "MESSAGE_TOO_LARGE"),
    ),
    "a missing role": (Asked(a_row(), token="reads"), End("permission_denied", "ROLE_MISSING")),
    "no token": (Asked(a_row(), token=""), End("unauthenticated", "TOKEN_MISSING")),
}


@pytest.fixture(scope="module")
def http(
    trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, dict[str, str]]]:
    """A server that asks for tokens and takes no large messages, and the tokens."""
    access = AccessWriter(tmp_path_factory.mktemp("access") / "access.json")
    tokens = {"all": access.token("all", "predict"), "reads": access.token("reads", "read")}
    with web_serving("penguins", "sentiment", access=access.path, max_message_mib=1) as (_, client):
        yield client, tokens


def sent(http: httpx.Client, path: str, kind: str, message: Message, **headers: str) -> Any:
    """Send a message as a protocol has it."""
    is_json = kind.endswith("json")
    data = json_format.MessageToJson(message).encode() if is_json else message.SerializeToString()
    if "connect+" in kind or "grpc-web" in kind:
        data = framed(data)
    if kind.endswith("text"):
        data = base64.b64encode(data)
    content_type = "application/json" if kind == "application/x-ndjson" else kind
    return http.post(path, content=data, headers={"content-type": content_type, **headers})


def of_json(error: Any) -> End:
    """Read an error as Connect's JSON has it."""
    found = {one["type"].rpartition(".")[2]: one["debug"] for one in error.get("details", [])}
    fields = [one["field"] for one in found.get("BadRequest", {}).get("fieldViolations", [])]
    return End(error["code"], found["ErrorInfo"]["reason"], tuple(fields))


def of_status(status: status_pb2.Status) -> End:
    """Read an error as gRPC has it."""
    info, wrong = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for one in status.details:
        one.Unpack(info)
        one.Unpack(wrong)
    fields = tuple(one.field for one in wrong.field_violations)
    return End(code_pb2.Code.Name(status.code).lower(), info.reason, fields)


def once(answer: httpx.Response) -> End:
    """Read the error of an answer that is not a stream."""
    assert not answer.is_success
    return of_json(answer.json())


def last_line(answer: httpx.Response) -> End:
    """Read the error of a stream of lines, which refuses what it has not begun with its status."""
    last = json.loads(answer.text.splitlines()[-1])
    return of_item(last) if answer.is_success else of_json(last)


def end_of_connect(answer: httpx.Response) -> End:
    """Read the error at the end of a stream of Connect, or that of the one item in it."""
    *items, (flags, end) = frames(answer.content)
    assert (answer.status_code, flags) == (200, 2)
    if "error" in (told := json.loads(end)):
        return of_json(told["error"])
    [(_, data)] = items
    if answer.headers["content-type"].endswith("json"):
        return of_item(json.loads(data))
    return of_status(pb.PredictManyResponse.FromString(data).errors[0].status)


def end_of_web(answer: httpx.Response) -> End:
    """Read the error in the trailers of gRPC-Web."""
    content = answer.content
    if answer.headers["content-type"].endswith("text"):
        content = base64.b64decode(content)
    [(flags, end)] = frames(content)
    assert (answer.status_code, flags) == (200, 128)
    told = trailers(end)
    packed = base64.b64decode(told["grpc-status-details-bin"] + "==")
    status = status_pb2.Status.FromString(packed)
    assert told["grpc-status"] == str(status.code)
    return of_status(status)


def of_item(line: Any) -> End:
    """Read the error of the one item in an answer of many."""
    [error] = line["errors"]
    return of_status(json_format.ParseDict(error["status"], status_pb2.Status()))


READ: Mapping[str, Callable[[httpx.Response], End]] = {
    **dict.fromkeys(ONCE, once),
    "application/connect+proto": end_of_connect,
    "application/connect+json": end_of_connect,
    "application/x-ndjson": last_line,
    **dict.fromkeys(WEB, end_of_web),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("kind", READ)
def test_what_is_wrong_is_told(
    http: tuple[httpx.Client, dict[str, str]], kind: str, wrong: str
) -> None:
    client, tokens = http
    asked, expected = WRONG[wrong]
    headers = dict(asked.headers)
    if asked.token:
        headers["authorization"] = f"Bearer {tokens[asked.token]}"
    method, message = ("PredictMany", asked.many) if kind in STREAMS else ("Predict", asked.one)
    answer = sent(client, f"{GENERIC}/{method}", kind, message, **headers)
    end = READ[kind](answer)
    if method == "PredictMany":
        # Where an item is among others, its place is told before its field.
        end = end._replace(fields=tuple(one.partition("].")[2] or one for one in end.fields))
    assert end == expected
