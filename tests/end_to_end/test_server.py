"""The server as an operator meets it: a process, its port, its health, its log, its end."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import grpc
import learnwire_service as lw
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from learnwire.v1 import io_pb2, model_service_pb2, model_service_pb2_grpc
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1 import prediction_service_pb2_grpc as pb_grpc
from learnwire_client import Client, ServerFailed
from learnwire_client.rows import encode_row
from learnwire_service.common.errors import ModelNotReady
from learnwire_service.runners.registry import Registry

from tests.conftest import Trained
from tests.end_to_end import gate
from tests.end_to_end.typed import Stub, contract_of

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
LEARNWIRE = [sys.executable, "-m", "learnwire_service"]


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run `learnwire serve`, its log as JSON lines on stderr, and be sure that it ends."""
    command = [*LEARNWIRE, "serve", *arguments, "--log-format", "json"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield server
    finally:
        server.kill()
        server.communicate()


def await_event(server: "subprocess.Popen[str]", event: str) -> dict[str, Any]:
    """Read the log up to an event."""
    assert server.stderr is not None
    for line in server.stderr:
        if line.startswith("{") and (entry := json.loads(line))["event"] == event:
            return dict(entry)
    raise AssertionError(f"the server ended without logging {event!r}")


def await_the_server(channel: grpc.Channel) -> None:
    """Make a call that the server sees after the cancellations on the same connection."""
    model_service_pb2_grpc.ModelServiceStub(channel).ListModels(
        model_service_pb2.ListModelsRequest()
    )


def health_stub(channel: grpc.Channel) -> Any:
    """The stub's type lacks its methods."""
    return health_pb2_grpc.HealthStub(channel)


def test_health_is_told_for_the_server_and_each_model(target: str) -> None:
    with grpc.insecure_channel(target) as channel:
        stub = health_stub(channel)
        for name in ("", "sentiment", "penguins", "digits", "learnwire.v1.PredictionService"):
            assert stub.Check(health_pb2.HealthCheckRequest(service=name)).status == SERVING
        with pytest.raises(grpc.RpcError) as caught:
            stub.Check(health_pb2.HealthCheckRequest(service="nobody"))
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_a_server_binds_first_reports_its_health_logs_calls_and_drains(
    trained: dict[str, Trained],
) -> None:
    with process("penguins", "sentiment", "--port", "0") as server:
        target = await_event(server, "listening")["target"]
        with grpc.insecure_channel(target) as channel, Client(target) as client:
            watched = health_stub(channel).Watch(health_pb2.HealthCheckRequest(service="sentiment"))
            assert next(watched).status == NOT_SERVING
            assert next(watched).status == SERVING
            await_event(server, "serving")
            client.predict("penguins", trained["penguins"].items[0])
            line = await_event(server, "call")
            assert line["method"] == "/learnwire.v1.PredictionService/Predict"
            assert (line["code"], line["items"]) == ("OK", 1)
            assert (line["model"], len(line["version"])) == ("penguins", 10)
            assert line["peer"].startswith("ipv4:127.0.0.1:")
            assert line["ms"] > 0
            list(client.predict_many("sentiment", ["very secret words"] * 3))
            line = await_event(server, "call")
            assert (line["code"], line["items"]) == ("OK", 3)
            assert "secret" not in json.dumps(line)
            server.send_signal(signal.SIGTERM)
            assert next(watched).status == NOT_SERVING
        assert server.wait(timeout=60) == 0


def test_a_call_in_flight_at_sigterm_is_answered(trained: dict[str, Trained]) -> None:
    with process("sentiment", "--port", "0", "--drain-seconds", "600") as server:
        target = await_event(server, "serving")["target"]
        with Client(target) as client:
            answers = client.predict_many(
                "sentiment", trained["sentiment"].items[4:] * 2, timeout=None
            )
            first = next(answers)
            server.send_signal(signal.SIGTERM)
            rest = list(answers)
    assert all(isinstance(answer, tuple) for answer in [first, *rest])
    assert len(rest) == 2 * len(trained["sentiment"].items[4:]) - 1


@pytest.mark.parametrize("shares_ports", [False, True])
def test_a_port_in_use_fails_loudly(shares_ports: bool, trained: dict[str, Trained]) -> None:
    with socket.socket() as other:
        if shares_ports:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        command = [*LEARNWIRE, "serve", "penguins", "--port", port]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr == (
        f"learnwire: cannot listen on 127.0.0.1:{port}: the port is in use; "
        "choose another with --port\n"
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "[2001:db8::1]", "nowhere.invalid"])
def test_an_address_of_another_machine_is_told(host: str, trained: dict[str, Trained]) -> None:
    with pytest.raises(lw.CannotListen, match="choose another with --host"):
        lw.serving("penguins", host=host, insecure=True).__enter__()


def test_two_servers_cannot_share_a_port(target: str, trained: dict[str, Trained]) -> None:
    port = int(target.rpartition(":")[2])
    with pytest.raises(lw.CannotListen, match=str(port)), lw.serving("penguins", port=port):
        pass


def test_a_model_that_raises_answers_at_once_with_a_fixed_sentence(
    gated: str, penguins: Trained, caplog: pytest.LogCaptureFixture
) -> None:
    gate.fails = True
    with Client(gated) as client:
        with pytest.raises(ServerFailed) as caught:
            client.predict("gated", penguins.items[0], timeout=60)
        assert caught.value.message == "the model failed on this input"
        assert caught.value.reason == "MODEL_FAILED"
        assert "/secret/path exploded" in caplog.text
        gate.fails = False
        assert client.predict("gated", penguins.items[0]).label


def test_cancelled_and_expired_calls_do_not_run(gated: str, penguins: Trained) -> None:
    request = pb.PredictRequest(model="gated", row=encode_row(penguins.items[0]))
    gate.open_.clear()
    with grpc.insecure_channel(gated) as channel:
        stub = pb_grpc.PredictionServiceStub(channel)
        running = stub.Predict.future(request)
        gate.entered.wait()
        cancelled = stub.Predict.future(request)
        expired = stub.Predict.future(request, timeout=0.2)
        with pytest.raises(grpc.RpcError) as caught:
            expired.result()
        assert isinstance(caught.value, grpc.Call)
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        cancelled.cancel()
        await_the_server(channel)
        last = stub.Predict.future(request)
        gate.open_.set()
        assert running.result().prediction.single_label.label
        assert last.result().prediction.single_label.label
    assert gate.predictions == 2


def test_deadlines_hold_for_a_models_own_service(gated: str, penguins: Trained) -> None:
    gate.open_.clear()
    with grpc.insecure_channel(gated) as channel:
        stub = Stub(channel, contract_of("gated"))
        request = stub.request(penguins.items[0])
        with pytest.raises(grpc.RpcError) as caught:
            stub.predict(request, timeout=0.2)
        assert isinstance(caught.value, grpc.Call)
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        gate.open_.set()
        assert stub.predict(request).label


def test_a_cancelled_stream_and_bulk_call_leave_the_queue(gated: str, penguins: Trained) -> None:
    rows = [encode_row(row) for row in penguins.items]
    many = pb.PredictManyRequest(model="gated", rows=io_pb2.TabularRows(rows=rows))
    one = pb.PredictRequest(model="gated", row=rows[0])
    gate.open_.clear()
    with grpc.insecure_channel(gated) as channel:
        stub = pb_grpc.PredictionServiceStub(channel)
        bulk = stub.PredictMany(many)
        gate.entered.wait()
        stream = stub.PredictStream(
            pb.PredictStreamRequest(id=str(i), request=one) for i in range(50)
        )
        bulk.cancel()
        stream.cancel()
        await_the_server(channel)
        last = stub.Predict.future(one)
        gate.open_.set()
        assert last.result().prediction.single_label.label
    assert gate.predictions < 10


def test_an_id_is_refused_on_a_stream_only_while_it_is_in_flight(
    gated: str, penguins: Trained
) -> None:
    row = pb.PredictRequest(model="gated", row=encode_row(penguins.items[0]))
    ids: SimpleQueue[str | None] = SimpleQueue()
    gate.open_.clear()
    with grpc.insecure_channel(gated) as channel:
        stream = pb_grpc.PredictionServiceStub(channel).PredictStream(
            pb.PredictStreamRequest(id=one, request=row) for one in iter(ids.get, None)
        )
        ids.put("one")
        ids.put("one")
        refused = next(stream)
        assert refused.status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        gate.open_.set()
        assert next(stream).prediction.single_label.label
        ids.put("one")
        assert next(stream).prediction.single_label.label
        ids.put(None)
        assert not list(stream)


def point(name: str) -> float:
    """Draw nothing: no model's calls are divided."""
    raise AssertionError(name)


def test_a_model_is_unavailable_while_it_loads(penguins: Trained) -> None:
    gate.open_.set()
    penguins.learner.add_cb(callback := gate.Gate())
    try:
        lw.save_model("slow", penguins.learner)
    finally:
        penguins.learner.remove_cb(callback)
    runner = lw.get("slow").to_runner()
    registry = Registry([runner])
    with pytest.raises(ModelNotReady, match="being loaded"):
        registry.ready("slow", point)
    runner.load()
    assert registry.ready("slow", point) is runner
    runner.close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_model_that_does_not_load_ends_the_server_with_its_name(
    penguins: Trained, home: Path, workers: str
) -> None:
    tag = lw.save_model("broken", penguins.learner).tag
    file = home / "models" / "broken" / tag.partition(":")[2] / "learner.pkl"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    command = [*LEARNWIRE, "serve", "broken", "--port", "0", "--workers", workers]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    lw.delete_model("broken")
    assert ended.returncode == 1
    assert f"learnwire: {tag}: the file learner.pkl was altered" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_health_watch_does_not_hold_the_server_up(trained: dict[str, Trained]) -> None:
    with process("penguins", "--port", "0", "--drain-seconds", "600") as server:
        target = await_event(server, "serving")["target"]
        with grpc.insecure_channel(target) as channel:
            watched = health_stub(channel).Watch(health_pb2.HealthCheckRequest())
            assert next(watched).status == SERVING
            server.send_signal(signal.SIGTERM)
            assert next(watched).status == NOT_SERVING
            assert server.wait(timeout=60) == 0


def test_a_model_named_twice_is_told_in_a_sentence(trained: dict[str, Trained]) -> None:
    command = [*LEARNWIRE, "serve", "penguins", "penguins:latest", "--port", "0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "is given twice" in ended.stderr
    assert "Traceback" not in ended.stderr
