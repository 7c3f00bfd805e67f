"""Versions of a model share its calls: by callers' keys, by chance, and as admins change it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import learnwire_service as lw
import pytest
from learnwire.inference import v2_pb2_grpc as inference_grpc
from learnwire.v1 import endpoint_service_pb2 as endpoint_pb
from learnwire.v1 import endpoint_service_pb2_grpc as endpoint_grpc
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1 import prediction_service_pb2_grpc as pb_grpc
from learnwire.v1.io_pb2 import TabularRows
from learnwire_client import Client
from learnwire_client.payloads import filled
from learnwire_client.rows import encode_row
from learnwire_service.cli.main import app
from learnwire_service.common.errors import SplitRefused
from learnwire_service.runners.split import point_of
from typer.testing import CliRunner

from tests.end_to_end import inference
from tests.end_to_end.test_workers import await_that, supervised
from tests.end_to_end.typed import Stub, contract_of
from tests.end_to_end.web import GENERIC, web_serving
from tests.service import small_learners as small
from tests.service.small_learners import ROW, ask

KEY = "learnwire-key"
SHARE = 0.5
REQUEST = pb.PredictRequest(model="shop", row=encode_row(ROW))
# For each of these versions a caller's key.
KEYS = {
    "two": next(key for key in map(str, range(99)) if point_of("shop", key) < SHARE),
    "one": next(key for key in map(str, range(99)) if point_of("shop", key) >= SHARE),
}


@pytest.fixture(scope="module")
def learners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The learners of two versions that have one contract, and of a third that has another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNWIRE_HOME", str(tmp_path_factory.mktemp("split")))
        found = {version: small.shop_learner() for version in ("one", "two")}
        found["other"] = small.shop_learner(target="total")
        for version, learner in found.items():
            lw.save_model(f"shop:{version}", learner)
        yield found


@pytest.fixture
def target(learners: dict[str, Any]) -> Iterator[str]:
    with lw.serving("shop:one", "shop:two", split=f"shop:two={SHARE:.0%}") as target:
        yield target


@pytest.fixture
def stub(target: str) -> Iterator[Any]:
    with grpc.insecure_channel(target) as channel:
        yield pb_grpc.PredictionServiceStub(channel)


def answered_by(prediction: Any, learners: dict[str, Any]) -> str:
    """Give the version that answered, which says what its learner says."""
    version = str(prediction.version)
    told = list(prediction.single_label.probabilities)
    assert told == pytest.approx(list(ask(learners[version], ROW)[1]), abs=1e-5)
    return version


@pytest.mark.parametrize("version", KEYS)
def test_who_has_the_same_key_is_answered_by_the_same_version(
    version: str, stub: Any, target: str, learners: dict[str, Any]
) -> None:
    key: Any = [(KEY, KEYS[version])]
    for _ in range(3):
        answer = stub.Predict(REQUEST, metadata=key)
        assert answered_by(answer.prediction, learners) == version
    nameless = pb.PredictRequest(row=encode_row(ROW))
    assert stub.Predict(nameless, metadata=key).prediction.version == version
    many = pb.PredictManyRequest(model="shop", rows=TabularRows(rows=[encode_row(ROW)] * 3))
    assert {one.version for one in stub.PredictMany(many, metadata=key)} == {version}
    items = [pb.PredictStreamRequest(id=str(n), request=REQUEST) for n in range(5)]
    answers = stub.PredictStream(iter(items), metadata=key)
    assert [answered_by(one.prediction, learners) for one in answers] == [version] * 5
    with grpc.insecure_channel(target) as channel:
        typed = Stub(channel, contract_of("shop:one"))
        request = typed.request(ROW)
        called = channel.unary_unary(
            f"/{typed.contract.service}/Predict",
            request_serializer=type(request).SerializeToString,
            response_deserializer=typed._class("Predict", "output_type").FromString,
        )
        assert called(request, metadata=key).model_version == version
        inferences = inference_grpc.GRPCInferenceServiceStub(channel)
        asked = inference.request("shop", inference.tensors([ROW]))
        assert inferences.ModelInfer(asked, metadata=key).model_version == version
        [streamed] = inferences.ModelStreamInfer(iter([asked]), metadata=key)
        assert streamed.infer_response.model_version == version


def test_without_a_key_chance_decides_once_for_each_call(stub: Any) -> None:
    versions = {stub.Predict(REQUEST).prediction.version for _ in range(100)}
    assert versions == {"one", "two"}
    streams = []
    for _ in range(40):
        items = [pb.PredictStreamRequest(id=str(n), request=REQUEST) for n in range(5)]
        [version] = {one.prediction.version for one in stub.PredictStream(iter(items))}
        streams.append(version)
    assert set(streams) == {"one", "two"}
    # What says nothing is no key.
    empty = {stub.Predict(REQUEST, metadata=[(KEY, "")]).prediction.version for _ in range(100)}
    assert empty == {"one", "two"}


def test_a_call_that_names_a_version_is_answered_by_it(stub: Any, target: str) -> None:
    key: Any = [(KEY, KEYS["two"])]
    for named in ("shop:one", "shop:on"):
        request = pb.PredictRequest(model=named, row=encode_row(ROW))
        assert stub.Predict(request, metadata=key).prediction.version == "one"
    with grpc.insecure_channel(target) as channel:
        typed = Stub(channel, contract_of("shop:one"))
        for _ in range(10):
            assert typed.predict(typed.request(ROW), "one").model_version == "one"


def test_over_http_the_key_is_a_header(learners: dict[str, Any]) -> None:
    served = web_serving("shop:one", "shop:two", split=f"shop:two={SHARE:.0%}")
    body = {"model": "shop", "row": {"cells": ROW}}
    with served as (_, http):
        for version, key in KEYS.items():
            answer = http.post(f"{GENERIC}/Predict", json=body, headers={"Learnwire-Key": key})
            assert answer.json()["prediction"]["version"] == version


def test_an_admin_makes_a_version_the_default_and_takes_it_away(target: str, stub: Any) -> None:
    def versions() -> list[Any]:
        keyed = [stub.Predict(REQUEST, metadata=[(KEY, key)]) for key in KEYS.values()]
        return [one.prediction.version for one in keyed]

    def shares(client: Client) -> dict[str, float]:
        return {one.tag: one.share for one in client.loaded()}

    assert list(KEYS) == versions() == ["two", "one"]
    with Client(target, timeout=120) as client:
        assert shares(client) == {"shop:one": 0.5, "shop:two": 0.5}
        listed = CliRunner().invoke(app, ["admin", "list", "--target", target]).stdout
        assert "50%" in listed
        client.set_default("shop:two")
        assert versions() == ["two", "two"]
        assert shares(client) == {"shop:one": 0, "shop:two": 1}
        client.set_default("shop:one")
        assert versions() == ["two", "one"]
        client.unload("shop:two")
        assert versions() == ["one", "one"]
        assert shares(client) == {"shop:one": 1}
        client.load("shop:two")
        assert versions() == ["two", "one"]
        client.update("shop:two")
        assert versions() == ["two", "two"]


def test_a_version_of_another_contract_leaves_callers_of_the_old_one_alone(
    target: str, stub: Any
) -> None:
    with Client(target, timeout=120) as client, grpc.insecure_channel(target) as channel:
        client.load("shop:other")
        client.set_default("shop:other")
        typed = Stub(channel, contract_of("shop:one"))
        versions = {typed.predict(typed.request(ROW)).model_version for _ in range(50)}
        assert versions == {"two"}
        generic = {stub.Predict(REQUEST).prediction.version for _ in range(50)}
        assert generic == {"two", "other"}


@pytest.mark.parametrize(
    ("served", "split", "told"),
    [
        ("shop:one shop:two", "pets:two=5%", "pets:two has a share, and no version of pets is"),
        (
            "shop:one shop:two",
            "shop:six=5%",
            "shop:six has a share and is not served, only shop:one, ",
        ),
        ("shop:one", "shop:two=5%", "learnwire serve shop:one shop:two"),
        ("shop:two", "shop:two=5%", "all versions of shop that are served have a share"),
        ("shop:one shop:two", "shop:two=5%,shop:tw=1%", "shop:two has two shares"),
        ("shop:one shop:two shop:other", "shop:two=60%,shop:other=41%", "are 101% in all, more th"),
        ("shop:one shop:other", "shop:other=5%", "has the contract v2 and shop:one v1"),
    ],
)
@pytest.mark.usefixtures("learners")
def test_a_wrong_split_starts_nothing(served: str, split: str, told: str) -> None:
    with (
        pytest.raises(SplitRefused) as caught,
        lw.serving(*served.split(), split=split),
    ):
        pass
    assert told in str(caught.value)


@pytest.mark.usefixtures("learners")
def test_the_code_of_a_service_asks_the_version_of_its_runner_whatever_the_shares() -> None:
    runner = lw.get("shop:one").to_runner()
    service = lw.Service("prices", runners=[runner])

    @service.api(input=lw.TabularRow(), output=lw.Text())
    async def version(row: dict[str, Any]) -> str:
        return str((await runner.predict.async_run(row)).version)

    split = f"shop:two={SHARE:.0%}"
    with (
        lw.serving(service, "shop:one", "shop:two", split=split) as target,
        grpc.insecure_channel(target) as channel,
        Client(target) as client,
    ):
        predictions = pb_grpc.PredictionServiceStub(channel)
        endpoints = endpoint_grpc.EndpointServiceStub(channel)
        asked = filled(endpoint_pb.CallRequest(endpoint="version"), ROW, None)
        for named, key in KEYS.items():
            own: Any = [(KEY, key)]
            assert predictions.Predict(REQUEST, metadata=own).prediction.version == named
            assert endpoints.Call(asked, metadata=own).output.text.content == "one"
        assert client.call("version", ROW) == "one"
    # Who knows it by its service alone cannot divide its calls.
    with (
        pytest.raises(SplitRefused, match="all versions of shop that are served have a share"),
        lw.serving(service, "shop:two", split=split),
    ):
        pass


@pytest.mark.slow
@pytest.mark.usefixtures("learners")
def test_workers_and_those_that_replace_them_divide_calls_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = "models:\n  shop:one:\n  shop:two: {share: 50%}\nserve: {workers: 2, port: 0}\n"
    (tmp_path / "learnwire.yaml").write_text(lines)
    for _ in range(2):  # it is started again
        with supervised(tmp_path / "log") as running:
            asyncio.run(_ask_on_many_connections(running.target))


async def _ask_on_many_connections(target: str) -> None:
    options = [("grpc.use_local_subchannel_pool", 1)]
    for version, key in KEYS.items():
        for _ in range(8):
            async with grpc.aio.insecure_channel(target, options=options) as channel:
                predict: Any = pb_grpc.PredictionServiceStub(channel).Predict
                answer = await predict(REQUEST, metadata=[(KEY, key)])
                assert answer.prediction.version == version


@pytest.mark.slow
def test_who_follows_the_store_leaves_divided_calls_alone(learners: dict[str, Any]) -> None:
    lw.save_model("pets:one", learners["one"])
    served = ("shop:one", "shop:two", "pets")
    lw.save_model("shop", learners["one"])
    try:
        with (
            lw.serving("shop", *served, split="shop:two=50%", watch=True) as target,
            Client(target) as client,
        ):
            newest = client.predict("shop:latest", ROW).version
            lw.save_model("shop:newer", learners["one"])
            lw.save_model("pets:two", learners["two"])
            await_that(lambda: client.predict("pets", ROW).version == "two", "the store followed")
            assert {one.tag for one in client.loaded() if one.tag.startswith("shop")} == {
                *("shop:one", "shop:two", f"shop:{newest}")
            }
    finally:
        for tag in ("shop:newer", f"shop:{newest}", "pets"):
            lw.delete_model(tag)
