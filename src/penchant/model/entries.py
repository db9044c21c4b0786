"""One remembered item in eight bytes. Numpy, and plain numbers for one entry alone.

From the lowest bit: the item's row (24), when it was last wanted (22, in units of :data:`UNIT` seconds), its
decayed count (8), how often it was wanted (5) and bought (3), and what the last event was (2). The entry 0
is a free place: whatever is remembered was wanted at least once.

- Times go round: 22 bits are seventeen years, and what lies more than :data:`BACK` units ahead of a moment
  was in the years before it.
- The decayed count is a small float of 4 bits of exponent and 4 of fraction, from 1 to 63,488, rounded to the
  even neighbour: above 32 one more event is no longer noticed.
"""

import math

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.types import EventType

Entries = NDArray[np.uint64]

UNIT = 128
"""Seconds that are told apart: lists read days, and which of two events came last is told by their order."""

MOST_ITEMS = 2**24
"""Rows of the id table that can be remembered."""

SIZE = 8
"""Bytes of an entry."""

COUNT, BOUGHT = 31, 7
"""Where counts stop."""

PURCHASED, CHOSEN, LOOKED, OTHER = range(4)
"""What the last event was: a purchase, put aside (cart, wishlist), looked at (view, click), anything else."""

BACK = 2**16
"""Units by which events may run back, 97 days."""

_ROUND = 2**22 - 1
_LAST, _SLOW, _COUNT, _BOUGHT, _KIND = 24, 46, 54, 59, 62

_CLASS = np.full(128, OTHER, np.uint64)
_CLASS[EventType.PURCHASE.code] = PURCHASED
_CLASS[[EventType.CART.code, EventType.WISHLIST.code]] = CHOSEN
_CLASS[[EventType.VIEW.code, EventType.CLICK.code]] = LOOKED
_CLASSES = _CLASS.tolist()

_FLOATS = np.ldexp(1.0 + np.arange(256) % 16 / 16, np.arange(256) // 16)
_FLOAT_OF = _FLOATS.tolist()


def check_items(n_items: int) -> None:
    """Whether so many rows can be remembered.

    Raises:
        InvalidInput: too many.
    """
    if n_items > MOST_ITEMS:
        raise InvalidInput(f"the id table has {n_items:,} rows, a model can remember {MOST_ITEMS:,} of them")


def items_of(entries: Entries) -> NDArray[np.int64]:
    """Rows of the items, -1 for a free place; same shape.

    >>> items_of(np.array([0, first(7, EventType.PURCHASE.code, 0.0)], np.uint64)).tolist()
    [-1, 7]
    """
    rows = (entries & np.uint64(MOST_ITEMS - 1)).astype(np.int64)
    return np.where(entries == 0, -1, rows)


def units(times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Moments in units of time, the last of them known whole."""
    return np.floor(times / UNIT).astype(np.int64)


def last_of(entries: Entries) -> NDArray[np.int64]:
    """Unit of time of each entry's last event, seventeen years go round."""
    return (entries >> np.uint64(_LAST)).astype(np.int64) & _ROUND


def ago(entries: Entries, now: NDArray[np.int64]) -> NDArray[np.int64]:
    """Units between each entry's last event and ``now``; 0 where that is still to come."""
    passed = (now - last_of(entries)) & _ROUND
    return np.where(passed > _ROUND - BACK, 0, passed)


def slow_of_one(entry: int) -> float:
    """:func:`slow_of` of one."""
    return _FLOAT_OF[entry >> _SLOW & 255]


def slow_of(entries: Entries) -> NDArray[np.float64]:
    """Decayed counts as of each entry's last event."""
    return _FLOATS[(entries >> np.uint64(_SLOW)).astype(np.int64) & 255]


def count_of(entries: Entries) -> NDArray[np.int64]:
    """How often each was wanted, up to :data:`COUNT`; 0 for a free place."""
    return (entries >> np.uint64(_COUNT)).astype(np.int64) & COUNT


def bought_of(entries: Entries) -> NDArray[np.int64]:
    """How often each was bought, up to :data:`BOUGHT`."""
    return (entries >> np.uint64(_BOUGHT)).astype(np.int64) & BOUGHT


def kind_of(entries: Entries) -> NDArray[np.int64]:
    """What the last event was: one of :data:`PURCHASED` to :data:`OTHER`."""
    return (entries >> np.uint64(_KIND)).astype(np.int64)


def after(entries: Entries, types: NDArray[np.int8], now: NDArray[np.int64], fade: float) -> Entries:
    """Known entries (B,) after one more event each, at ``now`` (B,); counts fade by 1/e in ``fade`` units."""
    slow = _coded(slow_of(entries) * np.exp(-ago(entries, now) / fade) + 1.0)
    count = np.minimum(count_of(entries) + 1, COUNT)
    kinds = _CLASS[types]
    bought = np.minimum(bought_of(entries) + (kinds == PURCHASED), BOUGHT)
    return _packed(items_of(entries), now, slow, count, bought, kinds)


def begun(items: NDArray[np.int32], types: NDArray[np.int8], now: NDArray[np.int64]) -> Entries:
    """Entries of items (B,) after their first event."""
    kinds, once = _CLASS[types], np.ones(len(items), np.int64)
    return _packed(items, now, 0 * once, once, (kinds == PURCHASED).astype(np.int64), kinds)


def first(item: int, kind: int, time: float) -> int:
    """:func:`begun` of one."""
    done = _CLASSES[kind]
    last = math.floor(time / UNIT) & _ROUND
    return item | last << _LAST | 1 << _COUNT | (done == PURCHASED) << _BOUGHT | done << _KIND


def once_more(entry: int, kind: int, time: float, fade: float) -> int:
    """:func:`after` of one.

    >>> buy = EventType.PURCHASE.code
    >>> entry = np.array([once_more(first(7, buy, 0.0), buy, 0.0, 1e5)], np.uint64)
    >>> items_of(entry).item(), count_of(entry).item(), slow_of(entry).item(), bought_of(entry).item()
    (7, 2, 2.0, 2)
    """
    now, done = math.floor(time / UNIT), _CLASSES[kind]
    passed = (now - (entry >> _LAST)) & _ROUND
    if passed > _ROUND - BACK:
        passed = 0
    slow = _code(slow_of_one(entry) * math.exp(-passed / fade) + 1.0)
    count = min((entry >> _COUNT & COUNT) + 1, COUNT)
    bought = min((entry >> _BOUGHT & BOUGHT) + (done == PURCHASED), BOUGHT)
    item, last = entry & (MOST_ITEMS - 1), now & _ROUND
    return item | last << _LAST | slow << _SLOW | count << _COUNT | bought << _BOUGHT | done << _KIND


def _packed(  # noqa: PLR0917
    items: NDArray[np.integer],
    now: NDArray[np.int64],
    slow: NDArray[np.int64],
    count: NDArray[np.int64],
    bought: NDArray[np.int64],
    kinds: Entries,
) -> Entries:
    packed = items.astype(np.uint64) | kinds << np.uint64(_KIND)
    for field, place in ((now & _ROUND, _LAST), (slow, _SLOW), (count, _COUNT), (bought, _BOUGHT)):
        packed |= field.astype(np.uint64) << np.uint64(place)
    return packed


def _coded(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Small floats nearest to values of at least 1."""
    fraction, exponent = np.frexp(values)
    return np.minimum(
        (exponent.astype(np.int64) - 1) * 16 + np.rint((fraction * 2 - 1) * 16).astype(np.int64), 255
    )


def _code(value: float) -> int:
    fraction, exponent = math.frexp(value)
    return min((exponent - 1) * 16 + round((fraction * 2 - 1) * 16), 255)
