"""What comes again: day of the week, or week of the year, taken out before and put back after."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CYCLES = 2
"""Whole seasons that must be known."""
PULL = 200.0
"""Pieces of one place in the season after which a category's own pattern counts as much as everybody's."""
LEAST = 0.05
"""No place in the season is quieter than this share of the mean."""


def season_of(demand: Floats, categories: list[str], season: int, horizons: int) -> Floats:
    """What each period is against a usual one, (N, T + horizons); ones where no season can be known.

    A pattern of each category, drawn towards that of all items the less it sells: a single item sells too
    little to have one of its own. Both are drawn towards none the less one season is like the other.

    >>> season_of(np.array([[1.0, 3.0] * 3]), [""], 2, 1).tolist()
    [[0.5, 1.5, 0.5, 1.5, 0.5, 1.5, 0.5]]
    """
    items, periods = demand.shape
    if season < 2 or periods < CYCLES * season:
        return np.ones((items, periods + horizons))
    names, code = np.unique(np.asarray(categories, dtype=np.str_), return_inverse=True)
    whole = periods - periods % season
    sums = np.zeros((len(names), periods))
    np.add.at(sums, code, np.nan_to_num(demand))
    places = np.arange(periods - whole, periods)
    own = _steady(_by_cycle(sums[:, places], places % season, season))
    usual = _steady(_by_cycle(sums[:, places].sum(axis=0, keepdims=True), places % season, season))
    pieces = sums[:, places].sum(axis=1, keepdims=True) / season
    drawn = (pieces * own + PULL * usual) / (pieces + PULL)
    index = np.maximum(drawn, LEAST)
    index /= index.mean(axis=1, keepdims=True)
    return index[code][:, np.arange(periods + horizons) % season]


def _by_cycle(sums: Floats, place: NDArray[np.int64], season: int) -> Floats:
    """(C, cycles, season): each place in the season against the mean of its cycle."""
    cut = sums.reshape(len(sums), -1, season)
    ordered = cut[:, :, np.argsort(place[:season])]
    return ordered / np.maximum(ordered.mean(axis=2, keepdims=True), 1e-12)


def _steady(cycles: Floats) -> Floats:
    """Mean over the cycles, (C, season), drawn towards 1 by the share of its variance that is noise.

    The noise of the mean is known by how far the cycles are apart (empirical Bayes; Efron and Morris,
    "Stein's estimation rule and its competitors", JASA 1973).
    """
    mean = cycles.mean(axis=1)
    noise = cycles.var(axis=1, ddof=1).mean(axis=1, keepdims=True) / cycles.shape[1]
    found = ((mean - 1) ** 2).mean(axis=1, keepdims=True)
    sure = np.where(found > noise, 1 - noise / np.where(found > noise, found, 1.0), 0.0)
    return 1 + sure * (mean - 1)
