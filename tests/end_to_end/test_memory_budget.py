"""More models than fit: a server's own process, its callers, its probes and metrics."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2
from learnwire.v1 import prediction_service_pb2_grpc as pb_grpc
from learnwire_client import AsyncClient, Client

from tests.conftest import Trained
from tests.end_to_end.metered import Metered
from tests.end_to_end.test_cli import learnwire
from tests.end_to_end.test_predictions import MODELS, assert_equal, request_for
from tests.end_to_end.test_server import SERVING, health_stub
from tests.end_to_end.test_workers import supervised

MIB = 2**20


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[Metered]:
    ports = ("--port", "0", "--ops-port", "0")
    with supervised(folder / "log", *MODELS, *ports, *arguments) as running:
        yield Metered(running.process, running.log)


def memory_of(running: Metered) -> dict[str, float]:
    return {name: running.value("learnwire_model_memory_bytes", model=name) for name in MODELS}


@pytest.fixture(scope="module")
def largest(trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory) -> int:
    """MiB that the largest of the models fits into, and not all of them."""
    folder = tmp_path_factory.mktemp("measured")
    with served(folder, "--memory-budget", "1000") as running:
        assert running.target
        sizes = memory_of(running)
    most = math.ceil(max(sizes.values()) / MIB) + 1
    assert most * MIB < sum(sizes.values())
    return most


@pytest.mark.slow
def test_models_that_do_not_fit_together_are_all_answered(
    trained: dict[str, Trained], largest: int, tmp_path: Path
) -> None:
    with served(tmp_path, "--memory-budget", str(largest)) as running:
        with Client(running.target) as client:
            for turn in range(3):
                for name in MODELS:
                    item = trained[name].items[turn]
                    assert_equal(client.predict(name, item), trained[name].predict(item))
                    assert sum(memory_of(running).values()) <= largest * MIB
            unloads = sum(running.value("learnwire_model_unloads_total", model=m) for m in MODELS)
            assert unloads >= 3
            assert not all(memory_of(running).values())
            assert [one.version for one in client.models()] != [""] * len(MODELS)
        for name in MODELS:
            assert running.get(f"/readyz?model={name}").text == "ready\n"
        with grpc.insecure_channel(running.target) as channel:
            for name in ("", *MODELS):
                request = health_pb2.HealthCheckRequest(service=name)
                assert health_stub(channel).Check(request).status == SERVING
        asyncio.run(_ask_all_at_once(running.target, trained))


async def _ask_all_at_once(target: str, trained: dict[str, Trained]) -> None:
    """Ask for all models at the same time, item by item and many at a time."""
    async with AsyncClient(target) as client:

        async def ask(number: int) -> None:
            one = trained[MODELS[number % 3]]
            for item in one.items[number : number + 4]:
                assert_equal(await client.predict(one.name, item, timeout=120), one.predict(item))
            answers = client.predict_many(one.name, one.items[:20], timeout=120)
            for item, answer in zip(one.items, [a async for a in answers], strict=False):
                assert_equal(answer, one.predict(item))

        await asyncio.gather(*map(ask, range(9)))


@pytest.mark.slow
def test_workers_share_the_budget_and_a_call_may_be_told_to_try_again(
    trained: dict[str, Trained], largest: int, tmp_path: Path
) -> None:
    budget = 2 * largest
    few = ("--memory-budget", str(budget), "--workers", "2", "--on-unloaded", "refuse")
    requests = [request_for(name, trained[name].items[0]) for name in MODELS * 20]
    with served(tmp_path, *few) as running, grpc.insecure_channel(running.target) as channel:
        assert 0 < sum(memory_of(running).values()) <= budget * MIB
        predict = pb_grpc.PredictionServiceStub(channel).Predict
        # One of them at least was unloaded for the others.
        with pytest.raises(grpc.RpcError, match="is being loaded; try again shortly"):
            list(map(predict, requests))
        # Our clients try again by themselves.
        with Client(running.target) as client:
            for name in MODELS:
                item = trained[name].items[0]
                answer = client.predict(name, item, timeout=120)
                assert_equal(answer, trained[name].predict(item))


@pytest.mark.slow
@pytest.mark.usefixtures("trained")
def test_a_model_larger_than_the_budget_is_refused_with_words() -> None:
    ended = learnwire("serve", "penguins", "--port", 0, "--memory-budget", 1)
    assert ended.returncode == 1
    assert "MiB, more than --memory-budget has for the models of a worker, 1 MiB" in ended.stderr
