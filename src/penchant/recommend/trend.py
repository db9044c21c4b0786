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
from penchant.recommend.pairs import PairLevels
from penchant.types import Event, Pseudonym

ODD = 0x9E3779B97F4A7C15
"""Makes different items of one person different numbers: odd, so that no two fall together."""


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
        self._done = PairLevels(pairs, places_of(histories.types[taken]))

    def add(self, events: Iterable[Event], row_of: Mapping[str, int] | None = None) -> None:
        """Count events of people who may train, in the order in which they are heard of: of two events of
        a pair the one that came to the log first counts first, even where the other is older.

        ``row_of``: rows of their items, -1 for none, where they are known: then nothing is read.
        """
        heard = self._heard(events, row_of)
        said, levels = told(heard.pairs, heard.types, self._done.of(heard.pairs))
        more = said[:, 1] > 0
        self._done.rise(heard.pairs[more], levels[more])
        self.live.on_events(heard.rows, heard.moments, said)

    def take_back(self, events: Iterable[Event]) -> None:
        """All that a person did is no more, in the order of counting; what never counted changes nothing."""
        heard = self._heard(events)
        heard = heard.where(self._done.of(heard.pairs) > 0)
        said, _ = told(heard.pairs, heard.types)
        self.live.on_events(heard.rows, heard.moments, said, times=-1.0)
        self._done.drop(heard.pairs)

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


class _Heard(NamedTuple):
    """Item row, time, type and pair of events, (E,) each."""

    rows: NDArray[np.int64]
    moments: NDArray[np.float64]
    types: NDArray[np.int8]
    pairs: NDArray[np.uint64]

    def where(self, kept: NDArray[np.bool_]) -> "_Heard":
        """Some of them."""
        return _Heard(self.rows[kept], self.moments[kept], self.types[kept], self.pairs[kept])
