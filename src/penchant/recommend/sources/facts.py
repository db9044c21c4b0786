"""What the log said of items up to one moment: what sources and features look up. Numpy only.

A fact is as old as its table. Whoever asks at a later moment reads an older fact, never a newer one.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.model.histories import Histories
from penchant.model.tokens import DAY, main_kind, wanted
from penchant.recommend.sources.neighbours import Neighbours, nearest
from penchant.types import EVENT_TYPES

NEIGHBOURS = 50
"""Of each item that are kept."""

SHRINK = 10.0
"""Common baskets, or people, at which a likeness counts half."""

LARGEST = 100
"""Items of a basket, and of a person, that are counted; of larger ones the newest."""

PRIOR = 10.0
"""Pairs of person and item that an item must outweigh to leave the shop's own rate and interval."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """Of N items, by what happened before ``until`` (unix seconds).

    Attributes:
        baskets: what was taken in the same basket. people: by the same people.
        again: (N,) share of those who took an item who took it again. interval: (N,) logarithm of the days
            between two times of one person. Both shrunk towards the shop's own.
        born: (N,) unix seconds of the first event, NaN for none. takers: (N,) people who took it.
    """

    until: float
    baskets: Neighbours
    people: Neighbours
    again: Floats
    interval: Floats
    born: NDArray[np.float64]
    takers: Floats

    def __len__(self) -> int:
        return len(self.takers)

    @classmethod
    def of(cls, histories: Histories, n_items: int, until: float) -> Self:
        """Of events of the main type before ``until``; what ``histories`` hold of later is not looked at.

        >>> from penchant.model.histories import histories_of
        >>> facts = Facts.of(histories_of([[0, 1, 0], [0, 1]]), 2, until=9 * DAY)
        >>> facts.takers.tolist(), facts.born.tolist()
        ([2.0, 2.0], [0.0, 86400.0])
        """
        known = histories.before(until)
        main = EVENT_TYPES[main_kind(known.items, known.types)].code if known.events else -1
        taken = np.flatnonzero(wanted(known.items, known.types) & (known.types == main))
        person, item, time = known.person_of_event()[taken], known.items[taken], known.times[taken]
        again, interval, takers = _again(person, item, time, n_items)
        born = np.full(n_items, np.inf)
        np.minimum.at(born, known.items[known.items >= 0], known.times[known.items >= 0])
        born[~np.isfinite(born)] = np.nan
        baskets = _together(known.baskets[taken], item, n_items)
        return cls(until, baskets, _together(person, item, n_items), again, interval, born, takers)


def _together(owner: NDArray[np.int64], item: NDArray[np.int32], n_items: int) -> Neighbours:
    """Neighbours by common owners, whose events (E,) are in order of time."""
    keys = owner * n_items + item
    _, last = np.unique(keys[::-1], return_index=True)
    newest = np.sort(len(keys) - 1 - last)  # The newest event of each pair, in order of time within an owner.
    owners = owner[newest]
    ends = np.searchsorted(owners, owners, side="right")
    newest = newest[ends - np.arange(len(owners)) <= LARGEST]
    pairs = np.unique(keys[newest])
    if not len(pairs):
        return Neighbours(np.zeros((n_items, 1), np.int32), np.zeros((n_items, 1), np.float32))
    rows = (pairs % n_items).astype(np.int32)
    return nearest(pairs // n_items, rows, n_items, NEIGHBOURS, SHRINK)


def _again(
    person: NDArray[np.int64], item: NDArray[np.int32], time: NDArray[np.float64], n_items: int
) -> tuple[Floats, Floats, Floats]:
    """Rates and log intervals of repeats, and takers, (N,) each. Less than a day apart is one time."""
    order = np.lexsort((time, item, person))
    person, item, time = person[order], item[order], time[order]
    same = (np.diff(person) == 0) & (np.diff(item) == 0)
    days = np.diff(time)[same] / DAY
    apart = days >= 1.0
    gaps, of = np.log(days[apart]), item[1:][same][apart]
    pairs = np.append(True, ~same) if len(item) else np.zeros(0, bool)
    takers = np.bincount(item[pairs], minlength=n_items).astype(np.float64)
    number = np.cumsum(pairs) - 1
    came_back = np.unique(number[1:][same][apart])
    repeaters = np.bincount(item[pairs][came_back], minlength=n_items)
    shop = repeaters.sum() / max(1.0, takers.sum())
    usual = float(gaps.mean()) if len(gaps) else np.log(30.0)
    times = np.bincount(of, minlength=n_items)
    sums = np.bincount(of, weights=gaps, minlength=n_items)
    again = (repeaters + PRIOR * shop) / (takers + PRIOR)
    interval = (sums + PRIOR * usual) / (times + PRIOR)
    return again.astype(np.float32), interval.astype(np.float32), takers.astype(np.float32)
