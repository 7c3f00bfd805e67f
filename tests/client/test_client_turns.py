"""Several channels of one client: connections of their own, whose turns are even."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import grpc
import pytest
from learnwire.v1 import prediction_pb2 as pb
from learnwire.v1.prediction_service_pb2 import PredictManyRequest, PredictManyResponse
from learnwire_client import AsyncClient, Client
from learnwire_client.parts import MAX_ITEMS

from tests.client.echo import double
from tests.client.serving import serving, single_label

Peers = Counter[str]
CALLS = 12


@pytest.fixture
def peers() -> Peers:
    """How many calls came over each connection."""
    return Counter()


@pytest.fixture
def target(peers: Peers) -> Iterator[str]:
    def predict(request: object, context: grpc.ServicerContext) -> pb.Prediction:
        peers[context.peer()] += 1
        return single_label()

    def many(
        request: PredictManyRequest, context: grpc.ServicerContext
    ) -> Iterator[PredictManyResponse]:
        peers[context.peer()] += 1
        return double(request, context)

    with serving(predict, many) as address:
        yield address


def using(target: str, use: Callable[[AsyncClient], Awaitable[object]], channels: int) -> None:
    async def main() -> None:
        async with AsyncClient(target, channels=channels) as client:
            await use(client)

    asyncio.run(main())


@pytest.mark.parametrize("channels", [1, 3])
def test_calls_take_turns(channels: int, target: str, peers: Peers) -> None:
    with Client(target, channels=channels) as client:
        for _ in range(CALLS):
            assert client.predict("m", "text").label == "yes"
    assert sorted(peers.values()) == [CALLS // channels] * channels


@pytest.mark.parametrize("channels", [1, 3])
def test_so_they_do_on_an_event_loop(channels: int, target: str, peers: Peers) -> None:
    async def use(client: AsyncClient) -> None:
        await asyncio.gather(*(client.predict("m", "text") for _ in range(CALLS)))

    using(target, use, channels)
    assert sorted(peers.values()) == [CALLS // channels] * channels


def test_so_do_the_calls_of_a_job(target: str, peers: Peers) -> None:
    values: list[Any] = [str(i) for i in range(4 * MAX_ITEMS)]
    with Client(target, channels=2) as client:
        answers = list(client.predict_many("m", values))
    assert len(answers) == len(values)
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert sorted(peers.values()) == [2, 2]


def test_a_closed_client_has_closed_them_all(target: str) -> None:
    with Client(target, channels=2) as client:
        client.predict("m", "text")
    for _ in range(2):
        with pytest.raises(ValueError, match="closed"):
            client.predict("m", "text")


@pytest.mark.parametrize("channels", [0, -1])
def test_there_is_at_least_one(channels: int, target: str) -> None:
    with pytest.raises(ValueError, match=f"channels: expected 1 or more, got {channels}"):
        Client(target, channels=channels)

    async def use(client: AsyncClient) -> None:
        raise AssertionError(f"{client} was made")

    with pytest.raises(ValueError, match="channels"):
        using(target, use, channels)
