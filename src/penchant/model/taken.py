"""What each person took at least once, how often and when last, at any moment of a log. Numpy only.

The repeat memory forgets what was taken once and long ago. That is no discovery all the same, and likelier to
be taken than what is new. A state of fixed size cannot hold it: who asks knows it from the log.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.model.histories import FloatArray, Histories, IntArray
from penchant.model.tokens import DAY, wanted

CLUES = 3
"""What tells how likely a forgotten item is: that it was taken, how often, how long ago."""


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What a person wanted so far, each item once.

    Attributes:
        items: (n,) rows, sorted. counts: (n,) how often. last: (n,) unix seconds of the last time.
    """

    items: NDArray[np.int32]
    counts: NDArray[np.int32]
    last: NDArray[np.float64]

    @classmethod
    def of(cls, items: NDArray[np.int32], times: NDArray[np.float64]) -> Self:
        """After wanted events (E,) in the order of time.

        >>> taken = Taken.of(np.array([7, 5, 7], np.int32), np.array([0.0, 1.0, 2.0]))
        >>> taken.items.tolist(), taken.counts.tolist(), taken.last.tolist()
        ([5, 7], [1, 2], [1.0, 2.0])
        """
        rows, first, counts = np.unique(items[::-1], return_index=True, return_counts=True)
        return cls(rows, counts.astype(np.int32), times[::-1][first])

    def and_then(self, item: int, time: float) -> "Taken":
        """After one more event; what was given stays as it is."""
        place = int(np.searchsorted(self.items, item))
        if place < len(self.items) and self.items[place] == item:
            counts, last = self.counts.copy(), self.last.copy()
            counts[place] += 1
            last[place] = time
            return Taken(self.items, counts, last)
        return Taken(
            np.insert(self.items, place, item),
            np.insert(self.counts, place, 1),
            np.insert(self.last, place, time),
        )

    def below(self, rows: int) -> "Taken":
        """Only the items of the first ``rows`` rows."""
        end = int(np.searchsorted(self.items, rows))
        return self if end == len(self.items) else Taken(self.items[:end], self.counts[:end], self.last[:end])

    def clues(self, now: float) -> FloatArray:
        """How likely each is, as far as counting tells at ``now`` (unix seconds), (n, CLUES)."""
        days = np.maximum(now - self.last, 0.0) / DAY
        ones = np.ones(len(self.items))
        return np.stack([ones, np.log(self.counts), np.log1p(days) / 2], axis=-1).astype(np.float32)


NOTHING = Taken(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0))
"""Of who did nothing yet."""


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """What was taken before each of C moments: wanted events (E,), ``starts[c]:stops[c]`` those of c."""

    items: NDArray[np.int32]
    times: NDArray[np.float64]
    starts: IntArray
    stops: IntArray

    @classmethod
    def of_moments(cls, histories: Histories, people: IntArray, ends: IntArray) -> Self:
        """Of ``people`` (C,) before the events ``ends`` (C,), which are not known yet.

        >>> from penchant.model.histories import histories_of
        >>> before = Before.of_moments(histories_of([[3, 4, 3], [3]]), np.array([0]), np.array([3]))
        >>> before.of(0).items.tolist()
        [3, 4]
        """
        rows = np.flatnonzero(wanted(histories.items, histories.types))
        starts = np.searchsorted(rows, histories.offsets[people])
        return cls(histories.items[rows], histories.times[rows], starts, np.searchsorted(rows, ends))

    def of(self, moment: int) -> Taken:
        """That of one moment."""
        part = slice(int(self.starts[moment]), int(self.stops[moment]))
        return Taken.of(self.items[part], self.times[part])


def first_times(histories: Histories) -> NDArray[np.bool_]:
    """Which events are their person's first wanted one of the item, (E,).

    >>> from penchant.model.histories import histories_of
    >>> first_times(histories_of([[3, 4, 3], [3]])).tolist()
    [True, True, False, True]
    """
    rows = np.flatnonzero(wanted(histories.items, histories.types))
    pairs = histories.person_of_event()[rows] * (int(histories.items.max(initial=0)) + 1)
    first = np.zeros(histories.events, dtype=bool)
    first[rows[np.unique(pairs + histories.items[rows], return_index=True)[1]]] = True
    return first
