"""What a model reads of an event, and how time gaps become numbers. Numpy only."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.types import EVENT_TYPES, EventType

DAY = 86_400.0
_ONE, _MINUTES = np.float32(1.0), np.float32(1440.0)
_RATING = EventType.RATING.code
GAPS = 20
"""Classes of time gaps; see :func:`gap_class`."""
KINDS = len(EVENT_TYPES)
SESSION = 1800.0
"""Seconds without an event that end a session."""
SESSIONS = 7
"""Classes of the place of an event in its session; see :func:`session_class`."""
LAST_PLACE = 2 ** (SESSIONS - 2)
"""Places beyond are not told apart."""

NOT_WANTED = (
    EventType.REMOVE_FROM_CART.code,
    EventType.REFUND.code,
    EventType.MESSAGE.code,
)
"""Types that are no sign of liking the item: neither predicted nor remembered."""


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """One event as a model reads it.

    Attributes:
        item: row in the id table, -1 for none. type: ``EventType.code``. time: unix seconds.
        basket: equal for the events of one basket of one person.
        value: rating or amount, NaN for none. query: vector of the search text (T,), None for none.
    """

    item: int
    type: int
    time: float
    basket: int = 0
    value: float = float("nan")
    query: NDArray[np.float32] | None = None


def gap_class(days: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Class of a time gap: 0 for none, then doubling from one minute on; negative gaps count as none.

    >>> gap_class(np.array([0.0, 1 / 1440, 1.0, 1e9])).tolist()
    [0, 2, 11, 19]
    """
    minutes = np.maximum(days, 0.0) * 1440.0
    return (np.minimum(np.frexp(1.0 + minutes)[1], GAPS - 1) * (minutes > 0)).astype(np.int64)


def gap_class_of(days: np.float32) -> int:
    """:func:`gap_class` of one float32 gap, equal to the last bit.

    >>> [gap_class_of(np.float32(days)) for days in (0.0, 1 / 1440, 1.0, 1e9)]
    [0, 2, 11, 19]
    """
    if not days > 0:
        return 0
    return min(math.frexp(_ONE + days * _MINUTES)[1], GAPS - 1)


def session_places(gaps: NDArray[np.float64], before: int = 0) -> NDArray[np.int64]:
    """Place of each event in its session, 0 for the first, up to :data:`LAST_PLACE`.

    Args:
        gaps: (L, ...) seconds since the same person's event before, NaN for none.
        before: place of the event before the first gap.

    >>> session_places(np.array([60.0, 1800.0, 1.0, 1.0]), 4).tolist()
    [5, 0, 1, 2]
    """
    steps = np.arange(len(gaps)).reshape(-1, *[1] * (gaps.ndim - 1))
    first = np.maximum.accumulate(np.where(gaps < SESSION, -1 - before, steps), axis=0)
    return np.minimum(steps - first, LAST_PLACE)


def session_class(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Class of a place in a session: 0 for the first, then doubling. Of one place: ``place.bit_length()``.

    >>> session_class(np.array([0, 1, 2, 3, 4, 32])).tolist()
    [0, 1, 2, 2, 3, 6]
    """
    return np.frexp(places)[1].astype(np.int64)


def wanted(items: NDArray[np.int32], types: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Events that say that their item was wanted, same shape."""
    return (items >= 0) & ~np.isin(types, NOT_WANTED)


def gaps_in_days(times: NDArray[np.float64]) -> NDArray[np.float32]:
    """Gaps along the first axis in days, (L + 1, ...) to (L, ...); 0 where time runs back or is not known.

    >>> gaps_in_days(np.array([np.nan, 0.0, DAY, 0.0])).tolist()
    [0.0, 1.0, 0.0]
    """
    return days_of(np.diff(times, axis=0))


def days_of(seconds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Gaps in days, same shape; 0 where time runs back or is not known.

    >>> days_of(np.array([np.nan, DAY, -1.0])).tolist()
    [0.0, 1.0, 0.0]
    """
    return (np.fmax(seconds, 0.0) / DAY).astype(np.float32)


def main_kind(items: NDArray[np.int32], types: NDArray[np.int8]) -> int:
    """Code of the type that a shop wants to know of: purchase where there are purchases, else rating, else
    the commonest type with an item; purchase where nothing was wanted.

    >>> main_kind(np.array([3, 4], np.int32), np.array([0, 0], np.int8)) == EVENT_TYPES[0].code
    True
    """
    counts = np.bincount(types[wanted(items, types)], minlength=len(EVENT_TYPES))
    named = [kind.code for kind in (EventType.PURCHASE, EventType.RATING) if counts[kind.code]]
    if named or not counts.any():
        return named[0] if named else EventType.PURCHASE.code
    return int(counts.argmax())


def rating_signal_of(value: float, kind: int) -> float:
    """:func:`rating_signal` of one event."""
    if kind != _RATING or not math.isfinite(value):
        return 0.0
    return (min(max(value, 1.0), 5.0) - 3.0) / 2.0


def rating_signal(values: NDArray[np.float32], types: NDArray[np.int8]) -> NDArray[np.float32]:
    """Ratings from 1 to 5 as -1 to 1; 0 for all other events.

    >>> rating_signal(np.array([5, 9], np.float32), np.array([8, 6], np.int8)).tolist()
    [1.0, 0.0]
    """
    rated = (types == EventType.RATING.code) & np.isfinite(values)
    return np.where(rated, (np.clip(np.nan_to_num(values), 1, 5) - 3) / 2, 0).astype(np.float32)
