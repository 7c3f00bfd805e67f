"""A new version takes the place of an old one under load, in one process and in several."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import learnwire_service as lw
import pytest
from learnwire_client import Client, ModelNotFound, SingleLabel

from tests.end_to_end import gate
from tests.end_to_end.test_server import await_event, process
from tests.end_to_end.test_workers import await_that, close_gate, entered, open_gate, supervised
from tests.service import small_learners as small
from tests.service.small_learners import ROW, ask

pytestmark = pytest.mark.slow

_CALLERS = 16


@pytest.fixture(scope="module")
def probabilities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the learners of two versions answer; they are in a store of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNWIRE_HOME", str(tmp_path_factory.mktemp("rollout")))
        learners = {version: small.shop_learner() for version in ("one", "two")}
        for version, learner in learners.items():
            lw.save_model(f"shop:{version}", learner)
        yield {version: ask(learner, ROW)[1] for version, learner in learners.items()}


class Callers:
    """Callers that ask all the while, each on a connection of its own, unary and streaming."""

    def __init__(self, target: str, probabilities: dict[str, Any]) -> None:
        self._target, self._probabilities = target, probabilities
        self.stop, self.announced = threading.Event(), threading.Event()
        # How often each version answered; of calls that began after the switch was announced.
        self.before, self.after = list[str](), list[str]()
        self.failed = False

    def run(self, number: int) -> None:
        try:
            self._ask(number)
        except BaseException:
            self.failed = True
            raise

    def _ask(self, number: int) -> None:
        with Client(self._target, timeout=120) as client:
            while not self.stop.is_set():
                begun_after = self.announced.is_set()
                if number % 2:
                    versions = [self._version(client.predict("shop", ROW))]
                else:
                    versions = [*map(self._version, client.predict_stream("shop", [ROW] * 3))]
                (self.after if begun_after else self.before).extend(versions)

    def _version(self, answer: object) -> str:
        """Give the version that answered, which says what its learner says."""
        assert isinstance(answer, SingleLabel)
        expected = self._probabilities[answer.version]
        assert answer.probabilities == pytest.approx(expected, abs=1e-5)
        return answer.version

    def until(self, what: Callable[[], bool]) -> None:
        """Wait until the callers have done something."""
        await_that(lambda: self.failed or what(), "answers to the callers")


@pytest.mark.parametrize("workers", [1, 3])
def test_an_update_under_load_fails_no_call_and_no_later_one_sees_the_old_version(
    probabilities: dict[str, Any], workers: int
) -> None:
    with process(
        "shop:one", "--port", "0", "--log-sample", "0", "--workers", str(workers)
    ) as server:
        target = await_event(server, "serving")["target"]
        callers = Callers(target, probabilities)
        with ThreadPoolExecutor(_CALLERS) as pool, Client(target, timeout=120) as operator:
            running = [pool.submit(callers.run, number) for number in range(_CALLERS)]
            try:
                callers.until(lambda: len(callers.before) > 5 * _CALLERS)
                assert callers.failed or operator.update("shop") == "two"
                callers.announced.set()
                callers.until(lambda: len(callers.after) > 5 * _CALLERS)
            finally:
                callers.stop.set()
            for one in running:
                one.result(60)
        assert "one" in callers.before
        assert set(callers.after) == {"two"}


def test_a_worker_that_is_replaced_serves_what_the_others_do(
    probabilities: dict[str, Any],
) -> None:
    with process("shop:one", "--port", "0", "--workers", "2") as server:
        target = await_event(server, "serving")["target"]
        with Client(target, timeout=120) as client:
            client.load("shop:two")
            assert client.predict("shop", ROW).version == "one"
            assert client.predict("shop:two", ROW).version == "two"
        pids = [int(one) for one in _children(server.pid)]
        os.kill(pids[0], signal.SIGKILL)
        await_event(server, "worker serving")
        seen = set[str]()
        for _ in range(20):
            with Client(target, timeout=120) as client:
                assert client.predict("shop:two", ROW).version == "two"
                seen.add(client.predict("shop", ROW).version)
        assert seen == {"one"}
        with Client(target, timeout=120) as client:
            assert client.update("shop:two") == "two"
        for _ in range(20):
            with Client(target, timeout=120) as client:
                assert client.predict("shop", ROW).version == "two"
                with pytest.raises(ModelNotFound):
                    client.predict("shop:one", ROW)


def test_a_change_asked_for_while_a_server_loads_is_made_once_it_serves(
    probabilities: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATE_FOLDER", str(tmp_path))
    (tmp_path / "entered").mkdir()
    learner = small.shop_learner()
    learner.add_cb(gate.FolderGate())
    lw.save_model("held", learner)
    close_gate(tmp_path)
    with process("held", "--port", "0") as server, ThreadPoolExecutor(1) as pool:
        target = await_event(server, "listening")["target"]
        with Client(target, timeout=120) as client:
            loading = pool.submit(client.load, "shop:one")
            await_that(lambda: bool(entered(tmp_path)), "its examples are asked")
            assert "shop:one" not in [one.tag for one in client.loaded()]
            open_gate(tmp_path)
            assert loading.result(120) == "one"
            assert client.predict("shop", ROW).version == "one"
    lw.delete_model("held")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_version_that_ends_who_loads_it_costs_one_worker_and_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GATE_FOLDER", str(tmp_path))
    learner = small.shop_learner()
    lw.save_model("shop:one", learner)
    arguments = ("shop", "--watch", "--port", "0", "--workers", str(workers))
    with supervised(tmp_path / "log", *arguments) as running, Client(running.target) as client:
        learner.add_cb(gate.FolderGate())
        lw.save_model("shop:two", learner)
        (tmp_path / "deadly").touch()
        [told] = running.await_events("a version ended who loaded it", 1)
        assert told["model"] == "shop:two"
        running.await_events("worker serving", workers + 1)
        lw.save_model("shop:three", small.shop_learner())
        await_that(lambda: client.predict("shop", ROW).version == "three", "three is served")
        assert len(running.events("worker died")) == 1


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_server_that_watches_follows_its_store(
    probabilities: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = small.shop_learner()
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path))
    lw.save_model("shop:one", learner)
    with process("--all", "--watch", "--port", "0", "--workers", "2") as server:
        target = await_event(server, "serving")["target"]
        with Client(target, timeout=120) as client:

            def tags() -> list[str]:
                return [one.tag for one in client.loaded()]

            def await_tags(*wanted: str) -> None:
                await_that(lambda: tags() == list(wanted), f"{wanted} loaded")

            assert tags() == ["shop:one"]
            lw.save_model("shop:two", learner)
            await_tags("shop:two")
            lw.save_model("tea:one", learner)
            await_tags("shop:two", "tea:one")
            (tmp_path / "models").rename(tmp_path / "away")
            await_event(server, "store not followed")
            assert tags() == ["shop:two", "tea:one"]
            (tmp_path / "away").rename(tmp_path / "models")
            lw.delete_model("shop:two")
            await_tags("shop:one", "tea:one")
            lw.delete_model("tea")
            await_tags("shop:one")
