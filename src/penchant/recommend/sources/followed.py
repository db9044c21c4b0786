"""What people whom somebody follows took of late, and which of it may be told. Numpy only."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.model.histories import Histories, IntArray
from penchant.model.repeat import SLOW, UNIT
from penchant.types import EventType

MOST_FOLLOWED: Final = 50
"""People whose takings are looked up for one list: those whom the person followed last."""

NEWEST: Final = 100
"""Events of each of them that are looked at."""

LIKED: Final = 4.0
"""Rating from which on an item counts as taken."""

_TAKEN: Final = (EventType.PURCHASE.code, EventType.CART.code)
_FADES: Final = SLOW * UNIT
"""Seconds in which a taking fades by 1/e: the slow count of the repeat memory."""

Floats = NDArray[np.float32]


class Takings(NamedTuple):
    """Of one person: rows of the items (T,) and when each was taken (T,), unix seconds; in any order."""

    rows: IntArray
    times: NDArray[np.float64]


class Followed(NamedTuple):
    """Rows of items (n,), ascending, how strongly they are named (n,), and a digest of what it was
    made of."""

    rows: IntArray
    strength: Floats
    key: int = 0


NO_TAKINGS: Final = Takings(np.zeros(0, np.int64), np.zeros(0, np.float64))
NOBODY: Final = Followed(np.zeros(0, np.int64), np.zeros(0, np.float32))
"""Of somebody who follows nobody."""


def taken(items: NDArray[np.int32], types: NDArray[np.int8], values: Floats) -> NDArray[np.bool_]:
    """Which events (E,) took their item: purchases, carts, and ratings of what was liked.

    >>> kinds = np.int8([EventType.PURCHASE.code, EventType.RATING.code, EventType.VIEW.code])
    >>> taken(np.int32([3, 3, 3]), kinds, np.float32([np.nan, 2.0, np.nan])).tolist()
    [True, False, False]
    """
    liked = (types == EventType.RATING.code) & (values >= LIKED)
    return (items >= 0) & (np.isin(types, _TAKEN) | liked)


def followed(people: Sequence[Takings], now: float, least: int) -> Followed:
    """What at least ``least`` of ``people`` took before ``now`` (unix seconds).

    Strength: the sum over people of exp(-age / 120 days) of the newest time. What fewer took is left out: it
    would tell the follower what one person bought.

    >>> tea, both = Takings(np.array([1]), np.array([0.0])), Takings(np.array([1, 2]), np.array([0.0, 0.0]))
    >>> followed([tea, both], 1.0, 2).rows.tolist()
    [1]
    """
    if not people:
        return NOBODY
    owner = np.repeat(np.arange(len(people)), [len(one.rows) for one in people])
    rows = np.concatenate([one.rows for one in people])
    times = np.concatenate([one.times for one in people])
    past = times < now
    owner, rows, times = owner[past], rows[past], times[past]
    order = np.lexsort((times, owner, rows))
    owner, rows, times = owner[order], rows[order], times[order]
    newest = np.append((np.diff(rows) != 0) | (np.diff(owner) != 0), True)[: len(rows)]
    rows, faded = rows[newest], np.exp((times[newest] - now) / _FADES)
    items, place, count = np.unique(rows, return_inverse=True, return_counts=True)
    strength = np.bincount(place, weights=faded, minlength=len(items))
    kept = count >= least
    key = hash((rows.tobytes(), times[newest].tobytes()))
    return Followed(items[kept], strength[kept].astype(np.float32), key)


class PastFollowed:
    """The same of moments of the past: of ``histories``, and ``pairs`` (F, 2) of who follows whom by person
    row, oldest first. When somebody began to follow is not known: all pairs hold at any time."""

    def __init__(self, histories: Histories, pairs: IntArray, least: int) -> None:
        self._histories = histories
        self._least = least
        self._taken = taken(histories.items, histories.types, histories.values)
        self._of = dict[int, list[int]]()
        for one, other in pairs.tolist():
            self._of.setdefault(one, []).append(other)

    def at(self, person: int, now: float) -> Followed:
        """What a list of ``now`` (unix seconds) for the ``person`` of a row could look up."""
        others = self._of.get(person, [])[-MOST_FOLLOWED:]
        return followed([self._takings(other, now) for other in others], now, self._least)

    def _takings(self, person: int, now: float) -> Takings:
        told = self._histories
        begin, end = (int(edge) for edge in told.offsets[person : person + 2])
        end = begin + int(np.searchsorted(told.times[begin:end], now))
        part = slice(max(begin, end - NEWEST), end)
        kept = self._taken[part]
        return Takings(told.items[part][kept].astype(np.int64), told.times[part][kept])
