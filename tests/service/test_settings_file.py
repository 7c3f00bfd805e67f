"""learnwire.yaml: what it may say, that its keys are the flags, and how a wrong one is told."""

import random
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from learnwire_service.cli.flags import said
from learnwire_service.cli.main import app
from learnwire_service.common.errors import BadFile
from learnwire_service.common.model_settings import ModelSettings
from learnwire_service.common.settings import ENVIRONMENT_PREFIX, FLAGS, ServerSettings
from learnwire_service.common.settings_file import SettingsFile
from learnwire_service.hosting.rereading import Rereading
from typer.main import get_command

ROOT = Path(__file__).parents[2]
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BOMB = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [*{old}, *{old}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def file_of(folder: Path, text: "str | bytes") -> Path:
    path = folder / "learnwire.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def told(folder: Path, text: "str | bytes") -> str:
    """Read a wrong file, and give what is said of it, without the folder."""
    with pytest.raises(BadFile) as caught:
        SettingsFile.find(file_of(folder, text))
    return str(caught.value).replace(f"{folder}/", "")


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the environment say nothing, not even what it says for the servers of all tests."""
    monkeypatch.delenv("LEARNWIRE_MEMORY_LIMIT", raising=False)


def of_flags(*arguments: str) -> dict[str, Any]:
    """Give what `learnwire serve` makes of arguments and the environment."""
    command: Any = get_command(app)
    serve = command.commands["serve"]
    return said(serve.make_context("serve", list(arguments)))


def another(name: str) -> str:
    """Make up a value of a setting, as it is typed, that is not its default."""
    field = FLAGS[name]
    kinds = get_args(field.annotation) or (field.annotation,)
    if get_origin(field.annotation) is Literal:
        return str(next(one for one in kinds if one != field.default))
    if bool in kinds:
        return str(not field.default).lower()
    if int in kinds:
        return str((field.default or 0) + 1)
    return str(field.default / 2 + 0.25) if float in kinds else "some/thing"


def flag(name: str, value: str) -> list[str]:
    dashed = name.replace("_", "-")
    if value in ("true", "false"):
        return [f"--{dashed}" if value == "true" else f"--no-{dashed}"]
    return [f"--{dashed}", value]


@pytest.mark.parametrize("name", FLAGS)
def test_a_key_a_flag_and_a_variable_of_one_name_are_the_same_setting(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = another(name)
    by_flag = of_flags("penguins", *flag(name, value))
    monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}{name.upper()}", value)
    by_variable = of_flags("penguins")
    by_file = SettingsFile.find(file_of(tmp_path, f"serve:\n  {name}: {value}\n")).serve
    assert {*by_flag} == {*by_variable} == {*by_file} == {name}
    # Ports travel as texts, as Kubernetes may have put something else there.
    assert str(by_flag[name]) == str(by_variable[name]) == str(by_file[name])
    assert by_file[name] != FLAGS[name].default


def test_what_nobody_says_is_not_said(tmp_path: Path) -> None:
    assert of_flags("penguins") == {}
    for text in ("", "# serve:\n", "serve:\nmodels:\n", "\ufeffserve: {}\n", "---\n"):
        found = SettingsFile.find(file_of(tmp_path, text))
        assert (found.serve, found.models) == ({}, {})


def test_values_are_what_they_are_in_a_shell_whatever_yaml_makes_of_them(tmp_path: Path) -> None:
    text = (
        "serve: {reflection: no, insecure: 'yes', host: 0.0.0.0, jwt_issuer: 10:20, max_wait: 1e3,"
        " jwt_audience: on, ops_port: , access: ~, jwt_keys: 2026-11-26}\n"
    )
    assert SettingsFile.find(file_of(tmp_path, text)).serve == {
        "reflection": False,
        "insecure": True,
        "host": "0.0.0.0",
        "jwt_issuer": "10:20",
        "max_wait": 1000.0,
        "jwt_audience": "on",
        "ops_port": None,
        "access": None,
        "jwt_keys": "2026-11-26",
    }


def test_models_are_listed_with_settings_of_their_own_or_without(tmp_path: Path) -> None:
    text = "models:\n  digits:\n  penguins:v2: {max_wait: 2}\n  service.py:svc: {}\n"
    models = SettingsFile.find(file_of(tmp_path, text)).models
    own = {name: one.model_dump(exclude_unset=True) for name, one in models.items()}
    assert own == {"digits": {}, "penguins:v2": {"max_wait": 2.0}, "service.py:svc": {}}


def test_what_a_model_says_of_itself_wins_and_a_version_over_its_name() -> None:
    own = {"max_wait": 5, "max_queue": 3}
    models = {"penguins": own, "penguins:v2": {"max_queue": 7}}
    settings = ServerSettings.model_validate({"max_wait": 2, "max_delay": 0.1, "models": models})
    limits = [settings.of_model(name, "v2").limits for name in ("penguins", "digits")]
    assert [(one.max_wait, one.max_queue, one.max_delay) for one in limits] == [
        (5, 7, 0.1),
        (2, 2048, 0.1),
    ]
    assert settings.of_model("penguins", "v1").limits.max_queue == 3
    sent = ServerSettings.model_validate_json(settings.model_dump_json(exclude_unset=True))
    assert sent == settings
    assert sent.of_model("penguins", "v2").limits == limits[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "serve:\n  workers: 1\n\n  prot: 3\n",
            "4: serve.prot is not a setting; did you mean port",
        ),
        ("serve:\n  max-queue: 3\n", "2: serve.max-queue is .* did you mean max_queue?"),
        ("serve:\n  zzz: 3\n", "2: serve.zzz is not a setting; there are host, port, .*workers"),
        ("serve:\n  models: {}\n", "2: serve.models is not a setting"),
        ("serve:\n  config: a.yaml\n", "2: serve.config is not a setting"),
        ("serve:\n  reload: true\n", "2: serve.reload is not a setting"),
        ("port: 3\n", "1: port is not a section; did you mean serve.port?"),
        ("serve:\nservr:\n", "2: servr is not a section; did you mean serve?"),
        ("zzz:\n", "1: zzz is not a section; there are serve, models"),
        ("serve:\n  port:\n    - 3\n", "2: serve.port: Input should be a valid integer, got"),
        ("serve:\n  port: 70000\n", "2: serve.port: .* less than or equal to 65535, got '70000'"),
        ("serve:\n  workers: true\n", "2: serve.workers: .* valid integer.* got 'true'"),
        ("serve:\n  workers:\n", "2: serve.workers: Input should be a valid integer, got None"),
        ("serve:\n  device: gpu\n", "2: serve.device: .*'cpu', 'cuda' or 'auto', got 'gpu'"),
        ("serve:\n  insecure: maybe\n", "2: serve.insecure: .* boolean.* got 'maybe'"),
        ("serve: 3\n", "1: serve: expected settings, as max_wait: 2, got '3'"),
        ("serve:\n- port\n", "1: serve: expected settings, as max_wait: 2, got \\['port'\\]"),
        ("models:\n  - penguins\n", "1: models: expected a line for each model, as penguins:, got"),
        ("models: penguins\n", "1: models: expected a line for each model"),
        ("models:\n  penguins: 3\n", "2: models.penguins: expected settings, as max_wait: 2"),
        ("models:\n  a:\n    port: 3\n", "3: models.a.port is not a setting; there are max_batch"),
        (
            "models:\n  a:\n    max_queue: 0\n",
            "3: models.a.max_queue: .*greater than or equal to 1",
        ),
        ("- serve\n", "1: the file: expected sections, serve, models and build, got"),
        ("serve\n", "1: the file: expected sections, serve, models and build, got 'serve'"),
        ("serve:\n  port: 3\n  port: 4\n", "3: serve.port is there twice, first in line 2"),
        ("serve: {}\nmodels:\nserve: {}\n", "3: serve is there twice, first in line 1"),
        ("serve:\n\tport: 3\n", "2: a tab is not taken here: indent with spaces"),
        ("serve:\n  port: 3\n\thost: a\n", "3: a tab is not taken here"),
        (BOMB, "1: anchors and aliases, & and \\*, are not taken"),
        ("serve:\n  <<: *a\n", "2: anchors and aliases"),
        ("serve: !!python/object/apply:os.system [ls]\n", "1: tags, as !!str, are not taken"),
        ("serve:\n  ? [a]\n  : 3\n", "2: expected a name in front of the colon"),
        ("serve:\n  ~: 3\n", "2: expected a name in front of the colon"),
        ("serve: {port: 3\n", "2: expected ',' or '}'"),
        ("serve:\n  host: 'a\n", "3: found unexpected end of stream"),
        ("---\nserve:\n---\nserve:\n", "3: expected one document, and another begins"),
        ("[" * 10_000, "1: this is nested too deep"),
        (b"serve:\n  port: 3\n  host: \xff\n", "3: expected UTF-8, and a byte is none"),
        ("serve:\n  port: 3".encode("utf-16"), "1: expected UTF-8"),
        ("serve:\n  host: \x07\n", "2: the character U\\+0007 is not taken"),
        ("#" * 300_000, " expected 256 KiB at most, and it has more"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    text: "str | bytes", problem: str, tmp_path: Path
) -> None:
    assert re.match(f"learnwire.yaml:{problem}", told(tmp_path, text))


def test_each_fault_has_a_line_in_their_order_and_no_more_than_ten_are_told(
    tmp_path: Path,
) -> None:
    text = "models:\n  a:\n    max_wait: long\nserve:\n  host: b\n  prot: 3\nserv:\n"
    lines = told(tmp_path, text).splitlines()
    assert [line.split()[0] for line in lines] == [f"learnwire.yaml:{n}:" for n in (3, 6, 7)]
    many = "serve:\n" + "".join(f"  wrong{number}: 1\n" for number in range(2000))
    assert len(told(tmp_path, many).splitlines()) == 10


def test_a_long_value_is_not_repeated_whole(tmp_path: Path) -> None:
    assert len(told(tmp_path, f"serve:\n  port: {'9' * 100_000}\n")) < 300


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("nowhere.yaml", "cannot be read: No such file or directory"),
        (".", "expected a file, and it is none"),
        ("/dev/zero", "expected a file, and it is none"),
    ],
)
def test_what_is_no_file_is_told(path: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=problem):
        SettingsFile.find(tmp_path / path)


def test_whatever_bytes_are_in_a_file_it_reads_or_is_told_to_be_wrong(tmp_path: Path) -> None:
    dice = random.Random(7)
    good = b"serve:\n  port: 3\n  host: 'a'\nmodels:\n  penguins:\n    max_wait: 2.5\n  digits:\n"
    parts = [b"&a ", b"*a", b"!!x ", b"\t", b"- ", b"? ", b": ", b"{", b"[", b"'", b'"\\x', b"|\n"]
    for _ in range(150):
        text = bytearray(good)
        for _ in range(dice.randint(1, 4)):
            place = dice.randrange(len(text))
            text[place : place + dice.randint(0, 3)] = dice.choice([*parts, dice.randbytes(2)])
        with suppress(BadFile):
            SettingsFile.find(file_of(tmp_path, bytes(text)))


def test_settings_of_models_are_settings_of_the_server_too() -> None:
    assert {*ModelSettings.model_fields} < {*FLAGS}


@pytest.mark.parametrize("text", YAML.findall((ROOT / "docs" / "settings.md").read_text()))
def test_the_files_that_the_docs_show_are_right(text: str, tmp_path: Path) -> None:
    found = SettingsFile.find(file_of(tmp_path, text))
    assert found.serve
    assert found.models


def test_the_docs_name_the_settings_of_models() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    assert [name for name in ModelSettings.model_fields if f"`{name}`" not in page] == []


def test_a_worker_that_takes_the_place_of_another_bears_with_a_wrong_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "learnwire.yaml"
    file.write_text("serve:\n  prot: 3\n")
    rereading = Rereading(file)
    assert "did you mean port?" in caplog.records[-1].problem  # type: ignore[attr-defined]
    file.write_text("serve:\n  max_queue: 3\n")
    rereading.look()
    assert len(caplog.records) == 1
    file.write_text("serve:\n  max_queue: 4\n")
    rereading.look()
    assert caplog.records[-1].changed == ["serve.max_queue"]  # type: ignore[attr-defined]
