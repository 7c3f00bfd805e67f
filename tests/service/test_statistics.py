"""Statistics: what is counted, here and by several processes together."""

import math
import os
import subprocess
import sys
from datetime import UTC
from pathlib import Path

import learnwire_service as lw
import pytest
from hypothesis import given
from hypothesis import strategies as st
from learnwire_service.observe.requests import Requests
from learnwire_service.queue.batching import Entry
from learnwire_service.queue.statistics import Fate, Statistics
from learnwire_service.rpc.statistics import model_statistics

from .small_learners import ROW


@given(st.lists(st.tuples(st.sampled_from(Fate), st.integers(0, 5))))
def test_fates_add_up(counted: list[tuple[Fate, int]]) -> None:
    statistics = Statistics("shop", "v1")
    for fate, items in counted:
        statistics.count(fate, items)
    read = statistics.read().items
    for fate in Fate:
        assert read[fate] == sum(items for one, items in counted if one is fate)


@pytest.fixture
def runner(saved_shop: lw.Model) -> lw.LearnerRunner:
    """Give one that has not been loaded."""
    return saved_shop.to_runner()


def test_the_message_of_a_model_without_work_is_all_zero(runner: lw.LearnerRunner) -> None:
    message = model_statistics(runner, Requests())
    assert (message.model, message.version) == ("shop", runner.manifest.version)
    assert message.since.ToDatetime(tzinfo=UTC) == runner.statistics.read().since
    told = {field.name for field, _ in message.ListFields()}
    distributions = {"queue_wait_seconds", "batch_items", "compute_seconds", "call_seconds"}
    assert told == {"model", "version", "since"} | distributions
    assert all(getattr(message, name).ByteSize() == 0 for name in distributions)


def test_the_message_leaves_empty_buckets_out(runner: lw.LearnerRunner) -> None:
    batch = [Entry(size=3, admitted_at=10.0), Entry(size=4, admitted_at=9.0)]
    runner.statistics.observe(batch, start=10.00015, end=200.0)
    runner.statistics.count(Fate.PREDICTED, 7)
    message = model_statistics(runner, Requests())
    assert message.predicted == 7
    waits = message.queue_wait_seconds
    assert [(bucket.upper_bound, bucket.count) for bucket in waits.buckets] == [
        (0.0002, 1),
        (2.0, 1),
    ]
    assert waits.count == 2
    assert [waits.sum, waits.p50, waits.p99] == pytest.approx([1.0003, 0.0002, 1.0003])
    assert [(b.upper_bound, b.count) for b in message.batch_items.buckets] == [(8.0, 1)]
    assert (message.batch_items.p50, message.batch_items.p99) == (6, 7)
    assert [b.upper_bound for b in message.compute_seconds.buckets] == [math.inf]
    assert message.compute_seconds.p99 == 50


ALONE = """
import learnwire_service as lw
from learnwire_service.queue.statistics import Fate

runner = lw.get("shop").to_runner()
runner.predict.run({row})
runner.close()
print(runner.statistics.read().items[Fate.PREDICTED])
"""


def test_the_folder_of_somebody_elses_prometheus_changes_no_count(
    saved_shop: lw.Model, tmp_path: Path
) -> None:
    folder = tmp_path / "counts"
    folder.mkdir()
    (folder / "counter_1.db").write_bytes(b"not what is expected")
    (folder / "notes.txt").write_text("mine")
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    command = [sys.executable, "-c", ALONE.format(row=ROW)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.stdout == "1\n", run.stderr[-2000:]
