import asyncio
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf import json_format
from learnwire.v1 import model_service_pb2 as pb
from learnwire_client import AsyncClient, CallError, Client, ModelStatistics, ServerStatistics
from learnwire_client.descriptions import decode_statistics
from learnwire_client.statistics import Bucket, Distribution

from tests.client.serving import Models, serving

PENGUINS = {
    "model": "penguins",
    "version": "v2",
    "since": "2026-10-11T10:12:13Z",
    "predicted": 1204,
    "failed": 1,
    "invalid": 6,
    "refused": 3,
    "expired": 2,
    "cancelled": 4,
    "waiting": 5,
    "queueWaitSeconds": {"count": 1211, "sum": 12.11, "p50": 0.0004, "p90": 0.0125, "p99": 1.5},
    "batchItems": {"count": 100, "sum": 1205, "p50": 4, "p90": 16, "p99": 2048},
    "computeSeconds": {
        "count": 100,
        "sum": 100,
        "p50": 0.9999,
        "p90": 2,
        "p99": 50,
        "buckets": [
            {"upperBound": 1, "count": "98"},
            {"upperBound": 2, "count": "1"},
            {"upperBound": "Infinity", "count": "1"},
        ],
    },
}
PAGE = """\
penguins:v2 since 2026-10-11 10:12 UTC
1204 predicted, 1 failed, 6 invalid, 3 refused, 2 expired, 4 cancelled; 5 waiting now
                    mean   p50      p90      p99
  wait for a batch  10 ms  0.4 ms   12.5 ms  1.5 s
  items in a batch  12.1   4        16       2048
  time of a batch   1 s    1000 ms  2 s      50 s"""


def message(fields: dict[str, Any]) -> pb.ModelStatistics:
    return json_format.ParseDict(fields, pb.ModelStatistics())


def of_penguins(name: str) -> pb.ModelStatistics:
    return message({**PENGUINS, "model": name})


def test_a_client_reads_the_statistics_of_a_model() -> None:
    with serving(models=Models(get_statistics=of_penguins)) as target, Client(target) as client:
        found = client.statistics("birds")
    assert isinstance(found, ModelStatistics)
    assert (found.model, found.version, found.tag) == ("birds", "v2", "birds:v2")
    assert found.since == datetime(2026, 10, 11, 10, 12, 13, tzinfo=UTC)
    assert (found.predicted, found.failed, found.invalid, found.refused) == (1204, 1, 6, 3)
    assert (found.expired, found.cancelled, found.waiting) == (2, 4, 5)
    assert found.queue_wait_seconds == Distribution(1211, 12.11, 0.0004, 0.0125, 1.5)
    assert found.batch_items.mean == 12.05
    assert found.compute_seconds.buckets == (Bucket(1, 98), Bucket(2, 1), Bucket(math.inf, 1))
    assert found.message == of_penguins("birds")


def test_a_client_reads_the_statistics_of_a_server() -> None:
    async def use(target: str) -> ServerStatistics:
        async with AsyncClient(target) as client:
            return await client.server_statistics()

    models = Models(["birds", "penguins"], get_statistics=of_penguins)
    with serving(models=models) as target, Client(target) as client:
        found = client.server_statistics()
        assert asyncio.run(use(target)) == found
    assert found.read_time == datetime(2026, 10, 11, 10, 12, 13, tzinfo=UTC)
    assert (found.processes, found.memory_bytes) == (2, 5_000_000)
    assert [one.tag for one in found.models] == ["birds:v2", "penguins:v2"]


def test_so_does_an_asynchronous_client() -> None:
    async def use(target: str) -> ModelStatistics:
        async with AsyncClient(target) as client:
            return await client.statistics("birds")

    with serving(models=Models(get_statistics=of_penguins)) as target:
        assert asyncio.run(use(target)) == decode_statistics(of_penguins("birds"))


def test_statistics_are_a_page_to_read() -> None:
    assert repr(decode_statistics(message(PENGUINS))) == PAGE


def test_a_model_without_work_has_no_table() -> None:
    idle = decode_statistics(message({"model": "penguins", "version": "v2"}))
    assert repr(idle) == (
        "penguins:v2\n0 predicted, 0 failed, 0 invalid, 0 refused, 0 expired, 0 cancelled; "
        "0 waiting now"
    )
    assert idle.since is None
    assert idle.queue_wait_seconds == Distribution()
    assert idle.queue_wait_seconds.mean == 0


def test_an_older_server_has_none() -> None:
    with (
        serving(models=Models()) as target,
        Client(target) as client,
        pytest.raises(CallError, match="Method not found"),
    ):
        client.statistics("birds")
