"""A server that is sent odd messages and broken connections: a sample of `make fuzz`."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import learnwire_service as lw
import pytest

from tests.conftest import Trained
from tests.control import controlled

from .calls import made
from .corpus import Corpus, corpus
from .run import send_connections, send_messages
from .wire import BREAKS, script

SEED = 20
FEW, MANY = 300, 5000
FEW_CONNECTIONS, MANY_CONNECTIONS = 40, 1000


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


def test_a_seed_makes_the_same_calls_and_connections_again(sent: Corpus) -> None:
    assert made(sent, SEED, 1).messages == made(sent, SEED, 1).messages
    assert made(sent, SEED, 1).messages != made(sent, SEED, 2).messages
    assert script(SEED, 1) == script(SEED, 1)


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


def test_each_way_to_break_a_connection_is_taken() -> None:
    assert {script(SEED, i)[0] for i in range(400)} == {one.__name__ for one in BREAKS}
