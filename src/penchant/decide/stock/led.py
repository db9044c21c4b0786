"""Levels told by sales together with what people do before they buy: there are more views than sales."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from penchant.decide.stock.smoothing import carried, exponential

Floats = NDArray[np.float64]

PACES = (0.2, 0.4)
"""Of the models: a signal is seldom rare, so that what is new may count for more than with sales alone."""
LONG = 26
"""Periods that tell how much of a signal is bought."""
MOST_PULL = 1e5
"""Pieces of a signal beyond which items are taken for alike."""
LEAST = 1e-9
"""What is divided by is no less."""


def led_levels(demand: Floats, start: Floats, signals: Mapping[str, Floats]) -> dict[str, Floats]:
    """Of each signal and pace the level (N, T) known at the end of each period, by names like ``views 0.4``.

    Args:
        demand: (N, T), NaN where it is not known.
        start: (N,) what an item starts from, NaN for its own first period.
        signals: (N, T) each. One that is ever below 0 counts nothing, and is passed over.
    """
    found = dict[str, Floats]()
    for name, values in signals.items():
        if np.nanmin(values, initial=0.0) >= 0:
            found |= {f"{name} {pace}": level for pace, level in _led(demand, start, values).items()}
    return found


def _led(demand: Floats, start: Floats, signal: Floats) -> dict[float, Floats]:
    """For each pace, sales and signal as Poisson counts of one rate and of another in a fixed ratio to it:
    the likeliest rate is the sum of both by the sum of their exposures. Smoothed, as rates move."""
    share, none = bought_share(demand, signal), np.full(len(demand), np.nan)
    part, both = share / (1 + share), demand + signal
    return {pace: carried(exponential(both, none, pace) * part, start) for pace in PACES}


def bought_share(demand: Floats, signal: Floats) -> Floats:
    """Pieces bought for each piece of a signal in the last :data:`LONG` periods, (N, T), drawn towards that
    of all items as far as what is known of one does not tell it from chance.

    A gamma prior whose variance is what is left of that between items when Poisson's is taken off
    (empirical Bayes by moments; Robbins, "An empirical Bayes approach to statistics", 1956).

    >>> shares = bought_share(np.full((2, 1), [[100.0], [300.0]]), np.full((2, 1), 1000.0))
    >>> shares[:, 0].round(2).tolist()
    [0.1, 0.3]
    """
    known = ~(np.isnan(demand) | np.isnan(signal))
    bought, seen = (_recent(np.where(known, values, 0.0)) for values in (demand, signal))
    everybody = bought.sum(axis=0) / np.maximum(seen.sum(axis=0), LEAST)
    expected = everybody * seen
    apart = ((bought - expected) ** 2 - expected).sum(axis=0) / np.maximum((seen**2).sum(axis=0), LEAST)
    # Pieces of a signal after which an item's own share counts as much as everybody's.
    pull = everybody / np.maximum(apart, everybody / MOST_PULL + LEAST)
    return (bought + pull * everybody) / np.maximum(seen + pull, LEAST)


def _recent(values: Floats) -> Floats:
    """Sums of the last :data:`LONG` periods."""
    sums = np.cumsum(np.pad(values, ((0, 0), (LONG, 0))), axis=1)
    return sums[:, LONG:] - sums[:, :-LONG]
