"""The model's trend in a shop that goes on: who counts in it is who trains."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.ids import IdTable
from penchant.model.histories import Histories
from penchant.model.tokens import NOT_WANTED, wanted
from penchant.model.trend import LiveTrend
from penchant.model.worth import places_of, told
from penchant.types import Event, Pseudonym

ODD = 0x9E3779B97F4A7C15
"""Makes different items of one person different numbers: odd, so that no two fall together."""

MANY = 100_000
"""Pairs in a set before they move into the sorted array, which takes an eighth of the room."""


class ShopTrend:
    """The live trend of a shop, and what who did with what already: it counts once.

    A pair of person and item is kept as a 64-bit number that means nothing outside this process, with the
    place of the most that was done among :data:`~penchant.model.worth.LEVELS`.
    """

    def __init__(self, histories: Histories, people: Sequence[Pseudonym], ids: IdTable) -> None:
        """Begin with the ``histories`` of ``people``, all that may train."""
        self.live = LiveTrend.of(histories)
        self._ids = ids
        taken = wanted(histories.items, histories.types)
        salts = np.array([hash(person) for person in people], np.int64).view(np.uint64)
        rows = histories.items[taken].astype(np.uint64)
        pairs = salts[histories.person_of_event()[taken]] ^ rows * np.uint64(ODD)
        self._old, self._levels = _highest(pairs, places_of(histories.types[taken]))
        self._new: dict[int, int] = {}

    def add(self, events: Iterable[Event], row_of: Mapping[str, int] | None = None) -> None:
        """Count events of people who may train, in the order in which they are heard of: of two events of
        a pair the one that came to the log first counts first, even where the other is older.

        ``row_of``: rows of their items, -1 for none, where they are known: then nothing is read.
        """
        heard = self._heard(events, row_of)
        said, levels = told(heard.pairs, heard.types, self._held(heard.pairs))
        more = said[:, 1] > 0
        self._new.update(zip(heard.pairs[more].tolist(), levels[more].tolist(), strict=True))
        self.live.on_events(heard.rows, heard.moments, said)
        if len(self._new) >= MANY:
            pairs = np.fromiter(self._new, np.uint64, len(self._new))
            levels = np.fromiter(self._new.values(), np.int8, len(self._new))
            self._old, self._levels = _highest(
                np.concatenate([self._old, pairs]), np.concatenate([self._levels, levels])
            )
            self._new.clear()

    def take_back(self, events: Iterable[Event]) -> None:
        """All that a person did is no more, in the order of counting; what never counted changes nothing."""
        heard = self._heard(events)
        heard = heard.where(self._held(heard.pairs) > 0)
        said, _ = told(heard.pairs, heard.types)
        self.live.on_events(heard.rows, heard.moments, said, times=-1.0)
        kept = ~np.isin(self._old, heard.pairs)
        self._old, self._levels = self._old[kept], self._levels[kept]
        for pair in heard.pairs.tolist():
            self._new.pop(pair, None)

    def _heard(self, events: Iterable[Event], row_of: Mapping[str, int] | None = None) -> "_Heard":
        """The events that count."""
        found = [event for event in events if event.item_id and event.type.code not in NOT_WANTED]
        items = [str(event.item_id) for event in found]
        if row_of is None:
            rows = self._ids.rows(items).astype(np.int64)
        else:
            rows = np.array([row_of.get(item, -1) for item in items], np.int64)
        moments = np.array([event.timestamp for event in found], np.float64)
        types = np.array([event.type.code for event in found], np.int8)
        salts = np.array([hash(event.user_id) for event in found], np.int64).view(np.uint64)
        pairs = salts ^ rows.astype(np.uint64) * np.uint64(ODD)
        return _Heard(rows, moments, types, pairs).where(rows >= 0)

    def _held(self, pairs: NDArray[np.uint64]) -> NDArray[np.int8]:
        """Place of the most that was done before, 0 for nothing (E,)."""
        new = np.array([self._new.get(pair, 0) for pair in pairs.tolist()], np.int8)
        if not len(self._old):
            return new
        place = np.minimum(np.searchsorted(self._old, pairs), len(self._old) - 1)
        return np.maximum(new, np.where(self._old[place] == pairs, self._levels[place], 0).astype(np.int8))


class _Heard(NamedTuple):
    """Item row, time, type and pair of events, (E,) each."""

    rows: NDArray[np.int64]
    moments: NDArray[np.float64]
    types: NDArray[np.int8]
    pairs: NDArray[np.uint64]

    def where(self, kept: NDArray[np.bool_]) -> "_Heard":
        """Some of them."""
        return _Heard(self.rows[kept], self.moments[kept], self.types[kept], self.pairs[kept])


def _highest(
    pairs: NDArray[np.uint64], levels: NDArray[np.int8]
) -> tuple[NDArray[np.uint64], NDArray[np.int8]]:
    """Each pair once, ascending, with its highest level."""
    order = np.lexsort((levels, pairs))
    last = np.append(np.diff(pairs[order]) != 0, True)[: len(order)]
    return pairs[order][last], levels[order][last]
