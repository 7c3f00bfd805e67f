"""The Open Inference Protocol over gRPC, with the stubs that its file makes."""

import json
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import learnwire_service as lw
import numpy as np
import pytest
from learnwire.inference import v2_pb2 as pb
from learnwire_client import Client
from learnwire_client.prediction import SingleLabel
from learnwire_service.rpc.permissions import UNSERVED

from tests.access import AccessWriter
from tests.conftest import Trained
from tests.end_to_end.inference import Stub, arrays_of, predictions, request, tensors


@pytest.fixture(scope="module")
def stub(target: str) -> Iterator[Stub]:
    with grpc.insecure_channel(target) as channel:
        yield Stub(channel)


@pytest.mark.parametrize("typed", [False, True], ids=["raw", "typed"])
@pytest.mark.parametrize("name", ["sentiment", "penguins", "digits"])
def test_a_batch_of_any_size_is_answered_as_the_learner_answers(
    stub: Stub, trained: dict[str, Trained], name: str, typed: bool
) -> None:
    items = trained[name].items[:20]
    for size in (1, 2, len(items)):
        message = request(name, tensors(items[:size]), typed=typed, id="seven")
        response = stub.ModelInfer(message)
        assert (response.model_name, response.id) == (name, "seven")
        answers = predictions(arrays_of(response))
        for answer, item in zip(answers, trained[name].items[:size], strict=True):
            label, index, probabilities = trained[name].predict(item)
            assert (answer.label, answer.index) == (label, index)
            np.testing.assert_allclose(answer.probabilities, probabilities, rtol=1e-5, atol=1e-5)


def test_the_bits_are_those_of_the_generic_contract(
    stub: Stub, client: Client, trained: dict[str, Trained]
) -> None:
    for name, one in trained.items():
        items = one.items[:40]
        answers = predictions(arrays_of(stub.ModelInfer(request(name, tensors(items)))))
        for answer, expected in zip(answers, client.predict_many(name, items), strict=True):
            assert isinstance(expected, SingleLabel)
            np.testing.assert_array_equal(answer.probabilities, expected.probabilities)


def test_readiness_is_told_of_the_server_and_of_models(stub: Stub) -> None:
    assert stub.ServerLive(pb.ServerLiveRequest()).live
    assert stub.ServerReady(pb.ServerReadyRequest()).ready
    asked = {
        "penguins": True,
        "nobody": False,
        "No Such Model": False,
        "penguins:nobody": False,
    }
    for name, ready in asked.items():
        assert stub.ModelReady(pb.ModelReadyRequest(name=name)).ready is ready, name
    older = pb.ModelReadyRequest(name="penguins", version="nobody")
    assert not stub.ModelReady(older).ready


def test_metadata_and_configuration_tell_the_same_tensors(stub: Stub) -> None:
    server = stub.ServerMetadata(pb.ServerMetadataRequest())
    assert (server.name, server.version) == ("learnwire", version("learnwire"))
    told = stub.ModelMetadata(pb.ModelMetadataRequest(name="penguins"))
    assert (told.name, told.platform) == ("penguins", "learnwire_onnx")
    assert [(one.name, one.datatype, list(one.shape)) for one in told.inputs[:4]] == [
        ("island", "BYTES", [-1]),
        ("sex", "BYTES", [-1]),
        ("year", "INT64", [-1]),
        ("bill_length_mm", "FP64", [-1]),
    ]
    assert [(one.name, one.datatype, list(one.shape)) for one in told.outputs] == [
        ("label", "BYTES", [-1]),
        ("index", "INT64", [-1]),
        ("probabilities", "FP32", [-1, 3]),
    ]
    config = stub.ModelConfig(pb.ModelConfigRequest(name="penguins")).config
    assert [one.name for one in config.input] == [one.name for one in told.inputs]
    assert [one.name for one in config.input if not one.optional] == ["island", "year"]
    assert [list(one.dims) for one in config.output] == [[], [], [3]]
    assert config.max_batch_size == 65_536
    assert not config.model_transaction_policy.decoupled
    assert json.loads(config.parameters["classes"].string_value) == [
        "Adelie",
        "Chinstrap",
        "Gentoo",
    ]
    assert config.parameters["version"].string_value == told.versions[0]


def test_statistics_count_what_was_asked(stub: Stub) -> None:
    def read() -> pb.ModelStatistics:
        [one] = stub.ModelStatistics(pb.ModelStatisticsRequest(name="sentiment")).model_stats
        return one

    before = read()
    stub.ModelInfer(request("sentiment", tensors(["fine"] * 3)))
    with pytest.raises(grpc.RpcError):
        stub.ModelInfer(request("sentiment", {}))
    after = read()
    assert after.inference_count == before.inference_count + 3
    stats, earlier = after.inference_stats, before.inference_stats
    assert stats.fail.count == earlier.fail.count + 1
    assert stats.success.ns > earlier.success.ns
    everything = stub.ModelStatistics(pb.ModelStatisticsRequest()).model_stats
    assert [one.name for one in everything] == ["digits", "penguins", "sentiment"]


def test_the_index_lists_what_is_served(stub: Stub) -> None:
    index = stub.RepositoryIndex(pb.RepositoryIndexRequest(ready=True)).models
    assert [(one.name, one.state) for one in index] == [
        ("digits", "READY"),
        ("penguins", "READY"),
        ("sentiment", "READY"),
    ]


def code_of(call: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error: Any = caught.value
    return error.code(), error.details()


def test_what_is_not_there_is_told_as_everywhere(stub: Stub) -> None:
    calls: list[Callable[[], object]] = [
        lambda: stub.ModelInfer(request("nobody", tensors(["fine"]))),
        lambda: stub.ModelMetadata(pb.ModelMetadataRequest(name="nobody")),
        lambda: stub.ModelConfig(pb.ModelConfigRequest(name="penguins", version="nobody")),
    ]
    for call in calls:
        assert code_of(call)[0] is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("name", UNSERVED)
def test_memory_settings_logs_and_traces_are_refused_with_a_sentence(
    target: str, name: str
) -> None:
    with grpc.insecure_channel(target) as channel:
        call: Any = channel.unary_unary(f"/inference.GRPCInferenceService/{name}")
        code, told = code_of(lambda: call(b""))
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert "no memory is shared here" in told or "are the operator's here" in told


def test_a_stream_answers_in_order_and_goes_on_after_an_error(stub: Stub) -> None:
    def asked() -> Iterator[pb.ModelInferRequest]:
        for i in range(100):
            name = "sentiment" if i % 3 else "nobody"
            yield request(name, tensors(["fine"] * (1 + i % 4)), id="" if i % 2 else str(i))
        final = request("digits", {"array": np.zeros((2, 8, 8), np.uint8)}, id="last")
        final.parameters["triton_enable_empty_final_response"].bool_param = True
        yield final

    *answers, last = stub.ModelStreamInfer(asked())
    assert len(answers) == 100
    for i, answer in enumerate(answers):
        assert answer.infer_response.id == ("" if i % 2 else str(i))
        if i % 3:
            assert answer.error_message == ""
            assert list(answer.infer_response.outputs[0].shape) == [1 + i % 4]
            assert "triton_final_response" not in answer.infer_response.parameters
        else:
            assert answer.error_message.startswith('no model "nobody" is served here')
            assert not answer.infer_response.outputs
    assert last.infer_response.parameters["triton_final_response"].bool_param


def test_a_batch_of_a_stream_that_holds_too_much_is_refused_alone(stub: Stub) -> None:
    many = pb.ModelInferRequest(model_name="sentiment", id="many")
    many.raw_input_contents.extend([b""] * 300_000)
    fine = request("sentiment", tensors(["fine"]), id="fine")
    first, second = stub.ModelStreamInfer(iter([many, fine]))
    assert first.infer_response.id == "many"
    assert "raw_input_contents: expected at most 262144 elements" in first.error_message
    assert second.infer_response.outputs


def test_models_come_and_go(trained: dict[str, Trained]) -> None:
    with lw.serving("penguins", "digits") as target, grpc.insecure_channel(target) as channel:
        stub = Stub(channel)
        ready = pb.ModelReadyRequest(name="digits")
        stub.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name="digits"))
        assert not stub.ModelReady(ready).ready
        # As KServe's clients write it.
        stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(repository_name="digits"))
        assert stub.ModelReady(ready).ready
        # It is there, and stays.
        stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="digits"))
        changed = pb.RepositoryModelLoadRequest(model_name="digits")
        changed.parameters["config"].string_param = "{}"
        code, told = code_of(lambda: stub.RepositoryModelLoad(changed))
        assert (code, "parameters: expected none" in told) == (code.INVALID_ARGUMENT, True)
        other = pb.RepositoryModelLoadRequest(model_name="digits", repository_name="mine")
        assert "there is one repository" in code_of(lambda: stub.RepositoryModelLoad(other))[1]


def test_roles_hold_as_everywhere(trained: dict[str, Trained], tmp_path: Path) -> None:
    access = AccessWriter(tmp_path / "access.json")
    token = access.token("asks", "predict", models=["penguins"])
    asks = (("authorization", f"Bearer {token}"),)
    with (
        lw.serving("penguins", "sentiment", access=access.path) as target,
        grpc.insecure_channel(target) as channel,
    ):
        stub = Stub(channel)
        assert stub.ServerReady(pb.ServerReadyRequest()).ready
        row = request("penguins", tensors(trained["penguins"].items[:1]))
        assert code_of(lambda: stub.ModelInfer(row))[0] is grpc.StatusCode.UNAUTHENTICATED
        assert stub.ModelInfer(row, metadata=asks).outputs
        text = request("sentiment", tensors(["fine"]))
        hidden = code_of(lambda: stub.ModelInfer(text, metadata=asks))
        assert hidden[0] is grpc.StatusCode.NOT_FOUND
        assert "sentiment" not in hidden[1].replace('"sentiment"', "")
        unseen = pb.ModelReadyRequest(name="sentiment")
        assert not stub.ModelReady(unseen, metadata=asks).ready
        unload = pb.RepositoryModelUnloadRequest(model_name="penguins")
        calls: list[Callable[[], object]] = [
            lambda: stub.RepositoryIndex(pb.RepositoryIndexRequest(), metadata=asks),
            lambda: stub.RepositoryModelUnload(unload, metadata=asks),
        ]
        for call in calls:
            assert code_of(call)[0] is grpc.StatusCode.PERMISSION_DENIED
