"""What people did, as arrays: the only form of the log that models and evaluation see."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.types import EventType

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """Events of many people, sorted by person, then by the person's own order.

    Person ``p`` did the events ``offsets[p]:offsets[p + 1]``. All event arrays have shape (E,).

    Attributes:
        offsets: (P + 1,) int64, where each person's events begin and end.
        items: int32, row of the item in the id table; -1 where an event has no item (a search).
        types: int8, ``EventType.code``.
        times: float64, unix seconds, UTC.
        baskets: int64, equal for events of one basket of one person (same ``session_id`` and
            type purchase), different for all others; never decreasing over the whole array.
        values: float32, a rating or an amount; NaN where there is none.
        queries: int32, row of the search text's vector in a query table; -1 where there is none.
    """

    offsets: NDArray[np.int64]
    items: NDArray[np.int32]
    types: NDArray[np.int8]
    times: NDArray[np.float64]
    baskets: NDArray[np.int64]
    values: NDArray[np.float32]
    queries: NDArray[np.int32]

    @property
    def people(self) -> int:
        """Number of people."""
        return len(self.offsets) - 1

    @property
    def events(self) -> int:
        """Number of events."""
        return len(self.items)

    def lengths(self) -> IntArray:
        """Number of events of each person, shape (P,)."""
        return np.diff(self.offsets)

    def person_of_event(self) -> IntArray:
        """Row of the person who did each event, shape (E,)."""
        return np.repeat(np.arange(self.people), self.lengths())

    def keep(self, mask: NDArray[np.bool_]) -> Self:
        """The same people with only the events where ``mask`` (E,) holds.

        >>> import numpy as np
        >>> h = histories_of([[3, 4], [5]])
        >>> h.keep(np.array([True, False, True])).items.tolist()
        [3, 5]
        """
        counts = np.bincount(self.person_of_event()[mask], minlength=self.people)
        return type(self)(
            offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            items=self.items[mask],
            types=self.types[mask],
            times=self.times[mask],
            baskets=self.baskets[mask],
            values=self.values[mask],
            queries=self.queries[mask],
        )

    def before(self, time: float) -> Self:
        """Only what happened before ``time`` (unix seconds)."""
        return self.keep(self.times < time)


def histories_of(items: list[list[int]], gap: float = 86_400.0) -> Histories:
    """Small histories from lists of item rows, one purchase each ``gap`` seconds; for examples and tests.

    >>> histories_of([[1, 2, 3], [4]]).lengths().tolist()
    [3, 1]
    """
    lengths = np.array([len(row) for row in items], dtype=np.int64)
    flat = np.array([item for row in items for item in row], dtype=np.int32)
    steps = np.concatenate([np.arange(n) for n in lengths]) if len(flat) else np.zeros(0)
    return Histories(
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        items=flat,
        types=np.full(len(flat), EventType.PURCHASE.code, dtype=np.int8),
        times=steps * gap,
        baskets=np.arange(len(flat), dtype=np.int64),
        values=np.full(len(flat), np.nan, dtype=np.float32),
        queries=np.full(len(flat), -1, dtype=np.int32),
    )
