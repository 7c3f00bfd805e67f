"""Values counted in the bins of features, many at once."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from learnwire_client.prediction import MultiLabel, Regression, SingleLabel
from numpy.typing import NDArray

from ..signature.answers import Outcome, Stacked
from ..signature.specs import MultiLabelOutput, OutputSpec, SingleLabelOutput
from ..signature.training import Feature, classes_of

# Codes of cells that are no category of the model. Null numbers are NaN; what is no cell of the
# column's type is counted nowhere.
NULL, UNKNOWN, SKIPPED = -1, -2, math.inf

_Counts = NDArray[np.float64]


class Watched(NamedTuple):
    """A feature, and where its values stand among those that come together.

    Attributes:
        feature: the feature.
        place: of its values.
        weights: the place of what is summed up for each of its categories; None for nothing.
        all_categories: of a feature of categories, those of the model, in its order.
        usual: of numbers, between what they lie typically.
    """

    feature: Feature
    place: int = 0
    weights: int | None = None
    all_categories: Sequence[str | bool | int | float] = ()
    usual: tuple[float, float] | None = None


class Grid:
    """The bins of features whose values come together: many values of all are counted at once.

    What is counted is one array: how many values lie in each bin of each feature, then their
    sums, then for each feature how many were outside the typical range.

    Args:
        watched: the features.

    Attributes:
        width: how many counts there are.
    """

    def __init__(self, watched: Sequence[Watched]) -> None:
        cells = [one.feature.bins + 2 for one in watched]
        self._ends = np.cumsum([0, *cells])
        self._cells = int(self._ends[-1])
        self.width = 2 * self._cells + len(watched)
        self._find = list(map(_finder, watched))
        self._places = [one.place for one in watched]
        has_sums = [one.feature.categories is None or one.weights is not None for one in watched]
        self._has_sums = np.array(has_sums, np.float64)[:, None]
        self._weights = [one.place if one.weights is None else one.weights for one in watched]
        self._nulls = np.array(cells)[:, None] - 2
        self._low, self._high = (
            np.array([one.usual or (-math.inf, math.inf) for one in watched])
            .reshape(-1, 2, 1)
            .transpose(1, 0, 2)
        )

    def __bool__(self) -> bool:
        return self._cells > 0

    def count(self, values: _Counts) -> _Counts:
        """Count values [m, n], n for each place; categories as codes, classes as indices."""
        own, weights = values[self._places], values[self._weights]
        if not (there := own != SKIPPED).all():
            own = np.where(there, own, 0.0)
        bins = np.stack([find(one) for find, one in zip(self._find, own, strict=True)])
        if (nulls := np.isnan(own)).any():
            bins = np.where(nulls, self._nulls, bins)
            weights = np.where(nulls, 0.0, weights)
        outside = ((own < self._low) | (own > self._high)) & there
        flat = np.where(there, bins + self._ends[:-1, None], self._cells).ravel()
        counts = np.bincount(flat, minlength=self._cells + 1)
        # An infinite number adds to no mean.
        weights = np.where((self._has_sums > 0) & np.isfinite(weights), weights, 0.0)
        sums = np.bincount(flat, weights.ravel(), self._cells + 1)
        return np.concatenate([counts[:-1], sums[:-1], outside.sum(axis=1)])

    def read(self, counted: _Counts) -> "list[Counted]":
        """Tell what was counted, for each feature."""
        counts, sums, outside = np.split(counted, [self._cells, 2 * self._cells])
        bounds = zip(self._ends[:-1], self._ends[1:], outside, strict=True)
        return [Counted(counts[a:b], sums[a:b], int(out)) for a, b, out in bounds]


def _finder(watched: Watched) -> Callable[[_Counts], NDArray[np.int64]]:
    """Give what finds the bins of values."""
    feature = watched.feature
    if feature.categories is None:
        return np.array(feature.edges).searchsorted
    own = {category: i for i, category in enumerate(feature.categories)}
    bins = [own.get(category, len(own)) for category in watched.all_categories]
    # Read from its end by the codes below zero.
    found = np.array([*bins, feature.bins + 1, feature.bins])
    return lambda codes: found[codes.astype(np.int64)]


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

    @property
    def shares(self) -> _Counts:
        """Which share of the values lies in each bin, then of nulls, then of what is in none."""
        return self.counts / max(1.0, self.total)

    def share(self, i: int) -> float:
        """Which share of the values lies in a bin."""
        return float(self.shares[i])


def watched_answers(features: Sequence[Feature], spec: OutputSpec) -> list[Watched]:
    """Tell where the values of what is answered stand; see `answer_row`."""
    found = []
    for i, feature in enumerate(features):
        match feature.of:
            case "class":
                found.append(Watched(feature, 0, 1, classes_of(spec)))
            case "sureness":
                found.append(Watched(feature, 1))
            case _:
                found.append(Watched(feature, i))
    return found


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


def answer_values(answers: Stacked, step: int = 1) -> _Counts:
    """Give the values of every so many-th of many answers, a row of them for each place."""
    decoded, probabilities = answers.decoded[::step], answers.probabilities[::step]
    match answers.output:
        case SingleLabelOutput():
            own = probabilities[np.arange(len(decoded)), decoded]
            return np.stack([decoded, own], dtype=np.float64)
        case MultiLabelOutput():
            _, classes = there = np.nonzero(decoded)
            return np.stack([classes, probabilities[there]], dtype=np.float64)
        case _:
            return probabilities.T.astype(np.float64)
