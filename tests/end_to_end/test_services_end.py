"""Services whose code does not end: the server does."""

import signal
from pathlib import Path

import pytest
from learnwire_client import CallError, Client

from tests.end_to_end.test_server import await_event, process

ENDLESS = """
import asyncio, threading
import learnwire_service as lw

class Endless(lw.Runnable):
    @lw.Runnable.method()
    def wait(self):
        threading.Event().wait()

runner = lw.Runner(Endless)
svc = lw.Service("endless", runners=[runner])

@svc.api(output=lw.Text())
async def stubborn():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass

@svc.api(output=lw.Text())
def blocked():
    threading.Event().wait()

@svc.api(output=lw.Text())
async def asking():
    await runner.wait.async_run()
"""
SHUTDOWN = """
@svc.on_shutdown
def linger():
    threading.Event().wait()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("endpoints", "more"), [(["stubborn", "blocked", "asking"], ""), ([], SHUTDOWN)]
)
def test_a_server_ends_whatever_its_services_still_do(
    endpoints: list[str], more: str, tmp_path: Path
) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS + more)
    reference = f"{tmp_path / 'endless.py'}:svc"
    with process(reference, "--port", "0", "--drain-seconds", "0") as server:
        target = await_event(server, "serving")["target"]
        with Client(target) as client:
            for endpoint in endpoints:
                with pytest.raises(CallError):
                    client.call(endpoint, timeout=2)
        server.send_signal(signal.SIGTERM)
        await_event(server, "left what does not end")
        assert server.wait(timeout=60) == 1
