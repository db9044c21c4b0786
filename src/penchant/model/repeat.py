"""The repeat memory: the items that a person comes back to, with counts and times. Numpy only.

A state vector of fixed size cannot hold which of thousands of items somebody buys every week. The
memory can: up to M items with the highest decayed count. It is a plain record, so that stepping and
re-reading give the same; what it says about an item's score is learned (``heads.RepeatHead``).
An entry takes 17 bytes, in training as in serving: both round alike and forget alike.
Related: Anderson et al., The dynamics of repeat consumption, WWW 2014; Ren et al., RepeatNet, AAAI 2019.
"""

import math
from dataclasses import dataclass
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from penchant.model.tokens import DAY
from penchant.model.trend import LIFETIMES
from penchant.types import EventType

FAST, SLOW = 20.0 * DAY, 120.0 * DAY
"""Time constants of the two decayed counts, seconds."""

ENTRY = np.dtype(
    [
        ("item", "<i4"),
        ("last", "<u4"),
        ("first", "<u2"),
        ("slow", "<f2"),
        ("fast", "<f2"),
        ("count", "<u2"),
        ("deeds", "u1"),
    ]
)
"""One remembered item; ``item`` is -1 where the place is free. ``last`` is a second and ``first`` a day
since 1970, UTC. Decayed counts are as of ``last``; above 2,048 half floats no longer grow by 1. ``count``
stops at the greatest number that it holds. ``deeds`` is 16 times the number of purchases, up to 15, and the
``EventType.code`` of the last event."""

FEATURES = 20 + len(LIFETIMES)

Memory = NDArray[np.void]

_Entry = tuple[int, int, int, float, float, int, int]
_PACKED = Struct("<iIHeeHB")
_CHOSEN = EventType.CART.code, EventType.WISHLIST.code
_LOOKED = EventType.VIEW.code, EventType.CLICK.code
_LAST, _COUNT, _BOUGHT = 2**32 - 1, 2**16 - 1, 15


def empty_memory(*shape: int) -> Memory:
    """Free places, of any shape; the last axis is M."""
    memory = np.zeros(shape, dtype=ENTRY)
    memory["item"] = -1
    return memory


def remember(
    memory: Memory, items: NDArray[np.int32], types: NDArray[np.int8], times: NDArray[np.float64]
) -> None:
    """Enter one wanted event for each row, in place: ``memory`` (B, M), the others (B,).

    A full memory forgets the item with the lowest slow count.
    """
    rows, seconds = np.arange(len(items)), _seconds(times)
    known = memory["item"]
    match = known == items[:, None]
    place = match.argmax(1)
    new = ~match[rows, place]
    if new.any():
        place[new] = _free(memory[new], seconds[new])
        memory[rows[new], place[new]] = _fresh(items[new], seconds[new])
    old = memory[rows, place]
    ago = np.maximum(seconds - old["last"], 0.0)
    old["count"] += old["count"] < _COUNT
    bought = np.minimum((old["deeds"] >> 4) + (types == EventType.PURCHASE.code), _BOUGHT)
    old["deeds"] = bought << 4 | types
    old["fast"] = old["fast"] * np.exp(-ago / FAST) + 1
    old["slow"] = old["slow"] * np.exp(-ago / SLOW) + 1
    old["last"] = seconds
    memory[rows, place] = old


def remembered(kept: bytes, item: int, kind: int, time: float, places: int) -> bytes:
    """:func:`remember` of one person: the bytes of a memory (m,), m ≤ ``places``, after one event.

    >>> buy = EventType.PURCHASE.code
    >>> kept = remembered(b"", 7, buy, 0.0, 4)
    >>> np.frombuffer(remembered(kept, 7, buy, 1.0, 4), ENTRY)["count"].tolist()
    [2]
    """
    second = _second(time)
    at = _where(kept, item)
    if at >= 0:
        entry = _counted(_PACKED.unpack_from(kept, at), second, kind)
    else:
        entry = _first(item, second, kind)
        full = len(kept) >= places * ENTRY.itemsize
        at = _weakest(kept, second) * ENTRY.itemsize if full else len(kept)
    after = bytearray(kept) if at < len(kept) else bytearray(kept) + bytes(ENTRY.itemsize)
    _PACKED.pack_into(after, at, *entry)
    return bytes(after)


def remember_all(
    items: NDArray[np.int32], types: NDArray[np.int8], times: NDArray[np.float64], places: int
) -> Memory:
    """The memory (m,), m ≤ ``places``, after one person's wanted events in order: the same as stepping.

    >>> items = np.array([7, 8, 7], np.int32)
    >>> buy = np.full(3, EventType.PURCHASE.code, np.int8)
    >>> remember_all(items, buy, np.array([0.0, 1.0, 2.0]), 4)["count"].tolist()
    [2, 1]
    """
    slots: list[_Entry] = []
    ranks: list[float] = []
    where: dict[int, int] = {}
    for item, kind, time in zip(items.tolist(), types.tolist(), _seconds(times).tolist(), strict=True):
        second, place = int(time), where.get(item)
        if place is None:
            place = _place(slots, ranks, where, places)
            where[item] = place
            slots[place] = _first(item, second, kind)
        else:
            entry = _counted(slots[place], second, kind)
            slots[place] = _PACKED.unpack(_PACKED.pack(*entry))  # rounds as an entry in bytes
        ranks[place] = math.log(slots[place][3]) + second / SLOW
    return np.array(slots, dtype=ENTRY)


def surroundings(memory: Memory, now: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of whole memories (P, M) at ``now`` (P,): slow and fast counts in all, days since the last, (P, 3)."""
    held = memory["item"] >= 0
    since = np.maximum(_seconds(now)[:, None] - memory["last"], 0.0)
    slow = np.where(held, memory["slow"] * np.exp(-since / SLOW), 0.0).sum(1)
    fast = np.where(held, memory["fast"] * np.exp(-since / FAST), 0.0).sum(1)
    return np.stack([slow, fast, np.where(held, since, 1e9).min(1, initial=1e9) / DAY], axis=-1)


def newer(memory: Memory) -> NDArray[np.int64]:
    """How many items of the same memory (P, M) were wanted later than each, (P, M).

    >>> items, buy = np.array([7, 8, 7], np.int32), np.full(3, EventType.PURCHASE.code, np.int8)
    >>> newer(remember_all(items, buy, np.array([0.0, 1.0, 2.0]), 4)[None]).tolist()
    [[0, 1]]
    """
    last = np.where(memory["item"] >= 0, memory["last"].astype(np.int64), -1)
    order = np.argsort(-last, axis=1, kind="stable")
    ordered = np.take_along_axis(last, order, 1)
    begins = np.ones(ordered.shape, bool)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    ranks = np.maximum.accumulate(np.where(begins, np.arange(ordered.shape[1]), 0), axis=1)
    found = np.empty_like(ranks)
    np.put_along_axis(found, order, ranks, 1)
    return found


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
    events, around = at.events, at.around
    bought, kind = memory["deeds"] >> 4, memory["deeds"] & 15
    count = memory["count"].astype(np.float64)
    now, last = _seconds(at.now), memory["last"].astype(np.float64)
    since = np.maximum(now - last, 0.0)
    fast = memory["fast"] * np.exp(-since / FAST)
    slow = memory["slow"] * np.exp(-since / SLOW)
    since_days = since / DAY
    several = count > 1
    # Days of the calendar: two events of one day are no time apart.
    first = memory["first"].astype(np.float64)
    interval = np.maximum(last // DAY - first, 0.0) / np.maximum(count - 1, 1)
    due = np.where(several, np.log((since_days + 0.5) / (interval + 0.5)), 0.0)
    columns = (
        np.log(np.maximum(count, 1)),
        np.log(fast + 0.01) / 2,
        np.log(slow + 0.01) / 2,
        np.log1p(since_days) / 2,
        np.log1p(np.maximum(now // DAY - first, 0.0)) / 3,
        np.clip(due, -3, 3),
        np.abs(np.clip(due, -3, 3)),
        several,
        np.log(np.maximum(count, 1) / np.maximum(events, 1)) / 3,
        np.log1p(events) / 5,
        since == 0,
        np.log1p(bought.astype(np.float64)),
        np.log((slow + 0.01) / (around[:, 0] + 0.01)) / 2,
        np.log(around[:, 1] + 0.1) / 2,
        np.log1p(np.minimum(around[:, 2], 1000.0)) / 2,
        kind == EventType.PURCHASE.code,
        np.isin(kind, _CHOSEN),
        np.isin(kind, _LOOKED),
        np.log1p(at.newer) / 2,
        at.newer == 0,
        *at.trend.T,
    )
    return np.stack(columns, axis=-1).astype(np.float32)


def _seconds(times: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.floor(np.clip(times, 0.0, _LAST))


def _second(time: float) -> int:
    return int(min(max(time, 0.0), _LAST))


def _fresh(items: NDArray[np.int32], seconds: NDArray[np.float64]) -> Memory:
    fresh = np.zeros(len(items), dtype=ENTRY)
    fresh["item"], fresh["last"], fresh["first"] = items, seconds, seconds // DAY
    return fresh


def _first(item: int, second: int, kind: int) -> _Entry:
    """The entry of an item after its first event."""
    return item, second, second // int(DAY), 1.0, 1.0, 1, _did(0, kind)


def _did(deeds: int, kind: int) -> int:
    """``deeds`` of an entry after an event of type ``kind``: times bought, up to 15, and the last kind."""
    bought = min((deeds >> 4) + (kind == EventType.PURCHASE.code), _BOUGHT)
    return bought << 4 | kind


def _counted(entry: _Entry, second: int, kind: int) -> _Entry:
    """A known entry after one more event, not rounded yet."""
    item, last, first, slow, fast, count, deeds = entry
    ago = max(second - last, 0)
    return (
        item,
        second,
        first,
        slow * math.exp(-ago / SLOW) + 1.0,
        fast * math.exp(-ago / FAST) + 1.0,
        min(count + 1, _COUNT),
        _did(deeds, kind),
    )


def _where(kept: bytes, item: int) -> int:
    """Where the entry of ``item`` begins, -1 where there is none."""
    name = item.to_bytes(4, "little")
    at = kept.find(name)
    while at >= 0 and at % ENTRY.itemsize:  # by chance, within other fields
        at = kept.find(name, at + 1)
    return at


def _weakest(kept: bytes, second: int) -> int:
    memory = np.frombuffer(kept, ENTRY)
    return int(_standing(memory, float(second)).argmin())


def _free(memory: Memory, seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Where a new item goes in each row: the first free place, else the lowest slow count."""
    return np.where(memory["item"] < 0, -1.0, _standing(memory, seconds[:, None])).argmin(1)


def _standing(memory: Memory, seconds: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Slow counts as of ``seconds``, in double precision: they decide who is forgotten."""
    return memory["slow"] * np.exp((memory["last"] - seconds) / SLOW)


def _place(slots: list[_Entry], ranks: list[float], where: dict[int, int], places: int) -> int:
    """Where a new item goes. ``ranks`` are logs of the slow counts as of time 0: as all counts fade alike,
    their order is that of the counts at any time, and only an event of the item itself moves its rank.
    """
    if len(slots) < places:
        slots.append((-1, 0, 0, 0.0, 0.0, 0, 0))
        ranks.append(0.0)
        return len(slots) - 1
    place = ranks.index(min(ranks))
    del where[slots[place][0]]
    return place
