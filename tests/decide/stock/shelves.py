"""Sales with a known truth."""

import numpy as np
from numpy.typing import NDArray

from penchant.decide.stock.panel import Panel, panel_of

Floats = NDArray[np.float64]


def rates(items: int, periods: int, seed: int) -> Floats:
    """Expected pieces, (items, periods): each item has its own level, which wanders."""
    rng = np.random.default_rng(seed)
    steps = np.cumsum(rng.normal(0, 0.05, (items, periods)), axis=1)
    return np.exp(rng.normal(1.2, 1.0, (items, 1)) + steps)


def sales(items: int = 200, periods: int = 40, seed: int = 0, **more: object) -> Panel:
    rng = np.random.default_rng(seed + 1)
    sold = rng.poisson(rates(items, periods, seed)).astype(np.float64)
    return named(sold, **more)


def named(sold: Floats, **more: object) -> Panel:
    """Items i0, i1, ... in two categories, periods 0, 1, ..."""
    items, periods = sold.shape
    given = {"categories": ["odd" if row % 2 else "even" for row in range(items)]} | more
    return panel_of([f"i{row}" for row in range(items)], [str(t) for t in range(periods)], sold, **given)
