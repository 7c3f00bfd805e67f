"""Drift to its messages."""

from typing import Any

from learnwire.v1 import model_service_pb2 as pb

from ..observe.drift import Drift, FeatureDrift
from ..observe.sentences import sentence
from ..runners.learner import LearnerRunner
from ..signature.training import Feature
from .describe import cell_value

_LOADING = "the model is being loaded"
_KINDS = {
    "column": pb.FEATURE_KIND_COLUMN,
    "text": pb.FEATURE_KIND_TEXT,
    "class": pb.FEATURE_KIND_CLASS,
    "sureness": pb.FEATURE_KIND_SURENESS,
    "target": pb.FEATURE_KIND_TARGET,
}


def model_drift(runner: LearnerRunner) -> pb.ModelDrift:
    """Tell how what a model is asked and what it answers differ from training."""
    drift = runner.drift() or Drift(0, _LOADING, ())
    return pb.ModelDrift(
        model=runner.manifest.name,
        version=runner.manifest.version,
        items=drift.items,
        untold=drift.untold,
        sentences=map(sentence, drift.moved),
        features=map(_feature, drift.features),
    )


def _feature(drift: FeatureDrift) -> pb.FeatureDrift:
    return pb.FeatureDrift(
        name=drift.feature.name,
        kind=_KINDS[drift.feature.of],
        count=int(drift.now.total),
        stability_index=drift.psi,
        null_share=drift.now.nulls,
        unknown_share=drift.now.unknown,
        outside_share=drift.now.unusual,
        bins=[_bin(drift, i) for i in range(drift.feature.bins)],
        sentence=sentence(drift),
    )


def _bin(drift: FeatureDrift, i: int) -> pb.DriftBin:
    now, then = drift.now, drift.then
    is_class = drift.feature.of == "class"
    return pb.DriftBin(
        share=now.share(i),
        training_share=None if then is None else then.share(i),
        mean_probability=now.means[i] if is_class and now.counts[i] else None,
        training_mean_probability=(
            then.means[i] if is_class and then is not None and then.counts[i] else None
        ),
        **_values(drift.feature, i),
    )


def _values(feature: Feature, i: int) -> dict[str, Any]:
    """Tell which values lie in a bin; nothing of the last."""
    if i + 1 == feature.bins:
        return {}
    if feature.categories is None:
        return {"upper_bound": feature.edges[i]}
    return {"category": cell_value(feature.categories[i])}
