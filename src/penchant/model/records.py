"""All that each person ever wanted, one entry an item, at any moments of a log. Numpy only.

A state of fixed size holds the entries that are most likely to be asked for again (``model/repeat.py``).
Whoever makes a list reads the person's log anyway, to know what was seen; with the record of all of it
nothing is forgotten where the list is made. Ages go round after seventeen years, as in a state.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from penchant.model.entries import ENTRY, SIZE, items_of
from penchant.model.histories import Histories, IntArray
from penchant.model.repeat import Memory, empty_memory, remembered, wanted_again
from penchant.model.tokens import wanted

MOST_PADDED = 2**16
"""Entries that are looked at together."""


class Record:
    """That of one person as events come: entries as in ``repeat.remembered``, however many.

    >>> from penchant.types import EventType
    >>> from penchant.model.entries import items_of
    >>> record = Record()
    >>> for item, time in ((7, 0.0), (8, 1.0), (7, 2.0)):
    ...     record.add(item, EventType.PURCHASE.code, time)
    >>> items_of(record.memory()).tolist()
    [8, 7]
    """

    def __init__(self) -> None:
        self._entries: dict[int, bytes] = {}

    def add(self, item: int, kind: int, time: float) -> None:
        """One more wanted event, not before the others."""
        self._entries[item] = wanted_again(self._entries.pop(item, None), item, kind, time)

    def packed(self) -> bytes:
        """The entries, in the order of their last event."""
        return b"".join(self._entries.values())

    def memory(self) -> Memory:
        """The same as an array (m,). Later events do not change it."""
        return np.frombuffer(self.packed(), ENTRY)


def one_more(record: Memory, item: int, kind: int, time: float) -> Memory:
    """``record`` (m,) after one more wanted event; what was given stays as it is.

    >>> from penchant.types import EventType
    >>> from penchant.model.entries import items_of
    >>> buy = EventType.PURCHASE.code
    >>> items_of(one_more(one_more(empty_memory(0), 7, buy, 0.0), 8, buy, 1.0)).tolist()
    [7, 8]
    """
    return np.frombuffer(remembered(record.tobytes(), item, kind, time, len(record) + 1), ENTRY)


def below(record: Memory, rows: int) -> Memory:
    """``record`` without items from row ``rows`` on, which a model does not know."""
    inside = items_of(record) < rows
    return record if inside.all() else record[inside]


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """What was wanted before each of C moments: ``entries[offsets[c]:offsets[c + 1]]`` before moment c."""

    entries: Memory
    offsets: IntArray

    @classmethod
    def of_moments(cls, histories: Histories, people: IntArray, ends: IntArray) -> Self:
        """Of ``people`` (C,) before the events ``ends`` (C,), which are not known yet.

        >>> from penchant.model.entries import items_of
        >>> from penchant.model.histories import histories_of
        >>> records = Records.of_moments(histories_of([[3, 4, 3], [3]]), np.array([0, 1]), np.array([3, 3]))
        >>> items_of(records.of(0)).tolist(), len(records.of(1))
        ([4, 3], 0)
        """
        found: list[bytes] = [b""] * len(people)
        order = np.lexsort((ends, people))
        change = np.flatnonzero(np.diff(people[order])) + 1
        for group in np.split(order, change):
            if len(group):
                _of_person(histories, int(people[group[0]]), group.tolist(), ends[group].tolist(), found)
        counts = np.array([len(one) // SIZE for one in found], np.int64)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(np.frombuffer(b"".join(found), ENTRY), offsets)

    def of(self, moment: int) -> Memory:
        """That of one moment, (m,)."""
        return self.entries[self.offsets[moment] : self.offsets[moment + 1]]

    def blocks(self) -> Iterator[tuple[IntArray, Memory]]:
        """Moments (b,) of about equally long records, and these (b, M) with free places first."""
        lengths = np.diff(self.offsets)
        order = np.argsort(lengths, kind="stable")[::-1]
        start = 0
        while start < len(order) and lengths[order[start]]:
            longest = int(lengths[order[start]])
            moments = order[start : start + max(1, MOST_PADDED // longest)]
            moments = moments[lengths[moments] > 0]
            memory = empty_memory(len(moments), longest)
            rows = np.repeat(np.arange(len(moments)), lengths[moments])
            begins = np.cumsum(lengths[moments]) - lengths[moments]
            within = np.arange(len(rows)) - begins[rows]
            memory[rows, longest - lengths[moments][rows] + within] = self.entries[
                self.offsets[moments][rows] + within
            ]
            yield moments, memory
            start += len(moments)


def _of_person(
    histories: Histories, person: int, moments: list[int], ends: list[int], found: list[bytes]
) -> None:
    """Put the record of ``person`` before each of ``ends``, ascending, into ``found`` at ``moments``."""
    begin, stop = int(histories.offsets[person]), ends[-1]
    counted = np.flatnonzero(wanted(histories.items[begin:stop], histories.types[begin:stop])) + begin
    events = zip(
        histories.items[counted].tolist(),
        histories.types[counted].tolist(),
        histories.times[counted].tolist(),
        strict=True,
    )
    record, done = Record(), 0
    for moment, known in zip(moments, np.searchsorted(counted, ends).tolist(), strict=True):
        while done < known:
            record.add(*next(events))
            done += 1
        found[moment] = record.packed()
