"""What Prometheus itself says of a server's metrics, and of the alerts and queries that we give."""

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from learnwire_client import Client

from tests.conftest import Trained
from tests.end_to_end.metered import Metered, metered
from tests.end_to_end.test_workers import PATIENCE, await_that

pytestmark = pytest.mark.system

GIVEN = Path(__file__).parents[2] / "docs" / "operations"
# What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "1m", "$instance": ".*"}


def tool(name: str) -> str:
    """Find a program, or say what has it."""
    if (found := shutil.which(name)) is None:
        pytest.skip(f"{name} is not installed: apt-get install prometheus")
    return found


def promtool(*arguments: str, text: str | None = None) -> None:
    command = [tool("promtool"), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=GIVEN)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


@pytest.fixture(scope="module")
def server(
    trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Metered]:
    """A server that has been called."""
    with metered(tmp_path_factory.mktemp("metered"), "--workers", "2") as running:
        with Client(running.target) as client:
            for item in trained["penguins"].items[:20]:
                client.predict("penguins", item)
            client.call("sell", "sold")
        yield running


@pytest.fixture(scope="module")
def prometheus(server: Metered, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A Prometheus that scrapes it, with our configuration and our alerts."""
    folder = tmp_path_factory.mktemp("prometheus")
    shutil.copytree(GIVEN, folder, dirs_exist_ok=True)
    config = folder / "prometheus.yml"
    scraped = config.read_text().replace(
        "localhost:50052", server.get("/livez").url.netloc.decode()
    )
    config.write_text(scraped.replace("scrape_interval: 15s", "scrape_interval: 1s"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        *(tool("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"),
        f"--web.listen-address={address}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://{address}", timeout=PATIENCE) as client:
            yield client
    finally:
        process.kill()
        process.wait()


def ask(prometheus: httpx.Client, query: str) -> list[dict[str, Any]]:
    try:
        answer = prometheus.get("/api/v1/query", params={"query": query})
    except httpx.TransportError:
        return []  # it is starting
    assert answer.status_code in (200, 503), f"{query}: {answer.text}"
    return list(answer.json()["data"]["result"]) if answer.status_code == 200 else []


def queries() -> list[str]:
    """Give all queries of the dashboard."""
    dashboard = json.loads((GIVEN / "grafana.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_promtool_finds_no_fault_with_the_metrics(server: Metered) -> None:
    promtool("check", "metrics", text=server.get("/metrics").text)


def test_promtool_finds_no_fault_with_configuration_and_alerts() -> None:
    promtool("check", "config", "prometheus.yml")
    promtool("check", "rules", "alerts.yml")


def test_prometheus_scrapes_what_was_counted(server: Metered, prometheus: httpx.Client) -> None:
    query = 'sum(learnwire_requests_total{method=~".*/Predict", code="OK"})'
    [found] = await_that(lambda: ask(prometheus, query), "it was scraped")
    assert found["value"][1] == "20"
    [up] = ask(prometheus, 'up{job="learnwire"}')
    assert up["value"][1] == "1"


def test_prometheus_answers_the_queries_of_the_dashboard(
    server: Metered, prometheus: httpx.Client
) -> None:
    end = time.monotonic() + PATIENCE
    for query in queries():
        for variable, value in VARIABLES.items():
            query = query.replace(variable, value)
        # What is a rate needs two scrapes.
        while not ask(prometheus, query):
            assert time.monotonic() < end, f"nothing for {query}"


def test_prometheus_takes_the_alerts(prometheus: httpx.Client) -> None:
    await_that(lambda: ask(prometheus, 'up{job="learnwire"}'), "it was scraped")
    groups = prometheus.get("/api/v1/rules").json()["data"]["groups"]
    names = {rule["name"] for group in groups for rule in group["rules"]}
    told = re.findall(r"alert: (\w+)", (GIVEN / "alerts.yml").read_text())
    assert names == {*told}
