"""AsyncClient against a real server: the same answers, and cancellation that arrives."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import cycle
from typing import Any, TypeVar

import pandas as pd
import pytest
from learnwire_client import AsyncClient, InvalidInput, ModelNotFound
from learnwire_client.parts import MAX_ITEMS

from tests.conftest import Trained
from tests.end_to_end import gate
from tests.end_to_end.test_predictions import BAD, MODELS, assert_equal

T = TypeVar("T")


def using(target: str, use: Callable[[AsyncClient], Awaitable[T]]) -> T:
    async def main() -> T:
        async with AsyncClient(target) as client:
            return await use(client)

    return asyncio.run(main())


@pytest.mark.parametrize("name", MODELS)
def test_tasks_at_once_are_answered_as_by_the_learner(
    name: str, trained: dict[str, Trained], target: str
) -> None:
    items = trained[name].items[:60]

    async def use(client: AsyncClient) -> list[Any]:
        return await asyncio.gather(*(client.learner(name).predict(item) for item in items))

    for item, answer in zip(items, using(target, use), strict=True):
        assert_equal(answer, trained[name].predict(item))


@pytest.mark.parametrize("name", MODELS)
def test_several_calls_answer_as_the_learner_with_bad_items_in_their_places(
    name: str, trained: dict[str, Trained], target: str
) -> None:
    oracle = trained[name]
    items = [*oracle.items[:100], BAD[name], *oracle.items[:100]]

    async def use(client: AsyncClient) -> list[Any]:
        return [answer async for answer in client.predict_many(name, items)]

    answers = using(target, use)
    bad = answers.pop(100)
    assert isinstance(bad, InvalidInput)
    assert bad.index == 100
    for item, *pair in zip(oracle.items[:100], answers[:100], answers[100:], strict=True):
        for answer in pair:
            assert_equal(answer, oracle.predict(item))


def test_a_frame_is_answered_as_by_the_other_client(
    trained: dict[str, Trained], target: str, client: Any
) -> None:
    frame = pd.DataFrame(trained["penguins"].items).infer_objects()

    async def use(asynchronous: AsyncClient) -> pd.DataFrame:
        return await asynchronous.predict_frame("penguins", frame)

    pd.testing.assert_frame_equal(
        using(target, use), client.predict_frame("penguins", frame), atol=1e-5
    )


def test_models_are_described_and_top_names_their_classes(
    trained: dict[str, Trained], target: str
) -> None:
    async def use(client: AsyncClient) -> None:
        assert [m.name for m in await client.models()] == ["digits", "penguins", "sentiment"]
        answer = await client.predict("penguins", trained["penguins"].items[0])
        model = await client.model("penguins")
        assert {label for label, _ in answer.top(3)} == set(model.output.classes)
        assert answer.top(1)[0][0] == answer.label

    using(target, use)


def test_an_unknown_model_is_not_found(target: str) -> None:
    with pytest.raises(ModelNotFound, match="served here"):
        using(target, lambda client: client.predict("nobody", "text"))


async def end(client: AsyncClient, row: Any) -> None:
    """Open the gate, and wait until one more call has been answered behind all others."""
    # It is answered behind the cancellations, which go ahead of it on the same connection.
    await client.models()
    gate.open_.set()
    assert (await client.predict("gated", row)).label


def test_cancelling_a_task_takes_its_item_from_the_servers_queue(
    gated: str, penguins: Trained
) -> None:
    row = penguins.items[0]
    gate.open_.clear()

    async def use(client: AsyncClient) -> None:
        running = asyncio.create_task(client.predict("gated", row))
        await asyncio.to_thread(gate.entered.wait)
        waiting = [asyncio.create_task(client.predict("gated", row)) for _ in range(20)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*waiting), 0.5)
        await end(client, row)
        assert (await running).label

    using(gated, use)
    assert gate.predictions == 2, "the first and the last"


def test_cancelling_the_wait_for_an_answer_stops_the_job(gated: str, penguins: Trained) -> None:
    gate.open_.clear()

    async def use(client: AsyncClient) -> None:
        answers = client.predict_many("gated", cycle(penguins.items))
        first = asyncio.create_task(anext(answers))
        await asyncio.to_thread(gate.entered.wait)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await end(client, penguins.items[0])

    using(gated, use)
    assert gate.predictions < 10


def test_closing_the_answers_stops_the_job(gated: str, penguins: Trained) -> None:
    unsendable: list[Any] = [{"island": []}] * MAX_ITEMS
    gate.open_.clear()

    async def use(client: AsyncClient) -> None:
        # What cannot be sent is answered while the calls behind it wait at the gate. Values that
        # are at hand are sent before the first answer is given.
        answers = client.predict_many("gated", [*unsendable, *penguins.items * MAX_ITEMS])
        assert isinstance(await anext(answers), InvalidInput)
        await asyncio.to_thread(gate.entered.wait)
        await answers.aclose()
        await end(client, penguins.items[0])

    using(gated, use)
    assert gate.predictions < 10
