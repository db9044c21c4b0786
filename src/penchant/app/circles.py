"""What a person took that counts, as those who follow them may be told of it."""

import numpy as np
from numpy.typing import NDArray

from penchant.app.counts import Counts
from penchant.app.shop import Shop
from penchant.learn.data import TrainingData
from penchant.recommend.circles import Circles
from penchant.recommend.fallback import OnFault
from penchant.recommend.sources.followed import NEWEST, NO_TAKINGS, PastFollowed, Takings, taken
from penchant.types import Pseudonym


def circles_of(shop: Shop, counts: Counts, on_fault: OnFault) -> Circles:
    """Those of a process that serves."""
    least, marked = shop.settings.recommend.social_people, np.sort(counts.marked_events)
    return Circles(shop.follows, lambda person: takings_of(shop, counts, marked, person), least, on_fault)


def takings_of(shop: Shop, counts: Counts, marked: NDArray[np.int64], person: Pseudonym) -> Takings:
    """Of the person's newest events those that count and took an item that has a row: nothing at the
    ``marked`` places of the log, ascending, forgotten or a present; nothing at all of whoever opted out."""
    if not counts.counts(person):
        return NO_TAKINGS
    entries = shop.corrections.disregarded(person).counted(shop.log.of_user(person, NEWEST))
    position = np.array([entry.position for entry in entries], np.int64)
    events = [entry.event for entry in entries]
    rows = shop.ids.rows([event.item_id or "" for event in events]).astype(np.int32)
    types = np.array([event.type.code for event in events], np.int8)
    values = np.array([np.nan if event.value is None else event.value for event in events], np.float32)
    place = np.searchsorted(marked, position)
    out = np.append(marked, -1)[place] == position
    kept = taken(rows, types, values) & ~out
    times = np.array([event.timestamp for event in events], np.float64)
    return Takings(rows[kept].astype(np.int64), times[kept])


def past_followed(shop: Shop, data: TrainingData) -> PastFollowed:
    """Those of the past, of everybody who may train: no pair of anybody else is looked at."""
    row_of = {person: row for row, person in enumerate(data.people)}
    rows = [(row_of.get(pair.user_id, -1), row_of.get(pair.follows, -1)) for pair in shop.follows.all()]
    pairs = np.array(rows, np.int64).reshape(-1, 2)
    least = shop.settings.recommend.social_people
    return PastFollowed(data.histories, pairs[(pairs >= 0).all(axis=1)], least)
