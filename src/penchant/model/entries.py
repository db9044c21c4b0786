"""One remembered item in ten bytes. Numpy, and plain numbers for one entry alone.

From the lowest bit: the item's row (24), when it was last wanted (22, in units of :data:`UNIT` seconds), its
slowly decayed count (8), how often it was wanted (5) and bought (3), what the last event was (2), the days
between the first and the last event (11), and its fast decayed count (5). An entry of zeros is a free place:
whatever is remembered was wanted at least once.

- Times go round: 22 bits are seventeen years, and what lies more than :data:`BACK` units ahead of a moment
  was in the years before it.
- Decayed counts are small floats without a sign, rounded to the even neighbour: 4 bits of exponent and 4 of
  fraction for the slow one, where above 32 one more event changes nothing; 2 and 3 bits for the fast one,
  which stops at 15.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.types import EventType

ENTRY = np.dtype([("core", "<u8"), ("more", "<u2")])

Entries = NDArray[np.void]

UNIT = 128
"""Seconds that are told apart: lists read days, and which of two events came last is told by their order."""

MOST_ITEMS = 2**24
"""Rows of the id table that can be remembered."""

SIZE = ENTRY.itemsize
"""Bytes of an entry."""

COUNT, BOUGHT, SPAN = 31, 7, 2047
"""Where counts and days stop."""

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

_FAST = 11
_FINE, _COARSE = 16, 8
"""Steps from one power of two to the next, of the slow and of the fast count."""

_SLOWS = np.ldexp(1.0 + np.arange(256) % _FINE / _FINE, np.arange(256) // _FINE)
_FASTS = np.ldexp(1.0 + np.arange(32) % _COARSE / _COARSE, np.arange(32) // _COARSE)
_SLOW_OF, _FAST_OF = _SLOWS.tolist(), _FASTS.tolist()
_DAY = 86_400 // UNIT
"""Units of a day."""


def check_items(n_items: int) -> None:
    """Whether so many rows can be remembered.

    Raises:
        InvalidInput: too many.
    """
    if n_items > MOST_ITEMS:
        raise InvalidInput(f"the id table has {n_items:,} rows, a model can remember {MOST_ITEMS:,} of them")


def items_of(entries: Entries) -> NDArray[np.int64]:
    """Rows of the items, -1 for a free place; same shape.

    >>> entries = np.frombuffer(bytes(SIZE) + first(7, EventType.PURCHASE.code, 0.0), ENTRY)
    >>> items_of(entries).tolist()
    [-1, 7]
    """
    core = entries["core"]
    rows = (core & np.uint64(MOST_ITEMS - 1)).astype(np.int64)
    return np.where(core == 0, -1, rows)


def filled(entries: Entries) -> NDArray[np.bool_]:
    """Which are no free places."""
    return entries["core"] != 0


def units(times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Moments in units of time, the last of them known whole."""
    return np.floor(times / UNIT).astype(np.int64)


def last_of(entries: Entries) -> NDArray[np.int64]:
    """Unit of time of each entry's last event, seventeen years go round."""
    return _field(entries, _LAST, _ROUND)


def ago(entries: Entries, now: NDArray[np.int64]) -> NDArray[np.int64]:
    """Units between each entry's last event and ``now``; 0 where that is still to come."""
    passed = (now - last_of(entries)) & _ROUND
    return np.where(passed > _ROUND - BACK, 0, passed)


def slow_of(entries: Entries) -> NDArray[np.float64]:
    """Slowly decayed counts as of each entry's last event."""
    return _SLOWS[_field(entries, _SLOW, 255)]


def slow_of_one(entry: bytes) -> float:
    """:func:`slow_of` of one."""
    return _SLOW_OF[int.from_bytes(entry[:8], "little") >> _SLOW & 255]


def fast_of(entries: Entries) -> NDArray[np.float64]:
    """Fast decayed counts as of each entry's last event."""
    return _FASTS[entries["more"].astype(np.int64) >> _FAST]


def span_of(entries: Entries) -> NDArray[np.int64]:
    """Days of the calendar between the first and the last event, up to :data:`SPAN`."""
    return entries["more"].astype(np.int64) & SPAN


def count_of(entries: Entries) -> NDArray[np.int64]:
    """How often each was wanted, up to :data:`COUNT`; 0 for a free place."""
    return _field(entries, _COUNT, COUNT)


def bought_of(entries: Entries) -> NDArray[np.int64]:
    """How often each was bought, up to :data:`BOUGHT`."""
    return _field(entries, _BOUGHT, BOUGHT)


def kind_of(entries: Entries) -> NDArray[np.int64]:
    """What the last event was: one of :data:`PURCHASED` to :data:`OTHER`."""
    return _field(entries, _KIND, 3)


def after(
    entries: Entries, types: NDArray[np.int8], now: NDArray[np.int64], slow: float, fast: float
) -> Entries:
    """Known entries (B,) after one more event each, at ``now`` (B,).

    Counts fade by 1/e in ``slow`` and ``fast`` units.
    """
    kinds, passed = _CLASS[types], ago(entries, now)
    made = np.empty(len(entries), ENTRY)
    made["core"] = _packed(
        items_of(entries),
        now,
        _coded(slow_of(entries) * np.exp(-passed / slow) + 1.0, _FINE, 255),
        np.minimum(count_of(entries) + 1, COUNT),
        np.minimum(bought_of(entries) + (kinds == PURCHASED), BOUGHT),
        kinds,
    )
    days = now // _DAY - (now - passed) // _DAY
    often = _coded(fast_of(entries) * np.exp(-passed / fast) + 1.0, _COARSE, 31)
    made["more"] = np.minimum(span_of(entries) + days, SPAN) | often << _FAST
    return made


def begun(items: NDArray[np.int32], types: NDArray[np.int8], now: NDArray[np.int64]) -> Entries:
    """Entries of items (B,) after their first event."""
    kinds, once = _CLASS[types], np.ones(len(items), np.int64)
    made = np.zeros(len(items), ENTRY)
    made["core"] = _packed(items, now, 0 * once, once, (kinds == PURCHASED).astype(np.int64), kinds)
    return made


def first(item: int, kind: int, time: float) -> bytes:
    """:func:`begun` of one."""
    done = _CLASSES[kind]
    last = math.floor(time / UNIT) & _ROUND
    core = item | last << _LAST | 1 << _COUNT | (done == PURCHASED) << _BOUGHT | done << _KIND
    return core.to_bytes(8, "little") + b"\0\0"


def once_more(entry: bytes, kind: int, time: float, slow: float, fast: float) -> bytes:
    """:func:`after` of one.

    >>> buy = EventType.PURCHASE.code
    >>> entry = np.frombuffer(once_more(first(7, buy, 0.0), buy, 2 * 86_400.0, 1e5, 1e5), ENTRY)
    >>> items_of(entry).item(), count_of(entry).item(), span_of(entry).item(), bought_of(entry).item()
    (7, 2, 2, 2)
    """
    core, more = int.from_bytes(entry[:8], "little"), int.from_bytes(entry[8:], "little")
    now, done = math.floor(time / UNIT), _CLASSES[kind]
    passed = (now - (core >> _LAST)) & _ROUND
    if passed > _ROUND - BACK:
        passed = 0
    decayed = _code(_SLOW_OF[core >> _SLOW & 255] * math.exp(-passed / slow) + 1.0, _FINE, 255)
    often = _code(_FAST_OF[more >> _FAST] * math.exp(-passed / fast) + 1.0, _COARSE, 31)
    count = min((core >> _COUNT & COUNT) + 1, COUNT)
    bought = min((core >> _BOUGHT & BOUGHT) + (done == PURCHASED), BOUGHT)
    made = core & (MOST_ITEMS - 1) | (now & _ROUND) << _LAST | decayed << _SLOW
    made |= count << _COUNT | bought << _BOUGHT | done << _KIND
    span = min((more & SPAN) + now // _DAY - (now - passed) // _DAY, SPAN)
    return made.to_bytes(8, "little") + (span | often << _FAST).to_bytes(2, "little")


def _field(entries: Entries, place: int, mask: int) -> NDArray[np.int64]:
    return (entries["core"] >> np.uint64(place)).astype(np.int64) & mask


def _packed(  # noqa: PLR0917
    items: NDArray[np.integer[Any]],
    now: NDArray[np.int64],
    slow: NDArray[np.int64],
    count: NDArray[np.int64],
    bought: NDArray[np.int64],
    kinds: NDArray[np.uint64],
) -> NDArray[np.uint64]:
    packed = items.astype(np.uint64) | kinds << np.uint64(_KIND)
    for field, place in ((now & _ROUND, _LAST), (slow, _SLOW), (count, _COUNT), (bought, _BOUGHT)):
        packed |= field.astype(np.uint64) << np.uint64(place)
    return packed


def _coded(values: NDArray[np.float64], steps: int, most: int) -> NDArray[np.int64]:
    """Small floats nearest to values of at least 1."""
    fraction, exponent = np.frexp(values)
    within = np.rint((fraction * 2 - 1) * steps).astype(np.int64)
    return np.minimum((exponent.astype(np.int64) - 1) * steps + within, most)


def _code(value: float, steps: int, most: int) -> int:
    fraction, exponent = math.frexp(value)
    return min((exponent - 1) * steps + round((fraction * 2 - 1) * steps), most)
