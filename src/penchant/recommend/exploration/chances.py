"""With what chance each candidate is drawn: numpy only, and not itself a matter of chance.

So the propensity that is logged is the one that was drawn by, to the last bit.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FLOOR = 0.05
"""Part that is left to all candidates alike: what another policy would show must have had a chance."""

POINTS, REACH = 48, 4.0
"""Of the integral, and how many standard deviations it goes."""

Floats = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)


class Rivals(NamedTuple):
    """C candidates for a place.

    Attributes:
        chances: (C,) of each, given that one of them has the place; they sum to 1.
        points, below: (POINTS,) values, rising, and the logarithm of the chance that all are below.
    """

    chances: Floats
    points: Floats
    below: Floats


def rivals(means: Floats, variances: Floats) -> Rivals:
    """Candidates whose values are normal with ``means`` and ``variances`` (C,).

    Each is drawn with the chance that its value is the highest, as in Thompson sampling (Biometrika 25, 1933;
    Russo et al., "A tutorial on Thompson sampling", 2018), by numerical integration of Σ φᵢ Π Φⱼ; a
    twentieth is spread over all alike.

    >>> rivals(np.array([0.0, 0.0]), np.array([1.0, 1.0])).chances.tolist()
    [0.5, 0.5]
    """
    spread = np.sqrt(variances)
    low, high = (means - REACH * spread).max(), (means + REACH * spread).max()
    points = np.linspace(low, high, POINTS)
    apart = (points[:, None] - means) / spread
    # The distribution function by its tanh form, and its logarithm bounded, so that none is lost below it.
    below = np.log(np.maximum(0.5 * (1 + np.tanh(0.7978845608 * (apart + 0.044715 * apart**3))), 1e-12))
    whole = below.sum(axis=1)
    density = whole[:, None] - below - 0.5 * apart**2 - np.log(spread)
    found = np.exp(density - density.max()).sum(axis=0)
    return Rivals((1 - FLOOR) * found / found.sum() + FLOOR / len(found), points, whole)


def stays(others: Rivals, means: Floats, variances: Floats) -> Floats:
    """Chance of each of P items, normal with ``means`` and ``variances`` (P,), to be above all ``others``.

    At most 1 - ``FLOOR``: what is best today must not be so for good.

    >>> others = rivals(np.array([0.0]), np.array([1.0]))
    >>> stays(others, np.array([0.0, 9.0]), np.array([1.0, 1.0])).round(2).tolist()
    [0.5, 0.95]
    """
    values = means[:, None] + np.sqrt(variances)[:, None] * _NODES
    above = np.exp(np.interp(values, others.points, others.below)) @ _WEIGHTS / _WEIGHTS.sum()
    return np.minimum(above, 1 - FLOOR)
