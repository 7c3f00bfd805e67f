"""Values counted in the bins of a feature, many at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from learnwire_client.prediction import MultiLabel, Regression, SingleLabel
from numpy.typing import NDArray

from ..signature.answers import Outcome, Stacked
from ..signature.specs import Column, MultiLabelOutput, SingleLabelOutput
from ..signature.training import Feature

# Codes of cells that are no category of the model. Null numbers are NaN; what is no cell of the
# column's type is counted nowhere.
NULL, UNKNOWN, SKIPPED = -1, -2, math.inf

_Counts = NDArray[np.float64]


class Track:
    """Where the values of one feature are counted: bins, nulls, unknown ones; their sums; outside.

    Args:
        feature: the feature.
        positions: of a feature of categories, all of them in the model's order.
        usual: of numbers, between what they lie typically.
    """

    def __init__(
        self,
        feature: Feature,
        positions: Sequence[str | bool | int | float] = (),
        usual: tuple[float, float] | None = None,
    ) -> None:
        self.feature = feature
        self._cells = feature.bins + 2
        self.width = 2 * self._cells + 1
        self._edges = np.array(feature.edges)
        own = {category: i for i, category in enumerate(feature.categories or ())}
        bins = [own.get(category, len(own)) for category in positions]
        # Read from its end by the codes below zero.
        self._bins = np.array([*bins, feature.bins + 1, feature.bins])
        self._usual = usual

    def count(self, into: _Counts, values: _Counts, weights: _Counts | None = None) -> None:
        """Count values into `into`; categories as codes, classes with their probabilities."""
        there = values != SKIPPED
        if not there.all():
            values = values[there]
        if self.feature.categories is not None:
            bins = self._bins[values.astype(np.int64)]
        else:
            nulls = np.isnan(values)
            bins = np.where(nulls, self.feature.bins, np.searchsorted(self._edges, values))
            weights = np.where(nulls, 0.0, values)
            if self._usual is not None:
                low, high = self._usual
                into[-1] += np.count_nonzero((values < low) | (values > high))
        into[: self._cells] += np.bincount(bins, minlength=self._cells)
        if weights is not None:
            into[self._cells : -1] += np.bincount(bins, weights, self._cells)

    def read(self, counts: _Counts) -> "Counted":
        """Tell what was counted."""
        return Counted(counts[: self._cells], counts[self._cells : -1], int(counts[-1]))


@dataclass(frozen=True)
class Counted:
    """What was counted of a feature.

    Attributes:
        counts: in each bin, then nulls, then what is in no bin.
        sums: for each of these.
        outside: how many numbers were outside the typical range.
    """

    counts: _Counts
    sums: _Counts
    outside: int = 0

    @property
    def total(self) -> float:
        """How many values there were."""
        return float(self.counts.sum())

    @property
    def bins(self) -> _Counts:
        """How many lie in each bin, without nulls and what is in none."""
        return self.counts[:-2]

    @property
    def means(self) -> _Counts:
        """The mean of the values in each bin, or of the classes' probabilities; 0 for none."""
        counts = self.bins
        means: _Counts = np.divide(
            self.sums[:-2], counts, out=np.zeros(len(counts)), where=counts > 0
        )
        return means

    @property
    def mean(self) -> float:
        """The mean of all numbers; 0 for none."""
        there = self.bins.sum()
        return float(self.sums.sum() / there) if there else 0.0

    @property
    def nulls(self) -> float:
        """Which share of the values is null."""
        return self.share(-2)

    @property
    def unknown(self) -> float:
        """Which share of the values is in no bin: categories that training did not have."""
        return self.share(-1)

    @property
    def unusual(self) -> float:
        """Which share of the values is a number outside the typical range."""
        return self.outside / self.total if self.total else 0.0

    def share(self, i: int) -> float:
        """Which share of the values lies in a bin."""
        return float(self.counts[i]) / self.total if self.total else 0.0


def track_of(feature: Feature, column: Column | None, classes: Sequence[str]) -> Track:
    """Make the track of a feature.

    Args:
        feature: the feature.
        column: the one that it is of, if it is of one.
        classes: those that the model answers.
    """
    if column is not None:
        return Track(feature, column.categories or (), column.typical_range)
    return Track(feature, classes if feature.categories is not None else ())


def answer_row(outcome: Outcome) -> list[tuple[float, ...]]:
    """Give the values of an answer: a class's index and probability, for each; or its numbers."""
    match outcome:
        case SingleLabel():
            index = outcome.index
            return [(index, outcome.probabilities[index])]
        case MultiLabel():
            there = np.flatnonzero(outcome.index)
            return list(zip(there.tolist(), outcome.probabilities[there].tolist(), strict=True))
        case Regression():
            return [outcome.label]
        case _:
            return []


def answer_rows(answers: Stacked, step: int = 1) -> _Counts:
    """Give the values of every so many-th of many answers, as `answer_row` does."""
    decoded, probabilities = answers.decoded[::step], answers.probabilities[::step]
    match answers.output:
        case SingleLabelOutput():
            own = np.take_along_axis(probabilities, decoded[:, None], axis=1)
            return np.concatenate([decoded[:, None], own], axis=1, dtype=np.float64)
        case MultiLabelOutput():
            _, classes = there = np.nonzero(decoded)
            return np.stack([classes, probabilities[there]], axis=1).astype(np.float64)
        case _:
            return probabilities.astype(np.float64)
