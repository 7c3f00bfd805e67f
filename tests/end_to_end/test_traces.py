"""Traces across processes: from a client's program through a server's workers to a collector."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1 import prediction_service_pb2_grpc as pb_grpc
from learnwire_client import Client
from learnwire_client.rows import encode_row

from tests.conftest import Trained
from tests.end_to_end.collector import Collector, Span, collecting
from tests.end_to_end.metered import SERVICE
from tests.end_to_end.test_workers import PATIENCE, Supervised, supervised
from tests.end_to_end.typed import Stub, contract_of

pytestmark = pytest.mark.slow

SERVER, CLIENT = 2, 3
STAGES = {"queue", "encode", "network", "decode"}
LEFT_OUT = "0af7651916cd43dd8448eb211c80319c"
# What a user's program does: it sets OpenTelemetry up, and calls.
PROGRAM = """
import asyncio, json, sys
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from learnwire_client import AsyncClient, CallError, Client

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
target, row = sys.argv[1], json.loads(sys.argv[2])
rows = [row] * 8

async def ask():
    async with AsyncClient(target) as client:
        await asyncio.gather(*(client.predict("penguins", row) for _ in range(16)))
        [_ async for _ in client.predict_many("penguins", rows)]
        [_ async for _ in client.predict_stream("penguins", rows)]

with trace.get_tracer("shop").start_as_current_span("sync"), Client(target) as client:
    client.predict("penguins", row)
    list(client.predict_many("penguins", rows))
    list(client.predict_stream("penguins", [*rows, {**row, "year": "long ago"}]))
    assert client.call("sell", "hat") == "hat"
    for ask_wrongly in (
        lambda: client.predict("nobody", "very secret words"),
        lambda: client.call("sell", "fail"),
    ):
        try:
            ask_wrongly()
        except CallError:
            pass
with trace.get_tracer("shop").start_as_current_span("async"):
    asyncio.run(ask())
provider.shutdown()
"""


@contextmanager
def traced(folder: Path, endpoint: str, *arguments: str) -> Iterator[Supervised]:
    """Serve where traces are sent to an endpoint."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        service = folder / "shop.py"
        service.write_text(SERVICE)
        served = ("penguins", f"{service}:svc", "--port", "0")
        with supervised(folder / "log", *served, *arguments) as running:
            yield running


@pytest.fixture(scope="module")
def told(
    trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Collector, Supervised]]:
    """What a program and two workers told, who have ended."""
    item = trained["penguins"].items[0]
    row = item.to_json(double_precision=15)
    arguments = ("--workers", "2", "--max-delay", "0.1")
    with (
        collecting() as (collector, endpoint),
        traced(tmp_path_factory.mktemp("traced"), endpoint, *arguments) as server,
    ):
        program = {
            **os.environ,
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_SERVICE_NAME": "shop",
        }
        command = [sys.executable, "-c", PROGRAM, server.target, row]
        subprocess.run(command, env=program, check=True, timeout=PATIENCE)
        with grpc.insecure_channel(server.target) as channel:
            Stub(channel, contract_of("penguins")).predict(
                Stub(channel, contract_of("penguins")).request(item)
            )
            request = pb.PredictRequest(model="penguins", row=encode_row(item))
            parent = f"00-{LEFT_OUT}-b7ad6b7169203331-00"
            stub = pb_grpc.PredictionServiceStub(channel)
            stub.Predict(request, metadata=(("traceparent", parent),), timeout=PATIENCE)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
        yield collector, server


@pytest.fixture
def collector(told: tuple[Collector, Supervised]) -> Collector:
    return told[0]


def ours(collector: Collector, method: str, root: str) -> list[tuple[Span, Span]]:
    """Give the client's and the server's spans of a method, below a span of the program."""
    [above] = collector.named(root)
    named = collector.named(method)
    by_parent = {one.parent: one for one in named if one.kind == SERVER}
    clients = [one for one in named if one.kind == CLIENT and one.parent == above.id]
    assert all(one.trace == above.trace == by_parent[one.id].trace for one in clients)
    return [(one, by_parent[one.id]) for one in clients]


@pytest.mark.parametrize("root", ["sync", "async"])
@pytest.mark.parametrize("method", ["Predict", "PredictMany", "PredictStream"])
def test_a_span_of_the_program_leads_to_the_stages(
    collector: Collector, method: str, root: str
) -> None:
    calls = ours(collector, method, root)
    good = [(one, other) for one, other in calls if "learnwire.model" in other.facts]
    assert good
    for client, server in good:
        assert (client.service, server.service) == ("shop", "learnwire")
        for span in (client, server):
            assert span.name == f"learnwire.v1.PredictionService/{method}"
            assert span.facts["rpc.system"] == "grpc"
            assert span.facts["rpc.service"] == "learnwire.v1.PredictionService"
            assert (span.facts["rpc.method"], span.facts["rpc.grpc.status_code"]) == (method, 0)
            assert not span.is_error
        assert server.facts["learnwire.model"] == "penguins"
        assert server.facts["learnwire.items"] > 0
        below = collector.below(server)
        assert below.keys() >= STAGES
        for stage in (below[name] for name in STAGES):
            assert server.start <= stage.start <= stage.end


def test_items_that_fail_are_counted(collector: Collector) -> None:
    [(_, server)] = ours(collector, "PredictStream", "sync")
    assert (server.facts["learnwire.items"], server.facts["learnwire.errors"]) == (9, 1)


def test_batches_have_links_to_all_calls_in_them(collector: Collector) -> None:
    calls = {server.id for _, server in ours(collector, "Predict", "async")}
    assert len(calls) == 16
    batches = [one for one in collector.named("batch") if calls & set(one.links)]
    assert sorted(link for one in batches for link in one.links) == sorted(calls)
    assert len(batches) < len(calls)
    for batch in batches:
        assert batch.parent == batch.links[0]
        assert batch.facts["learnwire.items"] == len(batch.links)
        assert batch.facts["learnwire.model"] == "penguins"
        for link in batch.links:
            network = collector.below(next(one for one in collector.spans if one.id == link))
            assert network["network"].links == (batch.id,)


def test_endpoints_and_errors_are_told(collector: Collector) -> None:
    calls = [server for _, server in ours(collector, "Call", "sync")]
    sold, failed = sorted(calls, key=lambda one: one.start)
    assert sold.facts["learnwire.endpoint"] == "sell"
    assert not sold.is_error
    assert (failed.is_error, failed.description) == (True, "ENDPOINT_FAILED")
    assert failed.facts["rpc.grpc.status_code"] == grpc.StatusCode.INTERNAL.value[0]
    # A caller's mistake is an error of the client alone, by the conventions for RPC.
    missing = [pair for pair in ours(collector, "Predict", "sync") if pair[0].is_error]
    [(client, server)] = missing
    assert client.description == "NOT_FOUND"
    assert not server.is_error
    assert server.facts["learnwire.reason"] == "MODEL_NOT_FOUND"
    assert "secret" not in repr(collector.spans)


def test_a_models_own_contract_is_traced(collector: Collector) -> None:
    service = contract_of("penguins").service
    [server] = [one for one in collector.spans if one.facts.get("rpc.service") == service]
    assert server.parent == ""
    assert collector.below(server).keys() == {*STAGES, "batch"}


def test_lines_have_the_trace_and_who_is_left_out_has_no_spans(
    told: tuple[Collector, Supervised],
) -> None:
    collector, server = told
    lines = {line["trace_id"] for line in server.events("call")}
    assert LEFT_OUT in lines
    assert {one.trace for one in collector.spans if one.kind == SERVER} == lines - {LEFT_OUT}


def test_a_dead_collector_harms_nobody(trained: dict[str, Trained], tmp_path: Path) -> None:
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        dead.listen()
        endpoint = f"http://127.0.0.1:{dead.getsockname()[1]}"
        with traced(tmp_path, endpoint) as server, Client(server.target) as client:
            for item in trained["penguins"].items[:5]:
                client.predict("penguins", item)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(PATIENCE) == 0
            assert [one["level"] for one in server.events("call")] == ["info"] * 5
            [lost] = server.events("traces are lost: the collector does not answer")
            assert lost["seconds"] == 2
            assert not server.events("left what does not end")


def test_without_the_extra_the_log_says_what_to_install() -> None:
    code: Any = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from learnwire_service.cli.main import main; main()"
    )
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": "otlp"}
    done = subprocess.run(
        [sys.executable, "-c", code, "serve", "no_such_model"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "OTEL_TRACES_EXPORTER asks for traces" in done.stderr
    assert "pip install 'learnwire[otel]'" in done.stderr
