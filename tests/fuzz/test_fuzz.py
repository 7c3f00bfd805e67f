"""A server that is sent odd messages and broken connections: a sample of `make fuzz`."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import learnwire_service as lw
import pytest

from tests.conftest import Trained
from tests.control import controlled
from tests.end_to_end.web import web_serving
from tests.watched import PATIENT, watched

from . import web, wire
from .calls import made
from .corpus import Corpus, corpus
from .rest import ODDITIES, Requests
from .run import send_connections, send_messages
from .sieges import EACH, besiege

SEED = 20
FEW, MANY = 300, 5000
FEW_CONNECTIONS, FEW_REQUESTS, MANY_CONNECTIONS = 40, 200, 1000
SIEGE_SECONDS = 20


@pytest.fixture(scope="module")
def items(trained: dict[str, Trained]) -> dict[str, list[Any]]:
    return {name: one.items[4:7] for name, one in trained.items()}


@pytest.fixture(scope="module")
def sent(target: str, items: dict[str, list[Any]]) -> Corpus:
    return corpus(target, items)


@contextmanager
def unharmed(target: str, items: Mapping[str, list[Any]]) -> Iterator[None]:
    """Have a client get right answers meanwhile."""
    with controlled(target, items) as control:
        yield
    assert control.calls
    assert control.faults == []


def test_every_service_of_the_server_is_fuzzed(sent: Corpus) -> None:
    paths = {one.path for one in sent.methods}
    assert "/learnwire.v1.PredictionService/PredictStream" in paths
    assert "/learnwire.models.penguins.v1.PenguinsService/PredictMany" in paths
    assert "/grpc.health.v1.Health/Watch" in paths
    assert "/inference.GRPCInferenceService/ModelStreamInfer" in paths
    assert "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo" in paths


def test_a_seed_makes_the_same_calls_and_connections_again(
    sent: Corpus, items: dict[str, list[Any]]
) -> None:
    first, again, other = (
        [made(sent, seed, i).messages for i in range(10)] for seed in (SEED, SEED, SEED + 1)
    )
    assert first == again != other
    for breaks in (wire, web, Requests(items)):
        assert breaks.script(SEED, 1) == breaks.script(SEED, 1)


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_mutated_messages_do_no_harm(
    target: str, items: dict[str, list[Any]], sent: Corpus, count: int
) -> None:
    with unharmed(target, items):
        assert asyncio.run(send_messages(target, sent, SEED, count)) == []


@pytest.mark.parametrize(
    "count", [FEW_CONNECTIONS, pytest.param(MANY_CONNECTIONS, marks=pytest.mark.slow)]
)
def test_broken_connections_do_no_harm(items: dict[str, list[Any]], count: int) -> None:
    # A server of their own: where they end it, other tests go on.
    some = {"penguins": items["penguins"]}
    with lw.serving("penguins", max_wait=600) as target, unharmed(target, some):
        assert asyncio.run(send_connections(target, SEED, count)) == []


@pytest.mark.parametrize(
    "count", [FEW_CONNECTIONS, pytest.param(MANY_CONNECTIONS, marks=pytest.mark.slow)]
)
def test_broken_requests_over_http_do_no_harm(
    items: dict[str, list[Any]], trained: dict[str, Trained], count: int
) -> None:
    some = {"penguins": items["penguins"]}
    with web_serving("penguins") as (target, http), unharmed(target, some):
        port = f"127.0.0.1:{http.base_url.port}"
        assert asyncio.run(send_connections(port, SEED, count, breaks=web)) == []


@pytest.mark.parametrize(
    "count", [FEW_REQUESTS, pytest.param(MANY_CONNECTIONS, marks=pytest.mark.slow)]
)
def test_odd_tensors_over_http_do_no_harm(items: dict[str, list[Any]], count: int) -> None:
    with web_serving(*items) as (target, http), unharmed(target, items):
        port = f"127.0.0.1:{http.base_url.port}"
        assert asyncio.run(send_connections(port, SEED, count, breaks=Requests(items))) == []


@pytest.mark.slow
def test_callers_who_hold_on_to_http_do_no_harm(items: dict[str, list[Any]]) -> None:
    some = {"penguins": items["penguins"]}
    each = {name: max(2, number // 10) for name, number in EACH.items()}
    with watched("penguins", "--http-port", "0", *PATIENT) as server:
        with unharmed(server.target, some):
            faults, _ = asyncio.run(besiege(server.http_target, SIEGE_SECONDS, each))
        assert faults == []
        assert server.ended() == 0
        assert server.faults == []


def test_each_way_to_break_a_connection_is_taken(items: dict[str, list[Any]]) -> None:
    for breaks, ways in ((wire, wire.BREAKS), (web, web.BREAKS), (Requests(items), ODDITIES)):
        taken = {breaks.script(SEED, i)[0] for i in range(400)}
        assert taken == {one.__name__ for one in ways}
