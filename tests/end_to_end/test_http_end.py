"""The HTTP port at its beginning and its end: shared by workers, drained, refused."""

import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

import httpx
import learnwire_service as lw
import pytest
from learnwire_client import Client

from tests.conftest import Trained
from tests.end_to_end.test_server import await_event, process
from tests.end_to_end.test_workers import await_that
from tests.end_to_end.web import GENERIC, PENGUINS, web_serving

CALL = "/learnwire.v1.EndpointService/Call"
WATCH = "/grpc.health.v1.Health/Watch"
# So many that hardly ever all are one worker's.
CONNECTIONS = 16
PATIENCE = 60


@pytest.mark.slow
def test_workers_share_the_port(trained: dict[str, Trained]) -> None:
    flags = ["--workers", "2", "--port", "0", "--http-port", "0"]
    with process("sentiment", *flags) as server:
        url = await_event(server, "http listening")["target"]
        await_event(server, "serving")
        for _ in range(CONNECTIONS):
            asked = {"model": "sentiment", "text": {"content": "Fine!"}}
            httpx.post(f"{url}{GENERIC}/Predict", json=asked, timeout=60).raise_for_status()
        workers = {await_event(server, "call")["worker"] for _ in range(CONNECTIONS)}
        assert len(workers) == 2
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE) == 0


def test_calls_in_flight_are_answered_and_no_others_taken() -> None:
    entered, go_on = Event(), Event()
    service = lw.Service("held")

    @service.api(input=lw.Text(), output=lw.Text())
    def hold(text: str) -> str:
        entered.set()
        assert go_on.wait(PATIENCE)
        return text

    def is_refused(port: int) -> bool:
        with socket.socket() as line:
            return line.connect_ex(("127.0.0.1", port)) != 0

    asked = {"endpoint": "hold", "input": {"text": {"content": "late"}}}
    with ThreadPoolExecutor() as pool:
        with web_serving(service) as (_, http):
            port = http.base_url.port or 0
            call = pool.submit(httpx.post, f"{http.base_url}{CALL}", json=asked, timeout=PATIENCE)
            assert entered.wait(PATIENCE)

            def let_go() -> None:
                await_that(lambda: is_refused(port), "the port is closed")
                go_on.set()

            freed = pool.submit(let_go)
        freed.result()
        assert call.result().json() == {"output": {"text": {"content": "late"}}}


def test_models_come_and_go_while_it_is_open(trained: dict[str, Trained]) -> None:
    with web_serving("sentiment") as (target, http), Client(target) as client:

        def found() -> tuple[int, bool]:
            answer = http.post(f"{PENGUINS}/Predict", json={"island": "Dream", "year": 2007})
            told = http.get("/openapi.json").json()["paths"]
            return answer.status_code, f"{PENGUINS}/Predict" in told

        assert found() == (501, False)
        client.load("penguins")
        assert found() == (200, True)
        client.unload("penguins")
        assert found() == (501, False)


def test_watches_over_http_do_not_keep_a_server_up(trained: dict[str, Trained]) -> None:
    with ExitStack() as stack:
        with web_serving("sentiment", drain_seconds=1000) as (_, http):
            watch = httpx.stream("POST", f"{http.base_url}{WATCH}", json={}, timeout=PATIENCE)
            told = stack.enter_context(watch).iter_lines()
            assert next(told) == '{"status":"SERVING"}'
        with pytest.raises(httpx.TransportError):
            list(told)


@pytest.mark.slow
def test_a_port_that_is_taken_is_told(trained: dict[str, Trained]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with process("sentiment", "--port", "0", "--http-port", port) as server:
            assert server.stderr is not None
            assert "choose another with --http-port" in server.stderr.read()
            assert server.wait(PATIENCE) == 1
