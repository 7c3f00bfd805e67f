"""Several worker processes on one port, as an operator meets them."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc
import learnwire_service as lw
import numpy as np
import psutil
import pytest
from grpc_health.v1 import health_pb2
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1 import prediction_service_pb2_grpc as pb_grpc
from learnwire_client import AsyncClient, ChannelOptions, Client, Unavailable
from learnwire_client.prediction import AnyPrediction
from learnwire_client.rows import encode_row
from learnwire_service.common.threads import cores, threads_each

from tests.conftest import Trained
from tests.end_to_end import gate
from tests.end_to_end.test_server import LEARNWIRE, SERVING, health_stub
from tests.end_to_end.typed import Stub, contract_of

pytestmark = pytest.mark.slow

PATIENCE = 120
# So many that hardly ever all are one worker's.
CHANNELS = 16
ONCE = ChannelOptions(retries=0)
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]
T = TypeVar("T")


def await_that(condition: Callable[[], T], what: str) -> T:
    """Poll until a condition holds, and give what it gives."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"still not: {what}"
        time.sleep(0.02)
    return found


@dataclass
class Supervised:
    """A running `learnwire serve --workers`, its log in a file."""

    process: "subprocess.Popen[Any]"
    log: Path

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = self.log.read_text().splitlines()
        entries = [json.loads(line) for line in lines if line.startswith("{") and line[-1] == "}"]
        return [entry for entry in entries if entry["event"] == name]

    def await_events(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        def enough() -> list[dict[str, Any]]:
            found = self.events(name)
            assert len(found) >= count or self.process.poll() is None, self.log.read_text()
            return found if len(found) >= count else []

        return await_that(enough, f"{count} times {name!r} in the log")

    @property
    def target(self) -> str:
        return str(self.await_events("serving")[0]["target"])

    @property
    def pids(self) -> list[int]:
        """The workers that have served, dead ones too."""
        return [entry["pid"] for entry in self.events("worker serving")]

    @property
    def alive(self) -> list[int]:
        """The workers that serve."""
        died = {entry["pid"] for entry in self.events("worker died")}
        return [pid for pid in self.pids if pid not in died]


@contextmanager
def supervised(log: Path, *arguments: str, before: Sequence[str] = ()) -> Iterator[Supervised]:
    """Serve with workers, and be sure that all processes end; `before` runs the command."""
    command = [*before, *LEARNWIRE, "serve", *arguments, "--log-format", "json"]
    with log.open("wb") as output:
        environment = {**os.environ, "TMPDIR": str(log.parent)}
        process = subprocess.Popen(command, stderr=output, env=environment, start_new_session=True)
    running = Supervised(process, log)
    try:
        yield running
    finally:
        process.kill()
        process.wait()
        await_gone(running.pids)


def await_gone(pids: list[int]) -> None:
    await_that(lambda: not any(map(psutil.pid_exists, pids)), f"the end of {pids}")


@pytest.fixture(scope="module")
def two(
    trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Supervised]:
    """Two workers for the penguins; tests may kill one of them."""
    log = tmp_path_factory.mktemp("log") / "log"
    with supervised(log, "penguins", "--workers", "2", "--port", "0") as running:
        running.await_events("serving")
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a FolderGate obeys."""
    (tmp_path / "entered").mkdir()
    monkeypatch.setenv("GATE_FOLDER", str(tmp_path))
    return tmp_path


@pytest.fixture
def gated(folder: Path, penguins: Trained) -> Iterator[Path]:
    """The folder of the gate of a model of that name."""
    penguins.learner.add_cb(callback := gate.FolderGate())
    try:
        lw.save_model("foldergated", penguins.learner)
    finally:
        penguins.learner.remove_cb(callback)
    yield folder
    lw.delete_model("foldergated")


def close_gate(folder: Path) -> None:
    os.mkfifo(folder / "closed")


def open_gate(folder: Path) -> None:
    """Let go who waits, and who comes."""
    (folder / "closed").rename(folder / "opened")
    os.close(os.open(folder / "opened", os.O_RDWR | os.O_NONBLOCK))


def entered(folder: Path) -> dict[int, int]:
    """Tell which processes are at the gate, and with how many items each."""
    notes = (file.name.split("-") for file in (folder / "entered").iterdir())
    return {int(pid): int(items) for pid, items in notes}


@contextmanager
def ask_over(
    channels: int, target: str, request: pb.PredictRequest
) -> Iterator[list["grpc.Future[pb.PredictResponse]"]]:
    """Make a call over each of so many connections."""
    with ExitStack() as stack:
        connections = [
            stack.enter_context(grpc.insecure_channel(target, OWN_CONNECTION))
            for _ in range(channels)
        ]
        stubs = [pb_grpc.PredictionServiceStub(connection) for connection in connections]
        yield [stub.Predict.future(request) for stub in stubs]


def code_of(call: "grpc.Future[pb.PredictResponse]") -> grpc.StatusCode:
    """Wait for the end of a call, and tell its code."""
    error = call.exception(timeout=PATIENCE)
    if error is None:
        assert call.result().prediction.single_label.label
        return grpc.StatusCode.OK
    assert isinstance(error, grpc.Call)
    return error.code()


def same(one: AnyPrediction, other: AnyPrediction) -> bool:
    return one[:2] == other[:2] and np.allclose(one[2], other[2], atol=1e-5)


async def keep_asking(
    client: AsyncClient, items: list[Any], expected: list[AnyPrediction], over: asyncio.Event
) -> tuple[int, int]:
    """Ask for item after item; count the right answers, and the calls that were unavailable."""
    right = unavailable = 0
    while not over.is_set():
        place = (right + unavailable) % len(items)
        try:
            answer = await client.predict("penguins", items[place], timeout=PATIENCE)
        except Unavailable:
            unavailable += 1
        else:
            assert same(answer, expected[place])
            right += 1
    return right, unavailable


def test_a_worker_killed_under_load_is_replaced_and_missed_by_few(
    two: Supervised, trained: dict[str, Trained]
) -> None:
    items = trained["penguins"].items
    with Client(two.target) as client:
        expected = [client.predict("penguins", item) for item in items]
    workers, called = two.alive, len(two.events("call"))
    [_, killed] = workers

    def kill_and_watch() -> None:
        await_that(
            lambda: {entry["worker"] for entry in two.events("call")[called:]} == {*workers},
            "calls of both workers",
        )
        os.kill(killed, signal.SIGKILL)
        newcomers = 0
        while two.pids[-1] in workers:  # until the replacement serves
            # Two channels, for then the connections are its own.
            with Client(two.target, timeout=PATIENCE, channels=2) as newcomer:
                assert same(newcomer.predict("penguins", items[0]), expected[0])
            newcomers += two.pids[-1] in workers
            assert two.process.poll() is None
        assert newcomers, "nobody was answered by the worker that was left"

    async def load() -> list[tuple[int, int]]:
        over = asyncio.Event()
        async with AsyncClient(two.target, options=ONCE, channels=CHANNELS) as client:
            async with asyncio.TaskGroup() as tasks:
                asking = [
                    tasks.create_task(keep_asking(client, items[i:], expected[i:], over))
                    for i in range(CHANNELS)
                ]
                try:
                    await asyncio.to_thread(kill_and_watch)
                finally:
                    over.set()
            return [one.result() for one in asking]

    counts = asyncio.run(load())
    assert all(right for right, _ in counts)
    died = {entry["pid"]: entry["ended"] for entry in two.events("worker died")}
    assert died[killed] == "SIGKILL"
    assert len(two.alive) == 2


def test_calls_in_flight_in_a_killed_worker_are_unavailable(
    gated: Path, tmp_path: Path, penguins: Trained
) -> None:
    request = pb.PredictRequest(model="foldergated", row=encode_row(penguins.items[0]))
    with supervised(tmp_path / "log", "foldergated", "--workers", "2", "--port", "0") as running:
        target = running.target
        close_gate(gated)
        with ask_over(CHANNELS, target, request) as calls, Client(target) as client:

            def waiting() -> int:
                return client.statistics("foldergated").waiting

            await_that(lambda: entered(gated).keys() == set(running.pids), "both are at the gate")
            behind = CHANNELS - sum(entered(gated).values())
            await_that(lambda: waiting() == behind, "all others wait, for either")
            killed, alive = running.pids
            os.kill(killed, signal.SIGKILL)
            running.await_events("worker died")
            open_gate(gated)
            codes = [code_of(call) for call in calls]
            await_that(lambda: waiting() == 0, "none waits")
        assert psutil.pid_exists(alive)
    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}


def test_statistics_are_of_all_workers_together_dead_ones_too(
    two: Supervised, trained: dict[str, Trained]
) -> None:
    items = trained["penguins"].items

    def read() -> list[Any]:
        return [client.statistics("penguins") for _ in range(CHANNELS)]

    with Client(two.target, channels=CHANNELS) as client:
        began = read()[0]
        for item in items:
            client.predict("penguins", item)
        await_that(
            lambda: {one.batch_items.sum for one in read()} == {began.batch_items.sum + len(items)},
            "all batches are counted, whoever is asked",
        )
        counted = read()
        assert {one.predicted for one in counted} == {began.predicted + len(items)}
        assert {one.since for one in counted} == {began.since}
        calls = {one.call_seconds.count for one in counted}
        assert calls == {began.call_seconds.count + len(items)}
        server = client.server_statistics()
        assert (server.processes, server.memory_bytes > 50_000_000) == (2, True)
        deaths, serving = len(two.events("worker died")), len(two.pids)
        os.kill(two.pids[-1], signal.SIGKILL)
        two.await_events("worker died", deaths + 1)
        after = client.statistics("penguins")
        assert after.predicted == counted[0].predicted
        assert after.queue_wait_seconds == counted[0].queue_wait_seconds
        two.await_events("worker serving", serving + 1)
        client.predict("penguins", items[0])
        assert client.statistics("penguins").predicted == counted[0].predicted + 1
        assert client.statistics("penguins").since == began.since


@pytest.mark.parametrize("by_keyboard", [False, True])
def test_a_signal_drains_all_workers(
    by_keyboard: bool, gated: Path, tmp_path: Path, penguins: Trained
) -> None:
    request = pb.PredictRequest(model="foldergated", row=encode_row(penguins.items[0]))
    arguments = ("--workers", "2", "--port", "0", "--drain-seconds", "600")
    with supervised(tmp_path / "log", "foldergated", *arguments) as running:
        target, pids = running.target, running.pids
        close_gate(gated)
        with ask_over(CHANNELS, target, request) as calls:
            await_that(lambda: entered(gated).keys() == set(pids), "both are at the gate")
            behind = CHANNELS - sum(entered(gated).values())
            with Client(target) as client:
                await_that(
                    lambda: client.statistics("foldergated").waiting == behind, "all others wait"
                )
            if by_keyboard:
                os.killpg(running.process.pid, signal.SIGINT)
            else:
                running.process.terminate()
            await_that(lambda: len(running.events("draining")) == 3, "all drain")
            open_gate(gated)
            assert {code_of(call) for call in calls} == {grpc.StatusCode.OK}
        assert running.process.wait(PATIENCE) == 0
        assert not any(map(psutil.pid_exists, pids))
        assert "Traceback" not in running.log.read_text()


def test_no_worker_outlives_a_killed_supervisor(
    trained: dict[str, Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    with supervised(tmp_path / "log", "penguins", "--workers", "2", "--port", "0") as running:
        port, pids = int(port_of(running.target)), running.pids
        given = psutil.Process(running.process.pid).environ()["OMP_NUM_THREADS"]
        assert given == str(threads_each(2, cores()))
        [started] = running.events("starting")
        assert (started["workers"], started["threads_each"]) == (2, given)
        running.process.kill()
        await_gone(pids)
    assert not list(tmp_path.glob("learnwire-*")), "what they shared is removed"
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))


def refused(port: str, *arguments: str) -> None:
    command = [*LEARNWIRE, "serve", "penguins", "--port", port, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 1
    assert ended.stderr == (
        f"learnwire: cannot listen on 127.0.0.1:{port}: the port is in use; "
        "choose another with --port\n"
    )


def port_of(target: str) -> str:
    return target.rpartition(":")[2]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_port_of_workers_is_theirs_alone(workers: str, two: Supervised) -> None:
    refused(port_of(two.target), "--workers", workers)


def test_workers_do_not_share_the_port_of_a_single_process(target: str) -> None:
    refused(port_of(target), "--workers", "2")


@pytest.mark.parametrize("shares_ports", [False, True])
def test_workers_do_not_share_the_port_of_a_stranger(
    shares_ports: bool, trained: dict[str, Trained]
) -> None:
    with socket.socket() as other:
        if shares_ports:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        refused(str(other.getsockname()[1]), "--workers", "2")


def test_a_model_that_is_not_there_is_told_before_any_worker_starts(home: Path) -> None:
    command = [*LEARNWIRE, "serve", "nobody", "--port", "0", "--workers", "2"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 1
    assert 'there is no model "nobody"' in ended.stderr
    assert "starting" not in ended.stderr


def test_a_worker_that_dies_while_it_loads_ends_all_with_a_word(gated: Path) -> None:
    (gated / "deadly").touch()
    command = [*LEARNWIRE, "serve", "foldergated", "--port", "0", "--workers", "2"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 1
    assert "a worker ended with exit code 3 before it served" in ended.stderr


def test_a_replacement_that_cannot_load_does_not_end_the_others(
    gated: Path, tmp_path: Path, penguins: Trained
) -> None:
    with supervised(tmp_path / "log", "foldergated", "--workers", "2", "--port", "0") as running:
        target, pids = running.target, running.pids
        (gated / "deadly").touch()
        os.kill(pids[0], signal.SIGKILL)
        running.await_events("worker failed", 2)
        (gated / "deadly").unlink()
        with Client(target) as client:
            assert client.predict("foldergated", penguins.items[0]).label
        assert psutil.pid_exists(pids[1])
        running.await_events("worker serving", 3)


def predict_once(target: str, item: Any) -> Any:
    with Client(target) as client:
        return client.predict("foldergated", item)


def predict_once_async(target: str, item: Any) -> Any:
    async def asked() -> Any:
        async with AsyncClient(target) as client:
            return await client.predict("foldergated", item)

    return asyncio.run(asked())


def predict_once_among_many(target: str, item: Any) -> Any:
    with Client(target) as client:
        return list(client.predict_many("foldergated", [item], errors="raise"))


@pytest.mark.slow
def test_an_item_that_ends_its_worker_is_not_sent_to_the_next(
    gated: Path, tmp_path: Path, penguins: Trained
) -> None:
    item = penguins.items[0]
    with supervised(tmp_path / "log", "foldergated", "--workers", "2", "--port", "0") as running:
        target = running.target
        asking = (predict_once, predict_once_async, predict_once_among_many)
        for died, predict in enumerate(asking, start=1):
            (gated / "deadly").touch()
            with pytest.raises(Unavailable):
                predict(target, item)
            (gated / "deadly").unlink()
            ended = running.await_events("worker died", died)
            assert len(ended) == died
            # The other has heard nothing of it, and answers on.
            assert running.alive
            assert predict_once(target, item).label
            await_that(lambda: len(running.alive) == 2, "a worker in the place of the dead one")


def test_every_worker_that_answers_is_ready(two: Supervised) -> None:
    with ExitStack() as stack:
        for _ in range(CHANNELS):
            channel = stack.enter_context(grpc.insecure_channel(two.target, OWN_CONNECTION))
            for name in ("", "penguins"):
                check = health_pb2.HealthCheckRequest(service=name)
                assert health_stub(channel).Check(check).status == SERVING


def libraries(pid: int) -> set[str]:
    """Tell which of the two libraries a process has loaded."""
    maps = " ".join(region.path for region in psutil.Process(pid).memory_maps())
    return {name for name, file in (("torch", "libtorch"), ("grpc", "cygrpc")) if file in maps}


def test_the_supervisor_imports_neither_torch_nor_grpc(two: Supervised) -> None:
    # Of sealed models, as these are, a worker needs no torch either.
    assert libraries(two.pids[-1]) == {"grpc"}
    assert libraries(two.process.pid) == set()


def test_workers_serve_a_models_own_service(two: Supervised, trained: dict[str, Trained]) -> None:
    contract = contract_of("penguins")
    before = len(two.events("call"))
    with ExitStack() as stack:
        channels = [
            stack.enter_context(grpc.insecure_channel(two.target, OWN_CONNECTION))
            for _ in range(CHANNELS)
        ]
        item = trained["penguins"].items[0]
        for stub in (Stub(channel, contract) for channel in channels):
            assert stub.predict(stub.request(item)).label == trained["penguins"].predict(item)[0]
    calls = two.await_events("call", before + CHANNELS)[before:]
    assert {call["method"] for call in calls} == {f"/{contract.service}/Predict"}
    assert {(call["code"], call["items"]) for call in calls} == {("OK", 1)}
    assert {call["model"] for call in calls} == {"penguins"}


SERVICE = """
import os

import learnwire_service as lw

svc = lw.Service("processes", runners=[lw.get("penguins").to_runner()])

@svc.api(output=lw.Text())
async def pid() -> str:
    return str(os.getpid())
"""


def test_workers_serve_a_service_and_count_its_calls_together(
    tmp_path: Path, trained: dict[str, Trained]
) -> None:
    file = tmp_path / "processes_service.py"
    file.write_text(SERVICE)
    with supervised(tmp_path / "log", f"{file}:svc", "--workers", "2", "--port", "0") as running:
        target = running.target
        running.await_events("worker serving", 2)
        found = set[int]()
        calls = 0
        while len(found) < 2:
            # Each on a connection of its own, until both workers had one.
            with Client(target, channels=2) as client:
                found.add(int(client.call("pid")))
                calls += 1
                assert calls < 1000
        with Client(target) as client:
            statistics = client.endpoint_statistics("pid")
            assert client.predict("penguins", trained["penguins"].items[0]).label
        assert found == set(running.pids)
        assert statistics.answered == statistics.seconds.count == calls
        assert libraries(running.process.pid) == set()
