"""AsyncClient: what Client does, on an event loop."""

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from itertools import count
from threading import Event, Semaphore
from typing import Any, TypeVar

import grpc
import numpy as np
import pandas as pd
import pytest
from learnwire.v1 import model_service_pb2 as models_pb
from learnwire.v1 import prediction_pb2 as pb
from learnwire.v1.prediction_service_pb2 import PredictManyRequest, PredictManyResponse
from learnwire_client import (
    AsyncClient,
    CallError,
    ChannelOptions,
    DeadlineExceeded,
    InvalidInput,
    ServerFailed,
    Unavailable,
)
from learnwire_client.arrays import encode_array
from learnwire_client.convoy import IN_FLIGHT
from learnwire_client.parts import MAX_ITEMS

from tests.client.echo import chunk, double, refusing, told
from tests.client.serving import Models, nobody, serving, single_label
from tests.client.test_client_bulk import LENGTHS, VALUES, WINDOW, rows
from tests.client.test_client_channel import CA, SERVER_TLS

ONCE = ChannelOptions(retries=0)
T = TypeVar("T")


def using(target: str, use: Callable[[AsyncClient], Awaitable[T]], **options: Any) -> T:
    """Run a coroutine function with a client."""

    async def main() -> T:
        async with AsyncClient(target, **options) as client:
            return await use(client)

    return asyncio.run(main())


async def acquired(semaphore: Semaphore, times: int) -> bool:
    """Wait off the loop until a server has released the semaphore so often."""
    return all([await asyncio.to_thread(semaphore.acquire, timeout=60) for _ in range(times)])


class Stuck:
    """A server's method that never answers; it tells which calls begin and which are over."""

    def __init__(self) -> None:
        self.began, self.over = Semaphore(0), Semaphore(0)

    def predict(self, request: object, context: grpc.ServicerContext) -> pb.Prediction:
        self._wait(context)
        return single_label()

    def many(
        self, request: PredictManyRequest, context: grpc.ServicerContext
    ) -> Iterator[PredictManyResponse]:
        yield chunk(0, [1])
        self._wait(context)

    def _wait(self, context: grpc.ServicerContext) -> None:
        this_is_over = Event()
        context.add_callback(this_is_over.set)
        context.add_callback(self.over.release)
        self.began.release()
        this_is_over.wait(60)


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    """A server that doubles."""
    with serving(many=double) as running:
        yield running


@pytest.mark.parametrize("value", ["a", {"x": 1}, np.zeros(2), (np.zeros(2),)])
def test_predict_answers(value: Any, target: str) -> None:
    label, index, probabilities = using(target, lambda client: client.predict("m", value))
    assert (label, index, probabilities.tolist()) == ("yes", 1, [0.25, 0.75])


def test_a_remote_learner_stands_where_a_local_one_stood(target: str) -> None:
    async def use(client: AsyncClient) -> Any:
        return await client.learner("m").predict("a")

    assert using(target, use).label == "yes"


def test_many_tasks_share_one_client(target: str) -> None:
    async def use(client: AsyncClient) -> list[Any]:
        return await asyncio.gather(*(client.predict("m", "a") for _ in range(50)))

    assert [answer.label for answer in using(target, use)] == ["yes"] * 50


def test_tls_reaches_a_server_whose_root_is_trusted() -> None:
    options = ChannelOptions(tls=CA.cert_pem.bytes())
    with serving(credentials=SERVER_TLS) as target:
        answer = using(target, lambda client: client.predict("m", "a"), options=options)
    assert answer.label == "yes"


def test_a_bad_value_fails_as_in_the_other_client(target: str) -> None:
    with pytest.raises(InvalidInput):
        using(target, lambda client: client.predict("m", {"x": []}))
    with pytest.raises(TypeError):
        using(target, lambda client: client.predict("m", 5))  # type: ignore[arg-type]  # the point


def test_errors_are_those_of_the_other_client() -> None:
    with nobody() as target, pytest.raises(Unavailable, match=f"no server answers at {target}"):
        using(target, lambda client: client.predict("m", "a"), options=ONCE)
    with (
        serving(lambda request, context: pb.Prediction()) as target,
        pytest.raises(ServerFailed, match="cannot be read"),
    ):
        using(target, lambda client: client.predict("m", "a"))


@pytest.mark.parametrize(("own", "call"), [(0.2, ...), (None, 0.2)])
def test_a_slow_answer_ends_with_the_timeout(own: float | None, call: Any) -> None:
    with serving(Stuck().predict) as target, pytest.raises(DeadlineExceeded, match="timeout="):
        using(target, lambda client: client.predict("m", "a", timeout=call), timeout=own)


def test_cancelling_a_task_cancels_its_call() -> None:
    stuck = Stuck()

    async def use(client: AsyncClient) -> None:
        task = asyncio.create_task(client.predict("m", "a"))
        assert await acquired(stuck.began, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await acquired(stuck.over, 1)

    with serving(stuck.predict) as target:
        using(target, use, timeout=None)


def test_closing_the_client_ends_calls_with_an_error_and_does_not_cancel_their_tasks() -> None:
    stuck = Stuck()

    async def use(client: AsyncClient) -> None:
        one = asyncio.create_task(client.predict("m", "a"))
        answers = client.predict_many("m", rows(2))
        await anext(answers)
        many = asyncio.create_task(anext(answers))
        assert await acquired(stuck.began, 2)
        await client.close()
        for task in (one, many):
            with pytest.raises(CallError, match="the client was closed"):
                await task

    with serving(stuck.predict, stuck.many) as target:
        using(target, use, timeout=None)


def test_a_client_may_be_made_outside_of_an_event_loop_and_opens_in_it(target: str) -> None:
    client = AsyncClient(target)

    async def ask() -> str:
        return str((await client.predict("m", "abc")).label)

    # Once a loop has been closed, it opens anew in the next.
    assert asyncio.run(ask()) == asyncio.run(ask()) == "yes"

    async def close() -> None:
        async with client:
            await ask()

    asyncio.run(close())
    with pytest.raises(ValueError, match="channels: expected 1 or more, got 0"):
        AsyncClient(target, channels=0)


def test_a_client_that_was_never_asked_can_be_closed() -> None:
    async def use() -> None:
        async with AsyncClient("127.0.0.1:1"):
            pass

    asyncio.run(use())


def test_a_client_belongs_to_the_event_loop_where_it_was_first_asked(target: str) -> None:
    client = AsyncClient(target)

    async def ask() -> Any:
        return await client.predict("m", "abc")

    async def use() -> None:
        await ask()
        with pytest.raises(RuntimeError, match="belongs to another event loop"):
            await asyncio.to_thread(asyncio.run, ask())
        await client.close()

    asyncio.run(use())


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", VALUES)
def test_every_value_is_answered_in_order(kind: str, length: int, target: str) -> None:
    async def use(client: AsyncClient) -> list[Any]:
        return [told(a) async for a in client.predict_many("m", VALUES[kind](length))]

    assert using(target, use) == [2 * i for i in range(length)]


def test_failed_items_are_errors_in_their_places_and_know_their_index(target: str) -> None:
    bad: list[int] = [0, MAX_ITEMS - 1, MAX_ITEMS, 2 * MAX_ITEMS + 1]
    values: list[Any] = [
        {"x": (-i if i % 2 else []) if i in bad else i} for i in range(3 * MAX_ITEMS)
    ]

    async def use(client: AsyncClient) -> list[Any]:
        return [a async for a in client.predict_many("m", values)]

    answers = using(target, use)
    assert [i for i, a in enumerate(answers) if isinstance(a, CallError)] == bad
    assert [a.index for a in answers if isinstance(a, CallError)] == bad
    assert len(answers) == len(values)


def test_the_first_failed_item_raises_where_that_is_asked_for(target: str) -> None:
    good: list[Any] = []

    async def use(client: AsyncClient) -> None:
        values: list[Any] = [*rows(100), {"x": -1}, *rows(100)]
        async for answer in client.predict_many("m", values, errors="raise"):
            good.append(answer.label[0])

    with pytest.raises(InvalidInput, match="item 100: "):
        using(target, use)
    assert good == [2 * i for i in range(100)]


def test_an_endless_source_is_read_no_further_than_the_window(target: str) -> None:
    read = count()

    async def use(client: AsyncClient) -> Any:
        values = ({"x": next(read)} for _ in count())
        async with aclosing(client.predict_many("m", values)) as answers:
            return told(await anext(answers))

    assert using(target, use) == 0
    assert next(read) <= WINDOW + MAX_ITEMS + 2


def test_memory_is_bounded_by_the_window_and_not_by_the_length(target: str) -> None:
    async def use(client: AsyncClient) -> int:
        texts = (f"{i} {'x' * 1000}" for i in range(20_000))
        return sum([1 async for _ in client.predict_many("m", texts)])

    tracemalloc.start()
    try:
        assert using(target, use) == 20_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 * 2**20


def test_a_call_refused_as_a_whole_raises_behind_the_answers_before_it() -> None:
    good: list[Any] = []

    async def use(client: AsyncClient) -> None:
        async for answer in client.predict_many("m", rows(1000)):
            good.append(told(answer))

    with (
        serving(many=refusing(2 * MAX_ITEMS + 5, grpc.StatusCode.UNAVAILABLE)) as target,
        pytest.raises(Unavailable, match="refused") as caught,
    ):
        using(target, use, options=ONCE)
    assert good == [2 * i for i in range(2 * MAX_ITEMS)]
    assert caught.value.index == 2 * MAX_ITEMS


def test_answers_that_do_not_match_the_values_are_a_failure_of_the_server() -> None:
    async def use(client: AsyncClient) -> list[Any]:
        return [a async for a in client.predict_many("m", rows(2))]

    with (
        serving(many=lambda request, context: iter([chunk(0, [1])])) as target,
        pytest.raises(ServerFailed, match="expected 2 answers, got 1"),
    ):
        using(target, use)


@pytest.mark.parametrize("leave", ["close", "del", "cancel"])
def test_leaving_the_answers_early_cancels_all_calls_under_way(leave: str) -> None:
    stuck = Stuck()

    async def use(client: AsyncClient) -> None:
        answers = client.predict_many("m", rows(10 * MAX_ITEMS))
        await anext(answers)
        assert await acquired(stuck.began, IN_FLIGHT)
        if leave == "close":
            await answers.aclose()
        elif leave == "cancel":
            task = asyncio.create_task(anext(answers))
            await asyncio.sleep(0)  # let it begin to wait
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        del answers
        assert await acquired(stuck.over, IN_FLIGHT)
        assert not stuck.began.acquire(blocking=False)

    with serving(many=stuck.many) as target:
        using(target, use, timeout=None)


def test_a_caller_who_takes_long_over_the_answers_uses_up_no_calls_time() -> None:
    ended = Semaphore(0)

    def many(
        request: PredictManyRequest, context: grpc.ServicerContext
    ) -> Iterator[PredictManyResponse]:
        context.add_callback(ended.release)
        yield from double(request, context)

    async def use(client: AsyncClient) -> None:
        answers = client.predict_many("m", rows(WINDOW))
        await anext(answers)
        assert await acquired(ended, IN_FLIGHT)
        assert len([a async for a in answers]) == WINDOW - 1

    with serving(many=many) as target:
        using(target, use)


def test_the_classes_of_label_sets_are_asked_for() -> None:
    def many(request: PredictManyRequest, context: object) -> Iterator[PredictManyResponse]:
        columns = pb.MultiLabelColumns(
            masks=encode_array(np.array([[False, True]])),
            probabilities=encode_array(np.array([[0.25, 0.75]], np.float32)),
        )
        yield PredictManyResponse(model="m", version="v1", multi_labels=columns)

    def get_model(name: str) -> models_pb.Model:
        classes = models_pb.MultiLabelOutput(classes=["cat", "dog"])
        return models_pb.Model(name="m", version="v1", multi_label=classes)

    async def use(client: AsyncClient) -> list[Any]:
        return [a async for a in client.predict_many("m", ["a"])]

    with serving(many=many, models=Models((), get_model)) as target:
        [answer] = using(target, use)
    assert answer.label == ("dog",)
    assert answer.top(1) == [("dog", 0.75)]


@pytest.mark.parametrize("names", [[], ["a", "b", "c"]])
def test_models_lists_the_models_of_all_pages(names: list[str]) -> None:
    with serving(models=Models(names)) as target:
        assert [m.name for m in using(target, lambda client: client.models())] == names


def test_top_names_the_classes_of_a_version_that_was_described() -> None:
    def get_model(name: str) -> models_pb.Model:
        classes = models_pb.SingleLabelOutput(classes=["no", "yes"])
        return models_pb.Model(name="m", version="v1", single_label=classes)

    async def use(client: AsyncClient) -> None:
        answer = await client.predict("m", "a")
        assert answer.top(1) == [(1, 0.75)]
        assert (await client.model("m")).output.classes == ("no", "yes")
        assert answer.top(1) == [("yes", 0.75)]

    with serving(models=Models((), get_model)) as target:
        using(target, use)


def test_a_frame_is_answered_with_a_frame(target: str) -> None:
    def get_model(name: str) -> models_pb.Model:
        output = models_pb.RegressionOutput(targets=["twice"])
        return models_pb.Model(name="m", version="v1", regression=output)

    async def use(client: AsyncClient) -> pd.DataFrame:
        return await client.predict_frame("m", pd.DataFrame({"x": range(500)}))

    with serving(many=double, models=Models((), get_model)) as both:
        assert using(both, use)["twice"].tolist() == [2 * i for i in range(500)]


def test_a_bar_shows_the_progress(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def use(client: AsyncClient) -> int:
        return len([a async for a in client.predict_many("m", rows(70), progress=True)])

    assert using(target, use) == 70
    assert "70/70" in capsys.readouterr().err
