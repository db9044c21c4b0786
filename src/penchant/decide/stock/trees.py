"""One model of all items: boosted trees for some quantile levels, at all horizons together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.decide.stock.features import Facts
from penchant.decide.stock.panel import Rows
from penchant.decide.stock.quantiles import LEVELS, sorted_up

Floats = NDArray[np.float64]

GROWN: Final = (0.025, 0.1, 0.3, 0.5, 0.7, 0.9, 0.975)
"""Levels that trees are grown for; the others lie on straight lines between them on normal paper."""
ORIGINS = 16
"""Newest origins that trees learn from."""
MOST_ROWS = 100_000
"""Examples, drawn where there are more."""


class Quantiles(Protocol):
    """One quantile of something, given what is known."""

    def predict(self, matrix: Floats) -> Floats:
        """(n,) for (n, F)."""
        ...


Grow = Callable[[Floats, Floats, Floats, float], Quantiles]
"""Grows trees: matrix (n, F), what followed (n,), weights (n,), level."""


@dataclass(frozen=True, slots=True, eq=False)
class GlobalTrees:
    """Trees for :data:`GROWN`."""

    grown: tuple[Quantiles, ...]

    def quantiles(self, facts: Facts, origin: int, rows: Rows, horizons: int) -> Floats:
        """(n, horizons, L) of the items ``rows``."""
        told, scale = facts.at(origin, rows), facts.scale[rows, origin - 1]
        asked = np.concatenate([_with(told, ahead) for ahead in range(horizons)])
        found = np.stack([one.predict(asked) for one in self.grown], axis=1)
        spaced = np.sort(found, axis=1) @ _SPREAD_OUT.T
        shaped = spaced.reshape(horizons, len(rows), len(LEVELS)).transpose(1, 0, 2)
        return sorted_up(shaped * scale[:, None, None])


def grow_trees(
    facts: Facts, demand: Floats, origins: Sequence[int], horizons: int, grow: Grow, *, seed: int = 0
) -> GlobalTrees:
    """From what followed after ``origins`` within the panel.

    ``demand`` is (N, T), NaN where it is not known; ``seed`` is of the examples drawn.
    """
    told, followed, weights = list[Floats](), list[Floats](), list[Floats]()
    for origin in origins:
        for ahead in range(min(horizons, demand.shape[1] - origin)):
            rows = np.flatnonzero(
                ~np.isnan(demand[:, origin + ahead]) & (facts.columns["age"][:, origin - 1] > 0)
            )
            scale = facts.scale[rows, origin - 1]
            told.append(_with(facts.at(origin, rows), ahead))
            followed.append(demand[rows, origin + ahead] / scale)
            weights.append(scale)
    matrix, target, weight = np.concatenate(told), np.concatenate(followed), np.concatenate(weights)
    if len(matrix) > MOST_ROWS:
        drawn = np.random.default_rng(seed).choice(len(matrix), MOST_ROWS, replace=False)
        matrix, target, weight = matrix[drawn], target[drawn], weight[drawn]
    return GlobalTrees(tuple(grow(matrix, target, weight, level) for level in GROWN))


def _with(told: Floats, ahead: int) -> Floats:
    return np.column_stack([told, np.full(len(told), float(ahead))])


def _spread_out() -> Floats:
    """(L, G): how much of each grown quantile goes into each level."""
    normal = NormalDist()
    known = np.array([normal.inv_cdf(level) for level in GROWN])
    found = np.zeros((len(LEVELS), len(GROWN)))
    for row, level in enumerate(LEVELS.tolist()):
        at = normal.inv_cdf(level)
        low = int(np.clip(np.searchsorted(known, at) - 1, 0, len(known) - 2))
        part = (at - known[low]) / (known[low + 1] - known[low])
        found[row, low], found[row, low + 1] = 1 - part, part
    return found


_SPREAD_OUT: Final[Floats] = _spread_out()
