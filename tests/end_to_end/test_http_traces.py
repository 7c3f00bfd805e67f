"""Traces of calls over HTTP: from a caller's `traceparent` down to the model's batch."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire_client.rows import encode_row

from tests.conftest import Trained
from tests.end_to_end.collector import Collector, Span, collecting
from tests.end_to_end.test_http import row_of
from tests.end_to_end.test_traces import SERVER, STAGES, traced
from tests.end_to_end.test_workers import PATIENCE
from tests.end_to_end.web import GENERIC, PENGUINS, framed

pytestmark = pytest.mark.slow

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Told:
    """What came of calls, each of which has a span of its own as its caller's."""

    def __init__(self) -> None:
        self.collector = Collector()
        self.parents: dict[str, str] = {}

    def ask(self, name: str, url: str, content_type: str, **body: Any) -> httpx.Response:
        parent = self.parents[name] = f"b7ad6b71692033{len(self.parents):02x}"
        headers = {"traceparent": f"00-{TRACE}-{parent}-01", "content-type": content_type}
        return httpx.post(url, headers=headers, timeout=PATIENCE, **body)

    def span(self, name: str) -> Span:
        """Give the one span of the server below a caller's."""
        [found] = [one for one in self.collector.spans if one.parent == self.parents[name]]
        assert (found.trace, found.kind, found.service) == (TRACE, SERVER, "learnwire")
        return found


@pytest.fixture(scope="module")
def told(trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Ask in each protocol, and end the server, which then has told all."""
    found = Told()
    item = trained["penguins"].items[0]
    request = pb.PredictRequest(model="penguins", row=encode_row(item))
    one = request.SerializeToString()
    rows = pb.PredictManyRequest(model="penguins")
    rows.rows.rows.extend([request.row] * 3)
    many = framed(rows.SerializeToString())
    folder: Path = tmp_path_factory.mktemp("traced")
    with (
        collecting() as (collector, endpoint),
        traced(folder, endpoint, "--http-port", "0") as server,
    ):
        found.collector = collector
        assert server.target
        [listening] = server.await_events("http listening")
        url = f"{listening['target']}{GENERIC}"
        asked = {"model": "penguins", "row": {"cells": row_of(item)}}
        found.ask("json", f"{url}/Predict", "application/json", json=asked).raise_for_status()
        own = f"{listening['target']}{PENGUINS}/Predict"
        found.ask("own", own, "application/json", json=row_of(item)).raise_for_status()
        found.ask("connect", f"{url}/Predict", "application/proto", content=one).raise_for_status()
        found.ask("web", f"{url}/Predict", "application/grpc-web", content=framed(one))
        found.ask("stream", f"{url}/PredictMany", "application/connect+proto", content=many)
        found.ask("web stream", f"{url}/PredictMany", "application/grpc-web", content=many)
        found.ask("lines", f"{url}/PredictMany", "application/json", json={"model": "nobody"})
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
        assert {line["trace_id"] for line in server.events("call")} == {TRACE}
        yield found


@pytest.mark.parametrize(
    ("name", "method", "items"),
    [
        ("json", "Predict", 1),
        ("own", "Predict", 1),
        ("connect", "Predict", 1),
        ("web", "Predict", 1),
        ("stream", "PredictMany", 3),
        ("web stream", "PredictMany", 3),
    ],
)
def test_a_callers_span_leads_to_the_stages(told: Told, name: str, method: str, items: int) -> None:
    span = told.span(name)
    service = PENGUINS if name == "own" else GENERIC
    assert span.name == f"{service[1:]}/{method}"
    assert (span.facts["rpc.method"], span.facts["rpc.grpc.status_code"]) == (method, 0)
    assert (span.facts["learnwire.model"], span.facts["learnwire.items"]) == ("penguins", items)
    below = told.collector.below(span)
    assert below.keys() >= STAGES
    assert all(span.start <= one.start <= one.end for one in below.values())


def test_a_refusal_is_told(told: Told) -> None:
    span = told.span("lines")
    assert span.facts["learnwire.reason"] == "MODEL_NOT_FOUND"
    assert span.facts["rpc.grpc.status_code"] == 5
    assert not span.is_error
