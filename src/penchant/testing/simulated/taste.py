"""What the people of a simulated shop like at any moment: known, because it was made here."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.testing.simulated.goods import OWN, stream
from penchant.testing.simulated.settings import DAY, SimulatedSettings

YEAR = 365 * DAY
"""Seconds from one season to the same one again."""
MOST = 4
"""A person has two to four interests of their own."""
FLOOR = 0.05
"""Share of a person's events on anything else, as popular as it is."""
SKEW = 0.4
"""The n-th interest is as popular as n to the power of minus this."""
RETURNING = 0.5
"""Share of an interest that returns while it is awake."""
IN_FASHION = (0.3, 0.5)
"""Share of the time at which the fashion begins and ends."""

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Period = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Taste:
    """The truth about P people and K interests.

    Attributes:
        settings: of the shop.
        edges: (B + 1,) unix seconds at which the blocks of time begin and end.
        shares: (2, 2, P, K) float32: before and after the shock; at the beginning and at the end of the
            time: share of each interest. Between beginning and end a taste moves in a straight line.
        wishes: (2, 2, P, 8) float32 of unit length: what the person likes in an item's own part.
        changed: (P,) bool, whose taste changes at the shock.
        shock: unix seconds of it; infinite where there is none.
        returning: rows of those who have the interest that returns.
        returning_interest: -1 where there is none.
        awake: the two periods (from, until) in which it is awake, unix seconds.
        fashion_interest: -1 where there is none.
        fashion: period (from, until) in which everybody takes more of that interest, unix seconds.
        phases: (K,) float32, when in the year each interest has its season.
    """

    settings: SimulatedSettings
    edges: Floats
    shares: NDArray[np.float32]
    wishes: NDArray[np.float32]
    changed: NDArray[np.bool_]
    shock: float
    returning: Rows
    returning_interest: int
    awake: tuple[Period, Period]
    fashion_interest: int
    fashion: Period
    phases: NDArray[np.float32]

    def regimes(self, people: Rows, times: Floats) -> Rows:
        """1 where the person's taste has changed at the shock, else 0; shape (C,)."""
        return (self.changed[people] & (times >= self.shock)).astype(np.int64)

    def mixture(self, people: Rows, times: Floats) -> Floats:
        """Share of each interest in what each person takes at a moment, (C, K); rows sum to 1."""
        regime, way = self.regimes(people, times), self._way(times)
        shares = (1 - way) * self.shares[regime, 0, people] + way * self.shares[regime, 1, people]
        shares *= np.exp(self.settings.season * np.sin(2 * np.pi * (times[:, None] / YEAR + self.phases)))
        shares /= shares.sum(axis=1, keepdims=True)
        _blend(shares, RETURNING * self._is_awake(people, times), self.returning_interest)
        _blend(shares, self._in_fashion(times), self.fashion_interest)
        return shares

    def wish(self, people: Rows, times: Floats) -> NDArray[np.float32]:
        """What each person likes in the own part of an item at a moment, (C, 8) of unit length."""
        regime, turn = self.regimes(people, times), 0.5 * np.pi * self._way(times)
        wish = np.cos(turn) * self.wishes[regime, 0, people] + np.sin(turn) * self.wishes[regime, 1, people]
        return _unit(wish)

    def _way(self, times: Floats) -> Floats:
        """How far tastes have moved, (C, 1)."""
        return (self.settings.drift * (times - self.settings.start) / self.settings.seconds)[:, None]

    def _is_awake(self, people: Rows, times: Floats) -> NDArray[np.bool_]:
        inside = [(times >= begin) & (times < end) for begin, end in self.awake]
        return np.isin(people, self.returning) & (inside[0] | inside[1])

    def _in_fashion(self, times: Floats) -> Floats:
        """It comes and goes like a wave, 0 at both ends."""
        begin, end = self.fashion
        way = np.clip((times - begin) / (end - begin), 0.0, 1.0)
        return self.settings.fashion * np.sin(np.pi * way) ** 2


def make_taste(settings: SimulatedSettings) -> Taste:
    """The people of a shop.

    >>> taste = make_taste(SimulatedSettings(people=50, events=500))
    >>> moment = np.full(50, taste.edges[0])
    >>> bool(np.allclose(taste.mixture(np.arange(50), moment).sum(axis=1), 1))
    True
    """
    people, when = settings.people, settings.shock.at if settings.shock else np.inf
    edges = settings.start + settings.seconds * np.linspace(0, 1, settings.blocks + 1)
    begin, end = (settings.start + settings.seconds * share for share in IN_FASHION)
    # Who changes is drawn from one end and who has an interest that returns from the other.
    order = stream(settings.seed, "who").permutation(people)
    returning = np.sort(order[people - round(settings.returning * people) :])
    interest = settings.interests // 2 if len(returning) else -1
    return Taste(
        settings=settings,
        edges=edges,
        shares=_shares(settings, _popularity(settings.interests, interest)),
        wishes=_unit(stream(settings.seed, "wishes").standard_normal((2, 2, people, OWN))),
        changed=np.isin(np.arange(people), order[: round(settings.shock.people * people)])
        if settings.shock
        else np.zeros(people, dtype=bool),
        shock=settings.start + settings.seconds * when,
        returning=returning,
        returning_interest=interest,
        awake=((edges[0], edges[1]), (edges[-2], edges[-1])),
        fashion_interest=settings.interests - 1 if settings.fashion else -1,
        fashion=(begin, end),
        phases=stream(settings.seed, "season").random(settings.interests).astype(np.float32),
    )


def _blend(shares: Floats, part: NDArray[np.floating], interest: int) -> None:
    """Give ``part`` (C,) of each row to one interest, in place."""
    if interest >= 0:
        shares *= 1 - part[:, None]
        shares[:, interest] += part


def _popularity(interests: int, returning: int) -> Floats:
    """Of the interests among all people, (K,). Nobody has the one that returns but its own people."""
    popularity = np.arange(1, interests + 1) ** -SKEW
    if returning >= 0:
        popularity[returning] = 0
    return popularity / popularity.sum()


def _shares(settings: SimulatedSettings, popularity: Floats) -> NDArray[np.float32]:
    """See :class:`Taste`. After the shock people have, as far as there are any, interests new to them."""
    rng, nothing = stream(settings.seed, "shares"), np.zeros((settings.people, settings.interests), bool)
    before = np.stack([_own_interests(rng, popularity, nothing) for _ in range(2)])
    after = np.stack([_own_interests(rng, popularity, before.sum(axis=0) > 0) for _ in range(2)])
    return ((1 - FLOOR) * np.stack([before, after]) + FLOOR * popularity).astype(np.float32)


def _own_interests(rng: np.random.Generator, popularity: Floats, avoided: NDArray[np.bool_]) -> Floats:
    """Shares of two to four interests of each person, (P, K); avoided ones only where there are no others.

    Gumbel top-k draws by popularity without replacement (Vieira, "Gumbel-max trick and weighted reservoir
    sampling", 2014).
    """
    with np.errstate(divide="ignore"):
        keys = np.log(popularity) + rng.gumbel(size=avoided.shape) - 100.0 * avoided
    chosen = np.argsort(-keys, axis=1)[:, :MOST]
    weights = rng.gamma(2.0, size=chosen.shape)
    weights *= np.arange(MOST) < rng.integers(2, MOST + 1, len(chosen))[:, None]
    shares = np.zeros(avoided.shape)
    np.put_along_axis(shares, chosen, weights / weights.sum(axis=1, keepdims=True), axis=1)
    return shares


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
