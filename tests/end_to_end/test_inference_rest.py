"""The Open Inference Protocol over HTTP: JSON, binary tensors, and errors in their words."""

import gzip
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from learnwire_service.web.inference.rules import RULES

from tests.access import AccessWriter
from tests.conftest import Trained
from tests.end_to_end.inference import Stub, arrays_of, raw, request, tensors
from tests.end_to_end.web import web_serving

LENGTH = "inference-header-content-length"


@pytest.fixture(scope="module")
def served(trained: dict[str, Trained]) -> Iterator[tuple[Stub, httpx.Client]]:
    with web_serving(*trained) as (target, http), grpc.insecure_channel(target) as channel:
        yield Stub(channel), http


@pytest.fixture(scope="module")
def http(served: tuple[Stub, httpx.Client]) -> httpx.Client:
    return served[1]


def told(arrays: Mapping[str, Any], *, binary: bool = False) -> tuple[list[Any], bytes]:
    """Write arrays as inputs: as JSON, or with their bytes behind it."""
    inputs, behind = [], []
    for one in request("", arrays).inputs:
        array = arrays[one.name]
        told: dict[str, Any] = {"name": one.name, "datatype": one.datatype}
        told["shape"] = list(one.shape)
        if binary:
            behind.append(raw(array))
            told["parameters"] = {"binary_data_size": len(behind[-1])}
        else:
            listed = array.tolist()
            told["data"] = [x.decode() for x in listed] if one.datatype == "BYTES" else listed
        inputs.append(told)
    return inputs, b"".join(behind)


def infer(http: httpx.Client, model: str, body: Any, behind: bytes = b"") -> httpx.Response:
    head = json.dumps(body).encode()
    headers = {LENGTH: str(len(head))} if behind else {}
    return http.post(f"/v2/models/{model}/infer", content=head + behind, headers=headers)


def outputs(answer: httpx.Response) -> dict[str, Any]:
    """Give the outputs of an answer as lists, whichever way they came."""
    end = int(answer.headers.get(LENGTH, len(answer.content)))
    body, rest = json.loads(answer.content[:end]), answer.content[end:]
    found = {}
    for one in body["outputs"]:
        if "data" not in one:
            size = one["parameters"]["binary_data_size"]
            dtype = {"INT64": np.int64, "FP32": np.float32}[one["datatype"]]
            one["data"], rest = np.frombuffer(rest[:size], dtype).tolist(), rest[size:]
        found[one["name"]] = one["data"]
    assert not rest
    return found


def refusal(answer: httpx.Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    return str(answer.json()["error"])


@pytest.mark.parametrize("binary", [False, True], ids=["json", "binary"])
@pytest.mark.parametrize("name", ["sentiment", "penguins", "digits"])
def test_it_answers_what_grpc_answers(
    served: tuple[Stub, httpx.Client], trained: dict[str, Trained], name: str, binary: bool
) -> None:
    stub, http = served
    arrays = tensors(trained[name].items[:5])
    expected = arrays_of(stub.ModelInfer(request(name, arrays)))
    inputs, behind = told(arrays, binary=binary)
    answer = infer(http, name, {"id": "seven", "inputs": inputs}, behind)
    assert answer.json()["id"] == "seven"
    assert outputs(answer) == {one: array.ravel().tolist() for one, array in expected.items()}


def test_each_output_is_binary_or_json_as_it_is_asked_for(http: httpx.Client) -> None:
    inputs, _ = told(tensors(["fine", "bad"]))
    asked = [
        {"name": "probabilities", "parameters": {"binary_data": True}},
        {"name": "label", "parameters": {"binary_data": False}},
        {"name": "index"},
    ]
    body = {"inputs": inputs, "outputs": asked, "parameters": {"binary_data_output": True}}
    answer = infer(http, "sentiment", body)
    assert answer.headers["content-type"] == "application/octet-stream"
    end = int(answer.headers[LENGTH])
    names = [(one["name"], "data" in one) for one in json.loads(answer.content[:end])["outputs"]]
    assert names == [("probabilities", False), ("label", True), ("index", False)]
    plain = outputs(infer(http, "sentiment", {"inputs": inputs, "outputs": asked[1:2]}))
    assert plain == {"label": outputs(answer)["label"]}


def test_both_ways_are_compressed_with_gzip(http: httpx.Client) -> None:
    inputs, behind = told(tensors(["fine"] * 200), binary=True)
    head = json.dumps({"inputs": inputs}).encode()
    answer = http.post(
        "/v2/models/sentiment/infer",
        content=gzip.compress(head + behind),
        headers={"content-encoding": "gzip", LENGTH: str(len(head)), "accept-encoding": "gzip"},
    )
    assert answer.headers["content-encoding"] == "gzip"
    assert len(outputs(answer)["label"]) == 200
    # Elsewhere Triton's asyncio client, which asks for it, would not read it.
    assert {rule.method for rule in RULES.values() if rule.packs} == {"ModelInfer"}
    odd = http.post("/v2/models/sentiment/infer", headers={"content-encoding": "br"})
    assert "only gzip" in refusal(odd, 501)


def test_null_and_nan_in_floats_are_null(http: httpx.Client) -> None:
    def asked(*bill: object) -> Any:
        inputs = [
            {"name": "island", "datatype": "BYTES", "shape": [1], "data": ["Dream"]},
            {"name": "year", "datatype": "INT64", "shape": [1], "data": [2007]},
        ]
        for one in bill:
            told = {"name": "bill_length_mm", "datatype": "FP64", "shape": [1, 1], "data": [[one]]}
            inputs.append(told)
        return infer(http, "penguins", {"inputs": inputs}).json()

    null, nan, out = asked(None), asked(math.nan), asked()
    assert null["outputs"] == nan["outputs"] == out["outputs"]
    assert '"bill_length_mm"' in out["parameters"]["warnings"]
    assert '"bill_length_mm"' not in null["parameters"]["warnings"]


def test_it_tells_what_it_is_and_what_its_models_are(
    served: tuple[Stub, httpx.Client],
) -> None:
    _, http = served
    assert http.get("/v2").json()["name"] == "learnwire"
    assert http.get("/v2/health/live").json() == {"live": True}
    assert http.get("/v2/health/ready").json() == {"ready": True}
    model = http.get("/v2/models/digits").json()
    assert model["inputs"] == [{"name": "array", "datatype": "UINT8", "shape": [-1, -1, -1]}]
    assert [one["name"] for one in model["outputs"]] == ["label", "index", "probabilities"]
    version = model["versions"][0]
    of_version = f"/v2/models/digits/versions/{version}"
    assert http.get(of_version).json() == model
    assert http.get(f"{of_version}/ready").json() == {"name": "digits", "ready": True}
    nobody = http.get("/v2/models/nobody/ready")
    assert (nobody.status_code, nobody.json()) == (400, {"name": "nobody", "ready": False})
    config = http.get("/v2/models/digits/config").json()
    assert config["input"][0] == {
        "name": "array",
        "data_type": "TYPE_UINT8",
        "dims": [-1, -1],
        "optional": False,
    }
    [stats] = http.get(f"{of_version}/stats").json()["model_stats"]
    assert stats["version"] == version
    assert isinstance(stats["inference_count"], int)
    assert len(http.get("/v2/models/stats").json()["model_stats"]) == 3
    index = http.post("/v2/repository/index", json={"ready": True}).json()
    assert {"name": "digits", "version": version, "state": "READY", "reason": ""} in index


def test_models_come_and_go(served: tuple[Stub, httpx.Client]) -> None:
    _, http = served
    path = "/v2/repository/models/digits"
    unloaded = http.post(f"{path}/unload", json={"parameters": {"unload_dependents": False}})
    assert unloaded.status_code == 200
    assert http.get("/v2/models/digits/ready").status_code == 400
    assert http.post(f"{path}/load").status_code == 200
    assert http.get("/v2/models/digits/ready").status_code == 200
    refused = http.post(f"{path}/load", json={"parameters": {"config": "{}"}})
    assert "parameters: expected none" in refusal(refused)
    assert 'no model "nobody"' in refusal(http.post("/v2/repository/models/nobody/load"), 404)


@pytest.mark.parametrize(
    ("path", "status", "why"),
    [
        ("/v2/models/nobody", 404, 'no model "nobody" is served here'),
        ("/v2/models/sentiment/versions/nobody", 404, 'has no version "nobody"'),
        ("/v2/nothing", 404, "there is no /v2/nothing here"),
        ("/v2/models/sentiment/infer", 405, "expected POST, got GET"),
        ("/v2/systemsharedmemory/status", 501, "no memory is shared here"),
        ("/v2/cudasharedmemory/region/mine/status", 501, "no memory is shared here"),
        ("/v2/logging", 501, "LogSettings is Triton's"),
    ],
)
def test_what_is_not_there_is_told_as_json(
    http: httpx.Client, path: str, status: int, why: str
) -> None:
    assert why in refusal(http.get(path), status)


ONE = b"\4\0\0\0fine"
TEXT = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["fine"]}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "the request's body is no JSON"),
        (b"\xff", "the request's body is no JSON"),
        (b'{"inputs": [], "inputs": [{}]}', 'an object has the name "inputs" twice'),
        (b'{"id": ' + b"9" * 5000 + b"}", "value has 5000 digits"),
        ("{}".encode("utf-16"), "the request's body is no JSON"),
        (b"[]", "expected a JSON object"),
        (b"[" * 100_000, "the request's body is no JSON: it is too deep"),
        (b'{"inputs": {}}', "inputs: expected a list"),
        (b'{"inputs": [1]}', "inputs[0]: expected an object"),
        ({"id": 1}, "id: expected a string"),
        ({"id": "\ud800"}, "id: expected Unicode text"),
        ({}, "inputs: expected those of the model, got none"),
        ({"inputs": [TEXT | {"data": "fine"}]}, 'inputs["text"].data: expected a list'),
        ({"inputs": [TEXT | {"data": [1]}]}, 'inputs["text"].data: expected strings, got integers'),
        ({"inputs": [TEXT | {"data": [None]}]}, "expected strings, got null; a BOOL input with"),
        ({"inputs": [TEXT | {"data": [["a"], "b"]}]}, "expected lists of equal length"),
        ({"inputs": [TEXT | {"data": ["a", "b"]}]}, "expected 1 elements for shape [1], got 2"),
        ({"inputs": [TEXT | {"data": ["\ud800"]}]}, 'inputs["text"].data[0]: expected Unicode'),
        ({"inputs": [TEXT | {"shape": "1"}]}, 'inputs["text"].shape: expected a list'),
        ({"inputs": [TEXT | {"shape": [True]}]}, 'inputs["text"].shape: expected integers'),
        ({"inputs": [TEXT | {"shape": [2**70]}]}, 'inputs["text"].shape: expected at most'),
        ({"inputs": [TEXT | {"shape": [-1]}]}, 'inputs["text"].shape: expected no negative'),
        ({"inputs": [TEXT | {"datatype": "FP32", "data": [1e39]}]}, "that float32 can hold"),
        ({"inputs": [TEXT | {"datatype": "FP64", "data": [10**400]}]}, "that float64 can hold"),
        ({"inputs": [TEXT | {"datatype": "INT8", "data": [200]}]}, "integers from -128 to 127"),
        ({"inputs": [TEXT | {"datatype": "INT8", "data": [1.5]}]}, "expected integers, got number"),
        ({"inputs": [TEXT | {"datatype": "INT8", "data": [True]}]}, "expected integers, got true"),
        ({"inputs": [TEXT | {"datatype": "BF16"}]}, "expected one of BOOL, INT8"),
        (
            {"inputs": [{k: v for k, v in TEXT.items() if k != "data"}]},
            'inputs["text"].data: expected the elements, or binary_data_size',
        ),
        (
            {"inputs": [TEXT | {"parameters": {"binary_data_size": 4}}]},
            "expected nothing beside binary_data_size",
        ),
        (
            {"inputs": [TEXT | {"parameters": {"shared_memory_region": "mine"}}]},
            "no memory is shared here",
        ),
    ],
)
def test_a_wrong_body_is_refused_by_what_is_wrong(http: httpx.Client, body: Any, why: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = http.post("/v2/models/sentiment/infer", content=content)
    assert why in refusal(answer)


@pytest.mark.parametrize(
    ("size", "behind", "length", "why"),
    [
        (9, b"", "", "expected a size within the 0 bytes that are left behind the JSON, got 9"),
        (9, ONE, "", "expected a size within the 8 bytes that are left behind the JSON, got 9"),
        (True, ONE, "", "expected a size within the 8 bytes"),
        (7, ONE, "", "expected 7 bytes of tensors behind the JSON, got 8"),
        (8, ONE, "-1", "Inference-Header-Content-Length: expected the bytes of the JSON"),
        (8, ONE, "99999", "Inference-Header-Content-Length: expected the bytes of the JSON"),
        (8, ONE, "\u00b2", "Inference-Header-Content-Length: expected the bytes of the JSON"),
        (8, ONE, "7", "the request's body is no JSON"),
    ],
)
def test_sizes_that_do_not_agree_are_refused(
    http: httpx.Client, size: object, behind: bytes, length: str, why: str
) -> None:
    told = {key: one for key, one in TEXT.items() if key != "data"}
    head = json.dumps({"inputs": [told | {"parameters": {"binary_data_size": size}}]}).encode()
    headers = [(LENGTH.encode(), (length or str(len(head))).encode())]
    answer = http.post("/v2/models/sentiment/infer", content=head + behind, headers=headers)
    assert why in refusal(answer)


def test_roles_hold_as_everywhere(trained: dict[str, Trained], tmp_path: Any) -> None:
    access = AccessWriter(tmp_path / "access.json")
    asks = {"authorization": f"Bearer {access.token('asks', 'predict', models=['penguins'])}"}
    reads = {"authorization": f"Bearer {access.token('reads', 'read')}"}
    inputs, _ = told(tensors(["fine"]))
    with web_serving("sentiment", "penguins", access=access.path) as (_, http):
        assert http.get("/v2/health/ready").status_code == 200
        stranger = http.get("/v2/models/penguins")
        refusal(stranger, 401)
        assert stranger.headers["www-authenticate"] == "Bearer"
        assert http.get("/v2/models/penguins", headers=asks).status_code == 200
        assert "no model" in refusal(http.get("/v2/models/sentiment", headers=asks), 404)
        assert http.get("/v2/models/sentiment/ready", headers=asks).json()["ready"] is False
        denied = http.post("/v2/models/sentiment/infer", json={"inputs": inputs}, headers=reads)
        assert refusal(denied, 403) == "reads lacks the role predict"
        change = http.post("/v2/repository/models/penguins/unload", headers=reads)
        assert refusal(change, 403) == "reads lacks the role administer"
        [seen] = http.post("/v2/repository/index", headers=reads | {}).json()[:1]
        assert seen["name"] == "penguins"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "id": values,
        "parameters": values,
        "outputs": values,
        "inputs": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "name": st.sampled_from(["text", "year", ""]) | values,
                    "datatype": st.sampled_from(["BYTES", "FP32", "FP16", "UINT64"]) | values,
                    "shape": st.just([1]) | values,
                    "data": values,
                    "parameters": values,
                },
            ),
            max_size=3,
        )
        | values,
    },
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["sentiment", "penguins", "digits"]), bodies)
def test_no_json_makes_the_server_fail(http: httpx.Client, model: str, body: Any) -> None:
    answer = infer(http, model, body)
    assert answer.status_code in (200, 400), (body, answer.text)
