"""Bad input over a socket: the right code, the field, what was expected, what came."""

from collections.abc import Iterator
from typing import Any

import grpc
import learnwire_service as lw
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from learnwire.v1 import (
    io_pb2,
    model_service_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire_client import Client, InvalidInput, ModelNotFound, ResourceExhausted
from learnwire_client.arrays import encode_array
from learnwire_client.rows import encode_row

from tests.conftest import Trained

Stub = prediction_service_pb2_grpc.PredictionServiceStub


@pytest.fixture(scope="module")
def stub(target: str) -> Iterator[Stub]:
    with grpc.insecure_channel(target) as channel:
        yield Stub(channel)


@pytest.fixture
def row(trained: dict[str, Trained]) -> dict[str, Any]:
    whole = next(row for row in trained["penguins"].items if row.notna().all())
    return dict(whole)


def refused(
    stub: Stub, request: pb.PredictRequest, code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT
) -> dict[str, str]:
    """Predict, expect a refusal, and return its field violations."""
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(request, timeout=60)
    error = caught.value
    assert isinstance(error, grpc.Call)
    assert error.code() == code
    status = rpc_status.from_call(error)
    assert status is not None
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        assert detail.Unpack(info) or detail.Unpack(bad_request)
    assert info.domain == "learnwire"
    assert info.reason
    return {violation.field: violation.description for violation in bad_request.field_violations}


def row_request(cells: dict[str, Any]) -> pb.PredictRequest:
    return pb.PredictRequest(model="penguins", row=encode_row(cells))


def array_request(**fields: Any) -> pb.PredictRequest:
    return pb.PredictRequest(model="digits", array=io_pb2.NdArray(**fields))


def test_an_unknown_model_or_version_is_not_found(stub: Stub, trained: object) -> None:
    for model in ("nobody", "penguins:nothing"):
        request = pb.PredictRequest(model=model, text=io_pb2.Text(content="x"))
        assert refused(stub, request, grpc.StatusCode.NOT_FOUND) == {}


@pytest.mark.parametrize("model", ["Penguins", "../etc", "a:b:c", "penguins:", ""])
def test_a_malformed_or_missing_name_is_refused(model: str, stub: Stub) -> None:
    violations = refused(stub, pb.PredictRequest(model=model, text=io_pb2.Text(content="x")))
    assert list(violations) == ["model"]


@pytest.mark.slow
def test_an_ambiguous_version_prefix_is_refused_and_a_unique_one_served(
    penguins: Trained,
) -> None:
    for version in ("k1a", "k1b"):
        lw.save_model(f"twice:{version}", penguins.learner)
    item = penguins.items[0]
    with lw.serving("twice:k1a", "twice:k1b") as target, Client(target) as client:
        with pytest.raises(InvalidInput, match="fits 2 versions") as caught:
            client.predict("twice:k1", item)
        assert caught.value.violations[0].field == "model"
        assert client.predict("twice:k1a", item).version == "k1a"
        assert client.predict("twice:latest", item).version == "k1b"
        assert client.predict("", item).version == "k1b"


def test_no_input_names_the_one_that_is_wanted(stub: Stub) -> None:
    assert refused(stub, pb.PredictRequest(model="penguins")) == {
        "row": "expected row, got no input"
    }


@pytest.mark.parametrize(
    ("model", "field", "wanted"),
    [
        ("penguins", "row", "a row, got a text"),
        ("digits", "array", 'an image, got a text; in Python its file is given as Path("...")'),
    ],
)
def test_the_wrong_kind_of_input_is_refused(
    model: str, field: str, wanted: str, stub: Stub
) -> None:
    request = pb.PredictRequest(model=model, text=io_pb2.Text(content="hello"))
    assert refused(stub, request) == {field: f"expected {wanted}"}


def test_every_bad_cell_is_named_with_what_was_expected_and_what_came(
    stub: Stub, row: dict[str, Any]
) -> None:
    del row["sex"]
    bad = {**row, "island": 3, "bill_length_mm": "39.1", "body_mass_g": "heavy", "year": "2007"}
    assert refused(stub, row_request(bad)) == {
        'row.cells["sex"]': "expected a string or null, got nothing: the column is missing",
        'row.cells["island"]': "expected a string, got the number 3",
        'row.cells["bill_length_mm"]': 'expected a float or null, got the string "39.1"; '
        "send the number without quotes",
        'row.cells["body_mass_g"]': 'expected a float or null, got the string "heavy"; '
        "send the number without quotes",
        'row.cells["year"]': 'expected an integer, got the string "2007"; '
        "send the number without quotes",
    }


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_is_not_finite_is_refused(
    number: float, stub: Stub, row: dict[str, Any]
) -> None:
    request = row_request(row)
    request.row.cells["body_mass_g"].number_value = number
    [(field, problem)] = refused(stub, request).items()
    assert field == 'row.cells["body_mass_g"]'
    assert f"expected a finite number, got {number}" in problem


@pytest.mark.parametrize("number", [2007.5, 2.0**60])
def test_an_integer_column_takes_integers_within_2_to_the_53(
    number: float, stub: Stub, row: dict[str, Any]
) -> None:
    [(field, problem)] = refused(stub, row_request({**row, "year": number})).items()
    assert field == 'row.cells["year"]'
    assert "expected an integer" in problem


def test_a_list_as_a_cell_is_refused(stub: Stub, row: dict[str, Any]) -> None:
    request = row_request(row)
    request.row.cells["island"].list_value.append("Dream")
    assert list(refused(stub, request)) == ['row.cells["island"]']


def test_null_is_refused_where_training_had_none(trained: dict[str, Trained]) -> None:
    from examples.demo import data, learners

    complete = data.penguins().dropna()
    lw.save_model("complete", learners.train_penguins(complete.reset_index(drop=True), epochs=1))
    cells = dict(complete.drop(columns=["species", "valid"]).iloc[0])
    with lw.serving("complete") as target, Client(target) as client:
        assert client.predict("complete", cells).label
        with pytest.raises(InvalidInput) as caught:
            client.predict("complete", {**cells, "body_mass_g": None})
    [violation] = caught.value.violations
    assert violation.field == 'row.cells["body_mass_g"]'
    assert violation.description == "expected a float, got null"


def test_extra_columns_and_unknown_categories_are_warned_of(
    client: Client, row: dict[str, Any], trained: dict[str, Trained]
) -> None:
    answer = client.predict("penguins", {**row, "island": "Atlantis", "colour": "blue"})
    assert [warning.split('"')[1] for warning in answer.warnings] == ["island", "colour"]
    import pandas as pd

    expected = trained["penguins"].predict(pd.Series({**row, "island": "Atlantis"}))
    assert answer.probabilities == pytest.approx(expected[2], abs=1e-5)


def test_unknown_categories_are_refused_where_saved_so(
    penguins: Trained, row: dict[str, Any]
) -> None:
    lw.save_model("strict", penguins.learner, unknown_categories="refuse")
    with lw.serving("strict") as target, Client(target) as client:
        with pytest.raises(InvalidInput, match="Biscoe"):
            client.predict("strict", {**row, "island": "Atlantis"})
        assert client.predict("strict", row).label


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"shape": [8, 8], "data_type": "DATA_TYPE_UINT8", "data": b"x" * 63}, "array.data"),
        ({"shape": [8, -8], "data_type": "DATA_TYPE_UINT8", "data": b"x" * 64}, "array.shape"),
        ({"shape": [2**40, 2**40], "data_type": "DATA_TYPE_UINT8"}, "array.shape"),
        ({"shape": [2**62], "data_type": "DATA_TYPE_FLOAT64", "data": b"x" * 8}, "array.shape"),
        (
            {"shape": [2**30], "data_type": "DATA_TYPE_FLOAT64", "data": b"x" * 8},
            "array.data_type",
        ),
        ({"shape": [8, 8], "data": b"x" * 64}, "array.data_type"),
        ({"shape": [8, 8, 1], "data_type": "DATA_TYPE_UINT8", "data": b"x" * 64}, "array.shape"),
        ({"shape": [0, 8], "data_type": "DATA_TYPE_UINT8"}, "array.shape"),
        ({"shape": [4, 4], "data_type": "DATA_TYPE_FLOAT32", "data": b"x" * 64}, "array.data_type"),
    ],
)
def test_an_array_whose_parts_disagree_is_refused(
    fields: dict[str, Any], field: str, stub: Stub
) -> None:
    violations = refused(stub, array_request(**fields))
    assert list(violations) == [field]
    assert "expected" in violations[field]
    assert "got" in violations[field]


def test_an_empty_text_is_a_text(client: Client, trained: dict[str, Trained]) -> None:
    expected = trained["sentiment"].predict("")
    assert client.predict("sentiment", "").probabilities == pytest.approx(expected[2], abs=1e-5)


def test_a_path_is_a_text_and_never_opened(client: Client, trained: dict[str, Trained]) -> None:
    answer = client.predict("sentiment", "/etc/passwd")
    expected = trained["sentiment"].predict("/etc/passwd")
    assert answer.probabilities == pytest.approx(expected[2], abs=1e-5)


def test_a_text_above_the_limit_is_refused(client: Client) -> None:
    assert client.model("sentiment").input.max_chars == 100_000
    with pytest.raises(InvalidInput) as caught:
        client.predict("sentiment", "x" * 100_001)
    [violation] = caught.value.violations
    assert violation.field == "text.content"
    assert violation.description == "expected at most 100000 characters, got 100001"


def test_a_message_above_the_limit_says_the_limit(penguins: Trained) -> None:
    lw.save_model("small", penguins.learner)
    with lw.serving("small", max_message_mib=1) as target, Client(target) as client:
        with pytest.raises(ResourceExhausted, match=str(2**20)):
            client.predict("small", {"island": "x" * 2**21})
        assert client.predict("small", penguins.items[0]).label


def test_bytes_that_are_no_message_are_the_callers_fault(target: str) -> None:
    with grpc.insecure_channel(target) as channel:
        call: Any = channel.unary_unary("/learnwire.v1.PredictionService/Predict")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\xff\xff\xff", timeout=60)
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_ragged_table_is_refused_whole(stub: Stub) -> None:
    table = io_pb2.Table(
        columns=[
            io_pb2.Column(name="year", values=encode_array(np.array([2007, 2008]))),
            io_pb2.Column(name="body_mass_g", values=encode_array(np.array([1.0]))),
        ]
    )
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.PredictMany(pb.PredictManyRequest(model="penguins", table=table), timeout=60))
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "table.columns[1].values" in str(caught.value.details())


def test_bad_pages_are_refused_and_pages_follow_each_other(target: str) -> None:
    with grpc.insecure_channel(target) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        first = stub.ListModels(model_service_pb2.ListModelsRequest(page_size=2))
        second = stub.ListModels(
            model_service_pb2.ListModelsRequest(page_size=2, page_token=first.next_page_token)
        )
        names = [model.name for model in [*first.models, *second.models]]
        assert names == ["digits", "penguins", "sentiment"]
        assert second.next_page_token == ""
        for bad in ({"page_size": -1}, {"page_token": "other"}):
            with pytest.raises(grpc.RpcError) as caught:
                stub.ListModels(model_service_pb2.ListModelsRequest(**bad))
            assert isinstance(caught.value, grpc.Call)
            assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_an_unknown_model_is_an_error_of_its_own_in_the_client(client: Client) -> None:
    with pytest.raises(ModelNotFound, match="served here"):
        client.predict("nobody", "text")


def test_a_very_long_name_in_a_wrong_row_is_still_invalid_argument(
    stub: Stub, row: dict[str, Any]
) -> None:
    request = row_request(row)
    request.row.cells["x" * 20_000].list_value.append("a list")
    [field] = refused(stub, request)
    assert len(field) < 1000


def test_a_mask_with_nan_is_refused_at_its_column(stub: Stub) -> None:
    values = encode_array(np.array([2007, 2008]))
    mask = encode_array(np.array([1.0, np.nan]))
    table = io_pb2.Table(columns=[io_pb2.Column(name="year", values=values, valid=mask)])
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.PredictMany(pb.PredictManyRequest(model="penguins", table=table), timeout=60))
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "table.columns[0].valid.data_type: expected bool" in str(caught.value.details())
