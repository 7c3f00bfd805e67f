"""A client that somebody else's generator makes of /openapi.json asks, and is answered right."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Trained
from tests.end_to_end.test_http import image_of, row_of
from tests.end_to_end.web import web_serving
from tests.installing import run
from tests.once import once

pytestmark = pytest.mark.environments

GENERATOR = "openapi-python-client==0.29.1"
# Asks as a user of the generated code: own fields for penguins, one request for the others.
PROGRAM = """
import json, sys
from generated import Client
from generated.api.learnwire_models_penguins_v_1_penguins_service import (
    learnwire_models_penguins_v_1_penguins_service_predict as own,
)
from generated.api.learnwire_v_1_prediction_service import (
    learnwire_v_1_prediction_service_predict as generic,
)
from generated.models import LearnwireModelsPenguinsV1PredictRequest as Row
from generated.models import LearnwireV1PredictRequest as Request

url, row, requests = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
client = Client(base_url=url, timeout=60)
answers = [own.sync(client=client, body=Row(**row))]
answers += [generic.sync(client=client, body=Request.from_dict(one)) for one in requests]
print(json.dumps([one.to_dict() for one in answers]))
"""


def generated(document: Any, tools: Path, folder: Path) -> None:
    """Generate a client into a folder, with the generator in an environment of its own."""

    def install(done: Path) -> None:
        run(sys.executable, "-m", "venv", tools)
        pip = (tools / "bin" / "python", "-m", "pip", "--disable-pip-version-check")
        run(*pip, "install", "--quiet", GENERATOR)
        done.touch()

    once(tools.with_suffix(".done"), install)
    (folder / "openapi.json").write_text(json.dumps(document))
    generator = tools / "bin" / "openapi-python-client"
    where = ("--path", folder / "openapi.json", "--output-path", folder / "generated")
    run(generator, "generate", *where, "--meta", "none")


def test_a_generated_client_asks_every_model(
    trained: dict[str, Trained], shared: Path, tmp_path: Path
) -> None:
    digit, text = trained["digits"].items[0], trained["sentiment"].items[4]
    row = trained["penguins"].items[0]
    cells = {name: cell for name, cell in row_of(row).items() if cell is not None}
    requests = [
        {"model": "digits", "array": image_of(digit)},
        {"model": "sentiment", "text": {"content": text}},
        {"model": "nobody", "text": {"content": text}},
    ]
    with web_serving(*trained) as (_, http):
        generated(http.get("/openapi.json").json(), shared / "openapi-tools", tmp_path)
        python = shared / "openapi-tools" / "bin" / "python"
        command = [python, "-c", PROGRAM, str(http.base_url), json.dumps(cells)]
        done = subprocess.run(
            [*map(str, command), json.dumps(requests)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    penguin, *others, refused = json.loads(done.stdout)
    answers = [penguin, *(one["prediction"]["singleLabel"] for one in others)]
    asked = (("penguins", row), ("digits", digit), ("sentiment", text))
    for (name, item), answer in zip(asked, answers, strict=True):
        label, index, probabilities = trained[name].predict(item)
        assert (answer["label"], answer["index"]) == (label, int(index))
        np.testing.assert_allclose(answer["probabilities"], probabilities, atol=1e-5)
    assert refused["code"] == "not_found"
