"""Distributions: what a histogram tells of the values that it has seen."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Distribution:
    """How values, none below zero, were distributed when a histogram was read.

    Attributes:
        sum: of the values.
        buckets: for each range its upper end, and how many values lie above the one before
            and not above it; in ascending order, the last end infinite.
        whole: whether the values are whole numbers.
    """

    sum: float
    buckets: tuple[tuple[float, int], ...]
    whole: bool = False

    @classmethod
    def of(
        cls, total: float, cumulated: Iterable[tuple[float, float]], *, whole: bool = False
    ) -> Self:
        """Make it of the values' sum, and for each end how many are not above it, ascending."""
        buckets, below = list[tuple[float, int]](), 0
        for end, count in cumulated:
            buckets.append((end, int(count) - below))
            below = int(count)
        return cls(total, tuple(buckets), whole)

    @classmethod
    def of_numbers(
        cls, ends: Iterable[float], numbers: Sequence[float], *, whole: bool = False
    ) -> Self:
        """Make it of a histogram's numbers: how many up to each end, how many above, their sum."""
        *counts, total = numbers
        buckets = zip((*ends, math.inf), map(int, counts), strict=True)
        return cls(total, tuple(buckets), whole)

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(count for _, count in self.buckets)

    def quantile(self, share: float) -> float:
        """Estimate the value that this share of them, above 0 and below 1, does not exceed.

        As Prometheus does: as though the values of a bucket were spread evenly over it, and
        those of the last were at its lower end. Yet no value that so many others reach or
        exceed can be so large that together they exceed the sum.
        """
        count = self.count
        if not count:
            return 0.0
        rank = share * count
        estimate, most = self._estimate(rank), self.sum / (count - math.ceil(rank) + 1)
        return min(math.ceil(estimate), math.floor(most)) if self.whole else min(estimate, most)

    def _estimate(self, rank: float) -> float:
        lower, below = 0.0, 0
        for upper, count in self.buckets:
            if math.isinf(upper):
                break
            if below + count >= rank:
                return lower + (upper - lower) * (rank - below) / count
            lower, below = upper, below + count
        return lower
