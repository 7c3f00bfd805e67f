"""Calls of endpoints as they compete: deadlines, limits, cancellations, batches, threads."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import grpc
import learnwire_service as lw
import pandas as pd
import pytest
from learnwire.v1 import endpoint_service_pb2 as pb
from learnwire.v1 import endpoint_service_pb2_grpc as pb_grpc
from learnwire_client import (
    AsyncClient,
    Client,
    DeadlineExceeded,
    EndpointStatistics,
    InvalidInput,
    ResourceExhausted,
    ServerFailed,
)
from learnwire_client.rows import encode_row

from tests.conftest import Trained
from tests.end_to_end import gate
from tests.end_to_end.test_statistics import await_statistics

PATIENCE = 60
SOON = 1.0  # seconds that a call has which is to be late
IN_FLIGHT = 64


class Held:
    """A service whose endpoints wait until a test lets them go."""

    def __init__(self) -> None:
        self.entered, self.go_on, self.cancelled = Event(), Event(), Event()
        self.service = svc = lw.Service("held")

        @svc.api(output=lw.Text())
        def blocking() -> str:
            self.entered.set()
            assert self.go_on.wait(PATIENCE)
            return "late"

        @svc.api(output=lw.Text())
        async def waiting() -> str:
            self.entered.set()
            try:
                await asyncio.to_thread(self.go_on.wait, PATIENCE)
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
            return "late"

        @svc.api(output=lw.Text())
        async def stubborn() -> str:
            self.entered.set()
            while not self.go_on.is_set():
                try:
                    await asyncio.sleep(PATIENCE)
                except asyncio.CancelledError:
                    self.cancelled.set()
            return "late"

        @svc.api(output=lw.Text())
        async def streaming() -> AsyncIterator[str]:
            try:
                yield "first"
                self.entered.set()
                await asyncio.to_thread(self.go_on.wait, PATIENCE)
                yield "late"
            finally:
                self.cancelled.set()

        @svc.api(output=lw.Text())
        async def quick() -> str:
            return "quick"


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held()
    yield made
    made.go_on.set()


@pytest.fixture
def target(held: Held) -> Iterator[str]:
    with lw.serving(held.service) as address:
        yield address
        held.go_on.set()


@pytest.fixture
def client(target: str) -> Iterator[Client]:
    with Client(target) as connected:
        yield connected


def await_calls(
    client: Client, endpoint: str, fits: Callable[[EndpointStatistics], bool]
) -> EndpointStatistics:
    """Ask until the statistics are as expected."""
    end = time.monotonic() + PATIENCE
    while not fits(statistics := client.endpoint_statistics(endpoint)):
        assert time.monotonic() < end, f"still not as expected: {statistics}"
    return statistics


@pytest.mark.parametrize("endpoint", ["blocking", "waiting", "stubborn"])
def test_a_call_that_outlives_its_deadline_is_given_up(
    endpoint: str, held: Held, client: Client
) -> None:
    with pytest.raises(DeadlineExceeded):
        client.call(endpoint, timeout=SOON)
    found = await_calls(client, endpoint, lambda so_far: so_far.expired == 1)
    assert (found.answered, found.failed, found.cancelled, found.in_flight) == (0, 0, 0, 0)
    if endpoint != "blocking":
        assert held.cancelled.wait(PATIENCE)
    held.go_on.set()  # what comes now is too late
    if endpoint != "stubborn":
        assert client.call(endpoint, timeout=PATIENCE) == "late"
        assert client.endpoint_statistics(endpoint).answered == 1


def test_a_stream_that_outlives_its_deadline_ends(held: Held, client: Client) -> None:
    stream = client.stream("streaming", timeout=SOON)
    assert next(stream) == "first"
    with pytest.raises(DeadlineExceeded):
        next(stream)
    assert held.cancelled.wait(PATIENCE)
    found = await_calls(client, "streaming", lambda so_far: so_far.expired == 1)
    assert (found.answered, found.in_flight) == (0, 0)


def test_a_stream_that_its_reader_closes_is_cancelled(held: Held, client: Client) -> None:
    stream = client.stream("streaming", timeout=PATIENCE)
    assert next(stream) == "first"
    assert held.entered.wait(PATIENCE)
    stream.close()
    assert held.cancelled.wait(PATIENCE)
    await_calls(client, "streaming", lambda so_far: so_far.cancelled == 1)


def test_a_call_that_its_caller_cancels_is_cancelled(held: Held, target: str) -> None:
    with grpc.insecure_channel(target) as channel, Client(target) as client:
        stub = pb_grpc.EndpointServiceStub(channel)
        call = stub.Call.future(pb.CallRequest(endpoint="waiting"))
        assert held.entered.wait(PATIENCE)
        assert client.endpoint_statistics("waiting").in_flight == 1
        call.cancel()
        assert held.cancelled.wait(PATIENCE)
        found = await_calls(client, "waiting", lambda so_far: so_far.cancelled == 1)
    assert (found.expired, found.in_flight) == (0, 0)


def test_a_blocking_endpoint_keeps_no_other_waiting(held: Held, target: str) -> None:
    with grpc.insecure_channel(target) as channel, Client(target) as client:
        stub = pb_grpc.EndpointServiceStub(channel)
        blocked = stub.Call.future(pb.CallRequest(endpoint="blocking"))
        assert held.entered.wait(PATIENCE)
        assert client.call("quick") == "quick"
        assert not blocked.done()
        held.go_on.set()
        assert blocked.result(PATIENCE).output.text.content == "late"


@pytest.mark.parametrize("endpoint", ["blocking", "waiting"])
def test_a_full_endpoint_refuses_further_calls_for_a_while(endpoint: str, held: Held) -> None:
    with (
        lw.serving(held.service, max_queue=1) as target,
        grpc.insecure_channel(target) as channel,
        Client(target) as client,
    ):
        stub = pb_grpc.EndpointServiceStub(channel)
        first = stub.Call.future(pb.CallRequest(endpoint=endpoint))
        assert held.entered.wait(PATIENCE)
        with pytest.raises(ResourceExhausted, match=f"1 calls of {endpoint} are being") as caught:
            client.call(endpoint)
        assert caught.value.reason == "QUEUE_FULL"
        assert caught.value.retry_after is not None
        assert client.call("quick") == "quick"
        held.go_on.set()
        first.result(PATIENCE)
        assert client.call(endpoint) == "late"
        found = client.endpoint_statistics(endpoint)
    assert (found.answered, found.refused) == (2, 1)


def test_each_answer_is_timed_and_each_failure_counted(client: Client, held: Held) -> None:
    for _ in range(3):
        client.call("quick")
    with pytest.raises(InvalidInput):
        client.call("quick", "one input too many")
    found = client.endpoint_statistics("quick")
    assert (found.endpoint, found.answered, found.failed, found.invalid) == ("quick", 3, 0, 1)
    assert found.seconds.count == 3
    assert 0 < found.seconds.p50 < PATIENCE


@pytest.fixture
def around(gated: str) -> lw.Service:
    """A service around the model that waits at the gate."""
    runner = lw.get("gated").to_runner()
    service = lw.Service("around", runners=[runner])

    @service.api(input=lw.TabularRow(), output=lw.Text())
    async def species(row: "pd.Series[Any]") -> str:
        label, _, _ = await runner.predict.async_run(row)
        return str(label)

    @service.api(input=lw.TabularRow(), output=lw.Text())
    def species_blocking(row: "pd.Series[Any]") -> str:
        return str(runner.predict.run(row).label)

    return service


@contextmanager
def served_behind_the_gate(service: lw.Service) -> Iterator[str]:
    """Close the gate once the model has been loaded, for which it must be open."""
    with lw.serving(service) as target:
        gate.entered.clear()
        gate.open_.clear()
        gate.predictions = 0
        try:
            yield target
        finally:
            gate.open_.set()


@pytest.mark.parametrize("endpoint", ["species", "species_blocking"])
def test_what_concurrent_calls_ask_of_a_runner_is_batched(
    endpoint: str, around: lw.Service, penguins: Trained
) -> None:
    rows = penguins.items[:IN_FLIGHT]

    async def ask_all(target: str) -> list[Any]:
        async with AsyncClient(target, timeout=PATIENCE) as client:
            return await asyncio.gather(*(client.call(endpoint, row) for row in rows[1:]))

    with served_behind_the_gate(around) as target, Client(target) as client:
        with ThreadPoolExecutor(2) as threads:
            first = threads.submit(client.call, endpoint, rows[0], timeout=PATIENCE)
            try:
                assert gate.entered.wait(PATIENCE)
                others = threads.submit(lambda: asyncio.run(ask_all(target)))
                await_statistics(client, "gated", lambda found: found.waiting == IN_FLIGHT - 1)
                assert client.endpoint_statistics(endpoint).in_flight == IN_FLIGHT
            finally:
                gate.open_.set()
            answers = [first.result(PATIENCE), *others.result(PATIENCE)]
        found = client.endpoint_statistics(endpoint)
        assert (found.answered, found.in_flight) == (IN_FLIGHT, 0)
        batches = client.statistics("gated").batch_items
        assert answers == [client.predict("gated", row).label for row in rows]
    assert batches.sum == IN_FLIGHT
    assert batches.sum / batches.count > 1


def test_a_cancelled_call_takes_its_item_out_of_the_queue(
    around: lw.Service, penguins: Trained
) -> None:
    request = pb.CallRequest(
        endpoint="species", input=pb.Payload(row=encode_row(penguins.items[0]))
    )
    with (
        served_behind_the_gate(around) as target,
        grpc.insecure_channel(target) as channel,
        Client(target) as client,
    ):
        stub = pb_grpc.EndpointServiceStub(channel)
        try:
            running = stub.Call.future(request)
            assert gate.entered.wait(PATIENCE)
            waiting = stub.Call.future(request)
            await_statistics(client, "gated", lambda found: found.waiting == 1)
            waiting.cancel()
            await_statistics(client, "gated", lambda found: found.waiting == 0)
        finally:
            gate.open_.set()
        assert running.result(PATIENCE).output.text.content
        found = await_statistics(client, "gated", lambda found: found.predicted == 1)
    assert (found.cancelled, gate.predictions) == (1, 1)


def test_a_model_that_fails_in_an_endpoint_is_told_as_such(
    around: lw.Service, penguins: Trained
) -> None:
    with lw.serving(around) as target, Client(target) as client:
        gate.fails = True
        with pytest.raises(ServerFailed, match="the model failed on this input") as failed:
            client.call("species", penguins.items[0])
        with pytest.raises(
            InvalidInput, match=r"the endpoint species: input.row.cells\["
        ) as refused:
            client.call("species", {"island": "Dream"})
        found = client.endpoint_statistics("species")
        assert (found.failed, found.invalid) == (1, 1)
        assert client.statistics("gated").invalid == 1
    gate.fails = False
    assert failed.value.reason == "MODEL_FAILED"
    assert refused.value.violations[0].field.startswith("input.row.cells[")


def test_the_log_tells_which_endpoint_was_called(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "learnwire"):
        client.call("quick")
        end = time.monotonic() + PATIENCE
        lines: list[Any] = []
        while not lines:
            assert time.monotonic() < end
            lines = [one for one in caplog.records if getattr(one, "endpoint", "") == "quick"]
    assert lines[0].code == "OK"
