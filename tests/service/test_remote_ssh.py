"""A folder of another machine, over SSH: only a host that is known is spoken to."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from socket import create_server, socket
from threading import Thread
from typing import Any

import learnwire_service as lw
import paramiko
import pytest
from learnwire_service.models.sharing import list_remote
from learnwire_service.store import calls
from learnwire_service.store.address import Address
from learnwire_service.store.store import ModelStore
from learnwire_service.store.transport import Transport

from .hand_made import save


class Door(paramiko.ServerInterface):  # type: ignore[misc]  # paramiko is untyped
    """Lets one user in."""

    def check_auth_password(self, username: str, password: str) -> int:
        known = (username, password) == ("ann", "s3cret")
        return int(paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)


class Files(paramiko.SFTPServerInterface):  # type: ignore[misc]  # paramiko is untyped
    """The files of this machine."""

    def list_folder(self, path: str) -> Any:
        try:
            return [
                paramiko.SFTPAttributes.from_stat(one.stat(), one.name)
                for one in Path(path).iterdir()
            ]
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(os.stat(path))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    lstat = stat

    def open(self, path: str, flags: int, attr: Any) -> Any:
        try:
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            return (
                paramiko.SFTP_FAILURE
                if isinstance(error, FileExistsError)
                else paramiko.SFTPServer.convert_errno(error.errno)
            )
        handle = paramiko.SFTPHandle(flags)
        stream = os.fdopen(descriptor, "wb" if flags & os.O_WRONLY else "rb")
        handle.readfile = handle.writefile = stream
        return handle

    def _done(self, change: Any, *paths: str) -> int:
        try:
            change(*paths)
        except OSError as error:
            return int(paramiko.SFTPServer.convert_errno(error.errno))
        return int(paramiko.SFTP_OK)

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        return self._done(os.replace, oldpath, newpath)

    def rename(self, oldpath: str, newpath: str) -> int:
        try:
            os.link(oldpath, newpath)
        except FileExistsError:
            # As OpenSSH says that a file is there.
            return int(paramiko.SFTP_FAILURE)
        return self._done(os.remove, oldpath)

    def remove(self, path: str) -> int:
        return self._done(os.remove, path)

    def mkdir(self, path: str, attr: Any) -> int:
        return self._done(os.mkdir, path)


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server whose key this user knows."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LEARNWIRE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(calls, "PAUSES", ())
    key = paramiko.RSAKey.generate(2048)
    opened: list[paramiko.Transport] = []

    def serve(listener: socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                one = paramiko.Transport(connection)
                one.add_server_key(key)
                one.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
                opened.append(one)
                with suppress(paramiko.SSHException, EOFError):
                    one.start_server(server=Door())

    with create_server(("127.0.0.1", 0)) as listener:
        number = listener.getsockname()[1]
        (tmp_path / ".ssh").mkdir()
        known = f"[127.0.0.1]:{number} ssh-rsa {key.get_base64()}\n"
        (tmp_path / ".ssh" / "known_hosts").write_text(known)
        Thread(target=serve, args=(listener,), daemon=True).start()
        yield number
        listener.shutdown(2)
    for one in opened:
        one.close()


def test_what_is_pushed_over_ssh_is_pulled_as_it_was(
    port: int, own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = f"ssh://ann:s3cret@127.0.0.1:{port}{tmp_path}/remote"
    save(ModelStore(), "m:aaa")
    assert [lw.push_model("m", where), lw.push_model("m", where)] == ["m:aaa"] * 2
    assert [str(one.tag) for one in list_remote(where)] == ["m:aaa"]
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path / "elsewhere"))
    pulled = lw.pull_model("m", where)
    pulled.manifest.check_files(pulled.directory)
    save(ModelStore(), "m:bbb", age=9)
    lw.push_model("m:bbb", where)
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path / "third"))
    save(ModelStore(), "m:bbb", age=8)
    with pytest.raises(lw.VersionExists, match="has another m:bbb already"):
        lw.push_model("m:bbb", where)


def test_of_two_writers_over_ssh_one_succeeds(port: int, tmp_path: Path) -> None:
    files = Transport(Address(f"ssh://ann:s3cret@127.0.0.1:{port}{tmp_path}/remote"))
    files.create("m/manifest.json", b"first")
    with pytest.raises(FileExistsError):
        files.create("m/manifest.json", b"second")
    assert files.read("m/manifest.json", 100) == b"first"


def test_a_host_that_is_not_known_or_lets_nobody_in_is_told_without_a_password(
    port: int, own_home: Path, tmp_path: Path
) -> None:
    with pytest.raises(lw.RemoteFailed, match=r"ssh://ann:\*\*\*@") as told:
        list_remote(f"ssh://ann:wr0ng@127.0.0.1:{port}/x")
    assert "wr0ng" not in str(told.value)
    (tmp_path / ".ssh" / "known_hosts").write_text("")
    with pytest.raises(lw.RemoteFailed, match=r"is not in ~/.ssh/known_hosts with this key"):
        list_remote(f"ssh://ann:s3cret@127.0.0.1:{port}/x")
