"""The model's trend in a shop that goes on: who counts in it is who trains."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from penchant.catalog.ids import IdTable
from penchant.model.histories import Histories
from penchant.model.tokens import NOT_WANTED
from penchant.model.trend import LiveTrend, first_times
from penchant.types import Event, Pseudonym

ODD = 0x9E3779B97F4A7C15
"""Makes different items of one person different numbers: odd, so that no two fall together."""

MANY = 100_000
"""Pairs in a set before they move into the sorted array, which takes an eighth of the room."""


class ShopTrend:
    """The live trend of a shop, and who took what already: only a first time counts as one.

    A pair of person and item is kept as a 64-bit number that means nothing outside this process.
    """

    def __init__(self, histories: Histories, people: Sequence[Pseudonym], ids: IdTable) -> None:
        """Begin with the ``histories`` of ``people``, all that may train."""
        self.live = LiveTrend.of(histories)
        self._ids = ids
        first = first_times(histories)
        salts = np.array([hash(person) for person in people], np.int64).view(np.uint64)
        rows = histories.items[first].astype(np.uint64)
        self._old = np.unique(salts[histories.person_of_event()[first]] ^ rows * np.uint64(ODD))
        self._new: set[int] = set()

    def add(self, events: Iterable[Event]) -> None:
        """Count events of people who may train, in the order in which they are heard of: of two events of
        a pair the one that came to the log first is the first time, even where the other is older."""
        for row, event in self._heard(events):
            pair = _pair(event, row)
            first = not self._holds(pair)
            if first:
                self._new.add(pair)
            self.live.on_event(row, event.timestamp, first=first)
        if len(self._new) >= MANY:
            new = np.sort(np.fromiter(self._new, np.uint64, len(self._new)))
            self._old = np.insert(self._old, np.searchsorted(self._old, new), new)
            self._new.clear()

    def take_back(self, events: Iterable[Event]) -> None:
        """All that a person did is no more, in the order of counting; what never counted changes nothing."""
        gone: set[int] = set()
        for row, event in self._heard(events):
            pair = _pair(event, row)
            if self._holds(pair):
                self.live.on_event(row, event.timestamp, first=pair not in gone, times=-1.0)
                gone.add(pair)
        old = np.array([self._place(pair) for pair in gone - self._new], np.int64)
        self._old = np.delete(self._old, old)
        self._new -= gone

    def _heard(self, events: Iterable[Event]) -> Iterator[tuple[int, Event]]:
        found = [event for event in events if event.item_id and event.type.code not in NOT_WANTED]
        if found:
            rows = self._ids.rows([str(event.item_id) for event in found]).tolist()
            yield from ((row, event) for row, event in zip(rows, found, strict=True) if row >= 0)

    def _holds(self, pair: int) -> bool:
        place = self._place(pair)
        return pair in self._new or (place < len(self._old) and int(self._old[place]) == pair)

    def _place(self, pair: int) -> int:
        return int(np.searchsorted(self._old, np.uint64(pair)))


def _pair(event: Event, row: int) -> int:
    return (hash(Pseudonym(event.user_id)) ^ row * ODD) & 0xFFFF_FFFF_FFFF_FFFF
