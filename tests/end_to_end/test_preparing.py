"""Versions that are prepared without an end, updates at the same time, and fresh workers."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import learnwire_service as lw
import pytest
from learnwire_client import CallError, Client
from learnwire_service.store.store import ModelStore

from tests.end_to_end import gate
from tests.end_to_end.test_workers import (
    PATIENCE,
    Supervised,
    await_that,
    close_gate,
    open_gate,
    supervised,
)
from tests.service import small_learners as small
from tests.service.small_learners import ROW

pytestmark = pytest.mark.slow

BLUE = "out of the blue"
SERVICE = """
import learnwire_service as lw

shop = lw.get("shop:one").to_runner()
svc = lw.Service("asking", runners=[shop])
"""


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Three versions of a shop; golden examples of "held" and "still" end when a test says so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNWIRE_HOME", str(tmp_path_factory.mktemp("preparing")))
        patch.setenv("GATE_FOLDER", str(tmp_path_factory.mktemp("nothing")))
        for version in ("one", "two", "three"):
            lw.save_model(f"shop:{version}", small.shop_learner())
        gate.open_.set()
        for version, callback in (("held", gate.FolderGate()), ("still", gate.Gate())):
            learner = small.shop_learner()
            learner.add_cb(callback)
            lw.save_model(f"shop:{version}", learner)
        yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the version "held" obeys."""
    (tmp_path / "entered").mkdir()
    monkeypatch.setenv("GATE_FOLDER", str(tmp_path))
    return tmp_path


class Caller:
    """Asks all the while, over connections that it keeps."""

    def __init__(self, target: str) -> None:
        self._target, self._stop = target, threading.Event()
        self.versions: list[str] = []

    def run(self) -> None:
        with Client(self._target, timeout=PATIENCE, channels=4) as client:
            while not self._stop.is_set():
                answer: Any = client.predict("shop", ROW)
                self.versions.append(answer.version)

    def __enter__(self) -> "Caller":
        self._pool = ThreadPoolExecutor(1)
        self._running = self._pool.submit(self.run)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        self._running.result()


def refused(client: Client, model: str) -> CallError:
    with pytest.raises(CallError) as raised:
        client.update(model)
    assert raised.value.code is grpc.StatusCode.FAILED_PRECONDITION
    return raised.value


def test_a_version_whose_examples_never_end_is_refused_and_in_nobodys_way() -> None:
    gate.open_.clear()
    try:
        with (
            lw.serving("shop:one", load_timeout=2) as target,
            Client(target, timeout=PATIENCE) as client,
        ):
            error = refused(client, "shop:still")
            assert error.message == (
                "shop:still did not load and answer its golden examples within 2 s, as long as "
                "--load-timeout allows"
            )
            assert {one.tag: one.state for one in client.loaded()} == {
                "shop:one": "ready",
                "shop:still": "failed",
            }
            assert client.predict("shop", ROW).version == "one"
            assert client.set_default("shop:one") == "one"
            assert not [one for one in threading.enumerate() if "model-shop:still" in one.name]
    finally:
        gate.open_.set()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_hangs_in_a_version_serves_until_another_one_takes_its_place(
    workers: int, folder: Path
) -> None:
    arguments = ("--workers", str(workers), "--port", "0", "--load-timeout", "2")
    with supervised(folder / "log", "shop:one", *arguments) as running:
        running.await_events("worker serving", workers)
        before = {*running.pids}
        with Caller(running.target) as caller, Client(running.target, timeout=PATIENCE) as client:
            close_gate(folder)
            assert "within 2 s" in refused(client, "shop:held").message
            [hung] = running.await_events("worker hangs")
            running.await_events("worker died")
            assert len({*running.alive} - before) == 1
            assert hung["pid"] in before
            seen = len(caller.versions)
            await_that(lambda: len(caller.versions) > seen + 5, "it is answered")
            with Client(running.target, timeout=PATIENCE) as other:
                assert other.set_default("shop:one") == "one"
        assert {*caller.versions} == {"one"}
        running.process.terminate()
        assert running.process.wait(PATIENCE) == 0
    open_gate(folder)


def test_a_server_that_is_told_to_end_while_a_worker_hangs_ends_well(folder: Path) -> None:
    arguments = ("--workers", "2", "--port", "0", "--load-timeout", "2")
    with supervised(folder / "log", "shop:one", *arguments) as running:
        with Client(running.target, timeout=PATIENCE) as client:
            close_gate(folder)
            refused(client, "shop:held")
        running.await_events("worker hangs")
        running.process.terminate()
        assert running.process.wait(PATIENCE) == 0
    open_gate(folder)


def test_a_server_that_is_told_to_end_while_a_stopped_worker_is_replaced_ends_well(
    tmp_path: Path,
) -> None:
    with supervised(tmp_path / "log", "shop:one", "--workers", "2", "--port", "0") as running:
        running.await_events("serving")
        os.kill(running.pids[0], signal.SIGSTOP)
        running.await_events("worker silent")
        running.process.terminate()
        assert running.process.wait(PATIENCE) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_updates_at_the_same_time_are_made_one_after_the_other(
    workers: int, tmp_path: Path
) -> None:
    arguments = ("--workers", str(workers), "--port", "0")
    versions = ["two", "three", "two", "one"]
    with supervised(tmp_path / "log", "shop:one", *arguments) as running:
        target = running.target

        def update(version: str) -> str:
            with Client(target, timeout=PATIENCE, channels=2) as client:
                return client.update(f"shop:{version}")

        with ThreadPoolExecutor(len(versions)) as pool:
            assert [*pool.map(update, versions)] == versions
        for _ in range(4):
            with Client(target, timeout=PATIENCE, channels=2) as client:
                [only] = client.loaded()
                assert only.default
                assert client.predict("shop", ROW).version == only.tag.partition(":")[2]
        assert not running.events("model not changed")


def test_a_fresh_worker_has_the_default_of_a_model_that_only_a_service_brought(
    tmp_path: Path,
) -> None:
    file = tmp_path / "asking_service.py"
    file.write_text(SERVICE)
    arguments = ("--workers", "2", "--port", "0")
    with supervised(tmp_path / "log", f"{file}:svc", *arguments) as running:
        with Client(running.target, timeout=PATIENCE) as client:
            client.load("shop:two")
        replace_all(running)
        for _ in range(8):
            with Client(running.target, timeout=PATIENCE) as client:
                assert client.predict("shop", ROW).version == "one"
                assert client.predict("shop:two", ROW).version == "two"


def replace_all(running: Supervised) -> None:
    """Have each of two workers replaced by a fresh one."""
    for killed in list(running.alive):
        died, served = len(running.events("worker died")), len(running.pids)
        os.kill(killed, signal.SIGKILL)
        running.await_events("worker died", died + 1)
        running.await_events("worker serving", served + 1)


def test_a_store_that_cannot_be_read_for_any_reason_is_told_and_followed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path))
    lw.save_model("shop:one", small.shop_learner())
    names = ModelStore.names

    def broken(self: Any) -> list[str]:
        raise RuntimeError(BLUE)

    with lw.serving("shop", watch=True) as target, Client(target, timeout=PATIENCE) as client:
        monkeypatch.setattr(ModelStore, "names", broken)

        def told() -> list[str]:
            return [
                one.getMessage() for one in caplog.records if getattr(one, "problem", "") == BLUE
            ]

        await_that(told, "the log tells of it")
        monkeypatch.setattr(ModelStore, "names", names)
        lw.save_model("shop:two", small.shop_learner())
        await_that(lambda: client.predict("shop", ROW).version == "two", "two is served")
    assert told() == ["store not followed"]
