"""Callers without gRPC: plain JSON, as curl and httpx send it, answered as gRPC answers."""

import base64
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from learnwire_client import Client, InvalidInput

from tests.conftest import Trained
from tests.end_to_end.web import GENERIC, PENGUINS, details, violations, web_serving

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def web(trained: dict[str, Trained]) -> Iterator[tuple[str, httpx.Client]]:
    """A server of all three demo models, over gRPC and HTTP."""
    with web_serving(*trained, max_message_mib=1) as both:
        yield both


@pytest.fixture(scope="module")
def http(web: tuple[str, httpx.Client]) -> httpx.Client:
    return web[1]


def row_of(item: Any) -> dict[str, Any]:
    """Give a row of a frame as JSON has it."""
    return {name: None if cell != cell else cell for name, cell in item.to_dict().items()}


def image_of(item: Any) -> dict[str, Any]:
    """Give an image of uint8 as JSON has it."""
    data = base64.b64encode(np.ascontiguousarray(item).tobytes()).decode()
    return {"shape": list(item.shape), "dataType": "DATA_TYPE_UINT8", "data": data}


def input_of(name: str, item: Any) -> dict[str, Any]:
    if name == "penguins":
        return {"row": {"cells": row_of(item)}}
    return {"text": {"content": item}} if name == "sentiment" else {"array": image_of(item)}


@pytest.mark.parametrize("name", ["sentiment", "penguins", "digits"])
def test_json_is_answered_as_the_learner_answers(
    http: httpx.Client, trained: dict[str, Trained], name: str
) -> None:
    one = trained[name]
    for item in one.items[:10]:
        answer = http.post(f"{GENERIC}/Predict", json={"model": name, **input_of(name, item)})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        told = answer.json()["prediction"]["singleLabel"]
        label, index, probabilities = one.predict(item)
        assert (told["label"], told["index"]) == (label, int(index))
        np.testing.assert_allclose(told["probabilities"], probabilities, atol=1e-5)


def test_curl_asks_a_models_own_contract(http: httpx.Client, trained: dict[str, Trained]) -> None:
    item = trained["penguins"].items[0]
    url = str(http.base_url.join(f"{PENGUINS}/Predict"))
    command = ["curl", "-sS", "-H", "content-type: application/json", "-d"]
    done = subprocess.run(
        [*command, json.dumps(row_of(item)), url], capture_output=True, text=True, check=True
    )
    label, index, _ = trained["penguins"].predict(item)
    told = json.loads(done.stdout)
    assert (told["label"], told["index"]) == (label, int(index))
    assert told["category"] == f"CATEGORY_{label.upper()}"


def test_the_request_id_goes_back(http: httpx.Client) -> None:
    for model, code in (("sentiment", 200), ("nobody", 404)):
        item = {"model": model, "text": {"content": "a"}}
        answer = http.post(f"{GENERIC}/Predict", json=item, headers={"x-request-id": "a/1"})
        assert (answer.status_code, answer.headers["x-request-id"]) == (code, "a/1")
    assert http.post(f"{GENERIC}/Predict", json=item).headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/learnwire.v1.PredictionService/Nothing"),
        ("POST", "/nobody.Service/Call"),
        ("GET", "/nowhere"),
        ("DELETE", "/learnwire.v1.PredictionService/Predict"),
        ("GET", "/"),
        ("GET", "/openapi.json"),
    ],
)
def test_every_answer_has_a_request_id(http: httpx.Client, method: str, path: str) -> None:
    named = http.request(method, path, headers={"x-request-id": "a/1"})
    assert named.headers.get_list("x-request-id") == ["a/1"]
    assert http.request(method, path).headers["x-request-id"]
    strange = http.request(
        method, path, headers={"host": "elsewhere.example", "x-request-id": "a/2"}
    )
    assert (strange.status_code, strange.headers["x-request-id"]) == (421, "a/2")


def test_what_is_no_field_is_refused_by_its_name(http: httpx.Client) -> None:
    answer = http.post(f"{PENGUINS}/Predict", json={"islnad": "Dream", "year": 2007, "zzz": 1})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")
    assert violations(answer).keys() == {"islnad", "zzz"}
    assert "did you mean island?" in violations(answer)["islnad"]
    nested = http.post(f"{GENERIC}/Predict", json={"model": "sentiment", "text": {"contnet": "a"}})
    assert violations(nested).keys() == {"text.contnet"}


def test_extra_cells_of_the_generic_row_warn(
    http: httpx.Client, trained: dict[str, Trained]
) -> None:
    cells = {**row_of(trained["penguins"].items[0]), "zzz": 1}
    answer = http.post(
        f"{GENERIC}/Predict", json={"model": "penguins", "row": {"cells": cells}}
    ).json()
    assert "zzz" in answer["prediction"]["warnings"][0]


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        ({"text": {"content": 5}}, "text.content", "expected a string, got 5"),
        ({"text": "Fine!"}, "text", 'expected an object, the Text, got "Fine!"'),
        ({"row": {"cells": [1]}}, "row.cells", "expected an object, got a list"),
        ({"array": {"shape": 3}}, "array.shape", "expected a list, got 3"),
        ({"array": {"shape": [True]}}, "array.shape[0]", "expected a number, got true"),
    ],
)
def test_json_of_another_kind_is_refused_at_its_field(
    http: httpx.Client, body: dict[str, Any], field: str, expected: str
) -> None:
    answer = http.post(f"{GENERIC}/Predict", json={"model": "sentiment", **body})
    assert (answer.status_code, violations(answer)) == (400, {field: expected})


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"5", b"\xff{}", b'{"model": "a", "model": "b"}', b"[" * 200_000),
        *(b'"\\', b'{"model": ' + b"9" * 5000 + b"}", '{"model": "a"}'.encode("utf-16")),
    ],
)
def test_what_is_no_json_is_refused(http: httpx.Client, body: bytes) -> None:
    answer = http.post(f"{GENERIC}/Predict", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")
    assert "Traceback" not in answer.text
    assert "sys." not in answer.text


@pytest.mark.parametrize("depth", [50, 300])
def test_messages_within_messages_without_end_are_refused(http: httpx.Client, depth: int) -> None:
    told = '{"outputs": {"outputs": [' * depth + '{"nothing": 1}' + "]}}" * depth
    body = f'{{"endpoint": "none", "input": {{"prediction": {told}}}}}'
    answer = http.post("/learnwire.v1.EndpointService/Call", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")


@pytest.mark.parametrize(
    ("twice", "status"),
    [
        (("content-type", "application/json", "text/plain"), 415),
        (("content-encoding", "gzip", "identity"), 501),
        (("connect-timeout-ms", "60000", "50000"), 400),
    ],
)
def test_what_is_said_twice_is_not_taken_for_either(
    http: httpx.Client, twice: tuple[str, str, str], status: int
) -> None:
    name, one, other = twice
    asked = json.dumps({"model": "sentiment", "text": {"content": "Fine!"}})
    headers = [*JSON.items(), (name, one), (name, other)]
    answer = http.post(f"{GENERIC}/Predict", content=asked, headers=headers)
    assert answer.status_code == status


def test_errors_are_those_of_grpc(web: tuple[str, httpx.Client]) -> None:
    target, http = web
    row = {"cells": {"island": "Dream", "body_mass_g": "heavy"}}
    answer = http.post(f"{GENERIC}/Predict", json={"model": "penguins", "row": row})
    with Client(target) as client, pytest.raises(InvalidInput, match="heavy") as caught:
        client.predict("penguins", row["cells"])
    assert violations(answer) == {one.field: one.description for one in caught.value.violations}
    unknown = http.post(f"{GENERIC}/Predict", json={"model": "pengiuns", "row": row})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert "did you mean penguins?" in unknown.json()["message"]
    assert details(unknown)["ErrorInfo"]["reason"] == "MODEL_NOT_FOUND"


def test_what_is_too_large_is_refused(http: httpx.Client) -> None:
    text = {"content": "a" * 2**20}
    answer = http.post(f"{GENERIC}/Predict", json={"model": "sentiment", "text": text})
    assert (answer.status_code, answer.json()["code"]) == (429, "resource_exhausted")
    many = {"model": "digits", "array": {"shape": [8, 8], "floats": {"values": [0] * 300_000}}}
    answer = http.post(f"{GENERIC}/Predict", json=many)
    assert answer.status_code == 400
    assert "262144 values" in answer.json()["message"]


def test_a_deadline_that_passed_is_told(http: httpx.Client) -> None:
    asked = {"model": "sentiment", "text": {"content": "word " * 20_000}}
    answer = http.post(f"{GENERIC}/Predict", json=asked, headers={"connect-timeout-ms": "1"})
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
    wrong = http.post(f"{GENERIC}/Predict", json=asked, headers={"connect-timeout-ms": "1s"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_argument")


def test_streams_of_requests_name_the_way_out(http: httpx.Client) -> None:
    for method in (f"{GENERIC}/PredictStream", f"{PENGUINS}/PredictStream"):
        answer = http.post(method, json={})
        assert (answer.status_code, answer.json()["code"]) == (501, "unimplemented")
        assert "PredictMany" in answer.json()["message"]


def test_other_paths_and_types_are_told(http: httpx.Client) -> None:
    assert http.post("/no.such.Service/Method", json={}).json()["code"] == "unimplemented"
    read = http.get(f"{GENERIC}/Predict")
    assert (read.status_code, read.headers["allow"]) == (405, "POST")
    assert "POST" in read.json()["message"]
    other = http.post(f"{GENERIC}/Predict", content=b"", headers={"content-type": "text/plain"})
    assert other.status_code == 415
    assert "application/json" in other.headers["accept-post"]
