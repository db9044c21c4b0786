"""Events as drift detection sees them, with known changes: heavy-tailed people, visits, cycles, trends.

Unlike :mod:`penchant.testing.simulated` there is no taste behind it: how well an event was predicted is drawn
too, so that hundreds of shops take no longer than one model.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.learn.drift import Seen
from penchant.types import EventType, Pseudonym

DAY = 86_400.0
CATEGORIES, WORDS = 30, 5
"""Categories, and words that are searched for in each."""
_TYPES = (EventType.VIEW, EventType.CLICK, EventType.CART, EventType.SEARCH, EventType.PURCHASE)
_MIX = np.array([0.62, 0.16, 0.08, 0.06, 0.08])
_GAINS = 1 / np.log2(np.arange(2, 12))

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drifting:
    """What kind of shop, and what changes in it from event ``at`` on; nothing where it is negative.

    Attributes:
        events, people, per_day, visit: how many; a visit has ``visit`` events in the mean.
        hits: share of the events that were predicted at all.
        waves: height of the cycles of day and week, as a share.
        trend: what the quality and the wish for category 0 gain over all events, as a share.
        quality, category, purchases, price, new: factors of the quality, the wish for category 7, the number
            of purchases, all prices and the share of new items after the change.
        word: share of the searches that hold the new word "lantern" after the change.
    """

    events: int = 100_000
    people: int = 3_000
    per_day: float = 2_000.0
    visit: float = 8.0
    hits: float = 0.25
    waves: float = 0.0
    trend: float = 0.0
    at: int = -1
    quality: float = 1.0
    category: float = 1.0
    purchases: float = 1.0
    price: float = 1.0
    new: float = 1.0
    word: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Moments:
    """Who comes when: person, visit, unix seconds and "after the change" of each event, (E,) each."""

    who: Ints
    visit: Ints
    times: Floats
    past: NDArray[np.bool_]

    def changed(self, factor: float) -> Floats:
        return np.where(self.past, factor, 1.0)

    def wave(self, height: float, phase: float) -> Floats:
        return 1 + height * _wave(self.times, phase)


def drifting(shop: Drifting, rng: np.random.Generator) -> Iterator[Seen]:
    """The events in the order of their time.

    Every person has a level of quality (beta distributed), a taste (Dirichlet) and a rate (Pareto); every
    visit has a mood and mostly one category. Qualities are gains of NDCG@10, mostly 0.

    >>> events = list(drifting(Drifting(events=1000), np.random.default_rng(0)))
    >>> len(events), 0.1 < sum((seen.quality or 0) > 0 for seen in events) / 1000 < 0.4
    (1000, True)
    """
    at = _moments(shop, rng)
    quality, category, kind = _quality(shop, rng, at), _categories(shop, rng, at), _kinds(shop, rng, at)
    price = 20 * np.exp(0.5 * np.sin(category) + 0.6 * rng.standard_normal(shop.events))
    price = price * at.changed(shop.price) * at.wave(shop.waves / 2, 0.6)
    new = rng.random(shop.events) < 0.05 * at.changed(shop.new)
    draws = rng.random((shop.events, 3))
    for row in range(shop.events):
        seen = Seen(
            position=row + 1, time=float(at.times[row]), person=Pseudonym(f"{at.who[row]:032x}"),
            type=_TYPES[kind[row]], category=f"category {category[row]}", price=float(price[row]),
            new=bool(new[row]), quality=float(quality[row]),
        )  # fmt: skip
        words = _words(int(category[row]), draws[row], at.past[row] * shop.word, seen.person)
        yield _search(seen, words) if seen.type is EventType.SEARCH else seen


def _search(seen: Seen, words: tuple[str, ...]) -> Seen:
    return Seen(position=seen.position, time=seen.time, person=seen.person, type=seen.type, words=words)


def _moments(shop: Drifting, rng: np.random.Generator) -> _Moments:
    """A few people come very often, visits are long or short, and more come by day than by night."""
    sizes = 1 + rng.geometric(1 / shop.visit, int(2 * shop.events / shop.visit) + 50)
    sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), shop.events)) + 1]
    rates = 1 + rng.pareto(1.5, shop.people)
    people = rng.choice(shop.people, len(sizes), p=rates / rates.sum())
    begin = rng.random(4 * len(sizes)) * shop.events / shop.per_day * DAY
    likely = 0.6 + 0.4 * (shop.waves > 0) * _wave(begin, 0.0)
    begin = rng.choice(begin[rng.random(len(begin)) < likely], len(sizes))
    visit = np.repeat(np.arange(len(sizes)), sizes)
    passed = np.cumsum(rng.exponential(40.0, len(visit)))
    times = begin[visit] + passed - np.repeat(passed[np.cumsum(sizes) - sizes], sizes)
    order = np.argsort(times, kind="stable")[: shop.events]
    past = np.arange(shop.events) >= (shop.at if shop.at >= 0 else shop.events)
    return _Moments(people[visit][order], visit[order], 1.7e9 + times[order], past)


def _wave(times: Floats, phase: float) -> Floats:
    """A day and a week together, from -1 to 1, with a steep morning and evening."""
    day = np.sin(2 * np.pi * (times / DAY - 0.25) + phase)
    return 0.7 * np.sign(day) * np.abs(day) ** 0.7 + 0.3 * np.sin(2 * np.pi * times / (7 * DAY) + phase)


def _trend(shop: Drifting) -> Floats:
    return 1 + shop.trend * np.arange(shop.events) / shop.events


def _quality(shop: Drifting, rng: np.random.Generator, at: _Moments) -> Floats:
    levels = rng.beta(4 * shop.hits, 4 * (1 - shop.hits), shop.people)
    moods = np.exp(0.5 * rng.standard_normal(at.visit.max() + 1) - 0.125)
    chance = levels[at.who] * moods[at.visit] * at.changed(shop.quality) * at.wave(shop.waves, 0.3)
    places = np.minimum(rng.geometric(0.3, shop.events) - 1, 9)
    return np.where(rng.random(shop.events) < chance * _trend(shop), _GAINS[places], 0.0)


def _categories(shop: Drifting, rng: np.random.Generator, at: _Moments) -> Ints:
    """Mostly that of the visit; each person wants what most want, and has a taste of their own."""
    weights = 1 / (3 + np.arange(CATEGORIES))
    tastes = rng.gamma(10 * weights / weights.sum(), size=(shop.people, CATEGORIES)) + 1e-9
    wanted = tastes[at.who]
    wanted[:, 7] *= at.changed(shop.category)
    wanted[:, 0] *= _trend(shop)
    wanted[:, 2] *= at.wave(shop.waves, 0.0)
    wanted[:, 3] *= at.wave(-shop.waves, 1.0)
    _, first, visit = np.unique(at.visit, return_index=True, return_inverse=True)
    rows = np.arange(shop.events)
    source = np.where(rng.random(shop.events) < 0.6, first[visit], rows)
    # Nobody goes on with what was wanted before the change.
    return _pick(wanted, rng)[np.where(at.past & ~at.past[source], rows, source)]


def _kinds(shop: Drifting, rng: np.random.Generator, at: _Moments) -> Ints:
    mix = np.tile(_MIX, (shop.events, 1))
    mix[:, 4] *= at.changed(shop.purchases) * at.wave(shop.waves, 0.0)
    return _pick(mix, rng)


def _pick(weights: Floats, rng: np.random.Generator) -> Ints:
    """One column of each row by its weight."""
    heights = np.cumsum(weights, axis=1)
    return (heights < rng.random(len(weights))[:, None] * heights[:, -1:]).sum(axis=1)


def _words(category: int, draws: Floats, fresh: float, person: Pseudonym) -> tuple[str, ...]:
    """One word of the category or the new one, and at times one that only this person uses."""
    own = (f"secret of {person}",) if draws[1] < 0.1 else ()
    return (*own, "lantern" if draws[2] < fresh else f"word {category}-{int(WORDS * draws[0] ** 2)}")
