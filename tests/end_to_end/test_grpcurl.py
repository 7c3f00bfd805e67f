"""What an operator does by hand, with a real grpcurl that knows nothing but reflection."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Trained

GRPCURL = str(Path(sys.executable).parent / "grpcurl")
PREDICT = "learnwire.v1.PredictionService/Predict"


def grpcurl(target: str, *arguments: str, data: Any = None) -> str:
    typed = [] if data is None else ["-d", data if isinstance(data, str) else json.dumps(data)]
    command = [GRPCURL, "-plaintext", *typed, target, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise ValueError(done.stderr)
    return done.stdout


def test_it_lists_and_describes_the_services(target: str) -> None:
    services = grpcurl(target, "list").split()
    assert services == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
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
    assert answer["single_label"]["label"] == label
    assert answer["single_label"]["probabilities"] == pytest.approx(probabilities, abs=1e-5)


def test_it_predicts_a_row_with_a_null(target: str, trained: dict[str, Trained]) -> None:
    row = next(row for row in trained["penguins"].items if row.isna().any())
    cells = {name: None if value != value else value for name, value in row.items()}
    assert None in cells.values()
    answer = json.loads(
        grpcurl(target, PREDICT, data={"model": "penguins", "row": {"cells": cells}})
    )["prediction"]
    label, _, probabilities = trained["penguins"].predict(row)
    assert answer["single_label"]["label"] == label
    assert answer["single_label"]["probabilities"] == pytest.approx(probabilities, abs=1e-5)


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
    assert answer["prediction"]["single_label"]["label"] == label
    assert answer["prediction"]["single_label"]["probabilities"] == pytest.approx(
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
    assert columns["body_mass_g"]["typical_min"] < 4000 < columns["body_mass_g"]["typical_max"]
    assert model["single_label"]["classes"] == ["Adelie", "Chinstrap", "Gentoo"]
    assert model["provenance"]["verified"] is True
    assert model["provenance"]["labels"] == {"made": "for tests"}
    assert "fastai" in model["provenance"]["library_versions"]
    example = {"cells": {name: column["example"] for name, column in columns.items()}}
    grpcurl(target, PREDICT, data={"model": "penguins", "row": example})


def test_a_typing_mistake_is_explained(target: str) -> None:
    request = {"model": "penguins", "row": {"cells": {"island": 3}}}
    with pytest.raises(ValueError, match="InvalidArgument") as caught:
        grpcurl(target, PREDICT, data=request)
    assert 'row.cells[\\"island\\"]' in str(caught.value)
    assert "expected a string or null, got the number 3" in str(caught.value)
