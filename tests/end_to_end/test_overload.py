"""More calls than a server can answer: refused at once, and answered again right after."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from itertools import islice
from typing import Any

import grpc
import learnwire_service as lw
import pytest
from learnwire.v1 import endpoint_service_pb2 as endpoints
from learnwire.v1 import io_pb2
from learnwire_client import AsyncClient, Client

from tests.conftest import Trained

_CALLS = 200
_BURST = 500


class Blocking:
    """A service whose endpoint holds the event loop until it is let go."""

    def __init__(self) -> None:
        self.held, self.free = threading.Event(), threading.Event()
        self.service = lw.Service("blocking")
        self.service.api(input=lw.Text(), output=lw.Text())(self.hold)

    async def hold(self, text: str) -> str:
        self.held.set()
        self.free.wait(60)  # on purpose not awaited
        return text


@pytest.fixture
def blocking() -> Iterator[Blocking]:
    made = Blocking()
    yield made
    made.free.set()


def payload(text: str) -> bytes:
    request = endpoints.CallRequest(
        endpoint="hold", input=endpoints.Payload(text=io_pb2.Text(content=text))
    )
    return request.SerializeToString()


def test_calls_in_front_of_a_busy_server_are_bounded(blocking: Blocking) -> None:
    with (
        lw.serving(blocking.service, max_pending=8) as target,
        grpc.insecure_channel(target) as channel,
    ):
        call: Any = channel.unary_unary("/learnwire.v1.EndpointService/Call")
        first = call.future(payload("first"), timeout=60)
        assert blocking.held.wait(30)
        codes: Counter[grpc.StatusCode] = Counter()
        refused: Future[None] = Future()

        def ended(one: Any) -> None:
            codes[one.code()] += 1
            if codes[grpc.StatusCode.CANCELLED] == _CALLS - 20 and not refused.done():
                refused.set_result(None)

        calls = [call.future(payload("more"), timeout=60) for _ in range(_CALLS)]
        for one in calls:
            one.add_done_callback(ended)
        # While nothing is answered, all but some sixteen have been told.
        refused.result(30)
        blocking.free.set()
        assert first.result(30)
        for one in calls:
            one.exception(30)
        assert set(codes) <= {grpc.StatusCode.OK, grpc.StatusCode.CANCELLED}
        assert call(payload("afterwards"), timeout=30)


@pytest.mark.slow
def test_clients_try_again_what_a_busy_server_did_not_read(
    blocking: Blocking, penguins: Trained
) -> None:
    lw.save_model("busy", penguins.learner)
    row = penguins.items[0]
    with (
        lw.serving(blocking.service, "busy", max_pending=4) as target,
        grpc.insecure_channel(target) as channel,
        Client(target) as client,
        ThreadPoolExecutor(16) as callers,
    ):
        expected = client.predict("busy", row)
        hold: Any = channel.unary_unary("/learnwire.v1.EndpointService/Call")
        predict: Any = channel.unary_unary("/learnwire.v1.PredictionService/Predict")
        first = hold.future(payload("first"), timeout=60)
        assert blocking.held.wait(30)
        asked = [callers.submit(client.predict, "busy", row) for _ in range(16)]
        # Raw callers see what the client keeps from its own.
        refused = threading.Event()

        def ended(one: Any) -> None:
            if one.code() is grpc.StatusCode.CANCELLED:
                refused.set()

        # Kept, for a call that nobody holds is cancelled.
        raw = [predict.future(b"", timeout=60) for _ in range(_CALLS)]
        for one in raw:
            one.add_done_callback(ended)
        assert refused.wait(30)
        blocking.free.set()
        assert first.result(30)
        assert [one.result(60).label for one in asked] == [expected.label] * 16


def test_what_a_server_that_ends_has_not_read_is_asked_of_another(blocking: Blocking) -> None:
    other = lw.Service("other")
    other.api(input=lw.Text(), output=lw.Text(), name="hold")(str.upper)
    with (
        ThreadPoolExecutor(33) as callers,
        lw.serving(other) as staying,
        ExitStack() as ends,
    ):
        ending = ends.enter_context(lw.serving(blocking.service))
        with Client(ending) as first, Client(f"ipv4:{ending},{staying}") as client:
            services = set[str]()
            while len(services) < 2:  # until it has found both
                services |= {one.service for one in client.endpoints()}
            held = callers.submit(first.call, "hold", "first")
            assert blocking.held.wait(30)
            asked = [callers.submit(client.call, "hold", "more") for _ in range(32)]
            # Half of them are answered at once; the rest waits unread.
            for answered in islice(as_completed(asked), 16):
                assert answered.result() == "MORE"
            ended = callers.submit(ends.close)
            blocking.free.set()
            assert held.result(30) == "first"
            assert {one.result(30) for one in asked} == {"more", "MORE"}
            ended.result(30)


@pytest.mark.slow
def test_a_burst_of_one_clients_calls_is_answered_whole(penguins: Trained) -> None:
    lw.save_model("burst", penguins.learner)
    row = penguins.items[0]

    async def gathered(target: str) -> list[Any]:
        async with AsyncClient(target, timeout=60) as client:
            return await asyncio.gather(*(client.predict("burst", row) for _ in range(_BURST)))

    with (
        lw.serving("burst", max_pending=16) as target,
        Client(target, timeout=60) as client,
        ThreadPoolExecutor(_BURST) as callers,
    ):
        answers = list(callers.map(lambda _: client.predict("burst", row), range(_BURST)))
        answers += asyncio.run(gathered(target))
    assert [one.label for one in answers] == [answers[0].label] * 2 * _BURST
