"""What lists that were shown say of items: how much more, or less, each is answered than expected.

An item's appeal θ multiplies the chance of an answer that its place and its score let expect. It is a
Gamma-Poisson model: θ ~ Gamma(a + answers, a + expected answers), with mean 1 before anything is shown, and
the surer of that the more people took the item: of those the score has learned. a = PRIOR + TAKEN · people.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.recommend.variety.exposure import APART

PRIOR = 0.5
"""Expected answers that those of an item which nobody took must outweigh: such an item is commonly three
times as good or bad as its score says (the standard deviation of log θ is 1.05)."""

TAKEN = 0.25
"""What each person who took an item adds to that."""

EDGES = (1, 3, 6, 10, 20)
"""Places from which on another rate of answers is kept: 0, 1 to 2, 3 to 5 and so on."""

RATE, LISTS = 0.03, 200.0
"""Answers of a place while few lists were shown, and how many places that is worth."""

Floats = NDArray[np.float64]


class Slot(NamedTuple):
    """A place of a list that was shown: ``factor`` of the expected answers of the place, 1 where the item had
    the place by its score."""

    row: int
    place: int
    factor: float


@dataclass(slots=True, eq=False)
class _Placement:
    """Sums; (N, B) places by item, (N,) answers, (B,) places and answers of what was not drawn."""

    shown: Floats = field(default_factory=lambda: np.zeros((0, len(EDGES) + 1)))
    answers: Floats = field(default_factory=lambda: np.zeros(0))
    places: Floats = field(default_factory=lambda: np.zeros(len(EDGES) + 1))
    answered: Floats = field(default_factory=lambda: np.zeros(len(EDGES) + 1))

    def grow(self, size: int) -> None:
        more = size - len(self.answers)
        if more > 0:
            self.answers = np.concatenate([self.answers, np.zeros(more + size // 4)])
            self.shown = np.concatenate([self.shown, np.zeros((more + size // 4, len(EDGES) + 1))])


@dataclass(slots=True, eq=False)
class _Use:
    """Lists and answers of a placement that count, and whose sums they are in."""

    sums: _Placement
    count: int = 0


class Learned:
    """Sums by placement: of the first :data:`APART` that are in use, and of all others together.

    Taking out what was put in leaves nothing of it. Threads may read and write.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._uses: dict[str, _Use] = {}
        self._apart, self._others = 0, _Placement()

    def shown(self, placement: str, slots: Sequence[Slot], sign: float = 1.0) -> None:
        """A list was shown; with ``sign`` -1 it is taken out."""
        with self._lock:
            sums = self._used(placement, sign)
            sums.grow(max((slot.row for slot in slots), default=-1) + 1)
            for slot in slots:
                part = bucket(slot.place)
                sums.shown[slot.row, part] += sign * slot.factor
                if slot.factor == 1.0:
                    sums.places[part] += sign

    def answered(self, placement: str, slot: Slot, sign: float = 1.0) -> None:
        """An item of a list that was shown was answered; with ``sign`` -1 that is taken out."""
        with self._lock:
            sums = self._used(placement, sign)
            sums.answers[slot.row] += sign
            if slot.factor == 1.0:
                sums.answered[bucket(slot.place)] += sign

    def appeal(self, placement: str, rows: NDArray[np.integer], takers: Floats) -> tuple[Floats, Floats]:
        """Mean and variance of log θ of each row, (C,): those of the lognormal with θ's mean and variance.

        ``takers``: (C,) people who took each.
        """
        answers, expected = self._sums(placement, rows)
        prior = PRIOR + TAKEN * takers
        shape, rate = prior + np.maximum(answers, 0), prior + np.maximum(expected, 0)
        variance = np.log1p(1 / shape)
        return np.log(shape / rate) - variance / 2, variance

    def _sums(self, placement: str, rows: NDArray[np.integer]) -> tuple[Floats, Floats]:
        """Answers, and answers expected, of each row."""
        with self._lock:
            use = self._uses.get(placement)
            if use is None and self._apart < APART:
                return np.zeros(len(rows)), np.zeros(len(rows))
            sums = self._others if use is None else use.sums
            found = np.zeros(len(rows)), np.zeros(len(rows))
            known = rows < len(sums.answers)
            rates = (sums.answered + RATE * LISTS) / (sums.places + LISTS)
            found[0][known] = sums.answers[rows[known]]
            found[1][known] = sums.shown[rows[known]] @ rates
            return found

    def _used(self, placement: str, sign: float) -> _Placement:
        """Where a list or an answer is put in or taken out. A placement stays where it is until the last of
        them is out, so that each is taken from where it was put."""
        use = self._uses.get(placement)
        if use is None:
            apart = self._apart < APART
            self._apart += apart
            use = self._uses[placement] = _Use(_Placement() if apart else self._others)
        use.count += 1 if sign > 0 else -1
        if not use.count:
            self._end(placement, use.sums)
        return use.sums

    def _end(self, placement: str, sums: _Placement) -> None:
        del self._uses[placement]
        if sums is not self._others:
            self._apart -= 1
        elif len(self._uses) == self._apart:
            self._others = _Placement()


def bucket(place: int) -> int:
    """Which rate a place has.

    >>> [bucket(place) for place in (0, 1, 2, 3, 19, 20)]
    [0, 1, 1, 2, 4, 5]
    """
    return sum(place >= edge for edge in EDGES)
