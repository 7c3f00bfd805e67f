"""A server that is told by learnwire.yaml what to serve, and how."""

from pathlib import Path

import learnwire_service as lw
import pytest
from learnwire_client import Client
from learnwire_service.cli.main import app
from learnwire_service.hosting.configuration import Configuration
from learnwire_service.store.store import ModelStore
from typer.testing import CliRunner

from tests.conftest import Trained
from tests.end_to_end.test_server import await_event, process

pytestmark = pytest.mark.usefixtures("trained")

SAID = """
serve:
  port: 0
  max_batch_size: 16
  drain_seconds: 3
models:
  penguins:
    max_batch_size: 4
  digits:
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a settings file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "learnwire.yaml").write_text(SAID)
    return tmp_path


def items_in_a_batch(client: Client, trained: Trained) -> float:
    """Ask many items at once, and give how many shared a batch, in the mean."""
    list(client.predict_many(trained.name, trained.items[:60]))
    return client.statistics(trained.name).batch_items.mean


def test_a_server_serves_what_the_file_lists_each_model_within_its_own_limits(
    folder: Path, trained: dict[str, Trained]
) -> None:
    with process() as server:
        assert await_event(server, "settings read")["file"] == "learnwire.yaml"
        serving = await_event(server, "serving")
        assert [model.partition(":")[0] for model in serving["models"]] == ["penguins", "digits"]
        with Client(serving["target"]) as client:
            assert items_in_a_batch(client, trained["penguins"]) <= 4
            assert items_in_a_batch(client, trained["digits"]) <= 16
        server.terminate()
        assert await_event(server, "draining")["seconds"] == 3


@pytest.mark.slow
def test_flags_win_over_the_environment_and_that_over_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNWIRE_DRAIN_SECONDS", "2")
    for flags, seconds in (([], 2), (["--drain-seconds", "1"], 1)):
        with process("digits", *flags) as server:
            serving = await_event(server, "serving")
            assert len(serving["models"]) == 1
            server.terminate()
            assert await_event(server, "draining")["seconds"] == seconds


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("serve:\n  prot: 3\n", "2: serve.prot is not a setting; did you mean port?"),
        ("models:\n  digits:\n  pengiuns:\n", '3: there is no model "pengiuns"'),
        ("models:\n  penguins:zz:\n", '2: model "penguins" has no version "zz"'),
        ("models:\n  PENGUINS:\n", "2: a model's name has 1 to 63 lower case letters"),
        (
            "models:\n  service.py:svc: {max_wait: 3}\n",
            "2: service.py:svc is a service, whose runners have settings of their own",
        ),
    ],
)
def test_a_wrong_file_starts_nothing(text: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text(text)
    for arguments in (["--config", str(file)], ["digits", "--config", str(file)]):
        ended = CliRunner().invoke(app, ["serve", *arguments, "--port", "0"])
        assert ended.exit_code == 1
        assert ended.stderr.startswith(f"learnwire: {file}:{problem}")
        assert ended.stderr.count("\n") == 1


def test_the_environment_names_a_file_and_what_is_in_none_is_told(tmp_path: Path) -> None:
    for environment, problem in (
        ({"LEARNWIRE_CONFIG": str(tmp_path / "a.yaml")}, "a.yaml cannot be read: No such file"),
        ({"LEARNWIRE_MODELS": "/models", "LEARNWIRE_PORT": ""}, "here or in learnwire.yaml"),
    ):
        ended = CliRunner().invoke(app, ["serve"], env=environment)
        assert ended.exit_code != 0
        assert problem in ended.stderr


def test_names_and_settings_that_are_said_win_and_versions_are_made_whole(folder: Path) -> None:
    version = lw.get("penguins").manifest.version
    own = f"models:\n  penguins:{version[:4]}:\n    max_wait: 9\n"
    (folder / "learnwire.yaml").write_text(f"serve: {{max_queue: 5, workers: 2}}\n{own}")
    listed = Configuration.read(None, [], {})
    assert (listed.file, listed.served) == ("learnwire.yaml", (f"penguins:{version[:4]}",))
    assert (listed.settings.max_queue, listed.settings.workers) == (5, 2)
    assert listed.settings.of_model("penguins", version).max_wait == 9
    assert listed.settings.of_model("penguins", "other").max_wait == 1
    said = Configuration.read(None, ["digits"], {"max_queue": 7})
    assert said.served == ("digits",)
    assert (said.settings.max_queue, said.settings.workers) == (7, 2)
    others = [name for name in ModelStore().names() if name != "penguins"]
    everything = Configuration.read(None, [], {}, everything=True)
    assert everything.served == (f"penguins:{version[:4]}", *others)


def test_models_have_settings_of_their_own_in_python_too(trained: dict[str, Trained]) -> None:
    own = {"penguins": {"max_batch_size": 3}}
    with lw.serving("penguins", models=own) as target, Client(target) as client:
        assert items_in_a_batch(client, trained["penguins"]) <= 3
