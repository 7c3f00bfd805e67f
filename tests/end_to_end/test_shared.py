"""Servers that share runners and services: none ends what another goes on with."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import learnwire_service as lw
import numpy as np
import pytest
from learnwire_client import CallError, Client

from tests.conftest import Trained

PATIENCE = 60


class Doubler(lw.Runnable):
    @lw.Runnable.method(batchable=True)
    def double(self, rows: np.ndarray) -> np.ndarray:
        return 2 * rows


def doubling(events: list[str]) -> tuple[lw.Service, lw.Runner]:
    """Make a service around a runner, which tells of its start and end."""
    runner = lw.Runner(Doubler)
    service = lw.Service("doubling", runners=[runner])
    service.on_startup(lambda: events.append("started"))
    service.on_shutdown(lambda: events.append("ended"))

    @service.api(input=lw.NdArray(), output=lw.NdArray())
    async def double(rows: Any) -> Any:
        return await runner.double.async_run(rows)

    return service, runner


ROWS = np.array([1.0, 2.0])


def doubles(client: Client) -> bool:
    return bool((client.call("double", ROWS) == 2 * ROWS).all())


@pytest.mark.parametrize("used", [False, True])
def test_a_learners_runner_answers_before_a_server_beside_it_and_after_it(
    used: bool, trained: dict[str, Trained]
) -> None:
    runner = lw.get("penguins").to_runner()
    service = lw.Service("penguins", runners=[runner])
    row = trained["penguins"].items[0]
    expected = trained["penguins"].predict(row)[0]
    if used:
        assert runner.predict.run(row).label == expected
    before = runner.choice
    for _ in range(2):
        with lw.serving(service) as target, Client(target) as client:
            assert client.predict("penguins", row).label == expected
            assert runner.predict.run(row).label == expected
        # It goes on as it was, or is loaded again when it is next asked.
        assert runner.is_ready is used
        assert runner.choice is before
    assert runner.predict.run(row).label == expected


def test_the_runner_of_a_model_that_is_served_by_its_name_is_the_servers_own(
    trained: dict[str, Trained],
) -> None:
    row = trained["penguins"].items[0]
    for _ in range(2):
        with lw.serving("penguins") as target, Client(target) as client:
            assert client.predict("penguins", row).label == trained["penguins"].predict(row)[0]


def test_servers_of_one_service_start_it_once_and_end_it_together() -> None:
    events = list[str]()
    service, runner = doubling(events)
    with lw.serving(service) as outer, Client(outer) as first:
        with lw.serving(service) as inner, Client(inner) as second:
            assert doubles(first)
            assert doubles(second)
        assert doubles(first)
        assert events == ["started"]
        assert runner.is_ready
    assert events == ["started", "ended"]
    assert not runner.is_ready
    assert (runner.double.run(ROWS) == 2 * ROWS).all()


def test_servers_may_end_in_any_order() -> None:
    events = list[str]()
    service, _ = doubling(events)
    first = lw.serving(service)
    Client(first.__enter__()).close()
    second = lw.serving(service)
    target = second.__enter__()
    first.__exit__(None, None, None)
    with Client(target) as client:
        assert doubles(client)
    assert events == ["started"]
    second.__exit__(None, None, None)
    assert events == ["started", "ended"]


def test_two_services_share_a_runner() -> None:
    runner = lw.Runner(Doubler)

    def around(name: str) -> lw.Service:
        service = lw.Service(name, runners=[runner])

        @service.api(input=lw.NdArray(), output=lw.NdArray())
        def double(rows: Any) -> Any:
            return runner.double.run(rows)

        return service

    with lw.serving(around("one")) as target, Client(target) as client:
        with lw.serving(around("two")) as other, Client(other) as second:
            assert doubles(second)
        assert doubles(client)


def test_who_asks_a_runner_never_notices_the_servers_that_come_and_go() -> None:
    service, runner = doubling([])
    over = threading.Event()

    def ask() -> int:
        asked = 0
        while not over.is_set() or not asked:
            assert (runner.double.run(ROWS) == 2 * ROWS).all()
            asked += 1
        return asked

    def serve() -> None:
        with lw.serving(service) as target, Client(target) as client:
            assert doubles(client)

    with ThreadPoolExecutor(4) as threads:
        asking = threads.submit(ask)
        for serving in [threads.submit(serve) for _ in range(6)]:
            serving.result(PATIENCE)
        over.set()
        assert asking.result(PATIENCE)


def test_servers_that_start_together_wait_for_one_start() -> None:
    service, _ = doubling([])
    starts, go_on = list[int](), threading.Event()

    @service.on_startup
    def wait() -> None:
        starts.append(1)
        assert go_on.wait(PATIENCE)

    both = threading.Barrier(2)

    def serve() -> None:
        with lw.serving(service) as target, Client(target) as client:
            assert doubles(client)
            both.wait(PATIENCE)

    with ThreadPoolExecutor(2) as threads:
        servers = [threads.submit(serve) for _ in range(2)]
        go_on.set()
        for one in servers:
            one.result(PATIENCE)
    assert starts == [1]


def fails_to_start(service: lw.Service) -> type[Exception]:
    @service.on_startup
    def fail() -> None:
        raise RuntimeError("no index")

    return lw.ServiceFailed


def meets_a_taken_port(service: lw.Service) -> type[Exception]:
    return lw.CannotListen


@pytest.mark.parametrize("spoil", [fails_to_start, meets_a_taken_port])
def test_a_server_that_does_not_start_ends_nobody_elses_runner(
    spoil: Callable[[lw.Service], type[Exception]],
) -> None:
    service, runner = doubling([])
    other = lw.Service("other", runners=[runner])
    error = spoil(other)
    with lw.serving(service) as target, Client(target) as client:
        port = int(target.rpartition(":")[2]) if error is lw.CannotListen else 0
        with pytest.raises(error), lw.serving(other, port=port):
            pytest.fail("it serves")
        assert doubles(client)
    assert not runner.is_ready


def test_a_runner_that_its_user_closed_opens_with_the_next_server() -> None:
    service, runner = doubling([])
    runner.close()
    with pytest.raises(lw.LearnwireError, match="has been closed"):
        runner.double.run(ROWS)
    with lw.serving(service) as target, Client(target) as client:
        assert doubles(client)


def test_a_background_server_ends_whatever_its_coroutines_still_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    service = lw.Service("endless")
    cancelled = threading.Event()

    @service.api(output=lw.Text())
    async def stubborn() -> str:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancelled.set()

    with lw.serving(service, drain_seconds=0) as target, Client(target) as client:
        with pytest.raises(CallError):
            client.call("stubborn", timeout=2)
        assert cancelled.wait(PATIENCE)
    assert "left what does not end" in [record.message for record in caplog.records]
