"""What an operator does by hand, with a real grpcurl that knows nothing but reflection."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
from learnwire_client import Unavailable
from learnwire_client.status import call_errors
from learnwire_service.common.settings import ServerSettings
from learnwire_service.hosting.serving import found, server_of

from tests.conftest import Trained
from tests.end_to_end import gate
from tests.end_to_end.typed import Stub, contract_of

GRPCURL = str(Path(sys.executable).parent / "grpcurl")
PREDICT = "learnwire.v1.PredictionService/Predict"
PENGUINS = "learnwire.models.penguins.v1.PenguinsService"
# What is left out may be null.
PENGUIN = {"island": "Torgersen", "year": 2007, "bill_length_mm": 39.1}
ON_A_FREE_PORT: dict[str, Any] = {"port": 0}
LATE = "learnwire.models.slow.v1.SlowService"


def grpcurl(target: str, *arguments: str, data: Any = None) -> str:
    typed = [] if data is None else ["-d", data if isinstance(data, str) else json.dumps(data)]
    command = [GRPCURL, "-plaintext", *typed, target, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise ValueError(done.stderr)
    return done.stdout


def test_it_lists_and_describes_the_services(target: str) -> None:
    services = grpcurl(target, "list").split()
    assert services == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "inference.GRPCInferenceService",
        "learnwire.models.digits.v1.DigitsService",
        "learnwire.models.penguins.v1.PenguinsService",
        "learnwire.models.sentiment.v1.SentimentService",
        "learnwire.v1.AdminService",
        "learnwire.v1.EndpointService",
        "learnwire.v1.ModelService",
        "learnwire.v1.PredictionService",
    ]
    assert "rpc PredictMany" in grpcurl(target, "describe", "learnwire.v1.PredictionService")
    assert ".google.protobuf.Value> cells" in grpcurl(target, "describe", "learnwire.v1.TabularRow")


def test_it_predicts_a_text(target: str, trained: dict[str, Trained]) -> None:
    request = {"model": "sentiment", "text": {"content": "A warm and funny film."}}
    answer = json.loads(grpcurl(target, PREDICT, data=request))["prediction"]
    label, _, probabilities = trained["sentiment"].predict("A warm and funny film.")
    assert answer["model"] == "sentiment"
    assert answer["singleLabel"]["label"] == label
    assert answer["singleLabel"]["probabilities"] == pytest.approx(probabilities, abs=1e-5)


def test_it_predicts_a_row_with_a_null(target: str, trained: dict[str, Trained]) -> None:
    row = next(row for row in trained["penguins"].items if row.isna().any())
    cells = {name: None if value != value else value for name, value in row.items()}
    assert None in cells.values()
    answer = json.loads(
        grpcurl(target, PREDICT, data={"model": "penguins", "row": {"cells": cells}})
    )["prediction"]
    label, _, probabilities = trained["penguins"].predict(row)
    assert answer["singleLabel"]["label"] == label
    assert answer["singleLabel"]["probabilities"] == pytest.approx(probabilities, abs=1e-5)


@pytest.mark.parametrize("form", ["nested", "flat"])
def test_it_predicts_an_array_typed_by_hand(
    form: str, target: str, trained: dict[str, Trained]
) -> None:
    image = trained["digits"].items[0]
    array = (
        {"values": image.tolist()}
        if form == "nested"
        else {"shape": image.shape, "values": image.ravel().tolist()}
    )
    answer = json.loads(grpcurl(target, PREDICT, data={"model": "digits", "array": array}))
    label, _, probabilities = trained["digits"].predict(image)
    assert answer["prediction"]["singleLabel"]["label"] == label
    assert answer["prediction"]["singleLabel"]["probabilities"] == pytest.approx(
        probabilities, abs=1e-5
    )


def test_it_reads_each_models_health(target: str) -> None:
    for name in ("", "sentiment", "penguins", "digits"):
        answer = grpcurl(target, "grpc.health.v1.Health/Check", data={"service": name})
        assert json.loads(answer) == {"status": "SERVING"}


def test_it_learns_what_a_model_takes_from_get_model(target: str) -> None:
    request = {"model": "penguins"}
    answer = json.loads(grpcurl(target, "learnwire.v1.ModelService/GetModel", data=request))
    model = answer["model"]
    columns = {column["name"]: column for column in model["tabular"]["columns"]}
    assert columns["island"]["type"] == "COLUMN_TYPE_STRING"
    assert columns["island"]["categories"] == ["Biscoe", "Dream", "Torgersen"]
    assert columns["year"]["type"] == "COLUMN_TYPE_INTEGER"
    assert columns["body_mass_g"]["nullable"] is True
    assert columns["body_mass_g"]["typicalMin"] < 4000 < columns["body_mass_g"]["typicalMax"]
    assert model["singleLabel"]["classes"] == ["Adelie", "Chinstrap", "Gentoo"]
    assert model["provenance"]["verified"] is True
    assert model["provenance"]["labels"] == {"made": "for tests"}
    assert "fastai" in model["provenance"]["libraryVersions"]
    example = {"cells": {name: column["example"] for name, column in columns.items()}}
    grpcurl(target, PREDICT, data={"model": "penguins", "row": example})


def test_a_typing_mistake_is_explained(target: str) -> None:
    request = {"model": "penguins", "row": {"cells": {"island": 3}}}
    with pytest.raises(ValueError, match="InvalidArgument") as caught:
        grpcurl(target, PREDICT, data=request)
    assert 'row.cells[\\"island\\"]' in str(caught.value)
    assert "expected a string, got the number 3" in str(caught.value)


def test_it_lists_describes_and_calls_a_models_own_service(
    target: str, trained: dict[str, Trained]
) -> None:
    assert "rpc PredictStream" in grpcurl(target, "describe", PENGUINS)
    request = grpcurl(target, "describe", "learnwire.models.penguins.v1.PredictRequest")
    assert "optional string island = " in request
    assert 'One of "Biscoe", "Dream"' in request  # a comment
    assert "optional double bill_length_mm = " in request
    classes = grpcurl(target, "describe", "learnwire.models.penguins.v1.Category")
    assert "CATEGORY_ADELIE = 1" in classes
    answer = json.loads(grpcurl(target, f"{PENGUINS}/Predict", data=PENGUIN))
    names = trained["penguins"].items[0].index
    row = pd.Series({name: PENGUIN.get(name, np.nan) for name in names}, dtype=object)
    label, _, probabilities = trained["penguins"].predict(row)
    assert answer["category"] == f"CATEGORY_{label.upper()}"
    assert answer["label"] == label
    assert answer["probabilities"] == pytest.approx(probabilities, abs=1e-5)
    assert answer["modelVersion"] == lw.get("penguins").manifest.version
    assert answer["warnings"] == [
        'left out, and taken as null: "sex", "bill_depth_mm", "flipper_length_mm", "body_mass_g"'
    ]


def test_a_models_own_service_comes_when_the_model_has_been_loaded(
    trained: dict[str, Trained],
) -> None:
    gate.open_.set()
    learner = trained["penguins"].learner
    learner.add_cb(callback := gate.Gate())
    try:
        lw.save_model("slow", learner)
    finally:
        learner.remove_cb(callback)
    gate.open_.clear()
    gate.entered.clear()
    try:
        asyncio.run(_load_while_watched())
    finally:
        gate.open_.set()
        lw.delete_model("slow")


def _call(target: str, name: str) -> None:
    """Call as a stub does, which was made before and needs no reflection."""
    with grpc.insecure_channel(target) as channel, call_errors(target):
        stub = Stub(channel, contract_of(name))
        stub.predict(stub.request(PENGUIN))


async def _load_while_watched() -> None:
    settings = ServerSettings(**ON_A_FREE_PORT)
    server = server_of(found(["penguins", "slow"]), settings)

    async def ask(*arguments: str, data: Any = None) -> str:
        return await asyncio.to_thread(grpcurl, target, *arguments, data=data)

    try:
        target = await server.start()
        assert "learnwire.models" not in await ask("list")
        loading = asyncio.create_task(server.load())
        await asyncio.to_thread(gate.entered.wait)
        services = (await ask("list")).split()
        assert PENGUINS in services
        assert LATE not in services
        assert json.loads(await ask(f"{PENGUINS}/Predict", data=PENGUIN))["label"]
        with pytest.raises(ValueError, match="does not expose service"):
            await ask(f"{LATE}/Predict", data=PENGUIN)
        with pytest.raises(Unavailable, match="is being loaded"):
            await asyncio.to_thread(_call, target, "slow")
        gate.open_.set()
        await loading
        assert {PENGUINS, LATE} < set((await ask("list")).split())
        assert "rpc PredictMany" in await ask("describe", LATE)
        for service in (PENGUINS, LATE):
            assert json.loads(await ask(f"{service}/Predict", data=PENGUIN))["label"]
    finally:
        gate.open_.set()
        await server.stop()
