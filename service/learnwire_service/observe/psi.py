"""The population stability index: one figure for how far a distribution has moved."""

import math

import numpy as np
from numpy.typing import NDArray

# By the usual rule of thumb: below, nothing has happened; from here on it is worth a look,
# and from there on it is serious.
MOVED, FAR = 0.1, 0.25
# Chance alone exceeds the noise in one of some 30,000 windows.
_DEVIATIONS = 4.0


def contributions(now: NDArray[np.float64], then: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tell what each bin adds to the index.

    The index is the sum over the bins of (p - q) ln(p / q), p and q the shares of two samples:
    E. M. Lewis, An Introduction to Credit Scoring, 1992; the rule of thumb is told by
    N. Siddiqi, Credit Risk Scorecards, 2006. It is the symmetric divergence of H. Jeffreys, 1946.
    An empty bin counts as half a value, so that the index stays finite.

    Args:
        now: how many values lie in each bin.
        then: how many lay there before.
    """
    p, q = (np.maximum(counts, 0.5) / counts.sum() for counts in (now, then))
    added: NDArray[np.float64] = (p - q) * np.log(p / q)
    return np.where((now > 0) | (then > 0), added, 0.0)


def noise(now: NDArray[np.float64], then: NDArray[np.float64]) -> float:
    """Tell which index two samples of one population hardly exceed, since they are small.

    It is nearly chi-squared times the sum of the sizes' reciprocals: B. Yurdakul and J. Naranjo,
    Statistical properties of the population stability index, Journal of Risk Model Validation
    14(4), 2020; the quantile is by the approximation of Wilson and Hilferty.
    """
    freedom = int(((now > 0) | (then > 0)).sum()) - 1
    if freedom < 1:
        return math.inf
    part = 2 / (9 * freedom)
    quantile = freedom * (1 - part + _DEVIATIONS * math.sqrt(part)) ** 3
    return float(quantile * (1 / now.sum() + 1 / then.sum()))
