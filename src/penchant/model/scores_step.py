"""Scores of all items for several people at once: what a list is made of. Numpy only.

A call of numpy costs more than its arithmetic on one person, so that ten people together cost little more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.model.histories import FloatArray
from penchant.model.items_step import ItemRows
from penchant.model.left_out import Pasts
from penchant.model.moments import MomentReader
from penchant.model.newcomers import trend_levels
from penchant.model.records import below
from penchant.model.repeat import Memory
from penchant.model.repeat_step import Repeats
from penchant.model.trend import LiveTrend

FEW = 4
"""People for each of whom the items are read once."""

TREND_SECONDS = 60.0
"""How long the trend of all items may be as it was."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One person whose scores are asked for.

    Attributes:
        pasts: behaviour, in its last row. record: all that the person ever wanted, or what the state
            remembers of it. whole: which of the two it is. events: wanted ones so far.
        about: (D,) what is known of the person beside events.
    """

    pasts: Pasts
    record: Memory
    whole: bool
    events: float
    about: FloatArray | None = None


class Mood:
    """What everybody takes these days, as of the newest :data:`TREND_SECONDS` that somebody asked about."""

    def __init__(self, trend: LiveTrend, items: ItemRows, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._trend = trend
        self._levels = items.bias + np.float32(arrays["novelty"].item())
        self._weights, self._never, self._unseen = arrays["trend"], items.never, arrays["unseen"]
        self._known: tuple[int, FloatArray, FloatArray] | None = None

    def at(self, now: float) -> tuple[FloatArray, FloatArray]:
        """Levels (n_items,) with the trend in them, and trend (n_items, lifetimes)."""
        tick, known = int(now // TREND_SECONDS), self._known
        if known is None or known[0] != tick:
            seen = self._trend.features(now, len(self._levels))
            added = trend_levels(seen, self._weights, self._never, self._unseen)
            known = self._known = tick, self._levels + added, seen
        return known[1:]


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """``personal`` is what behaviour counts beside levels and trend."""

    items: ItemRows
    mood: Mood
    moment: MomentReader
    repeats: Repeats
    personal: float

    def behaviour(self, pasts: Pasts, now: float) -> FloatArray:
        """(n, D) at ``now``, as the head of repeats takes it: not weighed yet."""
        return pasts.h + self.moment.at_each(now, pasts.last)

    def scores(self, asked: Sequence[Asked], now: float) -> FloatArray:
        """Of P people for every item at ``now`` (unix seconds), (P, n_items)."""
        h = self._asked(asked, now)
        weighed = (self.personal * h).astype(np.float32, copy=False)
        scores = _products(self.items.scored, weighed)
        scores += self.mood.at(now)[0]
        owner, rows, again, lift = self._again(asked, h, now)
        scores += lift[:, None]
        scores[owner, rows] = again
        return scores

    def again(self, asked: Asked, now: float) -> tuple[NDArray[np.int64], FloatArray, np.float32]:
        """Rows of what one person wanted before (m,), their scores (m,), and what all others get on top."""
        _, rows, again, lift = self._again([asked], self._asked([asked], now), now)
        return rows, again, lift[0]

    def _asked(self, asked: Sequence[Asked], now: float) -> FloatArray:
        """Behaviour (P, D) of each at ``now``, with what else is known; not weighed yet."""
        h = np.stack([one.pasts.h[-1] for one in asked])
        h = h + self.moment.at_each(now, np.array([one.pasts.last[-1] for one in asked]))
        for place, one in enumerate(asked):
            if one.about is not None:
                h[place] += one.about
        return h

    def _again(
        self, asked: Sequence[Asked], h: FloatArray, now: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray, FloatArray]:
        """Person, row and score of all that each wanted before, and the lift (P,) of all else."""
        memories = [below(one.record, len(self.items.bias)) for one in asked]
        events, whole = np.array([one.events for one in asked]), np.array([one.whole for one in asked])
        items = self.items.scored, self.mood.at(now)[1]
        found = self.repeats.scores(memories, items, h, now, events)
        return *found, self.repeats.lift(memories, whole, events)


def _products(vectors: FloatArray, people: FloatArray) -> FloatArray:
    """Of items (N, D) and people (P, D), (P, N).

    ``people @ vectors.T`` would first copy all items into another order, which takes ten times as long as
    reading them for one person.
    """
    if len(people) > FEW:
        return np.ascontiguousarray((vectors @ people.T).T)
    found = np.empty((len(people), len(vectors)), np.float32)
    for one, row in zip(people, found, strict=True):
        np.dot(vectors, one, out=row)
    return found
