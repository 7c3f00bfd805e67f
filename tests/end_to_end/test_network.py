"""The server on the network that there is: its socket, its signals, its limits, its probes."""

import asyncio
import resource
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import grpc
import learnwire_service as lw
import pytest
from grpc_health.v1 import health_pb2
from learnwire.v1 import model_service_pb2, model_service_pb2_grpc
from learnwire_client import ChannelOptions, Client, Unavailable
from learnwire_client.status import from_rpc_error
from learnwire_service.rpc.permissions import OPEN, roles_for

from tests.conftest import Trained
from tests.end_to_end.test_cli import learnwire
from tests.end_to_end.test_server import LEARNWIRE, SERVING, await_event, health_stub, process
from tests.end_to_end.test_workers import await_that
from tests.fuzz import wire

ONCE = ChannelOptions(retries=0)


def unix_of(folder: Path) -> str:
    return f"unix:{folder / 'learnwire.sock'}"


def test_a_unix_socket_is_served_and_gone_afterwards(
    trained: dict[str, Trained], tmp_path: Path
) -> None:
    target = unix_of(tmp_path)
    with lw.serving("penguins", host=target) as address, Client(address) as client:
        assert address == target
        assert client.predict("penguins", trained["penguins"].items[0]).label
    assert not (tmp_path / "learnwire.sock").exists()


def test_a_socket_that_a_dead_server_left_is_replaced(
    trained: dict[str, Trained], tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "learnwire.sock"))
    with lw.serving("penguins", host=unix_of(tmp_path)) as address, Client(address) as client:
        assert client.models()


def test_a_socket_with_a_server_behind_it_is_refused(
    trained: dict[str, Trained], tmp_path: Path
) -> None:
    with lw.serving("penguins", host=unix_of(tmp_path)) as address, Client(address) as client:
        with (
            pytest.raises(lw.CannotListen, match="another server listens there"),
            lw.serving("penguins", host=unix_of(tmp_path)),
        ):
            pass
        assert client.models()


@pytest.mark.parametrize(
    ("path", "problem"),
    [("file", "no socket"), ("nowhere/learnwire.sock", "there is no folder .*nowhere")],
)
def test_a_path_where_no_socket_can_be_is_refused(
    path: str, problem: str, trained: dict[str, Trained], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("kept")
    with (
        pytest.raises(lw.CannotListen, match=problem),
        lw.serving("penguins", host=f"unix:{tmp_path / path}"),
    ):
        pass
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize(
    ("arguments", "environment", "problem"),
    [
        (["--host", "unix:/run/x.sock", "--port", "50051"], {}, "leave --port out"),
        (["--host", "unix:/run/x.sock", "--workers", "2"], {}, "workers cannot share"),
        ([], {"LEARNWIRE_PORT": "tcp://10.0.0.1:50051"}, "enableServiceLinks: false"),
        (["--port", "many"], {}, "port: Input should be a valid integer"),
    ],
)
def test_a_setting_that_cannot_be_is_told_in_a_sentence(
    arguments: list[str], environment: dict[str, str], problem: str, home: Path
) -> None:
    ended = learnwire("serve", "penguins", *arguments, **environment)
    assert ended.returncode == 1
    assert problem in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_variable_that_is_no_setting_is_told(home: Path) -> None:
    variables = {"LEARNWIRE_MAX_QUEU": "3", "LEARNWIRE_SERVICE_HOST": "10.0.0.1"}
    ended = learnwire("serve", "nobody", **variables)
    assert "LEARNWIRE_MAX_QUEU is not read" in ended.stderr
    assert "did you mean LEARNWIRE_MAX_QUEUE?" in ended.stderr
    assert "LEARNWIRE_SERVICE_HOST is not read: Kubernetes sets it" in ended.stderr
    assert "LEARNWIRE_HOME is not read" not in ended.stderr


def test_health_is_told_in_a_line_and_an_exit_code(target: str) -> None:
    for name, called in (("", "the server"), ("penguins", "penguins"), ("liveness", "liveness")):
        told = learnwire("health", *filter(None, [name]), "--target", target)
        assert (told.returncode, told.stdout) == (0, f"{called} at {target}: SERVING\n")
    told = learnwire("health", "nobody", "--target", target)
    assert (told.returncode, told.stdout) == (1, f"nobody at {target}: SERVICE_UNKNOWN\n")


def test_who_watches_is_told_although_another_has_left(trained: dict[str, Trained]) -> None:
    request = health_pb2.HealthCheckRequest()
    with ExitStack() as stack:
        serving = stack.enter_context(ExitStack())
        target = serving.enter_context(lw.serving("penguins"))
        first, second = (stack.enter_context(grpc.insecure_channel(target)) for _ in "ab")
        leaves, stays = health_stub(first).Watch(request), health_stub(second).Watch(request)
        assert next(leaves).status == next(stays).status == SERVING
        leaves.cancel()
        with pytest.raises(grpc.RpcError):
            next(leaves)
        assert health_stub(second).Check(request).status == SERVING
        serving.close()
        assert next(stays).status != SERVING


def test_health_is_not_listed_with_any_release_of_grpc(target: str) -> None:
    # Newer ones have the method in their generated code, older ones not.
    assert roles_for("/grpc.health.v1.Health/List") == OPEN
    with grpc.insecure_channel(target) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/grpc.health.v1.Health/List")(b"", timeout=20)  # type: ignore[arg-type]
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_what_asks_for_health_is_read_within_bounds(target: str) -> None:
    with grpc.insecure_channel(target) as channel:
        for method in ("Check", "Watch"):
            call: Any = channel.unary_unary(f"/grpc.health.v1.Health/{method}")
            with pytest.raises(grpc.RpcError) as caught:
                call(b"\xff" * 100, timeout=30)
            assert isinstance(caught.value, grpc.Call)
            assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(grpc.RpcError) as caught:
            health_stub(channel).Check(health_pb2.HealthCheckRequest(service="nobody"))
        assert isinstance(caught.value, grpc.Call)
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
        assert caught.value.details() == 'nothing is served as "nobody" here'


def test_the_name_of_the_processs_health_is_no_other(penguins: Trained) -> None:
    with pytest.raises(lw.InvalidTag, match="how health calls the process"):
        lw.save_model("liveness", penguins.learner)
    with (
        pytest.raises(lw.LearnwireError, match="how health calls the process"),
        lw.serving(lw.Service("liveness")),
    ):
        pass


def test_health_of_a_server_that_is_not_there_is_an_error() -> None:
    told = learnwire("health", LEARNWIRE_TARGET="127.0.0.1:1")
    assert (told.returncode, told.stdout) == (1, "")
    assert "no server answers at 127.0.0.1:1: start one with `learnwire serve MODEL`" in told.stderr
    assert told.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_process_lives_before_it_is_ready_and_until_it_has_drained(
    trained: dict[str, Trained],
) -> None:
    with process("penguins", "--port", "0") as server:
        target = await_event(server, "listening")["target"]
        with grpc.insecure_channel(target) as channel:
            stub = health_stub(channel)
            live = stub.Watch(health_pb2.HealthCheckRequest(service="liveness"))
            ready = stub.Watch(health_pb2.HealthCheckRequest())
            assert next(live).status == SERVING
            assert next(ready).status != SERVING
            assert next(ready).status == SERVING
            await_event(server, "serving")
            server.send_signal(signal.SIGTERM)
            assert next(ready).status != SERVING
            with pytest.raises(grpc.RpcError):  # it never said that it does not live
                next(live)
        assert server.wait(timeout=60) == 0


@pytest.mark.slow
def test_sighup_ends_nothing_where_it_is_ignored(trained: dict[str, Trained]) -> None:
    command = ["nohup", *LEARNWIRE, "serve", "penguins", "--port", "0", "--log-format", "json"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        target = await_event(server, "serving")["target"]
        server.send_signal(signal.SIGHUP)
        with Client(target) as client:
            assert client.models()
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) == 0
    finally:
        server.kill()
        server.communicate()


def test_a_strangers_call_is_refused_with_a_word_and_leaves_one_line(
    trained: dict[str, Trained],
) -> None:
    method = "/tensorflow.serving.PredictionService/Predict"
    with process("penguins", "--port", "0") as server:
        target = await_event(server, "serving")["target"]
        with grpc.insecure_channel(target) as channel:
            for _ in range(3):
                with pytest.raises(grpc.RpcError) as caught:
                    channel.unary_unary(method)(b"")  # type: ignore[arg-type]  # raw bytes
            error = from_rpc_error(caught.value, target)
            assert error.code is grpc.StatusCode.UNIMPLEMENTED
            assert error.reason == "UNKNOWN_METHOD"
            assert method in error.message
            list_models = model_service_pb2_grpc.ModelServiceStub(channel).ListModels
            list_models(model_service_pb2.ListModelsRequest())
        server.send_signal(signal.SIGTERM)
        assert server.stderr is not None
        lines = [line for line in server.stderr if "unknown method" in line]
    assert len(lines) == 1
    assert method in lines[0]
    assert "127.0.0.1" in lines[0]


def states_of(channel: grpc.Channel) -> "SimpleQueue[grpc.ChannelConnectivity]":
    states: SimpleQueue[grpc.ChannelConnectivity] = SimpleQueue()
    channel.subscribe(states.put)
    return states


def test_a_connection_is_asked_to_go_at_its_age(trained: dict[str, Trained]) -> None:
    with (
        lw.serving("penguins", max_connection_age=0.3) as target,
        grpc.insecure_channel(target) as channel,
    ):
        states = states_of(channel)
        list_models = model_service_pb2_grpc.ModelServiceStub(channel).ListModels
        for _ in range(2):
            list_models(model_service_pb2.ListModelsRequest())
            while states.get(timeout=60) is not grpc.ChannelConnectivity.READY:
                pass
            assert states.get(timeout=60) is grpc.ChannelConnectivity.IDLE


def test_our_own_keepalive_is_allowed() -> None:
    service = lw.Service("slow")

    @service.api(input=lw.Text(), output=lw.Text())
    async def slow(text: str) -> str:
        await asyncio.sleep(2)  # the answer is slow: many pings are sent meanwhile
        return text

    options = ChannelOptions(keepalive=0.1, retries=0)
    with lw.serving(service) as target, Client(target, options=options) as client:
        assert client.call("slow", "a") == "a"


@contextmanager
def few_files(limit: int, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [*LEARNWIRE, "serve", *arguments, "--log-format", "json"]
    server = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
    )
    try:
        yield server
    finally:
        server.kill()
        server.communicate()


@pytest.mark.slow
def test_with_few_files_connections_are_refused_and_not_left_hanging(
    trained: dict[str, Trained],
) -> None:
    with few_files(128, "penguins", "--port", "0") as server:
        assert server.stderr is not None
        line = next(line for line in server.stderr if "may open 128 files only" in line)
        assert "ulimit -n" in line
        target = await_event(server, "serving")["target"]
        host, _, port = target.rpartition(":")
        with ExitStack() as stack:
            for _ in range(128):
                stack.enter_context(socket.create_connection((host, int(port))))
            with (
                Client(target, timeout=60, options=ONCE) as client,
                pytest.raises(Unavailable, match="is a Learnwire server up"),
            ):
                client.models()
        with Client(target, timeout=60) as client:
            assert client.models()


@pytest.mark.slow
def test_a_path_that_is_no_text_ends_no_server_for_long(trained: dict[str, Trained]) -> None:
    # Some releases of gRPC end the server at it; then the supervisor replaces the process.
    call = wire.call(path=b"/caf\xe9/List")
    with process("penguins", "--port", "0") as server:
        target = await_event(server, "serving")["target"]
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(wire.GREETING + b"".join(call))
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(2**16):
                pass
        with Client(target, timeout=60) as client:
            await_that(lambda: answers(client), "the server answers again")


def answers(client: Client) -> bool:
    try:
        return bool(client.models())
    except Unavailable:
        return False
