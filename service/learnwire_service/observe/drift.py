"""Drift: how what a model is asked and what it answers differ from what training saw."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..signature.training import Feature
from .counting import Counted
from .psi import MOVED, contributions, noise
from .watch import Watch

# Where nothing else is known of training, categories that it did not have are told from this
# share on, and among so many values at the least.
_UNKNOWN, _FEW = 0.01, 50

_Counts = NDArray[np.float64]


@dataclass(frozen=True)
class FeatureDrift:
    """How the values of a feature lie now, beside how they lay at training.

    Attributes:
        feature: the feature.
        now: what the window counted of it.
        then: what training did; None where that is not known.
    """

    feature: Feature
    now: Counted
    then: Counted | None

    @classmethod
    def of(cls, feature: Feature, now: Counted) -> "FeatureDrift":
        """Compare what was counted with what the feature knows of training."""
        if not feature.counts or not sum(feature.counts):
            return cls(feature, now, None)
        sums = feature.sums or [0.0] * len(feature.counts)
        return cls(feature, now, Counted(np.array(feature.counts, float), np.array(sums, float)))

    @cached_property
    def contributions(self) -> _Counts | None:
        """What each bin adds to the index; None where training is not known."""
        return None if self.then is None else contributions(self.now.counts, self.then.counts)

    @property
    def psi(self) -> float | None:
        """The population stability index; None where training is not known."""
        return None if self.contributions is None else float(self.contributions.sum())

    @property
    def has_moved(self) -> bool:
        """Whether the index says so, and chance cannot be why."""
        if self.psi is None or self.then is None:
            return self.now.unknown > _UNKNOWN and self.now.total >= _FEW
        return self.psi >= max(MOVED, noise(self.now.counts, self.then.counts))

    @property
    def change(self) -> float:
        """How far the middle of the numbers has moved, as a share of where training's was.

        It is that of their medians, or of their means where the median now lies beyond the
        quantiles of training.
        """
        counts, edges = self.now.bins, self.feature.edges
        below = np.cumsum(counts)
        half = below[-1] / 2
        i = int(np.searchsorted(below, half))
        if 0 < i < len(edges):
            part = (half - below[i - 1]) / counts[i]
            now, then = edges[i - 1] + (edges[i] - edges[i - 1]) * part, self.feature.median or 0.0
        else:
            now, then = self.now.mean, self.then.mean if self.then else 0.0
        return float((now - then) / abs(then)) if then else 0.0


@dataclass(frozen=True)
class Drift:
    """How the last items of a model differ from what training saw.

    Attributes:
        items: how many items these are.
        untold: why what training looked like is not known; empty where it is.
        features: each that values came of.
    """

    items: int
    untold: str
    features: Sequence[FeatureDrift]

    @classmethod
    def of(cls, watch: Watch) -> "Drift":
        """Read it off what has been counted."""
        items, counted = watch.read()
        pairs = zip(watch.features, counted, strict=True)
        features = [FeatureDrift.of(*pair) for pair in pairs if pair[1].total]
        return cls(items, watch.untold, features)

    @property
    def moved(self) -> Iterator[FeatureDrift]:
        """Give the features that have moved."""
        return (one for one in self.features if one.has_moved)
