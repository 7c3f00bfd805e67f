"""What a server does when it is told to by signals: drain, end at once, read files again."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import grpc
import learnwire_service as lw
import pytest
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire_client import ChannelOptions, Client, Unauthenticated
from learnwire_client.rows import encode_row
from learnwire_service.cli.main import app
from typer.testing import CliRunner

from tests.access import AccessWriter
from tests.conftest import Trained
from tests.end_to_end.test_workers import (
    PATIENCE,
    Supervised,
    ask_over,
    await_that,
    close_gate,
    code_of,
    entered,
    open_gate,
    supervised,
)

pytestmark = pytest.mark.slow

WORKERS = pytest.mark.parametrize("workers", [1, 3])
SLOW_SERVICE = """
import sys
import threading

import learnwire_service as lw

print("imported", file=sys.stderr, flush=True)
threading.Event().wait()
svc = lw.Service("never")
"""


@pytest.fixture
def gated(tmp_path: Path, penguins: Trained, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that the model "signalled" obeys."""
    from tests.end_to_end import gate

    (tmp_path / "entered").mkdir()
    monkeypatch.setenv("GATE_FOLDER", str(tmp_path))
    penguins.learner.add_cb(callback := gate.FolderGate())
    try:
        lw.save_model("signalled", penguins.learner)
    finally:
        penguins.learner.remove_cb(callback)
    yield tmp_path
    lw.delete_model("signalled")


@pytest.mark.parametrize(("by_keyboard", "workers"), [(False, 1), (True, 3)])
def test_a_second_signal_ends_at_once(
    by_keyboard: bool, workers: int, gated: Path, penguins: Trained
) -> None:
    request = pb.PredictRequest(model="signalled", row=encode_row(penguins.items[0]))
    arguments = ("--workers", str(workers), "--port", "0", "--drain-seconds", "600")
    with supervised(gated / "log", "signalled", *arguments) as running:
        target = running.target

        def tell() -> None:
            if by_keyboard:
                os.killpg(running.process.pid, signal.SIGINT)
            else:
                running.process.terminate()

        close_gate(gated)
        with ask_over(1, target, request) as [call]:
            await_that(lambda: entered(gated), "it is at the gate")
            tell()
            await_that(lambda: running.events("draining"), "it drains")
            tell()
            assert running.process.wait(PATIENCE) == 1
            assert code_of(call) is grpc.StatusCode.UNAVAILABLE
        assert running.events("ended at once, with calls in flight")


@WORKERS
def test_a_signal_ends_a_load(workers: int, tmp_path: Path) -> None:
    file = tmp_path / "never_service.py"
    file.write_text(SLOW_SERVICE)
    arguments = ("--workers", str(workers), "--port", "0", "--drain-seconds", "600")
    with supervised(tmp_path / "log", f"{file}:svc", *arguments) as running:
        running.await_events("starting")
        await_that(lambda: "imported" in running.log.read_text(), "it loads")
        running.process.terminate()
        assert running.process.wait(PATIENCE) == 0


def is_known(running: Supervised, token: str) -> bool:
    with Client(running.target, options=ChannelOptions(token=token)) as client:
        try:
            return bool(client.models())
        except Unauthenticated:
            return False


@WORKERS
def test_sighup_reads_files_again_and_ends_nothing(
    workers: int, tmp_path: Path, trained: dict[str, Trained]
) -> None:
    file, config = AccessWriter(tmp_path / "access.json"), tmp_path / "own.yaml"
    token = file.token("ann", "read")
    config.write_text(f"serve: {{port: 0, workers: {workers}}}")
    arguments = ("--config", str(config), "--access", str(file.path))
    with supervised(tmp_path / "log", "penguins", *arguments) as running:
        assert is_known(running, token)
        config.write_text(f"serve: {{port: 50999, workers: {workers + 1}, max_wait: 2}}")
        other = file.token("bob", "read")
        running.process.send_signal(signal.SIGHUP)
        for told in running.await_events("settings are kept until a restart", workers):
            assert told["changed"] == ["serve.max_wait", "serve.port", "serve.workers"]
        running.await_events("files read again", workers)
        assert len(running.events("read anew")) == workers
        assert is_known(running, token)
        assert is_known(running, other)
        for wrong in (config, file.path):
            wrong.write_text("serve: {prot: 1}")
        running.process.send_signal(signal.SIGHUP)
        problems = running.await_events(
            "the file is not taken over, what it said before holds", 2 * workers
        )
        assert any("own.yaml:1: serve.prot is not a setting" in one["problem"] for one in problems)
        assert is_known(running, other)
        running.process.terminate()
        assert running.process.wait(PATIENCE) == 0


@WORKERS
def test_drain_ends_the_server_once_the_calls_that_are_running_are_answered(
    workers: int, gated: Path, penguins: Trained
) -> None:
    request = pb.PredictRequest(model="signalled", row=encode_row(penguins.items[0]))
    arguments = ("--workers", str(workers), "--port", "0", "--drain-seconds", "600")
    with supervised(gated / "log", "signalled", *arguments) as running:
        target = running.target
        close_gate(gated)
        with ask_over(1, target, request) as [call]:
            await_that(lambda: entered(gated), "it is at the gate")
            result = CliRunner().invoke(app, ["admin", "drain", "--target", target])
            assert result.exit_code == 0, result.output
            assert result.output == f"{target} ends; calls that are running have 600 s\n"
            running.await_events("draining", workers + 1)
            open_gate(gated)
            assert code_of(call) is grpc.StatusCode.OK
        assert running.process.wait(PATIENCE) == 0
        assert running.events("stopped")
