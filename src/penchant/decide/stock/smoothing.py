"""Statistical models of demand, all items at once: the level expected from the next period on.

Each takes (N, T) demand, NaN where it is not known, and what an item starts from, (N,), NaN for its own first
period; it gives (N, T): the level known at the end of each period.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Smoother = Callable[[Floats, Floats], Floats]


def moving_average(demand: Floats, start: Floats, periods: int) -> Floats:
    """Mean of the last known ``periods``; until there are any, ``start``.

    >>> moving_average(np.array([[2.0, np.nan, 4.0]]), np.array([7.0]), 2).tolist()
    [[2.0, 2.0, 4.0]]
    """
    known = ~np.isnan(demand)
    sums = np.cumsum(np.pad(np.where(known, demand, 0.0), ((0, 0), (periods, 0))), axis=1)
    counts = np.cumsum(np.pad(known, ((0, 0), (periods, 0))), axis=1)
    inside = counts[:, periods:] - counts[:, :-periods]
    total = sums[:, periods:] - sums[:, :-periods]
    mean = np.where(inside > 0, total / np.maximum(inside, 1), np.nan)
    return carried(mean, start)


def exponential(demand: Floats, start: Floats, pace: float) -> Floats:
    """Exponential smoothing (Brown, 1956); a plain mean until ``1 / pace`` periods are known.

    >>> exponential(np.array([[2.0, 4.0, np.nan]]), np.array([np.nan]), 0.1).tolist()
    [[2.0, 3.0, 3.0]]
    """
    found, level = np.empty_like(demand), start.copy()
    seen = (~np.isnan(start)).astype(np.float64)
    for period, now in enumerate(demand.T):
        known = ~np.isnan(now)
        seen += known
        step = np.maximum(pace, 1 / np.maximum(seen, 1.0))
        moved = np.where(np.isnan(level), now, level + step * (now - level))
        level = np.where(known, moved, level)
        found[:, period] = level
    return found


def teunter(demand: Floats, start: Floats, often: float, size: float) -> Floats:
    """Chance of any demand times its size, each smoothed (TSB: Teunter, Syntetos and Babai, 2011): what is
    wanted no more fades."""
    occurs = np.where(np.isnan(demand), np.nan, (demand > 0).astype(np.float64))
    sizes = np.where(demand > 0, demand, np.nan)
    none = np.full(len(demand), np.nan)
    level = exponential(occurs, none, often) * exponential(sizes, none, size)
    level = np.where(np.isnan(level) & (exponential(occurs, none, often) == 0), 0.0, level)
    return carried(level, start)


def croston(demand: Floats, start: Floats, pace: float) -> Floats:
    """Size over the time between demands, smoothed, less its bias (SBA: Syntetos and Boylan, 2005)."""
    sizes = np.where(demand > 0, demand, np.nan)
    none = np.full(len(demand), np.nan)
    level = exponential(sizes, none, pace) / exponential(_gaps(demand), none, pace)
    return carried((1 - pace / 2) * level, start)


def _gaps(demand: Floats) -> Floats:
    """Known periods since the demand before, where there is demand; else NaN."""
    found, since = np.full_like(demand, np.nan), np.zeros(len(demand))
    for period, now in enumerate(demand.T):
        since += ~np.isnan(now)
        hit = now > 0
        found[hit, period] = since[hit]
        since[hit] = 0
    return found


def carried(level: Floats, start: Floats) -> Floats:
    """The last known level where it is not known, ``start`` before the first."""
    found, now = np.empty_like(level), start.copy()
    for period, value in enumerate(level.T):
        now = np.where(np.isnan(value), now, value)
        found[:, period] = now
    return found


def spread_of(demand: Floats, level: Floats, pace: float = 0.1) -> Floats:
    """Smoothed size of the errors one period ahead, relative to the level, (N, T); 1 where none is known."""
    off = np.full_like(demand, np.nan)
    off[:, 1:] = np.abs(demand[:, 1:] - level[:, :-1]) / scale_of(level[:, :-1])
    found = exponential(np.minimum(off, MOST_OFF), np.full(len(demand), np.nan), pace)
    return np.where(np.isnan(found), 1.0, found)


def scale_of(level: Floats) -> Floats:
    """What errors are measured by: the level, but never next to nothing."""
    return np.maximum(level, LEAST_LEVEL)


LEAST_LEVEL = 0.3
"""Pieces a period below which levels are taken for equal."""
MOST_OFF = 5.0
"""An error counts for no more than so many times the level."""

SMOOTHERS: Mapping[str, Smoother] = {
    "mean of 4": lambda demand, start: moving_average(demand, start, 4),
    "mean of 8": lambda demand, start: moving_average(demand, start, 8),
    "exponential .1": lambda demand, start: exponential(demand, start, 0.1),
    "exponential .2": lambda demand, start: exponential(demand, start, 0.2),
    "exponential .3": lambda demand, start: exponential(demand, start, 0.3),
    "TSB": lambda demand, start: teunter(demand, start, 0.1, 0.1),
    "Croston SBA": lambda demand, start: croston(demand, start, 0.1),
}
"""The models that are combined."""
