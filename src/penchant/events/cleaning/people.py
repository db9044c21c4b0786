"""Accounts that do not behave like one shopper: robots and wholesalers."""

import numpy as np
from numpy.typing import NDArray

from penchant.events.cleaning.step import Found, robust_z
from penchant.events.log import EventColumns
from penchant.settings import CleaningSettings
from penchant.types import EventType, Pseudonym

_BROWSING = tuple(
    kind.code
    for kind in (
        EventType.VIEW,
        EventType.SEARCH,
        EventType.CLICK,
        EventType.CART,
        EventType.REMOVE_FROM_CART,
        EventType.WISHLIST,
    )
)
"""Purchases, ratings and reviews are left out: a receipt's lines or a day's reviews share one time."""
_DAY = 86_400.0
_DISTINCT_PER_DAY = 2_000
_GAPS = 50
_REGULAR = 0.05
_LONGEST_REGULAR_GAP = 3_600.0
_COARSE = 0.5
_FEWEST_PEOPLE = 30
_FAR = 3.5
_VERY_FAR = 6.0
_LEAST_SPREAD = 0.3


class FindBots:
    """Accounts that browse as no person can.

    Faster than ``bot_events_per_minute``; at a beat so even that the gaps vary by less than 5% over at
    least 50 gaps of less than an hour; or through 2,000 different items in a day. A log whose clock is
    coarser than a second (most times on whole minutes) says nothing on speed, and only the last holds.
    """

    mark = "bot"
    about = "accounts that browse faster, more evenly or wider than a person can"

    def run(self, columns: EventColumns, settings: CleaningSettings) -> Found:
        rows = np.flatnonzero(np.isin(columns.type, _BROWSING))
        person, time, item = columns.person[rows], columns.time[rows], columns.item[rows]
        coarse = bool(len(time)) and float(np.mean(time % 60 == 0)) > _COARSE
        none = np.zeros(0, dtype=np.int32)
        fast = none if coarse else _fast(person, time, settings.bot_events_per_minute)
        even = none if coarse else _even(person, time)
        wide = _wide(person, time, item)
        found = np.unique(np.concatenate([fast, even, wide]))
        counts = {
            "too fast": len(fast),
            "too even": len(even),
            "too wide": len(wide),
            "bots": len(found),
            "events of bots": _events_of(columns, found),
        }
        return Found(people=_names(columns, found), counts=counts)


class FindWholesalers:
    """Accounts that buy for others, on a robust log scale.

    Quantity or number of purchases more than 6 robust deviations above the median shopper; or more than
    3.5, with ``wholesale_share`` of all that the shop sells. Below 30 buyers nobody is judged.
    """

    mark = "wholesaler"
    about = "accounts that buy far more than a household does"

    def run(self, columns: EventColumns, settings: CleaningSettings) -> Found:
        buys = columns.type == EventType.PURCHASE.code
        person = columns.person[buys]
        quantity = np.nan_to_num(columns.quantity[buys].astype(np.float64), nan=1.0)
        buyers = np.unique(person)
        if len(buyers) < _FEWEST_PEOPLE:
            return Found(counts={"wholesalers": 0})
        units = np.bincount(person, weights=quantity, minlength=len(columns.people))[buyers]
        lines = np.bincount(person, minlength=len(columns.people))[buyers].astype(np.float64)
        by_units = robust_z(np.log1p(units), _LEAST_SPREAD)
        far = np.maximum(by_units, robust_z(np.log1p(lines), _LEAST_SPREAD))
        share = units / max(float(units.sum()), 1e-9)
        marked = (far > _VERY_FAR) | ((by_units > _FAR) & (share >= settings.wholesale_share))
        counts = {
            "buyers": len(buyers),
            "wholesalers": int(marked.sum()),
            "events of wholesalers": _events_of(columns, buyers[marked]),
        }
        return Found(people=_names(columns, buyers[marked]), counts=counts)


def _fast(person: NDArray[np.int32], time: NDArray[np.float64], limit: int) -> NDArray[np.int32]:
    """People with more than ``limit`` events within 60 seconds."""
    if len(time) <= limit:
        return np.zeros(0, dtype=np.int32)
    crowded = (person[limit:] == person[:-limit]) & (time[limit:] - time[:-limit] < 60)
    return np.unique(person[limit:][crowded])


def _even(person: NDArray[np.int32], time: NDArray[np.float64]) -> NDArray[np.int32]:
    """People whose gaps are nearly all equal (coefficient of variation)."""
    gap = np.diff(time)
    used = (np.diff(person) == 0) & (gap > 0) & (gap < _LONGEST_REGULAR_GAP)
    owner, gap = person[1:][used], gap[used]
    count = np.bincount(owner)
    mean = np.bincount(owner, gap) / np.maximum(count, 1)
    variance = np.bincount(owner, gap**2) / np.maximum(count, 1) - mean**2
    even = (count >= _GAPS) & (np.sqrt(np.maximum(variance, 0)) < _REGULAR * mean)
    return np.flatnonzero(even).astype(np.int32)


def _wide(person: NDArray[np.int32], time: NDArray[np.float64], item: NDArray[np.int32]) -> NDArray[np.int32]:
    """People who touched thousands of different items in one day (UTC)."""
    there = item >= 0
    days = np.floor(time[there] / _DAY).astype(np.int64)
    keys = np.unique(np.stack([person[there].astype(np.int64), days, item[there]], axis=1), axis=0)
    days_of_people, counts = np.unique(keys[:, :2], axis=0, return_counts=True)
    return np.unique(days_of_people[counts >= _DISTINCT_PER_DAY, 0]).astype(np.int32)


def _events_of(columns: EventColumns, people: NDArray[np.int32]) -> int:
    return int(np.isin(columns.person, people).sum())


def _names(columns: EventColumns, people: NDArray[np.int32]) -> tuple[Pseudonym, ...]:
    return tuple(columns.people[code] for code in people)
