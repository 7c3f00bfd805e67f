"""What those who operate a server see of it: probes, and metrics that agree with its callers."""

import asyncio
import json
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import learnwire_service as lw
import psutil
import pytest
from learnwire_client import Client
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Trained
from tests.end_to_end.metered import CALL, PREDICT, Load, Metered, Seen, metered, until
from tests.end_to_end.test_server import LEARNWIRE
from tests.end_to_end.test_workers import PATIENCE

GIVEN = Path(__file__).parents[2] / "docs" / "operations"
UNAVAILABLE = "UNAVAILABLE"
MEGABYTE = 10**6


@pytest.fixture(scope="module")
def server(
    trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Metered]:
    few = ("--max-queue", "4", "--memory-limit", "100000")
    with metered(tmp_path_factory.mktemp("metered"), *few) as running:
        running.await_events("serving")
        yield running


def apart(seen: Seen) -> tuple[Seen, int]:
    """Put what was in flight at a kill apart."""
    lost = sum(count for (_, _, code), count in seen.items() if code == UNAVAILABLE)
    return Counter({key: n for key, n in seen.items() if key[2] != UNAVAILABLE}), lost


def in_flight(server: Metered, method: str = CALL) -> float:
    return server.value("learnwire_requests_in_flight", method=method)


def test_probes_and_metrics_are_answered_while_the_interpreter_is_held(server: Metered) -> None:
    async def main() -> list[int]:
        async with Load(server.target, None, 1) as load:
            held = asyncio.create_task(load.sell(load.channels[0], "hold"))
            await until(lambda: in_flight(server) == 1, "the interpreter is held")
            paths = ("/livez", "/readyz", "/readyz?model=penguins", "/metrics")
            answers = [await asyncio.to_thread(server.get, path) for path in paths]
            assert not held.done()
            await held
            return [answer.status_code for answer in answers]

    assert asyncio.run(main()) == [200] * 4


def test_probes_tell_of_models(server: Metered) -> None:
    assert server.get("/readyz?model=nobody").status_code == 404
    assert server.get("/readyz?model=penguins").text == "ready\n"
    assert server.get("/nowhere").status_code == 404


def test_metrics_tell_how_a_model_was_loaded(server: Metered) -> None:
    labels = {"model": "penguins", "version": lw.get("penguins").manifest.version}
    for name in ("ready", "sealed", "golden_replayed", "bit_identical"):
        assert server.value(f"learnwire_model_{name}", **labels) == 1, name
    assert server.value("learnwire_model_load_seconds", **labels) > 0


def test_metrics_agree_with_callers_of_one_worker(
    server: Metered, trained: dict[str, Trained]
) -> None:
    row = trained["penguins"].items[0]
    before = server.counted()

    async def main() -> Seen:
        async with Load(server.target, row, 6) as load:
            await load.mixture()
            # Four are in flight, and the others are refused.
            waiting = load.waiting()
            await until(lambda: in_flight(server) == 4, "four wait")
            await until(lambda: sum(task.done() for task in waiting) == 2, "two are refused")
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)
            await until(lambda: in_flight(server) == 0, "the cancellations are seen")
            await asyncio.wait(load.waiting(timeout=2))
            await until(lambda: in_flight(server) == 0, "the late ones are seen")
            return load.seen

    seen = asyncio.run(main())
    assert server.counted() - before == seen
    codes = {code for method, _, code in seen if method == CALL}
    refused = "RESOURCE_EXHAUSTED"
    assert codes == {"OK", "INTERNAL", refused, "CANCELLED", "DEADLINE_EXCEEDED"}
    durations = server.value("learnwire_request_duration_seconds_count")
    assert durations == sum(server.counted().values())


def test_metrics_are_told_by_prometheus_conventions(server: Metered) -> None:
    text = server.get("/metrics").text
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation for family in families)
    names = {family.name for family in families}
    assert {
        "learnwire_requests",
        "learnwire_request_duration_seconds",
        "learnwire_items",
        "learnwire_queue_wait_seconds",
        "learnwire_batch_items",
        "learnwire_encoding_seconds",
        "learnwire_network_seconds",
        "learnwire_workers",
        "learnwire_worker_process_resident_memory_bytes",
        "process_resident_memory_bytes",
    } <= names
    kinds = "application/openmetrics-text"
    assert server.get("/metrics", accept=kinds).headers["content-type"].startswith(kinds)


def test_dashboard_and_alerts_name_metrics_that_exist(
    server: Metered, trained: dict[str, Trained]
) -> None:
    with Client(server.target) as client:
        client.predict("penguins", trained["penguins"].items[0])
    there = {name for name, _ in server.samples()}
    for file in ("grafana.json", "alerts.yml"):
        named = set(re.findall(r"\b(?:learnwire|process)_\w+", (GIVEN / file).read_text()))
        assert named
        assert not named - there, file


def test_the_dashboard_is_one() -> None:
    panels = json.loads((GIVEN / "grafana.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert len({(place["x"], place["y"]) for place in places}) == len(panels)
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for panel in panels:
        assert panel["title"]
        assert all(target["expr"] and target["legendFormat"] for target in panel["targets"])


def test_the_supervisor_is_small(server: Metered) -> None:
    assert psutil.Process(server.process.pid).memory_info().rss < 40 * MEGABYTE


def test_a_port_in_use_is_told(server: Metered) -> None:
    port = str(server.get("/livez").url.port)
    command = [*LEARNWIRE, "serve", "penguins", "--port", "0", "--ops-port", port]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 1
    assert ended.stderr == (
        f"learnwire: cannot listen on 127.0.0.1:{port}: the port is in use; "
        "choose another with --ops-port\n"
    )


@pytest.mark.slow
def test_metrics_agree_with_callers_of_three_workers_one_of_them_killed(
    trained: dict[str, Trained], tmp_path: Path
) -> None:
    row = trained["penguins"].items[0]

    async def main(server: Metered) -> Seen:
        async with Load(server.target, row, 24) as load:
            await load.mixture()
            over = asyncio.Event()
            busy = asyncio.create_task(load.predict_until(over))
            waiting = load.waiting()
            await until(lambda: in_flight(server) == 24, "all wait")
            os.kill(server.pids[0], signal.SIGKILL)
            await until(lambda: len(server.pids) == 4, "another worker serves")
            over.set()
            await busy
            await load.mixture()
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)
            await asyncio.wait(load.waiting(timeout=4))
            await until(lambda: in_flight(server) == 0, "all ends are seen")
            return load.seen

    with metered(tmp_path, "--workers", "3") as server:
        seen = asyncio.run(main(server))
        counted = server.counted()
        assert server.value("learnwire_worker_deaths_total") == 1
        assert server.value("learnwire_workers", state="serving") == 3
    answered, lost = apart(seen)
    assert UNAVAILABLE not in {code for _, _, code in counted}
    # An answer may have been on its way when its worker was killed.
    on_the_way = counted - answered
    assert set(on_the_way) <= {(PREDICT, "penguins", "OK")}
    assert sum(on_the_way.values()) <= lost
    assert not answered - counted
    assert {code for method, _, code in seen if method == CALL} >= {
        "CANCELLED",
        "DEADLINE_EXCEEDED",
    }


@pytest.mark.slow
def test_probes_tell_of_loading_and_draining(trained: dict[str, Trained], tmp_path: Path) -> None:
    with metered(tmp_path, "--drain-seconds", "60") as server:
        assert server.get("/livez").status_code == 200
        server.await_events("serving")
        assert server.get("/readyz").status_code == 200

        async def main() -> httpx.Response:
            async with Load(server.target, None, 1) as load:
                [waiting] = load.waiting()
                await until(lambda: in_flight(server) == 1, "it waits")
                server.process.send_signal(signal.SIGTERM)
                await until(lambda: bool(server.events("draining")), "it drains")
                answer = await asyncio.to_thread(server.get, "/readyz")
                assert server.get("/livez").status_code == 200
                waiting.cancel()
                await asyncio.wait([waiting])
                return answer

        answer = asyncio.run(main())
        assert (answer.status_code, answer.text) == (503, "draining\n")
        assert server.process.wait(PATIENCE) == 0


@pytest.mark.slow
def test_one_worker_that_is_killed_is_replaced(trained: dict[str, Trained], tmp_path: Path) -> None:
    row = trained["penguins"].items[0]
    with metered(tmp_path) as server:
        with Client(server.target) as client:
            assert client.predict("penguins", row).label
        os.kill(server.pids[0], signal.SIGKILL)
        server.await_events("worker serving", 2)
        with Client(server.target) as client:
            assert client.predict("penguins", row).label
        assert server.counted()[PREDICT, "penguins", "OK"] == 2
