"""The wheel without extras, in fresh environments, is a client."""

import json
import subprocess
import zipfile
from pathlib import Path

import learnwire_service as lw
import pytest

from tests.conftest import Trained
from tests.end_to_end.kinds import KINDS
from tests.installing import built, installed, run

CLIENT = """
import json, sys
import google.protobuf, numpy as np
from learnwire_client import Client, InvalidInput

row, image = json.loads(sys.argv[2]), np.array(json.loads(sys.argv[3]), np.uint8)
with Client(sys.argv[1]) as client:
    answers = [client.predict("sentiment", "fine"), client.predict("penguins", row),
               *client.predict_many("digits", [image, image])]
    try:
        client.predict("penguins", {**row, "island": 3})
    except InvalidInput as error:
        field = error.violations[0].field
heavy = sorted({"torch", "fastai", "pandas"} & sys.modules.keys())
labels = [answer.label for answer in answers]
print(json.dumps([google.protobuf.__version__, labels, field, heavy]))
"""
# Serves a model without its Learner, and asks it over a socket for its golden examples.
SERVE = """
import json, sys
import learnwire_service as lw
from learnwire_client import Client
from learnwire_service.signature.agreement import disagreement

model = lw.get(sys.argv[1])
with lw.serving(model.tag, sealed_only=True) as target, Client(target) as client:
    examples = model.examples()
    answers = [client.predict(model.tag, example.item) for example in examples]
    same_bits = client.model(model.tag).plan.bit_identical
pairs = zip(answers, examples)
differ = [disagreement(model.signature.output, a, example.answer) for a, example in pairs]
training = {"torch", "fastai", "fastcore", "spacy", "pandas", "cloudpickle"}
print(json.dumps({"differ": [d for d in differ if d], "same_bits": same_bits,
                  "heavy": sorted(training & sys.modules.keys())}))
"""
SEALED = ("penguins", "sentiment", "digits")
OTHER_KINDS = (
    *("rows-to-a-number", "rows-to-labels", "texts-to-labels", "texts-to-a-number"),
    *("text-columns", "ratings", "arrays", "pairs-of-arrays", "two-outputs"),
    *("images-to-a-label", "images-to-a-point", "images-to-a-mask"),
)


def refused(*command: str | Path) -> str:
    """Run a command that is to say in a line why it does not work."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_the_wheel_holds_the_contract_and_its_stubs(shared: Path) -> None:
    with zipfile.ZipFile(built(shared)) as archive:
        names = set(archive.namelist())
    contract = {
        f"learnwire/v1/prediction_service{end}" for end in (".proto", "_pb2.py", "_pb2.pyi")
    }
    assert contract <= names
    assert {"learnwire/v1/py.typed", "learnwire_client/py.typed"} <= names
    # A namespace package, so that others can put their own stubs below it.
    assert "learnwire/__init__.py" not in names


@pytest.mark.parametrize("protobuf", ["6.31.0", "7.*"])
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_wheel_predicts_under(
    protobuf: str, shared: Path, target: str, trained: dict[str, Trained]
) -> None:
    binaries = installed(shared, "", f"protobuf=={protobuf}")
    python = binaries / "python"
    run(python, "-m", "pip", "check")
    row = next(row for row in trained["penguins"].items if row.notna().all())
    image = trained["digits"].items[0]
    printed = run(
        *(python, "-W", "error", "-c", CLIENT, target),
        *(json.dumps(dict(row)), json.dumps(image.tolist())),
    )
    version, labels, field, heavy = json.loads(printed)
    expected = [("sentiment", "fine"), ("penguins", row), ("digits", image), ("digits", image)]
    assert version.startswith(protobuf.removesuffix("*"))
    assert labels == [trained[name].predict(item)[0] for name, item in expected]
    assert field == 'row.cells["island"]'
    assert heavy == []
    command = binaries / "learnwire"
    assert run(command, "health", "penguins", "--target", target).endswith("SERVING\n")
    asked = ("predict", "penguins", "--row", json.dumps(dict(row)), "--target", target)
    assert json.loads(run(command, *asked))["label"] == labels[1]
    assert "items in a batch" in run(command, "stats", "penguins", "--target", target)
    for arguments in (["serve", "penguins"], ["models", "list"], asked[:-2]):
        assert refused(command, *arguments).endswith("pip install 'learnwire[serve]'")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_sealed_models_are_served_by_what_serve_installs(
    shared: Path, trained: dict[str, Trained]
) -> None:
    saved = {
        name: lw.save_model(f"bare-{name}", trained[name].learner, keep_learner=False)
        for name in SEALED
    }
    saved |= {
        f"bare-{name}": lw.save_model(f"bare-{name}", KINDS[name]().learner, keep_learner=False)
        for name in OTHER_KINDS
    }
    binaries = installed(shared, "serve")
    python, command = binaries / "python", binaries / "learnwire"
    for model in saved.values():
        checked = json.loads(run(python, "-c", SERVE, model.tag))
        assert checked == {"differ": [], "heavy": [], "same_bits": True}
    assert all(model.tag in run(command, "models", "show", model.tag) for model in saved.values())
    series = KINDS["series-through-an-adapter"]()
    unsealed = lw.save_model("bare-series", series.learner, adapter=series.adapter)
    for workers in ("1", "2"):
        problem = refused(command, "serve", unsealed.tag, "--port", "0", "--workers", workers)
        assert problem.endswith("pip install 'learnwire[service]'")
    for model in (*saved.values(), unsealed):
        assert run(command, "models", "delete", "--yes", model.tag).strip() == model.tag
