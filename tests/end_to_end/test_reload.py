"""Serving for development: a real process, and files that change under it."""

import signal
from pathlib import Path

import pytest
from learnwire_client import Client
from learnwire_service.hosting.reloading import _folder
from learnwire_service.store.reference import Reference
from typer.testing import CliRunner

from tests.end_to_end.test_server import await_event, process

SERVICE = """
import learnwire_service as lw

from word import WORD

svc = lw.Service("words")

@svc.api(output=lw.Text())
async def word() -> str:
    return WORD
"""


def test_a_changed_file_is_served_anew(tmp_path: Path) -> None:
    (tmp_path / "words.py").write_text(SERVICE)
    (tmp_path / "word.py").write_text("WORD = 'one'")
    reference = f"{tmp_path / 'words.py'}:svc"
    with process(reference, "--port", "0", "--reload") as server:
        with Client(await_event(server, "serving")["target"]) as client:
            assert client.call("word") == "one"
        (tmp_path / "word.py").write_text("WORD = 'broken")
        assert await_event(server, "reloading")["files"] == ["word.py"]
        await_event(server, "import failed")
        (tmp_path / "word.py").write_text("WORD = 'three'")
        with Client(await_event(server, "serving")["target"]) as client:
            assert client.call("word") == "three"
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["words.py:svc", "--workers", "2"], "--reload serves with one worker, got --workers 2"),
        (["nobody.py:svc"], "there is no file nobody.py"),
    ],
)
def test_what_cannot_be_reloaded_is_told(arguments: list[str], problem: str) -> None:
    from learnwire_service.cli.main import app

    result = CliRunner().invoke(app, ["serve", *arguments, "--reload"])
    assert result.exit_code == 1
    assert problem in result.output


def test_the_folders_of_modules_and_packages_are_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for path in (here / "inside", there / "outside"):
        path.mkdir(parents=True)
        (path / "__init__.py").touch()
    (here / "lone.py").touch()
    monkeypatch.chdir(here)
    monkeypatch.syspath_prepend(str(there))
    assert _folder(Reference("inside.part", "svc")) == here
    assert _folder(Reference("lone", "svc")) == here
    assert _folder(Reference("outside", "svc")) == there / "outside"
