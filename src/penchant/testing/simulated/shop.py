"""The simulated shop itself: who takes what, and how likely it was."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penchant.errors import InvalidInput
from penchant.evaluate.recommender import ItemTable
from penchant.model.histories import Histories
from penchant.testing.simulated.goods import Goods, make_goods, stream
from penchant.testing.simulated.measures import expected_ndcg
from penchant.testing.simulated.settings import SimulatedSettings
from penchant.testing.simulated.taste import Taste, make_taste
from penchant.testing.simulated.visits import Visits, make_visits
from penchant.types import EventType

ORACLE = 0.38
"""Expected NDCG@10 of the oracle at the shop's beginning, for the next single item."""
SHARPEST = 6.0
"""No wish is stronger than this."""
ROUNDS = 20
"""Times that another item is looked for where nothing may be taken twice."""
CHUNK = 16_384
"""Rows at a time, for memory."""

Floats = NDArray[np.float64]
Weights = NDArray[np.float32]
Rows = NDArray[np.int64]


class SimulatedShop:
    """A shop whose people's tastes are known at every moment.

    Person p at time t takes item j with probability m(p, t)[interest of j] · softmax over the items of
    that interest that have arrived of (β w(p, t) · own(j) + quality(j)). The mixture m and the wish w are
    :class:`Taste`; the sharpness β is set so that the oracle's NDCG@10 is .38 at the beginning, whatever
    the size. What a person took before has no influence, except that it is not taken again where the
    settings want no repeats. First choosing an interest and then within it is the nested logit (McFadden,
    "Modelling the choice of residential location", 1978).

    With the default settings and down to 300 items, 10 interests and 600 people the oracle's NDCG@10 lies
    between .2 and .5, and that of the most popular items is at most a quarter of it.

    Attributes:
        settings: size, seed and what happens.
        goods: the items, in order of arrival.
        taste: the truth about the people: mixture and wish at any time, and who changes when.
        sharpness: β.

    >>> shop = SimulatedShop(SimulatedSettings(people=100, items=200, interests=8, events=2_000))
    >>> histories = shop.draw()
    >>> histories.people, histories.events, shop.probabilities(np.arange(3), shop.taste.edges[1]).shape
    (100, 2000, (3, 200))
    """

    def __init__(self, settings: SimulatedSettings | None = None) -> None:
        self.settings = settings or SimulatedSettings()
        self.goods: Goods = make_goods(self.settings)
        self.taste: Taste = make_taste(self.settings)
        kinds = self.goods.interests
        self._members = [np.flatnonzero(kinds == kind) for kind in range(self.settings.interests)]
        self.sharpness = 1.0
        self.sharpness = self._sharpness()

    def draw(self) -> Histories:
        """What everybody took. Every call gives the same.

        Events of one visit have one time and, if they are purchases, one basket, in which an item may be
        twice. A shop with a shock and the same shop without differ only in events of the people who
        changed, after it.
        """
        visits = make_visits(self.settings)
        people, times = np.repeat(visits.people, visits.sizes), np.repeat(visits.times, visits.sizes)
        rng = stream(self.settings.seed, "draw")
        items = self._choose(people, times, rng.random((2, len(people))))
        for _ in range(0 if self.settings.repeats else ROUNDS):
            # Every event has its own chances in every round, so that nobody moves anybody else's.
            chances, again = rng.random((2, len(people))), _again(people, items)
            items[again] = self._choose(people[again], times[again], chances[:, again])
        return _histories(self.settings.people, visits, items)

    def probabilities(self, people: ArrayLike, times: ArrayLike) -> Weights:
        """How likely each item is the next one: the scores of an oracle.

        Where nothing is taken twice, ``still_wanted`` makes of it what is left.

        Args:
            people: (C,) rows of people.
            times: (C,) unix seconds, or one for all.

        Returns:
            (C, N) float32, rows sum to 1; 0 for an item that has not arrived, or of an interest
            that sleeps.

        Raises:
            InvalidInput: a person whom the shop does not have, or shapes that do not fit.
        """
        who, when = self._moments(people, times)
        mixture = self.taste.mixture(who, when)
        found = np.empty((len(who), len(self.goods.interests)), dtype=np.float32)
        for kind, members in enumerate(self._members):
            weights = self._within(who, when, kind)
            found[:, members] = weights * (mixture[:, [kind]] / weights.sum(axis=1, keepdims=True))
        return found

    def wanting(self, item: int, time: float) -> Floats:
        """How likely the next item of each person is this one, (P,): the right people are on top.

        >>> shop = SimulatedShop(SimulatedSettings(people=100, items=200, interests=8, events=2_000))
        >>> now, everybody = shop.taste.edges[-1], np.arange(100)
        >>> bool(np.allclose(shop.wanting(199, now), shop.probabilities(everybody, now)[:, 199]))
        True
        """
        kind = int(self.goods.interests[item])
        found = np.empty(self.settings.people)
        for rows in _chunks(self.settings.people):
            who, when = self._moments(np.arange(rows.start, rows.stop), time)
            weights = self._within(who, when, kind)
            place = int(np.searchsorted(self._members[kind], item))
            found[rows] = self.taste.mixture(who, when)[:, kind] * weights[:, place] / weights.sum(axis=1)
        return found

    def table(self) -> ItemTable:
        """The catalogue as evaluations and training want it."""
        goods = self.goods
        return ItemTable(len(goods.titles), goods.text_vectors, goods.arrivals, goods.prices)

    def _moments(self, people: ArrayLike, times: ArrayLike) -> tuple[Rows, Floats]:
        who, when = np.asarray(people, dtype=np.int64), np.asarray(times, dtype=np.float64)
        if who.ndim != 1 or when.shape not in {(), who.shape}:
            raise InvalidInput(f"people (C,) and times (C,) or one time, got {who.shape} and {when.shape}")
        if len(who) and not 0 <= who.min() <= who.max() < self.settings.people:
            raise InvalidInput(
                f"the shop has the people 0 to {self.settings.people - 1}, got {who.min()} to {who.max()}"
            )
        return who, np.broadcast_to(when, who.shape)

    def _within(self, people: Rows, times: Floats, kind: int) -> Weights:
        """Weight of each item of one interest, (C, n), above 0; 0 for one that has not arrived."""
        members = self._members[kind]
        liked = self.taste.wish(people, times) @ (np.float32(self.sharpness) * self.goods.own[members].T)
        liked += self.goods.quality[members]
        return np.exp(liked) * (self.goods.arrivals[members] <= times[:, None])

    def _choose(self, people: Rows, times: Floats, chances: Floats) -> NDArray[np.int32]:
        """An item for each moment: first the interest, then within it; ``chances`` (2, C) decide."""
        kinds = np.empty(len(people), dtype=np.int64)
        items = np.empty(len(people), dtype=np.int32)
        for rows in _chunks(len(people)):
            kinds[rows] = _pick(self.taste.mixture(people[rows], times[rows]), chances[0, rows])
        for kind, members in enumerate(self._members):
            mine = np.flatnonzero(kinds == kind)
            for rows in _chunks(len(mine)):
                at = mine[rows]
                items[at] = members[_pick(self._within(people[at], times[at], kind), chances[1, at])]
        return items

    def _sharpness(self) -> float:
        """β by bisection, from the first moment alone: drift, fashion and shock do not move it."""
        people = np.arange(min(self.settings.people, 256))
        low, high = 0.0, SHARPEST
        for _ in range(12):
            self.sharpness = (low + high) / 2
            truth = self._at_beginning(people)
            if expected_ndcg(truth, truth).mean() < ORACLE:
                low = self.sharpness
            else:
                high = self.sharpness
        return self.sharpness

    def _at_beginning(self, people: Rows) -> Weights:
        return self.probabilities(people, self.settings.start)


def _chunks(count: int) -> list[slice]:
    return [slice(begin, min(begin + CHUNK, count)) for begin in range(0, count, CHUNK)]


def _pick(weights: NDArray[np.floating], chances: Floats) -> Rows:
    """One column of each row by its weight, where ``chances`` (C,) are from 0 to below 1.

    >>> _pick(np.array([[1.0, 0.0, 3.0]] * 3), np.array([0.2, 0.25, 0.9])).tolist()
    [0, 2, 2]
    """
    heights = np.cumsum(weights, axis=1, dtype=np.float64)
    return (heights <= chances[:, None] * heights[:, -1:]).sum(axis=1)


def _again(people: Rows, items: NDArray[np.int32]) -> Rows:
    """Events whose item the person has from an earlier event.

    >>> _again(np.array([0, 0, 1, 1]), np.int32([5, 5, 5, 6])).tolist()
    [1]
    """
    _, first = np.unique(people * (items.max(initial=0) + 1) + items, return_index=True)
    return np.setdiff1d(np.arange(len(items)), first)


def _histories(people: int, visits: Visits, items: NDArray[np.int32]) -> Histories:
    counts = np.bincount(visits.people, weights=visits.sizes, minlength=people)
    clicked = np.repeat(visits.clicks, visits.sizes)
    begins = np.zeros(len(items), dtype=bool)
    begins[np.cumsum(visits.sizes) - visits.sizes] = True
    return Histories(
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        items=items,
        types=np.where(clicked, EventType.CLICK.code, EventType.PURCHASE.code).astype(np.int8),
        times=np.repeat(visits.times, visits.sizes),
        baskets=np.cumsum(begins | clicked).astype(np.int64) - 1,
        values=np.full(len(items), np.nan, dtype=np.float32),
        queries=np.full(len(items), -1, dtype=np.int32),
    )
