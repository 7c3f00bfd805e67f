"""Models that never return, and workers that are stopped, are replaced; callers are told."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import learnwire_service as lw
import pytest
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire_client import Client, ServerFailed, Unavailable
from learnwire_client.rows import encode_row

from tests.conftest import Trained
from tests.end_to_end import gate
from tests.end_to_end.test_workers import (
    PATIENCE,
    Supervised,
    ask_over,
    await_that,
    close_gate,
    entered,
    open_gate,
    supervised,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the model obeys."""
    folder = tmp_path_factory.mktemp("gate")
    (folder / "entered").mkdir()
    return folder


@pytest.fixture(scope="module")
def running(folder: Path, trained: dict[str, Trained]) -> Iterator[Supervised]:
    """Two workers with a model that may take two seconds for a batch."""
    learner = trained["penguins"].learner
    learner.add_cb(callback := gate.FolderGate())
    arguments = ("--workers", "2", "--port", "0", "--model-timeout", "2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATE_FOLDER", str(folder))
        try:
            lw.save_model("lost", learner)
        finally:
            learner.remove_cb(callback)
        with supervised(folder / "log", "lost", *arguments) as server:
            server.await_events("serving")
            yield server
    lw.delete_model("lost")


def await_replacements(running: Supervised, dead: int) -> None:
    running.await_events("worker died", dead)
    await_that(lambda: len(running.alive) == 2, "two workers serve")


def reason_of(call: Any) -> tuple[grpc.StatusCode, str]:
    error = call.exception(timeout=PATIENCE)
    details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
    reasons = (b"MODEL_TIMEOUT", b"RUNNER_CLOSED")
    return error.code(), next((one.decode() for one in reasons if one in details), "")


def test_a_model_that_never_returns_fails_its_batch_and_others_may_try_again(
    running: Supervised, folder: Path, penguins: Trained
) -> None:
    request = pb.PredictRequest(model="lost", row=encode_row(penguins.items[0]))
    close_gate(folder)
    with ask_over(12, running.target, request) as calls:
        found = [reason_of(call) for call in calls]
    assert (grpc.StatusCode.INTERNAL, "MODEL_TIMEOUT") in found
    assert {code for code, _ in found} <= {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE}
    inside = sum(entered(folder).values())
    assert sum(code is grpc.StatusCode.INTERNAL for code, _ in found) == inside
    told = running.await_events("the model never returned", len(entered(folder)))
    assert {one["model"] for one in told} == {"lost"}
    open_gate(folder)
    await_replacements(running, len(entered(folder)))
    with Client(running.target, timeout=PATIENCE) as client:
        assert client.predict("lost", penguins.items[0]).label


def test_a_stopped_worker_is_replaced(running: Supervised, penguins: Trained) -> None:
    dead = len(running.events("worker died"))
    [stopped, _] = running.alive
    os.kill(stopped, signal.SIGSTOP)
    await_replacements(running, dead + 1)
    [*_, told] = running.events("worker silent")
    assert told["pid"] == stopped
    assert told["problem"] == "it was stopped by a signal"
    for _ in range(8):
        with Client(running.target, timeout=PATIENCE) as client:
            assert client.predict("lost", penguins.items[0]).label


def test_a_model_that_holds_the_interpreter_is_named_and_its_worker_replaced(
    running: Supervised, folder: Path, penguins: Trained
) -> None:
    dead = len(running.events("worker died"))
    (folder / "held").touch()
    with Client(running.target, timeout=PATIENCE) as client, pytest.raises(Unavailable):
        client.predict("lost", penguins.items[0])
    (folder / "held").unlink()
    await_replacements(running, dead + 1)
    [*_, told] = running.events("worker silent")
    assert told["problem"].endswith("models that it asked then: lost")


def test_a_notebooks_model_that_never_returns_fails_alone(trained: dict[str, Trained]) -> None:
    gate.open_.set()
    learner = trained["penguins"].learner
    learner.add_cb(callback := gate.Gate())
    try:
        lw.save_model("lostalone", learner)
    finally:
        learner.remove_cb(callback)
    row = trained["penguins"].items[0]
    try:
        with (
            lw.serving("lostalone", "penguins", model_timeout=1) as target,
            Client(target, timeout=PATIENCE) as client,
        ):
            gate.open_.clear()
            with pytest.raises(ServerFailed, match="the model lostalone gave no answer within 1 s"):
                client.predict("lostalone", row)
            with pytest.raises(Unavailable):
                client.predict("lostalone", row, timeout=2)
            assert client.predict("penguins", row).label
            gate.open_.set()
    finally:
        gate.open_.set()
        lw.delete_model("lostalone")
