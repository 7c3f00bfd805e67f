"""What workers share: a port that is theirs alone, and the cores."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import learnwire_service as lw
import pytest
from learnwire_service.common.errors import CannotListen
from learnwire_service.common.settings import ServerSettings
from learnwire_service.common.threads import cores, cores_of_quota, threads_each
from learnwire_service.workers.port import held, port_of


def at(port: int, host: str = "127.0.0.1") -> ServerSettings:
    return ServerSettings.model_validate({"host": host, "port": port, "insecure": True})


@contextmanager
def listening(port: int, *options: int) -> Iterator[int]:
    with socket.socket() as listener:
        for option in options:
            listener.setsockopt(socket.SOL_SOCKET, option, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_a_free_port_is_held_for_those_who_share_it(host: str) -> None:
    with held(at(0, host)) as holders:
        port = port_of(holders)
        with pytest.raises(OSError, match="in use"), listening(port, socket.SO_REUSEADDR):
            pass
        with (
            listening(port, socket.SO_REUSEPORT),
            listening(port, socket.SO_REUSEPORT),
            socket.create_connection(("127.0.0.1", port)),
        ):
            pass
    with listening(port, socket.SO_REUSEADDR):
        pass


def test_while_nobody_listens_nobody_is_connected() -> None:
    with held(at(0)) as holders, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port_of(holders)))


def test_a_port_is_held_once() -> None:
    with held(at(0)) as holders:
        port = port_of(holders)
        taken = f"127.0.0.1:{port}: the port is in use"
        with pytest.raises(CannotListen, match=taken), held(at(port)):
            pass
    with held(at(port)) as again:
        assert port_of(again) == port


@pytest.mark.parametrize("option", [socket.SO_REUSEADDR, socket.SO_REUSEPORT])
def test_a_port_where_somebody_listens_is_not_held(option: int) -> None:
    with listening(0, option) as port, pytest.raises(CannotListen), held(at(port)):
        pass


def test_the_fading_connections_of_an_earlier_server_are_no_hindrance() -> None:
    with listening(0, socket.SO_REUSEADDR) as port:
        pass
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        with socket.create_connection(("127.0.0.1", port)) as caller:
            connection, _ = listener.accept()
            # Who closes first has the connection fade away.
            connection.close()
            assert caller.recv(1) == b""
    with held(at(port)) as again:
        assert port_of(again) == port


@pytest.mark.parametrize("host", ["192.0.2.1", "[2001:db8::1]", "nowhere.invalid"])
def test_an_address_of_another_machine_is_not_held(host: str) -> None:
    with pytest.raises(CannotListen, match="choose another with --host"), held(at(0, host)):
        pass


@pytest.mark.parametrize(
    ("workers", "cores", "threads"), [(1, 4, 4), (2, 4, 2), (3, 4, 1), (4, 4, 1), (8, 4, 1)]
)
def test_cores_are_shared_and_none_is_used_twice(workers: int, cores: int, threads: int) -> None:
    assert threads_each(workers, cores) == threads


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max 100000\n", None),
        ("200000 100000\n", 2),
        ("150000 100000\n", 1),
        ("50000 100000\n", 1),
    ],
)
def test_a_container_has_the_cores_of_its_quota(text: str, expected: int | None) -> None:
    assert cores_of_quota(text) == expected


def test_there_is_a_core() -> None:
    assert cores() >= 1


def test_a_notebook_serves_in_its_own_process() -> None:
    with pytest.raises(ValueError, match="workers"), lw.serving("penguins", workers=2):
        pass
