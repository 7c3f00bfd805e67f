"""The live table of what servers do."""

import asyncio
import io
import os
import pty
import re
import signal
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import learnwire_service as lw
import pytest
from learnwire_client import AsyncClient, CallError, ChannelOptions, Client
from learnwire_service.cli.top_table import page
from learnwire_service.cli.watched import Watched
from rich.console import Console

from tests.access import AccessWriter
from tests.client.serving import nobody
from tests.conftest import Trained
from tests.end_to_end.test_cli import LEARNWIRE, learnwire
from tests.end_to_end.test_endpoints import svc

CALLS = 12


def shown(*servers: Watched, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as captured:
        console.print(page(servers, width))
    return captured.get()


def watch(
    target: str, between: Callable[[], object], options: ChannelOptions | None = None
) -> Watched:
    """Look at a server before and after something."""

    async def look() -> Watched:
        async with AsyncClient(target, options=options or ChannelOptions(retries=0)) as client:
            watched = Watched(target, client)
            await watched.look()
            await asyncio.to_thread(between)
            await watched.look()
            return watched

    return asyncio.run(look())


def test_it_tells_what_happened_between_two_looks(client: Client, penguins: Trained) -> None:
    before = client.server_statistics()

    def ask() -> None:
        for row in penguins.items[:CALLS]:
            client.predict("penguins", row)
        list(client.predict_stream("penguins", penguins.items[:3]))
        with pytest.raises(CallError):
            client.predict("penguins", "no row")

    watched = watch(client._target, ask)
    assert watched.before
    assert watched.now
    seconds = watched.now.server.read_time - watched.before.server.read_time
    tag = lw.get("penguins").tag
    rates = watched.rates()[str(tag)]
    assert rates
    # The stream's items are counted, its own duration is none of a call's.
    assert rates.calls * seconds.total_seconds() == pytest.approx(CALLS + 1)
    assert rates.items
    assert rates.items * seconds.total_seconds() == pytest.approx(CALLS + 3)
    assert rates.p50
    assert rates.p99
    assert 0 < rates.p50 <= rates.p99
    assert (rates.waiting, rates.refused, rates.failed) == (0, 0, 0)
    assert watched.rates()[str(lw.get("digits").tag)] is not None
    assert watched.now.server.processes == before.processes == 1
    assert before.memory_bytes > 20_000_000
    assert [one.model for one in before.models] == ["digits", "penguins", "sentiment"]


def test_a_server_that_goes_away_is_down_and_comes_back(trained: dict[str, Trained]) -> None:
    async def looks() -> list[str]:
        seen = []
        with nobody() as target:
            port = int(target.rpartition(":")[2])
        async with AsyncClient(target, options=ChannelOptions(retries=0)) as client:
            watched = Watched(target, client)
            for _ in range(2):
                with lw.serving("penguins", port=port):
                    # gRPC looks for a server that was away again within a second.
                    async with asyncio.timeout(60):
                        await watched.look()
                        while watched.now is None:
                            await watched.look()
                    assert list(watched.rates().values()) == [None], "it began anew"
                    await watched.look()
                    seen.append(shown(watched))
                await watched.look()
                seen.append(shown(watched))
        return seen

    up, down, again, _ = asyncio.run(looks())
    assert re.search(r"penguins:\w+ +0 +- +- +0 +0 +- +0 +0", up)
    assert re.search(r"^[\d.:]+ +down *$", down, re.MULTILINE)
    assert "penguins" not in down
    assert "penguins" in again
    assert "down" not in again


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_figures_are_whole_at_any_width(client: Client, penguins: Trained, width: int) -> None:
    watched = watch(client._target, lambda: client.predict("penguins", penguins.items[0]))
    lines = shown(watched, width=width).splitlines()
    assert all(len(line) <= width for line in lines)
    heads = lines[0].split()
    assert heads[:2] == ["server", "calls"]
    assert {"p99", "queue", "refused"} - {*heads} == ({"refused"} if width < 50 else set())
    assert ("processes" in heads) == (width >= 90)
    assert "…" not in lines[0]


def test_endpoints_have_lines_of_their_own() -> None:
    with lw.serving(svc) as target, Client(target) as client:
        names = {one.name for one in client.endpoints()}
        watched = watch(target, lambda: None)
        assert {*watched.rates()} == names
        assert all(one and one.items is None for one in watched.rates().values())


def test_once_prints_plain_text_and_fails_where_a_server_tells_nothing(target: str) -> None:
    with nobody() as gone:
        done = learnwire("top", target, gone, "--once", "--interval", "0.2")
    assert (done.returncode, done.stderr) == (1, "")
    assert re.search(rf"^{target} +[\d.]+ +1 *$", done.stdout, re.MULTILINE)
    assert re.search(rf"^{gone} +down *$", done.stdout, re.MULTILINE)
    assert "\x1b" not in done.stdout


def test_who_may_not_read_is_told_so(trained: dict[str, Trained], tmp_path: Path) -> None:
    access = AccessWriter(tmp_path / "access.json")
    token = access.token("shop", "predict")
    narrow = access.token("narrow", "read", models=[])
    with lw.serving("penguins", access=str(access.path)) as target:
        refused = watch(target, lambda: None, ChannelOptions(token=token))
        hidden = watch(target, lambda: None, ChannelOptions(token=narrow))
    assert f"{target}: PERMISSION_DENIED: shop lacks the role read" in shown(refused)
    assert "down" not in shown(refused)
    assert hidden.now
    assert hidden.rates() == {}


def test_an_interrupt_ends_it_without_a_word(target: str) -> None:
    near, far = pty.openpty()
    process = subprocess.Popen(
        [LEARNWIRE, "top", target], stdin=far, stdout=far, stderr=far, env={**os.environ}
    )
    os.close(far)
    said = b""
    with closing(open(near, "rb", buffering=0)) as terminal:
        while b"penguins" not in said:
            said += terminal.read(4096)
        process.send_signal(signal.SIGINT)
        while True:
            try:
                said += terminal.read(4096)
            except OSError:  # the end of a terminal
                break
    assert process.wait(60) == 0
    assert b"Traceback" not in said
