"""Two rankers in one list: whose items are taken? Each person compares them, so far fewer are needed."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.metrics.bootstrap import Interval
from penchant.metrics.sequential import boundary

FIRST, SECOND = 0, 1
"""The teams, as ``recommend.interleave`` writes them."""


class Preference(NamedTuple):
    """Which ranker was preferred.

    Attributes:
        interval: mean over people of the second's share of their takings minus the first's, from -1 to 1,
            with bounds that hold at any look; 0 where nobody prefers either.
        first, second: takings of each one's items.
        people: who took anything.
    """

    interval: Interval
    first: int
    second: int
    people: int


def preference(teams: NDArray[np.integer], people: NDArray[np.integer], level: float = 0.95) -> Preference:
    """Credit of a team draft: a taking counts for the ranker that brought the item, a person counts once.

    Source: Radlinski, Kurup and Joachims, "How does clickthrough data reflect retrieval quality?", CIKM 2008.
    The interval is that of ``metrics.sequential``.

    Args:
        teams: (T,) 0 or 1, the ranker of each item that was taken.
        people: (T,) who took it.
        level: of the bounds.

    Raises:
        InvalidInput: shapes that differ, or another team.

    >>> preference(np.array([1, 1, 0, 1]), np.array([7, 7, 8, 9])).interval.value.__round__(2)
    0.33
    """
    if teams.shape != people.shape or not np.isin(teams, (FIRST, SECOND)).all():
        raise InvalidInput("teams 0 and 1 and the person of each taking are needed")
    second = int((teams == SECOND).sum())
    names, who = np.unique(people, return_inverse=True)
    count = len(names)
    if count < 2:
        return Preference(Interval(float("nan"), -1.0, 1.0), len(teams) - second, second, count)
    signs = np.bincount(who, weights=2.0 * teams - 1.0) / np.bincount(who)
    error = signs.std(ddof=1) / np.sqrt(count)
    # Where all agree no spread is seen, and none known: that of a coin is the largest.
    reach = float(boundary(len(teams), level)) * (error or 1 / np.sqrt(count))
    value = float(signs.mean())
    bounds = Interval(value, max(-1.0, value - reach), min(1.0, value + reach))
    return Preference(bounds, len(teams) - second, second, count)
