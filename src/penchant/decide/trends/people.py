"""People by week, and whether there are more of them than before: counts of people, never of events."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penchant.decide.trends.result import LEAST, Change

WEEK: Final = 604_800.0
WEEKS: Final = 12
"""That are looked at."""
SPAN: Final = 4
"""Weeks of now, and as many of before."""
FEW: Final = 10
"""Things, of fewer of which there is no median to go by."""
FALSE: Final = 0.05
"""Share of what is called sure that may be chance."""
_Z: Final = 1.959964

Codes = NDArray[np.integer]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Weeks:
    """Events of ``WEEKS`` weeks until ``until`` (unix seconds): person and week from 0 of each, (E,)."""

    until: float
    person: Codes
    week: Counts

    def people(self, which: NDArray[np.bool_], codes: Codes, count: int) -> Counts:
        """Different people of each of ``count`` things in each week, now, and before: (count, WEEKS + 2).

        ``which`` (E,) of the events tell of the thing with their code (E,).
        """
        found = np.zeros((count, WEEKS + 2), np.int64)
        found[:, :WEEKS] = self._different(which, codes, count, self.week, WEEKS)
        part = (WEEKS - 1 - self.week) // SPAN
        found[:, WEEKS:] = self._different(which & (part < 2), codes, count, part, 2)
        return found

    def in_all(self, which: NDArray[np.bool_], codes: Codes, count: int) -> Counts:
        """Different people of each thing over all weeks, (count,)."""
        return self._different(which, codes, count, np.zeros_like(self.week), 1)[:, 0]

    def _different(
        self, which: NDArray[np.bool_], codes: Codes, count: int, part: Counts, parts: int
    ) -> Counts:
        most = int(self.person.max(initial=0)) + 1
        place = codes[which].astype(np.int64) * parts + part[which]
        pairs = np.unique(place * most + self.person[which])
        return np.bincount(pairs // most, minlength=count * parts).reshape(count, parts)


def told(count: float) -> int | None:
    """A number of people, or None where it would tell of too few.

    >>> told(5), told(4)
    (5, None)
    """
    return int(count) if count >= LEAST else None


def usual(people: Counts, active: Counts, otherwise: float | None = None) -> float:
    """Logarithm of how many more people the median thing concerned now than before.

    ``people`` (K, WEEKS + 2) as :meth:`Weeks.people` gives it, ``active`` (WEEKS + 2,) of everything. Of few
    things there is no median: ``otherwise``, or that of all active people. Samples are made comparable like
    this by Anders and Huber (Genome Biology 2010): neither more people, nor people who do less, nor one thing
    that rises makes all the others fade.
    """
    now, before, _ = _parts(people)
    both = (people[:, WEEKS:] >= LEAST).all(axis=1)
    if int(both.sum()) >= FEW:
        return _median(np.log(now / before)[both], (now + before)[both])
    if otherwise is not None:
        return otherwise
    return math.log(max(float(active[WEEKS]), LEAST) / max(float(active[WEEKS + 1]), LEAST))


def changes(people: Counts, base: float) -> list[Change | None]:
    """How each thing changed beside ``base``, what is :func:`usual`; None of what concerned fewer than five
    people now and before.

    Intervals are of counts, on a logarithmic scale; what is sure by Benjamini and Hochberg (1995), over all
    these things.
    """
    now, before, known = _parts(people)
    ratio, error = np.log(now / before) - base, np.sqrt(1 / now + 1 / before)
    sure = _sure(np.abs(ratio) / error, known)
    made = zip(people, ratio.tolist(), error.tolist(), sure.tolist(), strict=True)
    return [_change(*one) if there else None for one, there in zip(made, known.tolist(), strict=True)]


def _parts(people: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """People now and before, four in the place of fewer than five, and of which things may be told."""
    now, before = (np.maximum(people[:, WEEKS + at], LEAST - 1).astype(float) for at in (0, 1))
    return now, before, np.any(people[:, WEEKS:] >= LEAST, axis=1)


def _median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])


def _change(people: Counts, ratio: float, error: float, sure: bool) -> Change:
    low, high = ratio - _Z * error, ratio + _Z * error
    return Change(
        people=told(people[WEEKS]), before=told(people[WEEKS + 1]),
        ratio=math.exp(ratio), low=math.exp(low), high=math.exp(high),
        weeks=[told(count) for count in people[:WEEKS]], sure=sure,
    )  # fmt: skip


def _sure(scores: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which standard scores hold where at most a share of :data:`FALSE` of them may be chance."""
    chance = np.array([math.erfc(score / math.sqrt(2)) for score in scores[known]])
    order = np.sort(chance)
    passed = order <= FALSE * np.arange(1, len(order) + 1) / max(len(order), 1)
    bar = order[np.flatnonzero(passed)[-1]] if passed.any() else -1.0
    found = np.zeros(len(scores), np.bool_)
    found[known] = chance <= bar
    return found


def wilson_high(hits: float, count: float) -> float:
    """Upper end of the 95% interval of a share (Wilson, JASA 1927).

    >>> round(wilson_high(0, 16), 3)
    0.194
    """
    share, square = hits / count, _Z**2
    middle = share + square / (2 * count)
    spread = _Z * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return (middle + spread) / (1 + square / count)
