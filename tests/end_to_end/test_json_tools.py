"""JSON as tools write it: names of fields, numbers for people, and what stands for null."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha.reflection_pb2 import (
    ServerReflectionRequest,
    ServerReflectionResponse,
)
from learnwire.v1 import io_pb2
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1.prediction_service_pb2_grpc import PredictionServiceStub
from learnwire_client.arrays import decode_array

from tests.conftest import Trained
from tests.end_to_end.typed import contract_of
from tests.end_to_end.web import GENERIC, violations, web_serving
from tests.service import small_learners as small
from tests.service import small_networks as networks

BIN = Path(sys.executable).parent
ODD = ("Sepal.Length", "__x", "_1", "a__b", "UPPER", "größe", "年齢", "class", "2024", "json name")
SERVICE = "learnwire.models.odd_names.v1.OddNamesService"
WEIGHT = 'row.cells["weight"]'


def odd_learner() -> Any:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(48, len(ODD))), columns=list(ODD))
    frame.loc[20, "__x"] = np.nan
    frame["sold"] = np.where(frame["Sepal.Length"] > 0, "yes", "no")
    return small.shop_learner(frame, categories=(), numbers=ODD)


@pytest.fixture(scope="module")
def odd() -> Any:
    return odd_learner()


@pytest.fixture(scope="module")
def web(odd: Any, home: Path) -> Iterator[tuple[str, httpx.Client]]:
    lw.save_model("odd-names", odd)
    lw.save_model("shop", small.shop_learner())
    lw.save_model("mask", networks.segmenter())
    with web_serving("odd-names", "shop", "mask") as both:
        yield both


def grpcurl(target: str, method: str, data: Any) -> Any:
    command = [BIN / "grpcurl", "-plaintext", "-d", "@", target, method]
    return _told(command, json.dumps(data))


def buf_curl(target: str, method: str, data: Any) -> Any:
    flags = ["--http2-prior-knowledge", "--protocol", "grpc", "-d", "@-"]
    return _told([BIN / "buf", "curl", *flags, f"http://{target}/{method}"], json.dumps(data))


def _told(command: list[Any], typed: str) -> Any:
    done = subprocess.run(
        command, input=typed, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        raise ValueError(done.stderr)
    chunks = done.stdout.replace("}\n{", "}\0{").split("\0")
    return [json.loads(chunk) for chunk in chunks] if len(chunks) > 1 else json.loads(chunks[0])


def reflected(target: str, symbol: str) -> list[FileDescriptorProto]:
    request = ServerReflectionRequest(file_containing_symbol=symbol)
    with grpc.insecure_channel(target) as channel:
        call = channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            ServerReflectionRequest.SerializeToString,
            ServerReflectionResponse.FromString,
        )
        [answer] = call(iter([request]))
    found = answer.file_descriptor_response.file_descriptor_proto
    return [FileDescriptorProto.FromString(one) for one in found]


def json_names(file: FileDescriptorProto) -> dict[str, str]:
    return {
        f"{message.name}.{field.name}": field.json_name
        for message in file.message_type
        for field in message.field
    }


def test_columns_of_odd_names_are_typed_as_they_are_called_whatever_the_tool(
    web: tuple[str, httpx.Client], odd: Any
) -> None:
    target, http = web
    row = {name: round(0.1 * place, 1) for place, name in enumerate(ODD)}
    with odd.no_bar():
        _, index, probabilities = odd.predict(pd.Series(row))
    answers = [
        grpcurl(target, f"{SERVICE}/Predict", row),
        buf_curl(target, f"{SERVICE}/Predict", row),
        http.post(f"/{SERVICE}/Predict", json=row).json(),
    ]
    for answer in answers:
        assert answer.get("index", 0) == int(index)
        assert answer["probabilities"] == pytest.approx(probabilities.tolist(), abs=1e-5)
        assert not answer.get("warnings")


def test_json_names_agree_between_reflection_and_what_is_compiled(
    web: tuple[str, httpx.Client],
) -> None:
    compiled = json_names(contract_of("odd-names").file)
    told = {file.name: json_names(file) for file in reflected(web[0], SERVICE)}
    assert told["learnwire/models/odd_names/v1/odd_names_service.proto"] == compiled
    assert all(f"PredictRequest.{name}" not in ODD for name in compiled)
    assert {compiled[f"PredictRequest.{name}"] for name in ("x", "a_b", "upper")} == {
        *("__x", "a__b", "UPPER")
    }


@pytest.mark.parametrize(
    "symbol",
    [
        *("learnwire.v1.PredictionService", "learnwire.v1.ModelService", SERVICE),
        *("grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"),
    ],
)
def test_reflection_tells_the_json_name_of_every_field(
    web: tuple[str, httpx.Client], symbol: str
) -> None:
    files = reflected(web[0], symbol)
    names = [name for file in files for name in json_names(file).values()]
    assert names
    assert all(names)


def test_many_answers_are_plain_numbers_where_that_is_asked_for(
    target: str, trained: dict[str, Trained]
) -> None:
    texts = trained["sentiment"].items[4:7]
    request = {"model": "sentiment", "texts": {"contents": texts}, "plainArrays": True}
    for tool in (grpcurl, buf_curl):
        told = tool(target, "learnwire.v1.PredictionService/PredictMany", request)["singleLabels"]
        for place, text in enumerate(texts):
            label, index, probabilities = trained["sentiment"].predict(text)
            assert told["labels"][place] == label
            assert told["indices"]["values"][place] == int(index)
            assert told["probabilities"]["values"][place] == pytest.approx(
                probabilities.tolist(), abs=1e-5
            )


def test_a_failed_item_has_null_where_plain_json_has_no_nan(
    web: tuple[str, httpx.Client],
) -> None:
    rows = [{"cells": {**small.ROW, "price": price}} for price in (10.0, "dear")]
    request = {"model": "shop", "rows": {"rows": rows}, "plain_arrays": True}
    told = grpcurl(web[0], "learnwire.v1.PredictionService/PredictMany", request)
    good, bad = told["singleLabels"]["probabilities"]["values"]
    assert sum(good) == pytest.approx(1, abs=1e-5)
    assert bad == [None, None]
    assert told["errors"][0]["index"] == "1"


def test_plain_numbers_are_the_same_numbers_and_no_message_is_too_large(
    web: tuple[str, httpx.Client],
) -> None:
    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    array = pb.PredictRequest(model="mask")
    array.array.shape.extend(image.shape)
    array.array.data_type, array.array.data = io_pb2.DATA_TYPE_UINT8, image.tobytes()
    many = pb.PredictManyRequest(model="mask")
    many.arrays.arrays.extend([array.array] * 40)
    with grpc.insecure_channel(web[0]) as channel:
        stub = PredictionServiceStub(channel)
        packed = stub.Predict(array).prediction.arrays.arrays
        array.plain_arrays = many.plain_arrays = True
        plain = stub.Predict(array).prediction.arrays.arrays
        chunks = list(stub.PredictMany(many))
    for name, one in packed.items():
        assert not plain[name].data
        assert list(plain[name].shape) == list(one.shape)
        np.testing.assert_array_equal(decode_array(plain[name]), decode_array(one))
    assert sum(len(chunk.predictions.predictions) for chunk in chunks) == 40


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_json_has_no_number_for_is_refused_with_the_way_to_send_null(
    web: tuple[str, httpx.Client], value: str
) -> None:
    target, http = web
    row = {**small.ROW, "weight": value}
    generic = {"model": "shop", "row": {"cells": row}}
    service = "learnwire.models.shop.v1.ShopService"
    typed_hint = "leave the field out where its value is missing" if value == "NaN" else "finite"
    hint = "a missing value is null" if value == "NaN" else value
    for tool in (grpcurl, buf_curl):
        with pytest.raises(ValueError, match=hint) as caught:
            tool(target, "learnwire.v1.PredictionService/Predict", generic)
        assert "without quotes" not in str(caught.value)
        with pytest.raises(ValueError, match=typed_hint):
            tool(target, f"{service}/Predict", row)
    refused = http.post(f"{GENERIC}/Predict", json=generic)
    assert refused.status_code == 400
    assert hint in violations(refused)[WEIGHT]
    refused = http.post(f"/{service}/Predict", json=row)
    assert refused.status_code == 400
    assert typed_hint in violations(refused)["weight"]


def test_a_bare_nan_which_is_no_json_is_refused_over_http(web: tuple[str, httpx.Client]) -> None:
    for path, body in (
        (f"{GENERIC}/Predict", {"model": "shop", "row": {"cells": {"weight": float("nan")}}}),
        ("/learnwire.models.shop.v1.ShopService/Predict", {"weight": float("nan")}),
    ):
        refused = web[1].post(
            path, content=json.dumps(body), headers={"content-type": "application/json"}
        )
        assert refused.status_code == 400
        assert refused.json()["code"] == "invalid_argument"
        assert "nan" in refused.json()["message"].lower()


def test_a_null_is_a_null_in_the_generic_contract_and_a_field_left_out_in_a_models_own(
    web: tuple[str, httpx.Client],
) -> None:
    target, http = web
    null = {**small.ROW, "weight": None}
    left_out = {name: cell for name, cell in small.ROW.items() if name != "weight"}
    generic = {"model": "shop", "row": {"cells": null}}
    service = "learnwire.models.shop.v1.ShopService/Predict"
    first, *others = [
        grpcurl(target, "learnwire.v1.PredictionService/Predict", generic)["prediction"][
            "singleLabel"
        ],
        buf_curl(target, "learnwire.v1.PredictionService/Predict", generic)["prediction"][
            "singleLabel"
        ],
        http.post(f"{GENERIC}/Predict", json=generic).json()["prediction"]["singleLabel"],
        grpcurl(target, service, left_out),
        buf_curl(target, service, left_out),
        http.post(f"/{service}", json=left_out).json(),
    ]
    for other in others:
        assert other["label"] == first["label"]
        assert other["probabilities"] == first["probabilities"]
