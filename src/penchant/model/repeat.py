"""The repeat memory: the items that a person comes back to, with counts and times. Numpy only.

A state vector of fixed size cannot hold which of thousands of items somebody buys every week. The
memory can: up to M items with the highest decayed count. It is a plain record, so that stepping and
re-reading give the same; what it says about an item's score is learned (``heads.RepeatHead``).
Related: Anderson et al., The dynamics of repeat consumption, WWW 2014; Ren et al., RepeatNet, AAAI 2019.
"""

import math

import numpy as np
from numpy.typing import NDArray

from penchant.model.tokens import DAY
from penchant.types import EventType

FAST, SLOW = 20.0 * DAY, 120.0 * DAY
"""Time constants of the two decayed counts, seconds."""

ENTRY = np.dtype(
    [
        ("item", "i4"),
        ("count", "f4"),
        ("bought", "f4"),
        ("fast", "f4"),
        ("slow", "f8"),
        ("last", "f8"),
        ("first", "f8"),
    ]
)
"""One remembered item; ``item`` is -1 where the place is free. Decayed counts are as of ``last``."""

FEATURES = 15

Memory = NDArray[np.void]


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
    rows = np.arange(len(items))
    known = memory["item"]
    match = known == items[:, None]
    place = match.argmax(1)
    new = ~match[rows, place]
    if new.any():
        place[new] = _free(memory[new], times[new])
        memory[rows[new], place[new]] = _fresh(items[new], times[new])
    old = memory[rows, place]
    ago = np.maximum(times - old["last"], 0.0)
    old["count"] += 1
    old["bought"] += types == EventType.PURCHASE.code
    old["fast"] = old["fast"] * np.exp(-ago / FAST) + 1
    old["slow"] = old["slow"] * np.exp(-ago / SLOW) + 1
    old["last"] = times
    memory[rows, place] = old


def remember_all(
    items: NDArray[np.int32], types: NDArray[np.int8], times: NDArray[np.float64], places: int
) -> Memory:
    """The memory (m,), m ≤ ``places``, after one person's wanted events in order: the same as stepping.

    >>> items = np.array([7, 8, 7], np.int32)
    >>> buy = np.full(3, EventType.PURCHASE.code, np.int8)
    >>> remember_all(items, buy, np.array([0.0, 1.0, 2.0]), 4)["count"].tolist()
    [2.0, 1.0]
    """
    slots: list[list[float]] = []
    ranks: list[float] = []
    where: dict[int, int] = {}
    for item, kind, time in zip(items.tolist(), types.tolist(), times.tolist(), strict=True):
        place = where.get(item)
        if place is None:
            place = _place(slots, ranks, where, places)
            where[item] = place
            slots[place] = [item, 0.0, 0.0, 0.0, 0.0, time, time]
        _count(slots[place], time, kind == EventType.PURCHASE.code)
        ranks[place] = math.log(slots[place][4]) + slots[place][5] / SLOW
    memory = empty_memory(len(slots))
    for column, name in enumerate(ENTRY.names or ()):
        memory[name] = [slot[column] for slot in slots]
    return memory


def surroundings(memory: Memory, now: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of whole memories (P, M) at ``now`` (P,): slow and fast counts in all, days since the last, (P, 3)."""
    held = memory["item"] >= 0
    since = np.maximum(now[:, None] - memory["last"], 0.0)
    slow = np.where(held, memory["slow"] * np.exp(-since / SLOW), 0.0).sum(1)
    fast = np.where(held, memory["fast"] * np.exp(-since / FAST), 0.0).sum(1)
    return np.stack([slow, fast, np.where(held, since, 1e9).min(1, initial=1e9) / DAY], axis=-1)


def features(
    memory: Memory, now: NDArray[np.float64], events: NDArray[np.float64], around: NDArray[np.float64]
) -> NDArray[np.float32]:
    """What the repeat head sees of each remembered item: (C,) to (C, FEATURES).

    Args:
        memory: (C,) entries.
        now: (C,) unix seconds.
        events: (C,) wanted events of the person so far.
        around: (C, 3) :func:`surroundings` of each.
    """
    count = memory["count"].astype(np.float64)
    since = np.maximum(now - memory["last"], 0.0)
    fast = memory["fast"] * np.exp(-since / FAST)
    slow = memory["slow"] * np.exp(-since / SLOW)
    since_days = since / DAY
    several = count > 1
    interval = (memory["last"] - memory["first"]) / DAY / np.maximum(count - 1, 1)
    due = np.where(several, np.log((since_days + 0.5) / (interval + 0.5)), 0.0)
    columns = (
        np.log(np.maximum(count, 1)),
        np.log(fast + 0.01) / 2,
        np.log(slow + 0.01) / 2,
        np.log1p(since_days) / 2,
        np.log1p(np.maximum(now - memory["first"], 0.0) / DAY) / 3,
        np.clip(due, -3, 3),
        np.abs(np.clip(due, -3, 3)),
        several,
        np.log(np.maximum(count, 1) / np.maximum(events, 1)) / 3,
        np.log1p(events) / 5,
        since == 0,
        np.log1p(memory["bought"]),
        np.log((slow + 0.01) / (around[:, 0] + 0.01)) / 2,
        np.log(around[:, 1] + 0.1) / 2,
        np.log1p(np.minimum(around[:, 2], 1000.0)) / 2,
    )
    return np.stack(columns, axis=-1).astype(np.float32)


def _fresh(items: NDArray[np.int32], times: NDArray[np.float64]) -> Memory:
    fresh = np.zeros(len(items), dtype=ENTRY)
    fresh["item"], fresh["last"], fresh["first"] = items, times, times
    return fresh


def _free(memory: Memory, times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Where a new item goes in each row: the first free place, else the lowest slow count."""
    slow = memory["slow"] * np.exp(-np.maximum(times[:, None] - memory["last"], 0.0) / SLOW)
    return np.where(memory["item"] < 0, -1.0, slow).argmin(1)


def _place(slots: list[list[float]], ranks: list[float], where: dict[int, int], places: int) -> int:
    """Where a new item goes. ``ranks`` are logs of the slow counts as of time 0: as all counts fade alike,
    their order is that of the counts at any time, and only an event of the item itself moves its rank.
    """
    if len(slots) < places:
        slots.append([])
        ranks.append(0.0)
        return len(slots) - 1
    place = ranks.index(min(ranks))
    del where[int(slots[place][0])]
    return place


def _count(slot: list[float], time: float, bought: bool) -> None:
    ago = max(time - slot[5], 0.0)
    slot[1] += 1
    slot[2] += bought
    slot[3] = slot[3] * math.exp(-ago / FAST) + 1
    slot[4] = slot[4] * math.exp(-ago / SLOW) + 1
    slot[5] = time
