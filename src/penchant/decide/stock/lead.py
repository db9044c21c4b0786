"""Demand until the next delivery, from the distributions of single periods."""

from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penchant.decide.stock.quantiles import LEVELS

Floats = NDArray[np.float64]

TOGETHER: Final = 0.3
"""Correlation of what two periods of one item are off: a level that is too low is so in all of them."""
DRAWS: Final = 500


def draws_over(quantiles: Floats, periods: NDArray[np.int64], *, seed: int = 0, draws: int = DRAWS) -> Floats:
    """Draws of the demand of the first ``periods`` of each item, (N, draws), sorted.

    Args:
        quantiles: (N, H, L).
        periods: (N,); beyond the last one known it goes on as in that.
        seed: the same draws for all items, so that items differ by their demand alone.
        draws: how many.

    >>> one = np.broadcast_to(np.full(15, 2.0), (1, 2, 15))
    >>> draws_over(one, np.array([3]), draws=2).tolist()
    [[6.0, 6.0]]
    """
    most = int(periods.max(initial=0))
    rng = np.random.default_rng(seed)
    common, own = rng.standard_normal((draws, 1)), rng.standard_normal((draws, most))
    normal = np.sqrt(TOGETHER) * common + np.sqrt(1 - TOGETHER) * own
    edges = np.array([NormalDist().inv_cdf(level) for level in LEVELS.tolist()])
    total = np.zeros((len(quantiles), draws))
    for period in range(most):
        here = quantiles[:, min(period, quantiles.shape[1] - 1)]
        place = np.interp(normal[:, period], edges, np.arange(len(edges)))
        low = np.minimum(place.astype(np.int64), len(edges) - 2)
        drawn = (1 - (place - low)) * here[:, low] + (place - low) * here[:, low + 1]
        total += np.where((period < periods)[:, None], drawn, 0.0)
    return np.sort(total, axis=1)


def at_level(drawn: Floats, level: Floats) -> Floats:
    """Quantile of each item's draws at its own level, (N,).

    >>> at_level(np.array([[1.0, 2.0, 3.0]]), np.array([0.5])).tolist()
    [2.0]
    """
    place = np.clip(level, 0.0, 1.0) * (drawn.shape[1] - 1)
    low = np.minimum(place.astype(np.int64), max(drawn.shape[1] - 2, 0))
    rows, part = np.arange(len(drawn)), place - low
    high = np.minimum(low + 1, drawn.shape[1] - 1)
    return np.asarray((1 - part) * drawn[rows, low] + part * drawn[rows, high])
