"""Triton's client over gRPC or HTTP, called as its users call it.

Usage: `python triton.py grpc|http CASES HOST:PORT`, in an environment with tritonclient.
"""

import importlib
import queue
import sys
from functools import partial
from typing import Any

import numpy as np
from cases import Case, read_cases, run
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

KIND = sys.argv[1]
client_of = importlib.import_module(f"tritonclient.{KIND}")
SPARE = "spare"


def inputs_of(case: Case) -> list[Any]:
    found = []
    for name, datatype, array in case.inputs:
        assert datatype == "BYTES" or np_to_triton_dtype(array.dtype) == datatype
        one = client_of.InferInput(name, list(array.shape), datatype)
        one.set_data_from_numpy(array)
        found.append(one)
    return found


def answers_of(case: Case, result: Any) -> dict[str, Any]:
    return {one.name: result.as_numpy(one.name) for one in case.outputs}


def in_dict(told: Any) -> dict[str, Any]:
    """Give what gRPC's client gives as a message as HTTP's does."""
    if isinstance(told, dict | list):
        return told  # type: ignore[return-value]
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(told, preserving_proto_field_name=True)


def refused(call: Any, *words: str) -> None:
    problem = "it was not refused"
    try:
        call()
    except InferenceServerException as error:
        problem = str(error)
    assert all(word in problem for word in words), problem


def readiness(client: Any, cases: list[Case]) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    for case in cases:
        assert client.is_model_ready(case.model)
    assert not client.is_model_ready("nobody")


def metadata(client: Any, cases: list[Case]) -> None:
    told = in_dict(client.get_server_metadata())
    assert told["name"] == "learnwire"
    assert told["version"]
    for case in cases:
        told = in_dict(client.get_model_metadata(case.model))
        assert told["name"] == case.model
        names = {one["name"] for one in told["inputs"]}
        assert {one.name for one in case.inputs if not one.name.endswith("__null")} <= names
        assert {one.name for one in case.outputs} <= {one["name"] for one in told["outputs"]}
    refused(partial(client.get_model_metadata, "nobody"), "nobody")


def config(client: Any, cases: list[Case]) -> None:
    for case in cases:
        told = in_dict(client.get_model_config(case.model))
        told = told.get("config", told)
        assert told["name"] == case.model
        assert int(told["max_batch_size"]) > 0


def infer(client: Any, cases: list[Case]) -> None:
    for case in cases:
        result = client.infer(case.model, inputs_of(case), request_id="r1")
        case.check(answers_of(case, result))
        response = in_dict(result.get_response())
        assert response["id"] == "r1"
        assert response["model_name"] == case.model


def requested_outputs(client: Any, cases: list[Case]) -> None:
    for case in cases:
        names = [one.name for one in reversed(case.outputs)][:2]
        asked = [client_of.InferRequestedOutput(name) for name in names]
        result = client.infer(case.model, inputs_of(case), outputs=asked)
        told = in_dict(result.get_response())["outputs"]
        assert [one["name"] for one in told] == names
        part = case._replace(outputs=[one for one in case.outputs if one.name in names])
        part.check(answers_of(part, result))


def async_infer(client: Any, cases: list[Case]) -> None:
    if KIND == "http":
        calls = [client.async_infer(case.model, inputs_of(case)) for case in cases]
        for case, call in zip(cases, calls, strict=True):
            case.check(answers_of(case, call.get_result()))
        return
    done: queue.Queue[Any] = queue.Queue()
    for case in cases:
        client.async_infer(
            case.model,
            inputs_of(case),
            callback=lambda result, error, case=case: done.put((case, result, error)),
        )
    for _ in cases:
        case, result, error = done.get(timeout=120)
        assert error is None, error
        case.check(answers_of(case, result))


def stream_infer(client: Any, cases: list[Case]) -> None:
    done: queue.Queue[Any] = queue.Queue()
    client.start_stream(callback=lambda result, error: done.put((result, error)))
    try:
        for number, case in enumerate(cases):
            client.async_stream_infer(
                case.model,
                inputs_of(case),
                request_id=str(number),
                enable_empty_final_response=True,
            )
        seen = set[str]()
        while len(seen) < len(cases):
            result, error = done.get(timeout=120)
            assert error is None, error
            response = result.get_response()
            if response.outputs:
                case = cases[int(response.id)]
                case.check(answers_of(case, result))
            if response.parameters["triton_final_response"].bool_param:
                seen.add(response.id)
    finally:
        client.stop_stream()


def stream_goes_on_behind_a_bad_item(client: Any, cases: list[Case]) -> None:
    done: queue.Queue[Any] = queue.Queue()
    client.start_stream(callback=lambda result, error: done.put((result, error)))
    good = cases[0]
    try:
        client.async_stream_infer("nobody", inputs_of(good), request_id="bad")
        client.async_stream_infer(good.model, inputs_of(good), request_id="good")
        _, error = done.get(timeout=120)
        assert "nobody" in str(error), error
        result, error = done.get(timeout=120)
        assert error is None, error
        good.check(answers_of(good, result))
    finally:
        client.stop_stream()


def bad_requests(client: Any, cases: list[Case]) -> None:
    case = next(one for one in cases if one.inputs[0].name == "text")
    [good] = inputs_of(case)
    refused(partial(client.infer, "nobody", [good]), "nobody")
    wrong = client_of.InferInput("txet", [1], "BYTES")
    wrong.set_data_from_numpy(np.array([b"x"], object))
    refused(partial(client.infer, case.model, [wrong]), "txet")
    wrong = client_of.InferInput("text", [1], "FP32")
    wrong.set_data_from_numpy(np.array([1], np.float32))
    refused(partial(client.infer, case.model, [wrong]), "text", "BYTES", "FP32")
    strange = [client_of.InferRequestedOutput("lable")]
    refused(partial(client.infer, case.model, [good], outputs=strange), "lable")


def statistics(client: Any, cases: list[Case]) -> None:
    told = in_dict(client.get_inference_statistics(cases[0].model))["model_stats"]
    assert int(told[0]["inference_count"]) > 0
    assert {one["name"] for one in in_dict(client.get_inference_statistics())["model_stats"]} >= {
        case.model for case in cases
    }


def repository_index(client: Any, cases: list[Case]) -> None:
    told = in_dict(client.get_model_repository_index())
    told = told["models"] if isinstance(told, dict) else told
    assert {one["name"] for one in told} >= {case.model for case in cases}
    assert all(one["state"] == "READY" for one in told), told


def load_and_unload(client: Any, cases: list[Case]) -> None:
    assert client.is_model_ready(SPARE)
    client.unload_model(SPARE)
    assert not client.is_model_ready(SPARE)
    client.load_model(SPARE)
    assert client.is_model_ready(SPARE)
    refused(partial(client.load_model, "nobody"), "nobody")
    refused(partial(client.load_model, SPARE, config="{}"), "parameters")


def shared_memory_is_refused(client: Any, cases: list[Case]) -> None:
    refused(client.get_system_shared_memory_status, "memory")
    refused(partial(client.register_system_shared_memory, "region", "/key", 64), "memory")
    refused(client.unregister_system_shared_memory, "memory")
    refused(client.get_cuda_shared_memory_status, "memory")
    case = cases[0]
    wrong = client_of.InferInput(case.inputs[0].name, [1], case.inputs[0].datatype)
    wrong.set_shared_memory("region", 64)
    refused(partial(client.infer, case.model, [wrong]), "memory")


CHECKS = [
    *(readiness, metadata, config, infer, requested_outputs, async_infer, bad_requests),
    *(statistics, repository_index, load_and_unload, shared_memory_is_refused),
    *((stream_infer, stream_goes_on_behind_a_bad_item) if KIND == "grpc" else ()),
]

if __name__ == "__main__":
    with client_of.InferenceServerClient(sys.argv[3]) as connected:
        run(CHECKS, connected, read_cases(sys.argv[2]))
