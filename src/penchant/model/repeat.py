"""The repeat memory: the items that a person comes back to, with counts and times. Numpy only.

A state vector of fixed size cannot hold which of thousands of items somebody buys every week. The
memory can: up to M items with the highest decayed count, the one that was wanted last at the end. It is
a plain record, so that stepping and re-reading give the same; what it says about an item's score is
learned (``heads.RepeatHead``). Its entries (``model/entries.py``) round, in training as in serving.
Related: Anderson et al., The dynamics of repeat consumption, WWW 2014; Ren et al., RepeatNet, AAAI 2019.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.model.entries import (
    CHOSEN,
    ENTRY,
    LOOKED,
    PURCHASED,
    SIZE,
    UNIT,
    Entries,
    after,
    ago,
    begun,
    bought_of,
    count_of,
    fast_of,
    filled,
    first,
    items_of,
    kind_of,
    last_of,
    once_more,
    slow_of,
    slow_of_one,
    span_of,
    units,
)
from penchant.model.tokens import DAY
from penchant.model.trend import LIFETIMES

SLOW, FAST = 120.0 * DAY / UNIT, 20.0 * DAY / UNIT
"""Units of time in which the counts fade by 1/e: 120 and 20 days."""

YEARS = 16 * 365 * DAY
"""Seconds within which an entry's age is told; what is older looks younger again."""

FEATURES = 20 + len(LIFETIMES)

Memory = Entries
"""Entries (..., M); free places come first, the item that was wanted last is at the end."""


def empty_memory(*shape: int) -> Memory:
    """Free places, of any shape; the last axis is M."""
    return np.zeros(shape, dtype=ENTRY)


def remember(
    memory: Memory, items: NDArray[np.int32], types: NDArray[np.int8], times: NDArray[np.float64]
) -> None:
    """Enter one wanted event for each row, in place: ``memory`` (B, M), the others (B,).

    A full memory forgets the item with the lowest slowly decayed count.
    """
    rows, now = np.arange(len(items)), units(times)
    match = items_of(memory) == items[:, None]
    place = match.argmax(1)
    known = match[rows, place]
    latest = begun(items, types, now)
    latest[known] = after(memory[rows[known], place[known]], types[known], now[known], SLOW, FAST)
    new = ~known
    if new.any():
        place[new] = _free(memory[new], now[new])
    columns = np.arange(memory.shape[1] - 1)
    memory[:, :-1] = np.take_along_axis(memory, columns + (columns >= place[:, None]), 1)
    memory[:, -1] = latest


def wanted_again(entry: bytes | None, item: int, kind: int, time: float) -> bytes:
    """The entry of ``item`` after one more wanted event; ``entry`` is None before the first."""
    return first(item, kind, time) if entry is None else once_more(entry, kind, time, SLOW, FAST)


def remembered(kept: bytes, item: int, kind: int, time: float, places: int) -> bytes:
    """:func:`remember` of one person: the bytes of a memory (m,), m ≤ ``places``, after one event.

    >>> from penchant.types import EventType
    >>> buy = EventType.PURCHASE.code
    >>> kept = remembered(b"", 7, buy, 0.0, 4)
    >>> count_of(np.frombuffer(remembered(kept, 7, buy, 1.0, 4), ENTRY)).tolist()
    [2]
    """
    at = _where(kept, item)
    if at >= 0:
        entry = once_more(kept[at : at + SIZE], kind, time, SLOW, FAST)
    else:
        entry = first(item, kind, time)
        if len(kept) < places * SIZE:
            return kept + entry
        at = _weakest(kept, time)
    return kept[:at] + kept[at + SIZE :] + entry


def remember_all(
    items: NDArray[np.int32], types: NDArray[np.int8], times: NDArray[np.float64], places: int
) -> Memory:
    """The memory (m,), m ≤ ``places``, after one person's wanted events in order: the same as stepping.

    >>> from penchant.types import EventType
    >>> items = np.array([7, 8, 7], np.int32)
    >>> buy = np.full(3, EventType.PURCHASE.code, np.int8)
    >>> count_of(remember_all(items, buy, np.array([0.0, 1.0, 2.0]), 4)).tolist()
    [1, 2]
    """
    if len(times) and times[-1] - times[0] > YEARS:
        return _folded(items, types, times, places)
    kept: dict[int, bytes] = {}
    ranks: dict[int, float] = {}
    for item, kind, time in zip(items.tolist(), types.tolist(), times.tolist(), strict=True):
        entry = kept.pop(item, None)
        if entry is None and len(kept) == places:
            weakest = min(kept, key=ranks.__getitem__)
            del kept[weakest], ranks[weakest]
        kept[item] = wanted_again(entry, item, kind, time)
        # As all counts fade alike, their order is that of the counts at any time.
        ranks[item] = math.log(slow_of_one(kept[item])) + math.floor(time / UNIT) / SLOW
    return np.frombuffer(b"".join(kept.values()), ENTRY)


def _folded(
    items: NDArray[np.int32], types: NDArray[np.int8], times: NDArray[np.float64], places: int
) -> Memory:
    """By stepping: ages go round in it."""
    kept = b""
    for item, kind, time in zip(items.tolist(), types.tolist(), times.tolist(), strict=True):
        kept = remembered(kept, item, kind, time, places)
    return np.frombuffer(kept, ENTRY)


def surroundings(memory: Memory, now: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of whole memories (P, M) at ``now`` (P,): slow and fast counts in all, days since the last, (P, 3)."""
    known, since = filled(memory), ago(memory, units(now)[:, None])
    slow = np.where(known, slow_of(memory) * np.exp(-since / SLOW), 0.0).sum(1)
    fast = np.where(known, fast_of(memory) * np.exp(-since / FAST), 0.0).sum(1)
    days = np.where(known, since, 1e9).min(1, initial=1e9) * (UNIT / DAY)
    return np.stack([slow, fast, days], axis=-1)


def newer(memory: Memory) -> NDArray[np.int64]:
    """How many items of the same memory (P, M) were wanted later than each, (P, M).

    Purchases of one unit of time are one basket: none of them is newer than another.

    >>> from penchant.types import EventType
    >>> items, buy = np.array([7, 8, 9], np.int32), np.full(3, EventType.PURCHASE.code, np.int8)
    >>> newer(remember_all(items, buy, np.array([0.0, 1e5, 1e5]), 4)[None]).tolist()
    [[2, 0, 0]]
    """
    last, places = last_of(memory), np.arange(memory.shape[1])
    ends = np.ones(memory.shape, bool)
    bought = kind_of(memory) == PURCHASED
    ends[:, :-1] = (last[:, :-1] != last[:, 1:]) | ~(bought[:, :-1] & bought[:, 1:])
    end = np.where(ends, places, len(places))
    return len(places) - 1 - np.minimum.accumulate(end[:, ::-1], axis=1)[:, ::-1]


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What C entries are seen in: that of their person, at their moment.

    Attributes:
        now: (C,) unix seconds. events: (C,) wanted events of the person so far.
        around: (C, 3) :func:`surroundings`. newer: (C,) :func:`newer` in their memory.
        trend: (C, lifetimes) of their items, of :mod:`penchant.model.trend`.
    """

    now: NDArray[np.float64]
    events: NDArray[np.float64]
    around: NDArray[np.float64]
    newer: NDArray[np.int64]
    trend: NDArray[np.float32]


def setting(  # noqa: PLR0917
    memory: Memory,
    now: NDArray[np.float64],
    events: NDArray[np.float64],
    owner: NDArray[np.int64],
    place: NDArray[np.int64],
    trend: NDArray[np.float32],
) -> Setting:
    """Of the entries ``memory[owner, place]`` of memories (P, M) at ``now`` (P,), after ``events`` (P,).

    ``trend`` is that of the entries' items.
    """
    around, later = surroundings(memory, now)[owner], newer(memory)[owner, place]
    return Setting(now[owner], events[owner], around, later, trend)


def features(memory: Memory, at: Setting) -> NDArray[np.float32]:
    """What the repeat head sees of each remembered item: (C,) to (C, FEATURES).

    Args:
        memory: (C,) entries.
        at: of the same C entries.
    """
    count, kind = count_of(memory).astype(np.float64), kind_of(memory)
    since = ago(memory, units(at.now))
    slow, fast = slow_of(memory) * np.exp(-since / SLOW), fast_of(memory) * np.exp(-since / FAST)
    days, span, several = since * (UNIT / DAY), span_of(memory), count > 1
    due = np.where(several, np.log((days + 0.5) / (span / np.maximum(count - 1, 1) + 0.5)), 0.0)
    columns = (
        np.log(np.maximum(count, 1)),
        np.log(slow + 0.01) / 2,
        np.log(fast + 0.01) / 2,
        np.log1p(days) / 2,
        np.log(days + UNIT / DAY) / 4,  # within the day too: put into the cart just now
        np.log1p(days + span) / 3,
        np.clip(due, -3, 3),
        np.abs(np.clip(due, -3, 3)),
        several,
        np.log(np.maximum(count, 1) / np.maximum(at.events, 1)) / 3,
        np.log1p(at.events) / 5,
        np.log1p(bought_of(memory).astype(np.float64)),
        np.log((slow + 0.01) / (at.around[:, 0] + 0.01)) / 2,
        np.log(at.around[:, 1] + 0.1) / 2,
        np.log1p(np.minimum(at.around[:, 2], 1000.0)) / 2,
        kind == PURCHASED,
        kind == CHOSEN,
        kind == LOOKED,
        np.log1p(at.newer) / 2,
        at.newer == 0,
        *at.trend.T,
    )
    found = np.empty((FEATURES, len(memory)), np.float32)  # A stack takes as long as all the logs.
    for row, column in zip(found, columns, strict=True):
        row[:] = column
    return np.ascontiguousarray(found.T)


def _where(kept: bytes, item: int) -> int:
    """Where the entry of ``item`` begins, -1 where there is none."""
    name = item.to_bytes(3, "little")
    at = kept.find(name)
    while at >= 0 and at % SIZE:  # by chance, within other fields
        at = kept.find(name, at + 1)
    return at


def _weakest(kept: bytes, time: float) -> int:
    memory = np.frombuffer(kept, ENTRY)
    return SIZE * int(_standing(memory, units(np.array(time))).argmin())


def _free(memory: Memory, now: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where a new item goes in each row: a free place, else that of the lowest count."""
    return np.where(filled(memory), _standing(memory, now[:, None]), -np.inf).argmin(1)


def _standing(memory: Memory, now: NDArray[np.int64]) -> NDArray[np.float64]:
    """Logs of the counts as of ``now``: they decide who is forgotten."""
    return np.log(slow_of(memory)) - ago(memory, now) / SLOW
