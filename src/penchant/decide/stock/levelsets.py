"""From a level to a distribution: what happened after similar levels with similar errors.

After Hasson et al., "Probabilistic forecasting: a level-set approach", NeurIPS 2021, with a second axis for
how well the item was foreseen so far. It is also what makes intervals hold at each height of demand:
errors of past origins are taken as they were,
which is conformal prediction within groups (Vovk, "Conditional validity of inductive conformal predictors",
2012).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.decide.stock.quantiles import LEVELS
from penchant.decide.stock.smoothing import scale_of
from penchant.errors import NotEnoughData

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

CELLS = (12, 4)
"""Groups by level, and in each by size of past errors."""
PER_CELL = 50
"""Pairs wanted in each; with fewer there are fewer groups."""


@dataclass(frozen=True, slots=True, eq=False)
class LevelSets:
    """Quantiles of demand over level in (B, D) cells.

    Attributes:
        levels: (B,) logarithm of the mean level of each group. spreads: (B, D) mean size of past errors.
        ratios: (B, D, L).
    """

    levels: Floats
    spreads: Floats
    ratios: Floats

    @classmethod
    def of(cls, level: Floats, spread: Floats, actual: Floats) -> Self:
        """From pairs of the past, all (P,); those with NaN are left out.

        Raises:
            NotEnoughData: no pair is known.
        """
        known = ~(np.isnan(level) | np.isnan(spread) | np.isnan(actual))
        if not known.any():
            raise NotEnoughData("no item was seen long enough to learn from: more periods are needed")
        level, spread, actual = level[known], spread[known], actual[known]
        groups, inside = _cells(len(level))
        heights, ratio = np.log(scale_of(level)), actual / scale_of(level)
        levels, spreads = np.zeros(groups), np.zeros((groups, inside))
        ratios = np.zeros((groups, inside, len(LEVELS)))
        for row, part in enumerate(np.array_split(np.argsort(level, kind="stable"), groups)):
            levels[row] = heights[part].mean()
            by_spread = part[np.argsort(spread[part], kind="stable")]
            for column, cell in enumerate(np.array_split(by_spread, inside)):
                spreads[row, column] = spread[cell].mean()
                ratios[row, column] = np.quantile(ratio[cell], LEVELS)
        return cls(levels, spreads, ratios)

    def quantiles(self, level: Floats, spread: Floats) -> Floats:
        """(N, L) for levels and sizes of past errors (N,)."""
        low, high, part = _between(self.levels, np.log(scale_of(level)))
        ratio = (1 - part) * self._at(low, spread) + part * self._at(high, spread)
        return ratio * scale_of(level)[:, None]

    def _at(self, group: Rows, spread: Floats) -> Floats:
        if self.spreads.shape[1] == 1:
            return self.ratios[group, 0]
        own, rows = self.spreads[group], np.arange(len(group))
        low = np.clip((own < spread[:, None]).sum(axis=1) - 1, 0, own.shape[1] - 2)
        width = np.maximum(own[rows, low + 1] - own[rows, low], 1e-9)
        part = np.clip((spread - own[rows, low]) / width, 0.0, 1.0)[:, None]
        return (1 - part) * self.ratios[group, low] + part * self.ratios[group, low + 1]


def _cells(pairs: int) -> tuple[int, int]:
    """How many groups so many pairs are enough for."""
    inside = CELLS[1] if pairs >= PER_CELL * CELLS[1] * 2 else 1
    return max(1, min(CELLS[0], pairs // (PER_CELL * inside))), inside


def _between(edges: Floats, values: Floats) -> tuple[Rows, Rows, Floats]:
    """Rows of the two edges around each value and how far it is from the first, from 0 to 1."""
    high = np.clip(np.searchsorted(edges, values), 1, max(len(edges) - 1, 1))
    low, high = high - 1, np.minimum(high, len(edges) - 1)
    width = np.maximum(edges[high] - edges[low], 1e-9)
    return low, high, np.clip((values - edges[low]) / width, 0.0, 1.0)[:, None]
