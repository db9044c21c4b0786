"""What an event says of its item, a purchase being 1. Numpy only.

A view costs nothing, a purchase costs money: who clicks on a thing a thousand times must not make a fashion
of it. Where people are counted instead of events, each counts once for an item, by the most that was done.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.model.histories import Histories
from penchant.model.tokens import wanted
from penchant.types import EVENT_TYPES, EventType

WORTH = {
    EventType.PURCHASE: 1.0,
    EventType.CART: 0.3,
    EventType.WISHLIST: 0.3,
    EventType.RATING: 0.3,
    EventType.REVIEW: 0.3,
    EventType.CLICK: 0.1,
    EventType.VIEW: 0.05,
}
"""How much an event says of what is wanted, a purchase being 1."""

LEAST = 0.05
"""Of all other types."""

_OF_CODE = np.array([WORTH.get(kind, LEAST) for kind in EVENT_TYPES])

LEVELS = np.append(0.0, np.unique(_OF_CODE))
"""All that an event can be worth, ascending; 0 is nothing yet."""

_PLACES = np.searchsorted(LEVELS, _OF_CODE).astype(np.int8)


def places_of(types: NDArray[np.int8]) -> NDArray[np.int8]:
    """Where among :data:`LEVELS` types (E,) are."""
    return _PLACES[types]


def told(
    pairs: NDArray[Any], types: NDArray[np.int8], known: NDArray[np.int8] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """What events (E,) say, in their order.

    Args:
        pairs: (E,) a number for each person and item.
        types: (E,) codes.
        known: (E,) place among :data:`LEVELS` of the most that the pair did before; nothing where it is
            left out.

    Returns:
        (E, 2): of each event by itself, and what its pair had not said yet; and the place (E,) of the most
        that the pair did so far.

    >>> view, buy = EventType.VIEW.code, EventType.PURCHASE.code
    >>> told(np.array([7, 7, 7]), np.array([view, buy, view], np.int8))[0].tolist()
    [[0.05, 0.05], [1.0, 0.95], [0.05, 0.0]]
    """
    own = places_of(types)
    known = np.zeros(len(own), np.int8) if known is None else known
    order = np.argsort(pairs, kind="stable")
    begins = np.append(True, np.diff(pairs[order]) != 0)[: len(order)]
    apart = (np.cumsum(begins) - 1) * len(LEVELS)  # the least of a pair is above all of those before it
    most = np.maximum.accumulate(np.maximum(own, known)[order] + apart) - apart
    before = np.where(begins, known[order], np.append(0, most[:-1])[: len(order)])
    anew, so_far = np.empty(len(order)), np.empty(len(order), np.int8)
    anew[order], so_far[order] = LEVELS[most] - LEVELS[before], most
    return np.stack([LEVELS[own], anew], axis=1), so_far


def told_of(histories: Histories) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which events of a log say that an item is wanted (E,), and what these say, as :func:`told`.

    >>> from penchant.model.histories import histories_of
    >>> told_of(histories_of([[3, 4, 3], [3]]))[1].tolist()
    [[1.0, 1.0], [1.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    taken = wanted(histories.items, histories.types)
    rows = np.flatnonzero(taken)
    pairs = histories.person_of_event()[rows] * (int(histories.items.max(initial=0)) + 1)
    return taken, told(pairs + histories.items[rows], histories.types[rows])[0]
