"""Stores as people have them: full, read-only, without locks, a file, not there, empty."""

import errno
import subprocess
from pathlib import Path
from typing import Any, NoReturn

import filelock
import learnwire_service as lw
import pytest
from learnwire_service.common.errors import StoreFailed
from learnwire_service.store.disk import full_told, is_full
from learnwire_service.store.manifest import MANIFEST_FILE
from learnwire_service.store.store import ModelStore
from learnwire_service.store.tag import Tag

from tests.end_to_end.test_cli import learnwire, learnwire_here

TAG = Tag("m", "v1")


def save_bytes(home: Path, count: int) -> None:
    with ModelStore(home).saving(TAG) as directory:
        (directory / MANIFEST_FILE).write_bytes(bytes(count))


def test_a_full_disk_is_told_and_leaves_nothing(small_disk: Path) -> None:
    home = small_disk / "home"
    with pytest.raises(StoreFailed, match=f"the disk of the store {home} is full: make room"):
        save_bytes(home, 2**21)
    assert ModelStore(home).versions("m") == []
    assert list((home / "staging").iterdir()) == []
    save_bytes(home, 2**10)


def test_what_a_library_makes_of_a_full_disk_is_told_as_such(small_disk: Path) -> None:
    def fill_and_fail() -> NoReturn:
        with ModelStore(small_disk / "home").saving(TAG) as directory:
            with (directory / "file").open("wb", buffering=0) as file:
                file.write(bytes(2**21))
            raise RuntimeError("PytorchStreamWriter failed writing file data/0")

    with pytest.raises(StoreFailed, match="is full"):
        fill_and_fail()


def test_an_error_that_is_not_the_disks_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="odd"), full_told(tmp_path):
        raise ValueError("odd")
    with pytest.raises(FileNotFoundError), full_told(tmp_path):
        (tmp_path / "nothing").read_text()
    wrapped = RuntimeError("failed")
    wrapped.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert is_full(tmp_path, wrapped)


def test_a_read_only_store_is_told(small_disk: Path) -> None:
    home = small_disk / "home"
    save_bytes(home, 1)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    store = ModelStore(home)
    for change in (lambda: save_bytes(home, 1), lambda: store.delete(TAG)):
        with pytest.raises((StoreFailed, lw.VersionExists)) as told:
            change()
    assert f"the store {home} cannot be written to" in str(told.value)
    with (
        pytest.raises(StoreFailed, match="cannot be written to"),
        store.saving(Tag("m", "v2")),
    ):
        pass


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOLCK, "No locks available"), NotImplementedError("no flock")]
)
def test_a_file_system_without_locks_is_told(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def acquire(lock: Any, *arguments: Any, **options: Any) -> NoReturn:
        raise error

    # No file system without locks can be made here.
    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    with pytest.raises(StoreFailed, match=f"the file system of the store {tmp_path} has no locks"):
        save_bytes(tmp_path, 1)


def test_a_store_that_is_a_file_is_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("a file")
    with pytest.raises(StoreFailed, match=f"the store {home} is no folder"):
        save_bytes(home, 1)
    with pytest.raises(lw.ModelNotFound, match=f"the store {home} is no folder"):
        ModelStore(home).find(Tag("m"))
    below = learnwire("models", "list", LEARNWIRE_HOME=str(home))
    assert f"the store {home} is no folder" in below.stdout


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize(
    "command",
    [
        ["models", "list"],
        ["models", "list", "m"],
        ["models", "show", "m"],
        ["models", "delete", "m", "--yes"],
        ["models", "seal", "m"],
        ["serve", "m"],
        ["predict", "m", "--text", "a"],
        ["contract", "m", "-o", "x"],
    ],
    ids=" ".join,
)
def test_every_command_names_a_store_that_is_empty(
    command: list[str], there: bool, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    if there:
        home.mkdir()
    told = learnwire_here(*command, LEARNWIRE_HOME=str(home))
    said = f"the store {home} is empty" if there else f"there is no store at {home}"
    assert said in told.stdout + told.stderr
    assert told.exit_code == (0 if command == ["models", "list"] else 1)


def test_a_wrong_name_lists_what_is_there(tmp_path: Path) -> None:
    for name in ("penguins", "digits"):
        with ModelStore(tmp_path).saving(Tag(name, "v1")) as directory:
            (directory / "manifest.json").write_text("{}")
    only = f'there is no model "pengiuns" in the store {tmp_path}, only digits, penguins'
    with pytest.raises(lw.ModelNotFound, match=only):
        ModelStore(tmp_path).find(Tag("pengiuns"))
    with pytest.raises(lw.ModelNotFound, match=only):
        ModelStore(tmp_path).delete(Tag("pengiuns"))


@pytest.mark.parametrize(
    "metadata", [{"a": "\ud800"}, {"a": float("nan")}, {"a": object()}, {1: 2}]
)
def test_metadata_that_cannot_be_kept_is_refused_before_anything_else(metadata: Any) -> None:
    with pytest.raises(TypeError, match="JSON"):
        lw.save_model("m", object(), metadata=metadata)
