"""Distributions: what is read off the buckets."""

import math
from bisect import bisect_left
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from learnwire_service.observe.distribution import Distribution

BOUNDS = [1.0, 2.0, 4.0, 8.0]
SHARES = [0.5, 0.9, 0.99]


def read(values: Sequence[float], *, whole: bool = False) -> Distribution:
    cumulated = ((end, sum(value <= end for value in values)) for end in [*BOUNDS, math.inf])
    return Distribution.of(math.fsum(values), cumulated, whole=whole)


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
    assert found[-1] <= sum(values) or found[-1] == pytest.approx(sum(values))
