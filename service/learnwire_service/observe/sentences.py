"""What has drifted, in words."""

import numpy as np

from ..signature.training import UNKNOWN_WORDS, WORDS, Feature
from .counting import Counted
from .drift import FeatureDrift
from .psi import MOVED

# Medians that lie nearer are called alike, as a share of training's.
_ALIKE = 0.05


def sentence(drift: FeatureDrift) -> str:
    """Say how a feature has moved; empty where it has not."""
    if not drift.has_moved:
        return ""
    feature, then, added = drift.feature, drift.then, drift.contributions
    # What training did not have goes first.
    if then is None or added is None or added[-1] >= MOVED:
        share = percent(drift.now.unknown)
        return f"{feature.name}: {share} of values are categories training did not have"
    most = int(np.argmax(abs(drift.now.shares - then.shares)))
    now, before = percent(drift.now.share(most)), percent(then.share(most))
    if most == feature.bins:
        return f"{feature.name}: {now} of values are null, {before} at training"
    if feature.of == "class":
        return f"class {_bin(feature, most)}: answered {now} of the time, {before} at training"
    if feature.categories is None and (told := _by_its_middle(drift, then)):
        return told
    return f"{_subject(feature)}: {now} of values are {_bin(feature, most)}, {before} at training"


def percent(share: float) -> str:
    """Write a share for people."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 1 or value == 0 else f"{value:.1g} %"


def _by_its_middle(drift: FeatureDrift, then: Counted) -> str:
    """Say how the middle of numbers has moved; empty where it has not, or no ratio tells it."""
    feature = drift.feature
    mean, mean_then = percent(drift.now.mean), percent(then.mean)
    if feature.of == "sureness":
        told = f"answers: {mean} sure on average, {mean_then} at training"
        return told if mean != mean_then else ""
    if feature.of == "text" and feature.name == UNKNOWN_WORDS:
        return f"texts: {mean} unknown words, {mean_then} at training" if mean != mean_then else ""
    change = drift.change
    # A ratio means nothing of numbers on both sides of zero.
    if not feature.edges or feature.edges[0] * feature.edges[-1] <= 0 or abs(change) < _ALIKE:
        return ""
    amount = percent(abs(change))
    if feature.of == "text":
        return f"texts: {amount} {'longer' if change > 0 else 'shorter'} than those of training"
    where = "above" if change > 0 else "below"
    if feature.of == "target":
        return f"{feature.name}: answered {amount} {where} the answers to training's own items"
    return f"{feature.name}: {amount} {where} what training saw"


def _subject(feature: Feature) -> str:
    match feature.of:
        case "sureness":
            return "probabilities of answers"
        case "text":
            return "words in a text" if feature.name == WORDS else "share of unknown words"
        case _:
            return feature.name


def _bin(feature: Feature, i: int) -> str:
    if feature.categories is not None:
        return str(feature.categories[i]) if i < len(feature.categories) else "any other"
    edges = [f"{edge:.4g}" for edge in feature.edges]
    if i == 0:
        return f"at most {edges[0]}" if edges else "numbers"
    return f"above {edges[-1]}" if i == len(edges) else f"from {edges[i - 1]} to {edges[i]}"
