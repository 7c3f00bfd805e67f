"""Streams of both clients against real learners: slow sources, and a server that ends."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from queue import SimpleQueue
from threading import Event
from typing import Any

import pytest
from learnwire_client import AsyncClient, Client, InvalidInput, Unavailable
from learnwire_service.common.settings import ServerSettings
from learnwire_service.hosting.serving import found, server_of

from tests.conftest import Trained
from tests.end_to_end.test_predictions import BAD, MODELS, assert_equal
from tests.end_to_end.test_server import await_event, process

pytestmark = pytest.mark.slow

METHODS = ["predict_stream", "predict_many"]


def items_of(oracle: Trained) -> list[Any]:
    """Fifty items, of which the eighth of each ten is a bad one."""
    return [BAD[oracle.name] if i % 10 == 7 else oracle.items[i] for i in range(50)]


def check(oracle: Trained, answers: list[Any]) -> None:
    for i, (item, answer) in enumerate(zip(items_of(oracle), answers, strict=True)):
        if i % 10 == 7:
            assert isinstance(answer, InvalidInput)
            assert answer.index == i
        else:
            assert_equal(answer, oracle.predict(item))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MODELS)
def test_a_source_that_waits_for_each_answer_is_answered_item_by_item(
    name: str, method: str, trained: dict[str, Trained], client: Client
) -> None:
    oracle = trained[name]
    answered: SimpleQueue[None] = SimpleQueue()

    def source() -> Iterator[Any]:
        for item in items_of(oracle):
            yield item
            answered.get(timeout=60)

    answers: list[Any] = []
    for answer in getattr(client, method)(name, source()):
        answers.append(answer)
        answered.put(None)
    check(oracle, answers)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MODELS)
def test_so_is_one_of_the_other_client(
    name: str, method: str, trained: dict[str, Trained], target: str
) -> None:
    oracle = trained[name]

    async def main() -> list[Any]:
        answered: asyncio.Queue[None] = asyncio.Queue()

        async def source() -> AsyncIterator[Any]:
            for item in items_of(oracle):
                yield item
                await answered.get()

        answers: list[Any] = []
        async with AsyncClient(target) as client:
            async for answer in getattr(client, method)(name, source()):
                answers.append(answer)
                answered.put_nowait(None)
        return answers

    check(oracle, asyncio.run(main()))


def test_without_an_order_each_answer_has_the_index_of_its_item(
    penguins: Trained, client: Client
) -> None:
    indexed = dict(client.predict_stream("penguins", items_of(penguins), ordered=False))
    check(penguins, [indexed[i] for i in range(50)])


def test_a_server_that_drains_goes_on_and_then_ends_the_stream_as_unavailable(
    trained: dict[str, Trained],
) -> None:
    values: SimpleQueue[Any] = SimpleQueue()
    penguins = trained["penguins"]
    row, expected = penguins.items[0].to_dict(), penguins.predict(penguins.items[0])
    with process("penguins", "--port", "0", "--drain-seconds", "1") as server:
        target = await_event(server, "listening")["target"]
        await_event(server, "serving")
        with Client(target) as client:
            answers = client.predict_stream("penguins", iter(values.get, None))
            values.put(row)
            assert_equal(next(answers), expected)
            server.send_signal(signal.SIGTERM)
            await_event(server, "draining")
            values.put(row)
            assert_equal(next(answers), expected)
            with pytest.raises(Unavailable) as caught:
                next(answers)
            assert caught.value.index == 2
            values.put(None)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_stream_that_comes_while_the_model_is_being_loaded_is_answered_whole(
    kind: str, trained: dict[str, Trained]
) -> None:
    penguins = trained["penguins"]
    came = Event()

    def source() -> Iterator[Any]:
        came.set()
        yield from items_of(penguins)

    def read(target: str) -> list[Any]:
        with Client(target) as client:
            return list(client.predict_stream("penguins", source()))

    async def read_async(target: str) -> list[Any]:
        async with AsyncClient(target) as client:
            return [answer async for answer in client.predict_stream("penguins", source())]

    async def main() -> list[Any]:
        server = server_of(found(["penguins"]), ServerSettings.model_validate({"port": 0}))
        target = await server.start()
        reading = asyncio.to_thread(read, target) if kind == "sync" else read_async(target)
        task = asyncio.create_task(reading)
        await asyncio.to_thread(came.wait)
        await server.load()
        answers = await task
        await server.stop()
        return answers

    check(penguins, asyncio.run(main()))
