"""The models' own contracts over a socket: the demo's models, and odd tables."""

from collections.abc import Iterator
from typing import Any

import grpc
import learnwire_service as lw
import numpy as np
import pytest
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2
from learnwire_client import CallError, Client, InvalidInput, ModelNotFound
from learnwire_client.status import call_errors, from_status

from tests.conftest import Trained
from tests.end_to_end.test_server import SERVING, health_stub
from tests.end_to_end.typed import VERSION, Stub, contract_of
from tests.service.odd_tables import TABLES

NAMES = ("penguins", "sentiment", "digits")
# With what their contracts must tell apart, name anew, or carry in a message of its own.
ODD_TABLES = ("odd names", "categories of every type", "categories called #na#", "several numbers")
UNHEARD = "/learnwire.models.nobody.v1.NobodyService/Predict"


@pytest.fixture(scope="module")
def channel(target: str) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(target) as opened:
        yield opened


@pytest.fixture(scope="module")
def stubs(channel: grpc.Channel) -> dict[str, Stub]:
    return {name: Stub(channel, contract_of(name)) for name in NAMES}


def refused(call: Any, *arguments: Any, **settings: Any) -> CallError:
    """Call, and give the error that it ends with."""
    with pytest.raises(CallError) as caught, call_errors("the server"):
        call(*arguments, **settings)
    assert caught.value.reason
    return caught.value


def status_of(result: Any) -> CallError:
    """Give the error of one item of many."""
    return from_status(Status.FromString(result.status.SerializeToString()))


def test_what_does_not_fit_is_counted(stubs: dict[str, Stub], client: Client) -> None:
    stub, before = stubs["penguins"], client.statistics("penguins").invalid
    assert isinstance(refused(stub.predict, stub.request_class()), InvalidInput)
    assert client.statistics("penguins").invalid == before + 1


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_as_learner_predict(
    name: str, stubs: dict[str, Stub], trained: dict[str, Trained]
) -> None:
    stub, items = stubs[name], trained[name].items[:6]
    requests = [stub.request(item) for item in items]
    streamed = stub.predict_stream(requests)
    ways = (
        [stub.predict(request) for request in requests],
        [result.response for result in stub.predict_many(requests)],
        [streamed[str(i)].response for i in range(len(items))],
    )
    for item, *responses in zip(items, *ways, strict=True):
        label, index, probabilities = trained[name].predict(item)
        for response in responses:
            answer = stub.answer(response)
            assert (answer.label, answer.index) == (label, index)
            np.testing.assert_allclose(answer.probabilities, probabilities, atol=1e-5)
            assert response.model_version == lw.get(name).manifest.version


@pytest.mark.slow
@pytest.mark.parametrize("table", ODD_TABLES)
def test_odd_columns_are_answered_by_names_of_their_own(table: str) -> None:
    odd = TABLES[table]
    learner = odd.make()
    model = lw.save_model("odd-1.table", learner, nulls="allow")
    try:
        contract = contract_of(model.tag)
        with (
            lw.serving(model.tag) as target,
            grpc.insecure_channel(target) as channel,
            Client(target) as client,
        ):
            stub = Stub(channel, contract)
            results = list(stub.predict_many(map(stub.request, odd.items)))
            generic = [client.predict(model.tag, item) for item in odd.items]
        for item, result, other in zip(odd.items, results, generic, strict=True):
            decoded, raw = odd.ask(learner, odd.sent(item))
            answer = stub.answer(result.response)
            np.testing.assert_allclose(answer.index, decoded, rtol=1e-5)
            np.testing.assert_allclose(answer.probabilities, raw, rtol=1e-5, atol=1e-5)
            assert tuple(result.response.warnings) == (*_left_out(stub, item), *other.warnings)
    finally:
        lw.delete_model(model.tag)


def _left_out(stub: Stub, item: dict[str, Any]) -> list[str]:
    names = [field.original for field in stub.contract.inputs]
    nulls = [f'"{name}"' for name in names if item[name] is None]
    return [f"left out, and taken as null: {', '.join(nulls)}"] if nulls else []


def test_an_unset_field_is_null(
    stubs: dict[str, Stub], client: Client, trained: dict[str, Trained]
) -> None:
    row = dict(trained["penguins"].items[0]) | {"sex": None, "body_mass_g": None}
    request = stubs["penguins"].request(row)
    assert not request.HasField("sex")
    answer = stubs["penguins"].answer(stubs["penguins"].predict(request))
    expected = client.predict("penguins", row)
    assert answer.label == expected.label
    assert answer.probabilities == pytest.approx(expected.probabilities, abs=1e-6)


def test_an_unknown_category_earns_a_warning(
    stubs: dict[str, Stub], trained: dict[str, Trained]
) -> None:
    request = stubs["penguins"].request(dict(trained["penguins"].items[0]) | {"island": "Atlantis"})
    [warning] = stubs["penguins"].predict(request).warnings
    assert 'column "island": the string "Atlantis" was not seen at training' in warning


def test_faults_are_named_by_the_fields_of_the_contract(
    stubs: dict[str, Stub], trained: dict[str, Trained]
) -> None:
    penguins, digits = stubs["penguins"], stubs["digits"]
    request = penguins.request(trained["penguins"].items[0])
    request.bill_length_mm, request.bill_depth_mm = float("nan"), float("inf")
    faults = refused(penguins.predict, request).violations
    assert [fault.field for fault in faults] == ["bill_length_mm", "bill_depth_mm"]
    assert "expected a finite number, got nan" in faults[0].description
    request.year = 2**60
    [violation] = refused(penguins.predict, request).violations
    assert violation.field == "year"
    [array] = digits.contract.inputs
    for fault, shape, values in (
        (f"{array.name}.shape", (1, 2, 3, 4), b"\0" * 24),
        (f"{array.name}.shape", (-1, 8), b"\0" * 8),
        (f"{array.name}.values", (8, 8), b"\0" * 63),
        (f"{array.name}.values", (), b"no image"),
    ):
        sent = digits.request_class()
        getattr(sent, array.name).shape.extend(shape)
        getattr(sent, array.name).values = values
        [violation] = refused(digits.predict, sent).violations
        assert violation.field == fault
    [violation] = refused(digits.predict, digits.request_class()).violations
    assert (violation.field, violation.description) == (
        array.name,
        "expected an array, got nothing",
    )
    too_long = stubs["sentiment"].request("word " * 100_000)
    [violation] = refused(stubs["sentiment"].predict, too_long).violations
    assert violation.field == "text"


def test_a_bad_item_among_good_ones_fails_alone(
    stubs: dict[str, Stub], trained: dict[str, Trained]
) -> None:
    stub = stubs["penguins"]
    requests = [stub.request(item) for item in trained["penguins"].items[:40]]
    requests[17].bill_length_mm = float("inf")
    lone = refused(stub.predict, requests[17])
    streamed = stub.predict_stream(requests)
    for results in (
        list(stub.predict_many(requests)),
        [streamed[str(i)] for i in range(len(requests))],
    ):
        kinds = [result.WhichOneof("result") for result in results]
        assert kinds == ["response"] * 17 + ["status"] + ["response"] * 22
        error = status_of(results[17])
        assert isinstance(error, InvalidInput)
        assert (error.code, error.violations) == (lone.code, lone.violations)


def test_the_version_is_asked_for_by_metadata(
    stubs: dict[str, Stub], trained: dict[str, Trained]
) -> None:
    stub, version = stubs["penguins"], lw.get("penguins").manifest.version
    request = stub.request(trained["penguins"].items[0])
    for asked in (version, version[:4], "latest"):
        assert stub.predict(request, asked).model_version == version
    error = refused(stub.predict, request, "zz-none")
    assert isinstance(error, ModelNotFound)
    assert f'has no version "zz-none"; the newest is "{version}"' in error.message
    error = refused(stub.predict, request, "No Version")
    assert isinstance(error, InvalidInput)
    assert [fault.field for fault in error.violations] == [VERSION]
    assert isinstance(refused(list, stub.predict_many([request], "zz-none")), ModelNotFound)


def test_a_model_that_is_not_served_is_told_from_those_that_are(channel: grpc.Channel) -> None:
    call: Any = channel.unary_unary(UNHEARD)
    error = refused(call, b"")
    assert (error.code, error.reason) == (grpc.StatusCode.UNIMPLEMENTED, "CONTRACT_NOT_SERVED")
    assert "no model is served as learnwire.models.nobody here, only " in error.message
    assert "learnwire.models.penguins" in error.message


def test_bytes_that_are_no_request_are_refused(channel: grpc.Channel, stubs: Any) -> None:
    method = f"/{stubs['penguins'].contract.service}/Predict"
    call: Any = channel.unary_unary(method)
    error = refused(call, b"\xff\xff")
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE")


def test_a_method_that_the_service_lacks_is_unimplemented(
    channel: grpc.Channel, stubs: dict[str, Stub]
) -> None:
    call: Any = channel.unary_unary(f"/{stubs['penguins'].contract.service}/Retrain")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"")
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_health_is_told_for_the_services_of_models(
    channel: grpc.Channel, stubs: dict[str, Stub]
) -> None:
    for stub in stubs.values():
        request = health_pb2.HealthCheckRequest(service=stub.contract.service)
        assert health_stub(channel).Check(request).status == SERVING
