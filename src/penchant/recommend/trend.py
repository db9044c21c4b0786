"""The model's trend in a shop that goes on: who counts in it is who trains."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

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

    def add(self, events: Iterable[Event], row_of: Mapping[str, int] | None = None) -> None:
        """Count events of people who may train, in the order in which they are heard of: of two events of
        a pair the one that came to the log first is the first time, even where the other is older.

        ``row_of``: rows of their items, -1 for none, where they are known: then nothing is read.
        """
        rows, moments, pairs = self._heard(events, row_of)
        first = ~self._held(pairs) & _firsts(pairs)
        self._new.update(pairs[first].tolist())
        self.live.on_events(rows, moments, first)
        if len(self._new) >= MANY:
            new = np.sort(np.fromiter(self._new, np.uint64, len(self._new)))
            self._old = np.insert(self._old, np.searchsorted(self._old, new), new)
            self._new.clear()

    def take_back(self, events: Iterable[Event]) -> None:
        """All that a person did is no more, in the order of counting; what never counted changes nothing."""
        rows, moments, pairs = self._heard(events)
        held = self._held(pairs)
        rows, moments, pairs = rows[held], moments[held], pairs[held]
        self.live.on_events(rows, moments, _firsts(pairs), times=-1.0)
        self._old = self._old[~np.isin(self._old, pairs)]
        self._new.difference_update(pairs.tolist())

    def _heard(
        self, events: Iterable[Event], row_of: Mapping[str, int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint64]]:
        """Item row, time and pair of each event that counts, (E,) each."""
        found = [event for event in events if event.item_id and event.type.code not in NOT_WANTED]
        items = [str(event.item_id) for event in found]
        if row_of is None:
            rows = self._ids.rows(items).astype(np.int64)
        else:
            rows = np.array([row_of.get(item, -1) for item in items], np.int64)
        moments = np.array([event.timestamp for event in found], np.float64)
        salts = np.array([hash(event.user_id) for event in found], np.int64).view(np.uint64)
        known = rows >= 0
        pairs = salts[known] ^ rows[known].astype(np.uint64) * np.uint64(ODD)
        return rows[known], moments[known], pairs

    def _held(self, pairs: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Whether each of them was taken before (E,)."""
        new = np.array([pair in self._new for pair in pairs.tolist()], np.bool_)
        if not len(self._old):
            return new
        place = np.minimum(np.searchsorted(self._old, pairs), len(self._old) - 1)
        return new | (self._old[place] == pairs)


def _firsts(pairs: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of them stand there for the first time, (E,)."""
    first = np.zeros(len(pairs), np.bool_)
    first[np.unique(pairs, return_index=True)[1]] = True
    return first
