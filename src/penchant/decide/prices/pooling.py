"""Partial pooling: items whose prices seldom moved borrow from their group, and groups from all.

A normal hierarchy: an item's elasticity lies around its group's mean, that around the mean of all. How far
apart items and groups lie is not known either: all that the data leave possible is averaged over, on a grid
(Gelman et al., Bayesian Data Analysis, ch. 5). One best guess of it would make intervals too short.
"""

from typing import Final, NamedTuple

import numpy as np

from penchant.decide.prices.panel import Floats, Rows

USUAL: Final = 0.5
"""Scale of the half-normal prior of both spreads: a shop's items commonly lie so far apart."""
_ITEMS: Final = np.geomspace(0.01, 2.0, 28)
_GROUPS: Final = np.geomspace(0.01, 2.0, 14)


class Pooled(NamedTuple):
    """Of each item: elasticity and standard deviation, its own sales and what is borrowed taken together.

    ``mean`` and ``error`` are of all items, ``spread`` is between items of a group.
    """

    value: Floats
    deviation: Floats
    mean: float
    error: float
    spread: float


class _Level(NamedTuple):
    """What one pair of spreads says: how likely it is, items' means and variances, and those of all."""

    likelihood: float
    value: Floats
    variance: Floats
    mean: float
    mean_variance: float


def pooled(value: Floats, error: Floats, group: Rows) -> Pooled:
    """Pool (I,) estimates with standard errors, NaN where there is none, over (I,) groups.

    >>> found = pooled(np.array([-2.0, -2.0, np.nan]), np.array([0.1, 0.1, np.nan]), np.zeros(3, np.int64))
    >>> round(float(found.value[2]), 2)
    -2.0
    """
    known = ~np.isnan(value)
    if not known.any():
        nothing = np.full(len(value), np.nan)
        return Pooled(nothing, nothing, float("nan"), float("nan"), float("nan"))
    among = _GROUPS if len(np.unique(group)) > 1 else np.array([1e-6])
    levels = [_level(value, error, group, item, between) for item in _ITEMS for between in among]
    spreads = [(item, between) for item in _ITEMS for between in among]
    # The grid is even in logarithms: each step is as wide as its value.
    prior = [np.log(a * b) - (a**2 + b**2) / (2 * USUAL**2) for a, b in spreads]
    chance = np.array([one.likelihood for one in levels]) + np.array(prior)
    weight = np.exp(chance - chance.max())
    weight /= weight.sum()
    values = np.array([one.value for one in levels])
    means = np.array([one.mean for one in levels])
    mean, centre = weight @ values, float(weight @ means)
    variance = weight @ np.array([one.variance for one in levels]) + weight @ (values - mean) ** 2
    centre_variance = float(weight @ [one.mean_variance for one in levels] + weight @ (means - centre) ** 2)
    spread = float(weight @ [item for item, _ in spreads])
    return Pooled(mean, np.sqrt(variance), centre, float(np.sqrt(centre_variance)), spread)


def _level(value: Floats, error: Floats, group: Rows, item: float, between: float) -> _Level:
    """With known spreads all is normal and has a closed form; a flat prior for the mean of all."""
    known = ~np.isnan(value)
    count = int(group.max()) + 1
    v, s2, g = value[known], error[known] ** 2 + item**2, group[known]
    total = np.bincount(g, weights=1 / s2, minlength=count)
    seen = total > 0
    means = np.divide(np.bincount(g, weights=v / s2, minlength=count), total, out=np.zeros(count), where=seen)
    own = np.where(seen, 1 / np.where(seen, total, 1.0), np.inf) + between**2
    all_weight = 1 / own
    centre = float(all_weight @ means / all_weight.sum())
    centre_variance = float(1 / all_weight.sum())
    inside = float(((v - means[g]) ** 2 / s2).sum() + np.log(s2).sum() + np.log(total[seen]).sum())
    outside = float(
        (all_weight * (means - centre) ** 2).sum() + np.log(own[seen]).sum() + np.log(all_weight.sum())
    )
    # Each group's mean, held back to that of all.
    lean = total * between**2 / (1 + total * between**2)
    middle = lean * means + (1 - lean) * centre
    middle_variance = (1 - lean) * between**2 + (1 - lean) ** 2 * centre_variance
    precise = np.where(known, 1 / np.where(known, error, 1.0) ** 2, 0.0)
    keep = precise * item**2 / (1 + precise * item**2)
    found = keep * np.where(known, value, 0.0) + (1 - keep) * middle[group]
    variance = (1 - keep) * item**2 + (1 - keep) ** 2 * middle_variance[group]
    return _Level(-0.5 * (inside + outside), found, variance, centre, centre_variance)
