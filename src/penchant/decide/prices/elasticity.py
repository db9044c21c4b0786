"""By how many percent demand changes when an item's price changes by one percent, and how sure that is."""

import math
from typing import Final, NamedTuple

import numpy as np

from penchant.decide.prices.panel import LEAST, Floats, Panel, Rows, piece

WAVE: Final = 8
"""Periods for each wave that an item's own demand may take: slower moves of prices are no evidence."""
MOVED: Final = 0.005
"""Standard deviation of the log price below which a price never moved."""
SHARE: Final = 0.5
"""Of the periods, what may be estimated besides the price."""
FEW: Final = 10.0
"""Weeks of moved prices at which these and all weeks say, half and half, how sure the effect is."""
STEPS: Final = 30
BOUND: Final = 15.0


class Own(NamedTuple):
    """Of each item by its own sales alone.

    Attributes:
        value, error: (I,) elasticity and its standard error; NaN where its sales say nothing.
        naive: (I,) slope of log quantity on log price, nothing taken into account.
        moves: (I,) standard deviation of the log price.
    """

    value: Floats
    error: Floats
    naive: Floats
    moves: Floats


def own_elasticities(panel: Panel, around: Floats) -> Own:
    """Poisson regression of each item on its price, beside its own slow waves and what is ``around`` (n, k).

    A zero is a quantity like any other here. The waves (cosines) take up an item's own season and trend.
    """
    found = np.full((4, len(panel.items)), np.nan)
    edges = np.searchsorted(panel.item, np.arange(len(panel.items) + 1))
    for item in range(len(panel.items)):
        rows = np.arange(edges[item], edges[item + 1])
        price, quantity = panel.log_price[rows], panel.quantity[rows]
        found[3, item] = price.std() if len(rows) else 0.0
        if len(rows) < LEAST or price.std() < MOVED or not quantity.any():
            continue
        found[2, item] = _naive(price, quantity)
        found[:2, item] = regressed(panel, around, panel.log_price, rows)
    return Own(*found)


def regressed(panel: Panel, around: Floats, price: Floats, rows: Rows) -> tuple[float, float]:
    """Factor and standard error of ``price`` (n,) in one item's regression, as in :func:`own_elasticities`.

    NaN where it does not move, or nothing was sold.
    """
    moved, quantity = price[rows], panel.quantity[rows]
    if moved.std() < MOVED or not quantity.any():
        return math.nan, math.nan
    return _poisson(moved - moved.mean(), quantity, _beside(panel, around, rows))


def _naive(price: Floats, quantity: Floats) -> float:
    sold = quantity > 0
    x = price[sold] - price[sold].mean()
    return float(x @ np.log(quantity[sold]) / (x @ x)) if float(x @ x) > 1e-9 else math.nan


def _beside(panel: Panel, around: Floats, rows: Rows) -> Floats:
    """(T, k) 1, waves, and what is around as far as it moves for this item and there are periods for it."""
    time = panel.period[rows].astype(np.float64)
    count = len(rows)
    span = float(np.ptp(time)) + 1
    waves = np.cos(np.pi * np.outer((time - time.min() + 0.5) / span, np.arange(1, count // WAVE + 1)))
    own = around[rows] - around[rows].mean(axis=0)
    own = own[:, own.std(axis=0) > 1e-9]
    room = max(0, int(SHARE * count) - waves.shape[1] - 1)
    return np.column_stack([np.ones((count, 1)), waves, own[:, :room]])


def _poisson(price: Floats, quantity: Floats, beside: Floats) -> tuple[float, float]:
    """Elasticity with its standard error, robust to any variance (MacKinnon and White 1985, their HC2).

    Both are the same in any unit of the quantity: it is told in multiples of its mean.
    """
    least = 0.5 * piece(quantity) / float(quantity.mean())
    quantity = quantity / quantity.mean()
    matrix = np.column_stack([beside, price])
    size = matrix.shape[1]
    hold = 1e-6 * len(quantity) * np.eye(size)
    found = np.zeros(size)
    for _ in range(STEPS):
        mean = np.exp(np.clip(matrix @ found, -12, 20))
        pull = matrix.T @ (quantity - mean) - hold @ found
        step = np.linalg.solve((matrix.T * mean) @ matrix + hold, pull)
        largest = float(np.abs(step).max())
        found = found + step * min(1.0, 2.0 / max(largest, 1e-12))
        if largest < 1e-6:
            break
    mean = np.exp(np.clip(matrix @ found, -12, 20))
    inverse = np.linalg.inv((matrix.T * mean) @ matrix + hold)
    inner = np.linalg.solve((beside.T * mean) @ beside + hold[:-1, :-1], (beside.T * mean) @ price)
    left = price - beside @ inner
    information = float(mean @ left**2)
    if information < 1e-4 or abs(found[-1]) > BOUND:
        return math.nan, math.nan
    leverage = np.einsum("ij,ij->i", matrix @ inverse, matrix) * mean
    residual = (quantity - mean) / np.sqrt(np.maximum(1 - leverage, 0.1))
    # Where few weeks say all, their residuals say little of how far sales vary: then all weeks are asked.
    said = mean * left**2
    weeks = information**2 / float(said @ said)
    kept = weeks / (weeks + FEW)
    robust = float(left**2 @ residual**2) / information**2
    usual = max(float((residual**2 / np.maximum(mean, 1e-3)).mean()), least) / information
    return float(found[-1]), math.sqrt(kept * robust + (1 - kept) * usual)
