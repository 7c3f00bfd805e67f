"""A server whose memory runs short: what it refuses, what it answers all the same, and its end."""

import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import grpc
import httpx
import learnwire_service as lw
import pytest
from grpc_health.v1 import health_pb2
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1 import prediction_service_pb2_grpc as pb_grpc
from learnwire_client import ChannelOptions, Client, ResourceExhausted
from learnwire_client.rows import encode_row
from learnwire_client.statistics import MemoryLimit
from learnwire_service.cli.main import app
from learnwire_service.common.memory import resident_bytes
from typer.testing import CliRunner

from tests.end_to_end.metered import Metered
from tests.end_to_end.test_server import SERVING, health_stub
from tests.end_to_end.test_workers import await_that, supervised
from tests.end_to_end.web import GENERIC, details, web_serving
from tests.service import small_learners as small
from tests.service.small_learners import ROW

MIB = 2**20
INFERENCE = "/inference.GRPCInferenceService"
STREAMS, CALLS = "streams", "calls"
# Which share of the limit to hold, in the middle of each stage.
AT = {STREAMS: 0.885, CALLS: 0.97}
PATIENCE = 120

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not resident_bytes(), reason="needs /proc, which Linux has"),
]


class Holding:
    """A service whose calls hold memory until they are let go."""

    def __init__(self) -> None:
        self.entered, self.go_on = Event(), Event()
        self.service = svc = lw.Service("holding")

        @svc.api(input=lw.Number(), output=lw.Text())
        def hold(many: float) -> str:
            held = b"\1" * int(many)
            self.entered.set()
            assert self.go_on.wait(PATIENCE)
            return str(len(held))

        @svc.api(output=lw.Text())
        async def stream() -> AsyncIterator[str]:
            yield "one"


class Short:
    """A server of this process, whose memory calls of its own fill."""

    def __init__(self, target: str, http: httpx.Client, client: Client, holding: Holding) -> None:
        self.target, self.http, self.client, self._holding = target, http, client, holding
        self._threads = ThreadPoolExecutor(4)

    @property
    def limit(self) -> MemoryLimit:
        found = self.client.server_statistics().memory_limit
        assert found is not None
        return found

    def fill(self, refused: str) -> None:
        """Have a call hold as much as a stage begins with, and wait for the stage."""
        await_that(lambda: self.limit.limit_bytes, "a first look")
        limit = self.limit
        more = int(AT[refused] * limit.limit_bytes) - limit.held_bytes
        self._holding.entered.clear()
        self._threads.submit(self.client.call, "hold", more, timeout=PATIENCE)
        assert self._holding.entered.wait(PATIENCE)
        self.await_refused(refused)

    def free(self) -> None:
        self._holding.go_on.set()
        self._threads.shutdown()
        self.await_refused("")

    def await_refused(self, refused: str) -> None:
        await_that(lambda: self.limit.refused == refused, f"refuses {refused or 'nothing'}")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A store of its own, with one small model; what its learner answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNWIRE_HOME", str(tmp_path_factory.mktemp("short")))
        learner = small.shop_learner()
        lw.save_model("shop:one", learner)
        yield small.ask(learner, ROW)[1]


@pytest.fixture
def short(store: Any) -> Iterator[Short]:
    holding = Holding()
    served = web_serving("shop", holding.service, memory_limit=2 * resident_bytes() // MIB)
    options = ChannelOptions(retries=0)
    with served as (target, http), Client(target, timeout=60, options=options) as client:
        yield (one := Short(target, http, client, holding))
        one.free()


def refused_as(what: str, ask: Callable[[], object]) -> None:
    with pytest.raises(ResourceExhausted, match=f"memory is short, it takes no {what}") as caught:
        ask()
    assert (caught.value.reason, caught.value.retry_after) == ("MEMORY_SHORT", 1.0)


def typed(method: str) -> str:
    return f"/learnwire.models.shop.v1.ShopService/{method}"


def test_new_streams_are_refused_first_then_all_new_calls_until_memory_suffices(
    short: Short, store: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "learnwire")
    client = short.client
    short.fill(STREAMS)
    assert client.predict("shop", ROW).probabilities == pytest.approx(store, abs=1e-5)
    refused_as("new streams", lambda: list(client.predict_many("shop", [ROW])))
    refused_as("new streams", lambda: list(client.predict_stream("shop", [ROW])))
    refused_as("new streams", lambda: list(client.stream("stream")))
    for method in (typed("PredictMany"), typed("PredictStream"), f"{INFERENCE}/ModelStreamInfer"):
        with grpc.insecure_channel(short.target) as channel:
            stream: Any = channel.stream_stream(method)
            with pytest.raises(grpc.RpcError, match="takes no new streams"):
                next(stream(iter([b""])))

    short.fill(CALLS)
    refused_as("new calls", lambda: client.predict("shop", ROW))
    refused_as("new calls", lambda: client.call("hold", 1))
    for method in (f"{GENERIC}/Predict", typed("Predict"), f"{INFERENCE}/ModelInfer"):
        refused = short.http.post(method, json={})
        assert refused.status_code == 429
        assert details(refused)["ErrorInfo"]["reason"] == "MEMORY_SHORT"
        assert details(refused)["RetryInfo"]["retryDelay"] == "1s"

    short.free()
    assert client.predict("shop", ROW).probabilities == pytest.approx(store, abs=1e-5)
    assert len(list(client.predict_many("shop", [ROW]))) == 1
    told = [(one.getMessage(), getattr(one, "refused", "")) for one in caplog.records]
    assert [one for one in told if one[0].startswith("memory")] == [
        ("memory is short", "new streams"),
        ("memory is short", "new calls"),
        ("memory suffices again", "nothing"),
    ]


def test_what_only_asks_about_models_is_answered_all_the_same(short: Short) -> None:
    short.fill(CALLS)
    with grpc.insecure_channel(short.target) as channel:
        for name in ("", "shop", "liveness"):
            request = health_pb2.HealthCheckRequest(service=name)
            assert health_stub(channel).Check(request).status == SERVING
    client = short.client
    assert [one.name for one in client.models()] == ["shop"]
    assert [one.tag for one in client.loaded()] == ["shop:one"]
    assert client.model("shop").version == "one"
    assert client.statistics("shop").refused == 0
    top = CliRunner().invoke(app, ["top", short.target, "--once", "--interval", "0.2"])
    assert "MB are held: new calls are refused" in top.stdout


def test_what_has_begun_is_answered_and_further_items_of_streams_are_told(short: Short) -> None:
    request = pb.PredictRequest(model="shop", row=encode_row(ROW))
    go_on = Event()

    def requests() -> Iterator[pb.PredictStreamRequest]:
        yield pb.PredictStreamRequest(id="before", request=request)
        assert go_on.wait(PATIENCE)
        yield pb.PredictStreamRequest(id="meanwhile", request=request)

    with grpc.insecure_channel(short.target) as channel:
        answers = pb_grpc.PredictionServiceStub(channel).PredictStream(requests(), timeout=PATIENCE)
        assert next(answers).HasField("prediction")
        short.fill(CALLS)
        go_on.set()
        [meanwhile] = answers
    assert meanwhile.id == "meanwhile"
    assert meanwhile.status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]


def test_a_limit_of_zero_is_none(store: Any) -> None:
    with lw.serving("shop", memory_limit=0) as target, Client(target) as client:
        assert client.server_statistics().memory_limit is None
        assert client.predict("shop", ROW)


@contextmanager
def served(folder: Path, *arguments: str, before: Sequence[str] = ()) -> Iterator[Metered]:
    ports = ("--port", "0", "--ops-port", "0", "--log-sample", "0")
    with supervised(folder / "log", "shop", *ports, *arguments, before=before) as running:
        assert running.target
        yield Metered(running.process, running.log)


def await_stage(running: Metered, stage: int) -> None:
    await_that(lambda: running.value("learnwire_memory_stage") == stage, f"stage {stage}")


@pytest.mark.usefixtures("store")
def test_workers_that_hold_more_than_they_may_refuse_calls_and_say_so(tmp_path: Path) -> None:
    with served(tmp_path, "--workers", "2", "--memory-limit", "10") as running:
        await_stage(running, 2)
        with Client(running.target, options=ChannelOptions(retries=0)) as client:
            refused_as("new calls", lambda: client.predict("shop", ROW))
        assert running.value("learnwire_memory_limit_bytes") == 10 * MIB
        assert running.value("learnwire_memory_held_bytes") > 10 * MIB
        assert running.value("learnwire_memory_refusals_total") == 1
        assert running.get("/readyz").text == "ready\n"
        told = running.await_events("memory is short", 2)
        assert {one["worker"] for one in told} == set(running.pids)
        assert {(one["refused"], one["limit_mib"]) for one in told} == {("new calls", 10)}


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A cgroup of its own, as the file that has its limit."""
    for root, limit in (
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        ("/sys/fs/cgroup", "memory.max"),
    ):
        folder = Path(root) / f"learnwire-test-{os.getpid()}"
        with suppress(OSError):
            folder.mkdir()
            bounds = (folder / limit).exists()
            if bounds:
                yield folder / limit
            # The system may take a moment to see that its last process has gone.
            await_that(partial(_is_removed, folder), "the cgroup's end")
            if bounds:
                return
    pytest.skip("needs the right to make a cgroup that bounds memory: root, and no read-only mount")


def _is_removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


@pytest.mark.usefixtures("store")
def test_the_limit_of_the_cgroup_holds_and_may_change(
    cgroup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEARNWIRE_MEMORY_LIMIT")
    cgroup.write_text(str(2**34))
    within = ("sh", "-c", 'echo $$ > "$0" && exec "$@"', str(cgroup.parent / "cgroup.procs"))
    with (
        served(tmp_path, "--workers", "2", before=within) as running,
        Client(running.target, options=ChannelOptions(retries=0)) as client,
    ):
        await_that(lambda: running.value("learnwire_memory_limit_bytes") == 2**34, "a first look")
        assert client.predict("shop", ROW)
        held = running.value("learnwire_memory_held_bytes")
        cgroup.write_text(str(int(held / AT[CALLS])))
        await_stage(running, 2)
        refused_as("new calls", lambda: client.predict("shop", ROW))
        cgroup.write_text(str(2**34))
        await_stage(running, 0)
        assert client.predict("shop", ROW)
