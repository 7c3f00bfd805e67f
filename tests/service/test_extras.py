"""What works where an extra is not installed, and what the rest says there."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import learnwire_service as lw
import pytest
from learnwire_service.store.manifest import Manifest
from learnwire_service.store.store import ModelStore
from learnwire_service.store.tag import Tag

from .altered import write_own
from .odd_modules import Two
from .small_learners import ROW, ask

OF_TRAINING = (
    *("cloudpickle", "fastai", "fastcore", "fasttransform", "onnx", "onnxscript", "pandas"),
    *("pyarrow", "safetensors", "spacy", "torch", "torchvision"),
)
OF_SERVERS = (
    *("filelock", "grpc_reflection", "onnxruntime", "PIL", "sentencepiece", "watchfiles"),
)
WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Missing(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        missing = name.partition(".")[0] in {missing!r}
        return None if missing else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Missing
"""
COMMAND = """
from learnwire_service.cli.main import main

main()
"""
NAMES = """
import json
import learnwire_service as lw

missing = dict()
for name in lw.__all__:
    try:
        getattr(lw, name)
    except ModuleNotFoundError as error:
        missing[name] = str(error)
print(json.dumps(missing))
"""
PREDICT = """
import json, pickle
import learnwire_service as lw

with lw.serving("shop", sealed_only=True):
    answer = lw.get("shop").to_runner().predict.run(json.loads(sys.argv[1]))
ours = [one for name, one in sys.modules.items() if name.startswith("learnwire")]
pickling = [one.__name__ for one in ours if any(value is pickle for value in vars(one).values())]
print(json.dumps([int(answer.index), answer.probabilities.tolist(), pickling]))
"""
LOAD = """
import learnwire_service as lw

try:
    lw.get(sys.argv[1]).load()
except lw.UnloadableModel as error:
    print(error)
"""
WITH_SERVICE = "pip install 'learnwire[service]'"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, shop: Any) -> Iterator[None]:
    """A store with a sealed model, one of before, and a torch module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNWIRE_HOME", str(tmp_path_factory.mktemp("extras")))
        lw.save_model("shop", shop)
        lw.save_torch_model("two", Two())
        lw.save_model("old:v", shop)
        version = ModelStore().find(Tag.parse("old"))
        assert isinstance(version.manifest, Manifest)
        write_own(version.manifest.model_copy(update={"sealed": None}), version.directory)
        yield


def run(
    program: str, *arguments: str, missing: tuple[str, ...]
) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", WITHOUT.format(missing=missing) + program, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_name_that_needs_training_says_what_to_install() -> None:
    missing = json.loads(run(NAMES, missing=OF_TRAINING).stdout)
    told = f"No module named 'cloudpickle'; {WITH_SERVICE}"
    assert missing == dict.fromkeys(("save_model", "seal_model"), told)


@pytest.mark.usefixtures("store")
def test_a_sealed_model_answers_without_what_training_needs(shop: Any) -> None:
    done = run(PREDICT, json.dumps(ROW), missing=OF_TRAINING)
    assert done.stderr == ""
    index, probabilities, pickling = json.loads(done.stdout)
    assert index == ask(shop, ROW)[0]
    assert probabilities == pytest.approx(ask(shop, ROW)[1], abs=1e-5)
    assert pickling == []


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("models", "list"), "shop:"),
        (("models", "show", "shop"), "shop:"),
        (("models", "show", "two"), "two:"),
        (("serve", "--help"), "--sealed-only"),
        (("predict", "shop", "--row", json.dumps(ROW)), '"label": '),
    ],
)
def test_a_command_needs_nothing_of_training(arguments: tuple[str, ...], told: str) -> None:
    done = run(COMMAND, *arguments, missing=OF_TRAINING)
    assert (done.returncode, done.stderr) == (0, "")
    assert told in done.stdout


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("serve", "old", "--port", "0"),
            "learnwire: old:v is not sealed (saved before; learnwire models seal old:v), so its "
            f"Learner answers: No module named 'fastai'; {WITH_SERVICE}",
        ),
        (
            ("models", "seal", "old"),
            f"learnwire: No module named 'cloudpickle'; {WITH_SERVICE}",
        ),
        (
            ("save", "new", __file__),
            f"learnwire: No module named 'cloudpickle'; {WITH_SERVICE}",
        ),
        (
            ("predict", "shop", "--file", __file__, "-o", "answers.csv"),
            "learnwire: No module named 'pyarrow'; pip install 'learnwire[bulk]'",
        ),
    ],
)
def test_a_command_that_needs_training_says_what_to_install(
    arguments: tuple[str, ...], told: str
) -> None:
    done = run(COMMAND, *arguments, missing=OF_TRAINING)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == told
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("serve", "shop", "--port", "0", "--trusted-keys", __file__),
            "--trusted-keys: No module named 'cryptography'; pip install 'learnwire[secure]'",
        ),
        (
            ("models", "verify", "shop", "--key", __file__),
            "--trusted-keys: No module named 'cryptography'; pip install 'learnwire[secure]'",
        ),
        (
            ("models", "sign", "shop", "--key", __file__),
            "models sign: No module named 'model_signing'; pip install 'learnwire[sign]'",
        ),
    ],
)
def test_what_signatures_need_is_told(arguments: tuple[str, ...], told: str) -> None:
    done = run(COMMAND, *arguments, missing=("cryptography", "model_signing"))
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"learnwire: {told}")
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("shop", f"the Learner of shop:{{version}}: No module named 'fastai'; {WITH_SERVICE}"),
        ("two", f"two:{{version}}: No module named 'safetensors'; {WITH_SERVICE}"),
    ],
)
def test_what_needs_a_learner_says_what_to_install(name: str, told: str) -> None:
    version = lw.get(name).manifest.version
    done = run(LOAD, name, missing=OF_TRAINING)
    assert done.stdout.strip() == told.format(version=version)


def test_a_client_s_help_shows_all_commands() -> None:
    done = run(COMMAND, "--help", missing=OF_TRAINING + OF_SERVERS)
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("serve", "models", "call", "predict", "health"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("serve", "shop"), "serve needs more than is installed here: {serve}"),
        (("models", "list"), "models needs more than is installed here: {serve}"),
        (("contract", "shop", "-o", "x"), "contract needs more than is installed here: {serve}"),
        (("save", "shop", "x.pkl"), "save needs more than is installed here: {service}"),
        (
            ("predict", "shop", "--text", "x"),
            "to ask a server, give --target HOST:PORT; to ask the store's models, {serve}",
        ),
    ],
)
def test_a_client_says_what_to_install(arguments: tuple[str, ...], told: str) -> None:
    done = run(COMMAND, *arguments, missing=OF_TRAINING + OF_SERVERS)
    serve = WITH_SERVICE.replace("service", "serve")
    assert done.returncode == 1
    assert done.stderr == f"learnwire: {told.format(serve=serve, service=WITH_SERVICE)}\n"
