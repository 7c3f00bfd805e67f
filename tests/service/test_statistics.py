"""Statistics: what is counted, and what is read off the buckets."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import learnwire_service as lw
import pytest
from hypothesis import given
from hypothesis import strategies as st
from learnwire_service.batching import Entry
from learnwire_service.rpc.statistics import model_statistics
from learnwire_service.statistics import Distribution, Fate, Statistics
from prometheus_client import Histogram

BOUNDS = [1.0, 2.0, 4.0, 8.0]
SHARES = [0.5, 0.9, 0.99]


def read(values: Sequence[float], *, whole: bool = False) -> Distribution:
    histogram = Histogram("x", "x", registry=None, buckets=BOUNDS)
    for value in values:
        histogram.observe(value)
    return Distribution.of(histogram, whole=whole)


def test_a_distribution_counts_each_bucket_by_itself() -> None:
    found = read([0.5, 1, 3, 3, 9])
    assert found.buckets == ((1, 2), (2, 0), (4, 2), (8, 0), (math.inf, 1))
    assert (found.count, found.sum) == (5, 16.5)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, 0),
        ([1.9] * 10, 0.5, 1.5),
        ([1.9] * 10, 0.9, 1.9),
        ([0.9] * 5 + [3.9] * 5, 0.5, 1),
        ([0.9] * 5 + [3.9] * 5, 0.9, 3.6),
        ([9] * 10, 0.5, 8),
    ],
)
def test_quantiles_are_interpolated_within_their_bucket(
    values: list[float], share: float, expected: float
) -> None:
    assert read(values).quantile(share) == pytest.approx(expected)


def test_no_quantile_is_above_what_the_sum_allows() -> None:
    assert read([4.1]).quantile(0.99) == 4.1
    assert read([4.1, 4.2]).quantile(0.5) == pytest.approx(4.15)


def test_quantiles_of_whole_numbers_are_whole() -> None:
    assert read([1] * 10, whole=True).quantile(0.5) == 1
    assert read([5] * 10, whole=True).quantile(0.01) == 5
    assert read([7], whole=True).quantile(0.5) == 6


@given(st.lists(st.floats(0, 20, allow_subnormal=False), min_size=1), st.sampled_from(SHARES))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values: list[float], share: float) -> None:
    true = sorted(values)[math.ceil(share * len(values)) - 1]
    bucket = bisect_left(BOUNDS, true)
    lower = BOUNDS[bucket - 1] if bucket else 0
    upper = BOUNDS[min(bucket, len(BOUNDS) - 1)]
    assert lower - 1e-9 <= read(values).quantile(share) <= upper


@given(st.lists(st.integers(1, 20), min_size=1), st.sampled_from(SHARES))
def test_so_does_a_whole_one(values: list[int], share: float) -> None:
    true = sorted(values)[math.ceil(share * len(values)) - 1]
    found = read(values, whole=True).quantile(share)
    assert found == int(found)
    assert bisect_left(BOUNDS, found) == min(bisect_left(BOUNDS, true), len(BOUNDS) - 1)


@given(st.lists(st.floats(0, 20), min_size=1))
def test_quantiles_ascend(values: list[float]) -> None:
    found = [read(values).quantile(share) for share in SHARES]
    assert found == sorted(found)
    assert found[-1] <= sum(values)


@given(st.lists(st.tuples(st.sampled_from(Fate), st.integers(0, 5))))
def test_fates_add_up(counted: list[tuple[Fate, int]]) -> None:
    statistics = Statistics()
    for fate, items in counted:
        statistics.count(fate, items)
    for fate in Fate:
        assert statistics.items(fate) == sum(items for one, items in counted if one is fate)


@pytest.fixture
def runner(shop: Any, own_home: Path) -> lw.Runner:
    """Give one that has not been loaded."""
    return lw.save_model("shop", shop).to_runner()


def test_the_message_of_a_model_without_work_is_all_zero(runner: lw.Runner) -> None:
    message = model_statistics(runner)
    assert (message.model, message.version) == ("shop", runner.manifest.version)
    assert message.since.ToDatetime(tzinfo=UTC) == runner.statistics.since
    told = {field.name for field, _ in message.ListFields()}
    distributions = {"queue_wait_seconds", "batch_items", "compute_seconds"}
    assert told == {"model", "version", "since"} | distributions
    assert all(getattr(message, name).ByteSize() == 0 for name in distributions)


def test_the_message_leaves_empty_buckets_out(runner: lw.Runner) -> None:
    batch = [Entry(size=3, admitted_at=10.0), Entry(size=4, admitted_at=9.0)]
    runner.statistics.observe(batch, start=10.00015, end=200.0)
    runner.statistics.count(Fate.PREDICTED, 7)
    message = model_statistics(runner)
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
