"""What everybody takes these days: each item's events counted so that old ones fade. Numpy only.

An item's bias is what it was worth on average; the trend is what it is worth now. What people take for
the first time is counted by itself: milk is taken by all and is new to nobody. Each event counts what it is
worth (``model/worth.py``). How much each count says is learned (``PreferenceNet.trend``). Counts are shares
of all that the shop takes: a season in which twice as much is sold lifts no item above what a person
remembers.
"""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from penchant.model.histories import FloatArray, Histories, IntArray
from penchant.model.tokens import DAY
from penchant.model.worth import told_of

LIFETIMES = (3.0, 14.0, 3.0, 14.0, 60.0)
"""Days after which an event counts 1/e."""

ONLY_FIRST = (False, False, True, True, True)
"""Counts that hear of a person and an item only once, by the most that the person did with it."""

_COLUMN = np.array(ONLY_FIRST, np.int64)
"""Of what an event tells, by count: all that it is worth, or what of it is new."""

PRIOR = 0.3
"""Purchases that every item is given in each count: the log of none is finite, and a few looks say little."""

MILLE = 1000.0
"""Shares are in thousandths; the whole is given as many times :data:`PRIOR`."""


_NOTHING = np.float32(-50.0)
"""Log of a count that is as good as none. Far smaller numbers are slow."""

_REBASE = 100.0
"""Shortest lifetimes after which live counts are scaled back, long before float64 overflows."""


def trend_features(counts: NDArray[np.float64], totals: NDArray[np.float64]) -> FloatArray:
    """Faded counts (..., lifetimes) as the model reads them; ``totals`` are those of all items together.

    >>> trend_features(np.array([0.7]), np.array([700.0])).tolist()
    [0.0]
    """
    return np.log((counts + PRIOR).astype(np.float32)) - _whole(totals)


def _whole(totals: NDArray[Any]) -> FloatArray:
    """What all items together take off the log of each one's count."""
    return np.log((totals / MILLE + PRIOR).astype(np.float32))


class TrendTable:
    """Faded counts of any item at any moment of a log that is known as a whole.

    Holds for each wanted event, in order of item and time, the counts just after it.
    """

    def __init__(
        self, items: NDArray[np.int32], times: NDArray[np.float64], told: NDArray[np.float64]
    ) -> None:
        """Count the events (E,); ``told`` (E, 2) is what each is worth, and what of it is new."""
        order = np.lexsort((times, items))
        self._items, self._times = items[order].astype(np.int64), times[order]
        self._start = float(times.min(initial=0.0)) if len(times) else 0.0
        self._span = float(times.max() - self._start) + 1.0 if len(times) else 1.0
        self._keys = self._key(self._items, self._times)
        self._logs = self._faded(self._items, self._times, told[order])
        order = np.argsort(times, kind="stable")
        self._by_time = items[order].astype(np.int64), times[order]
        self._told = told[order]
        self._totals = self._faded(np.zeros(len(order), np.int64), times[order], self._told)

    @classmethod
    def of(cls, histories: Histories) -> Self:
        """Of all wanted events."""
        taken, told = told_of(histories)
        return cls(histories.items[taken], histories.times[taken], told)

    def features(self, items: IntArray, times: NDArray[np.float64]) -> FloatArray:
        """What the model reads of ``items`` just before ``times``: (..., number of lifetimes).

        The shapes of the two are broadcast together.

        >>> table = TrendTable(np.array([4], np.int32), np.array([0.0]), np.ones((1, 2)))
        >>> table.features(np.array([4, 4]), np.array([0.0, 9 * DAY]))[:, 0].astype(float).round(2).tolist()
        [0.0, 0.15]
        """
        if not len(self._items):
            return np.zeros((*np.broadcast_shapes(items.shape, times.shape), len(LIFETIMES)), np.float32)
        at = np.searchsorted(self._keys, self._key(items, np.minimum(times, self._start + self._span)))
        at -= 1
        days = ((times - self._times[at]) / DAY).astype(np.float32)  # seconds are exact enough
        days[(at < 0) | (self._items[at] != items)] = np.float32(1e6)
        whole = _whole(self.totals(times))
        out = np.empty((len(LIFETIMES), *at.shape), np.float32)
        for column, lifetime in enumerate(LIFETIMES):
            faded = self._logs[column][at] - days / np.float32(lifetime)
            np.log(np.exp(np.maximum(faded, _NOTHING)) + np.float32(PRIOR), out=out[column])
            out[column] -= whole[..., column]
        return np.moveaxis(out, 0, -1)

    def totals(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Faded counts of all items together just before ``times`` (...), (..., lifetimes)."""
        if not len(self._items):
            return np.zeros((*times.shape, len(LIFETIMES)))
        at = np.searchsorted(self._by_time[1], times) - 1
        days = np.where(at < 0, 1e9, (times - self._by_time[1][at]) / DAY)
        logs = [log[at] - days / lifetime for log, lifetime in zip(self._totals, LIFETIMES, strict=True)]
        return np.exp(np.maximum(np.stack(logs, axis=-1), _NOTHING))

    def moments(self, times: NDArray[np.float64], n_items: int) -> Iterator[tuple[IntArray, FloatArray]]:
        """Features of all items (n_items, number of lifetimes) just before each of ``times`` (Q,).

        Goes through them in order of time, with the places of those that are the same; cheaper than asking
        for every item.

        >>> table = TrendTable(np.array([4], np.int32), np.array([0.0]), np.ones((1, 2)))
        >>> [(places.tolist(), seen.shape) for places, seen in table.moments(np.array([9.0, 7.0, 9.0]), 6)]
        [([1], (6, 5)), ([0, 2], (6, 5))]
        """
        order = np.argsort(times, kind="stable")
        if not len(order):
            return
        ends = np.flatnonzero(np.diff(times[order])) + 1
        now, every = float(times[order[0]]), np.arange(n_items)
        totals = self.totals(np.array(now))
        counts = np.exp(self.features(every, np.full(n_items, now)) + _whole(totals))
        counts = counts.astype(np.float64) - PRIOR
        first, last = np.searchsorted(self._by_time[1], np.array([now, times[order[-1]]]))
        items, moments = self._by_time[0][first:last], self._by_time[1][first:last]
        told = self._told[first:last]
        lifetimes, begin = np.array(LIFETIMES) * DAY, 0
        for places in np.split(order, ends):
            moment = float(times[places[0]])
            end = int(np.searchsorted(moments, moment))
            counts *= np.exp((now - moment) / lifetimes)
            new = np.exp((moments[begin:end, None] - moment) / lifetimes)
            np.add.at(counts, items[begin:end], new * told[begin:end, _COLUMN])
            now, begin = moment, end
            yield places, trend_features(counts, self.totals(np.array(moment)))

    def each_moment(self, times: NDArray[np.float64], n_items: int) -> Iterator[tuple[int, FloatArray]]:
        """:meth:`moments`, with the place of each by itself; several share one array.

        >>> table = TrendTable(np.array([4], np.int32), np.array([0.0]), np.ones((1, 2)))
        >>> [place for place, _ in table.each_moment(np.array([9.0, 7.0, 9.0]), 6)]
        [1, 0, 2]
        """
        return ((place, seen) for places, seen in self.moments(times, n_items) for place in places.tolist())

    def _key(self, items: IntArray, times: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(items * (self._span + 1.0) + np.maximum(times - self._start, 0.0), np.float64)

    def _faded(
        self, items: IntArray, times: NDArray[np.float64], told: NDArray[np.float64]
    ) -> list[FloatArray]:
        """Log of each count just after each event (E,), in order of item and time.

        One running log-sum-exp over all items: a gap before each item makes those before it vanish.
        """
        rank = np.cumsum(np.append(0, np.diff(items) != 0))[: len(items)]
        with np.errstate(divide="ignore"):
            worth = np.log(told)
        found: list[FloatArray] = []
        for lifetime, column in zip(LIFETIMES, _COLUMN, strict=True):
            height = (times - self._start) / (lifetime * DAY) + rank * (self._span / (lifetime * DAY) + 50.0)
            heard = height + worth[:, column]
            found.append((np.logaddexp.accumulate(heard) - height).astype(np.float32))
        return found


class LiveTrend:
    """The same counts of a log that goes on, as of now; they hold no person.

    Old events fade all alike, so an event touches its item alone: counts are kept as they would be at
    ``origin``. One writer; readers may come from other threads.
    """

    def __init__(self) -> None:
        self._lifetimes = np.array(LIFETIMES) * DAY
        self._newest = 0.0
        # One attribute for all: a reader never sees the counts of another origin.
        self._state = self._newest, np.zeros((0, len(LIFETIMES))), np.zeros(2)

    @classmethod
    def of(cls, histories: Histories) -> Self:
        """Of all wanted events."""
        live, (taken, told) = cls(), told_of(histories)
        items, times = histories.items[taken], histories.times[taken]
        if len(items):
            live._newest = float(times.max())
            faded = np.exp((times[:, None] - live._newest) / live._lifetimes)
            columns = [np.bincount(items, weights=weights) for weights in (faded * told[:, _COLUMN]).T]
            live._state = live._newest, np.stack(columns, axis=-1), _people(told, faded)
        return live

    def on_event(
        self, item: int, time: float, told: tuple[float, float] = (1.0, 1.0), *, times: float = 1.0
    ) -> None:
        """Count one wanted event of an item row; with ``times`` -1 one that was counted is no more.

        ``told``: what it is worth, and what of it is new of its person.
        """
        self.on_events(np.array([item]), np.array([time]), np.array([told]), times=times)

    def on_events(
        self,
        items: IntArray,
        moments: NDArray[np.float64],
        told: NDArray[np.float64],
        *,
        times: float = 1.0,
    ) -> None:
        """The same of several events (E,), ``told`` (E, 2), for little more than one of them costs."""
        if not len(items):
            return
        origin, counts, people = self._state
        top, newest = int(items.max()), float(moments.max())
        if top >= len(counts):
            grown = np.zeros((max(top + 1, len(counts) * 5 // 4), len(LIFETIMES)))
            grown[: len(counts)] = counts
            counts = grown
        if newest - origin > _REBASE * self._lifetimes[0]:
            fading = np.exp((origin - newest) / self._lifetimes)
            counts, people, origin = counts * fading, people * fading[-1], newest
        faded = times * np.exp((moments[:, None] - origin) / self._lifetimes)
        # Of all columns at once it takes ten times as long.
        for column, more in zip(counts.T, (faded * told[:, _COLUMN]).T, strict=True):
            np.add.at(column, items, more)
        if times < 0:
            counts[items] = np.maximum(counts[items], 0.0)
        self._newest = max(self._newest, newest)
        self._state = origin, counts, np.maximum(people + _people(told, faded), 0.0)

    def takers(self, rows: NDArray[np.integer], now: float) -> NDArray[np.float64]:
        """People who took each of ``rows`` (C,) for the first time in the last two months or so: the longest
        of the fading counts at ``now`` (unix seconds), (C,). Who did what is worth more than is usual in this
        shop counts as several.

        >>> from penchant.model.histories import histories_of
        >>> live = LiveTrend.of(histories_of([[3, 3], [3], [4]]))
        >>> live.takers(np.array([3, 4, 9]), 0.0).round(1).tolist()
        [2.0, 1.0, 0.0]
        """
        origin, counts, (several, worth) = self._state
        moment = max(origin, min(now, self._newest + DAY))
        found = np.zeros(len(rows), np.float64)
        known = rows < len(counts)
        found[known] = counts[rows[known], -1] * np.exp((origin - moment) / self._lifetimes[-1])
        return found * (several / worth) if worth > 0 else found

    def features(self, now: float, n_items: int) -> FloatArray:
        """What the model reads of all items at ``now`` (unix seconds), (n_items, number of lifetimes).

        At most a day after the newest event, and never before the counts' origin.

        >>> live = LiveTrend()
        >>> live.on_event(1, 0.0)
        >>> live.features(0.0, 3)[:, 0].astype(float).round(2).tolist()
        [-0.0, 1.46, -0.0]
        """
        origin, all_counts, _ = self._state
        # Where the log is silent, fashion stands still: what is new must not lose to what is remembered.
        moment = max(origin, min(now, self._newest + DAY))
        fading = np.exp((origin - moment) / self._lifetimes)
        counts = np.zeros((n_items, len(LIFETIMES)))
        known = all_counts[:n_items]
        counts[: len(known)] = known * fading
        return trend_features(counts, all_counts.sum(0) * fading)


def _people(told: NDArray[np.float64], faded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Persons who met an item for the first time in events (E,), and all that is new in these, (2,).

    Of a first time all that it is worth is new. ``faded`` (E, lifetimes): what is left of each event.
    """
    begins = told[:, 0] == told[:, 1]
    return np.stack([begins, told[:, 1]]) @ faded[:, -1]
