"""Drift as gauges, which metrics show."""

from collections.abc import Iterator

from ..signature.training import Feature, Training
from .counters import Counters, Gauge
from .drift import Drift, FeatureDrift

_PREFIX = "learnwire_drift"
# So many features of a model have gauges, those first that the signature names first.
_MOST = 100


class DriftGauges:
    """The gauges of one model; what one worker sets is of the items of them all.

    Args:
        model: the model's name.
        version: its version.
        training: what is watched.
    """

    def __init__(self, model: str, version: str, training: Training) -> None:
        labels = {"model": model, "version": version}
        self._items = Counters(_PREFIX, labels).gauge(
            "window_items", "Items that drift is told of", "mostrecent"
        )
        features = training.features[:_MOST]
        self._features = {_key(one): _FeatureGauges(labels, one) for one in features}

    def show(self, drift: Drift) -> None:
        """Set them."""
        self._items.set(drift.items)
        for one in drift.features:
            if (gauges := self._features.get(_key(one.feature))) is not None:
                gauges.show(one)

    def forget(self) -> None:
        """Have them say nothing: their version is served no longer."""
        self._items.forget()
        for one in self._features.values():
            for gauge in one.all:
                gauge.forget()


class _FeatureGauges:
    def __init__(self, labels: dict[str, str], feature: Feature) -> None:
        self._counters = Counters(_PREFIX, {**labels, "of": feature.of, "feature": feature.name})
        self._index: Gauge | None = None
        if feature.counts is not None:
            self._index = self._gauge("stability_index", "Population stability index of a feature")
        self._shares: list[Gauge] = []
        if feature.of == "column":
            self._shares = [
                self._gauge("null_ratio", "Share of values that are null"),
                self._gauge("unknown_ratio", "Share of values that training did not have"),
                self._gauge("unusual_ratio", "Share of values outside the typical range"),
            ]
        self._classes: list[_ClassGauges] = []
        if feature.of == "class":
            names = [*map(str, feature.categories or ()), "other"]
            self._classes = [_ClassGauges(labels, name) for name in names]

    @property
    def all(self) -> Iterator[Gauge]:
        """All of them."""
        yield from [self._index] if self._index is not None else []
        yield from self._shares
        for one in self._classes:
            yield from one.all

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return self._counters.gauge(name, meaning, "mostrecent")

    def show(self, drift: FeatureDrift) -> None:
        now = drift.now
        if self._index is not None and drift.psi is not None:
            self._index.set(drift.psi)
        for gauge, share in zip(self._shares, (now.nulls, now.unknown, now.unusual), strict=False):
            gauge.set(share)
        for i, one in enumerate(self._classes):
            one.show(now.share(i), float(now.means[i]))


class _ClassGauges:
    def __init__(self, labels: dict[str, str], name: str) -> None:
        counters = Counters(_PREFIX, {**labels, "class": name})
        self._share = counters.gauge("class_ratio", "Share of answers of a class", "mostrecent")
        self._sure = counters.gauge(
            "class_probability", "Mean probability of a class where it is answered", "mostrecent"
        )

        self.all = (self._share, self._sure)

    def show(self, share: float, sure: float) -> None:
        self._share.set(share)
        if share:
            self._sure.set(sure)


def _key(feature: Feature) -> tuple[str, str]:
    return feature.of, feature.name
