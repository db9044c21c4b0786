"""The order of a list in which places are worth more than one item's score: numpy only.

Three aims beside what an item is worth: unlike what stands before it, categories as the person mixes them,
and what few others take.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SMOOTH = 0.01
"""Part of the wanted mix that the list's own has, so that a category that is missing costs a finite amount
(Steck, "Calibrated recommendations", RecSys 2018)."""

STEEP = 2.0
"""Power with which the aims grow with the place: the first places are for what is wanted most."""

Floats = NDArray[np.float32]
Codes = NDArray[np.integer]


class Aims(NamedTuple):
    """What likeness, a mix that is not the person's, and being taken by everybody weigh against worth at the
    last place; 0 for nothing."""

    likeness: float = 0.0
    mix: float = 0.0
    rare: float = 0.0

    def __bool__(self) -> bool:
        return max(self) > 0


class Mix(NamedTuple):
    """A person's categories, those of C candidates.

    Attributes:
        wanted: (G,) share of each, above 0. codes: (C,) which of them each candidate is of, G for none.
    """

    wanted: Floats
    codes: Codes


class Pool(NamedTuple):
    """C candidates, best first.

    Attributes:
        worth: (C,) above 0, on a scale that has the mean 1 over a list. vectors: (C, D) of length 1.
        mix: as wanted. common: (C,) how much everybody takes each, on a logarithmic scale.
        lanes: (C,) a place of the list is only for candidates of the lane of who had it; None where all are
            alike.
    """

    worth: Floats
    vectors: Floats
    mix: Mix
    common: Floats
    lanes: Codes | None = None


def reranked(pool: Pool, n: int, aims: Aims) -> NDArray[np.int64]:
    """Which candidates are shown at ``n`` places, as places of the pool; fewer where it has fewer.

    Place by place p, from 1, the candidate with the most of worth / log₂(p + 1) + (p / n)² · aims, which are:

    - less ``likeness`` times that to the nearest item before it, the mean of their cosine, from 0 on, and of
      whether they are of one category (maximal marginal relevance: Carbonell and Goldstein, SIGIR 1998);
    - plus ``mix`` times what it takes off the divergence KL(wanted ‖ list) of the mix (Steck, RecSys 2018);
    - less ``rare`` times how common it is.

    >>> worth, vectors = np.float32([1.2, 1.1, 0.7]), np.float32([[1, 0], [1, 0], [0, 1]])
    >>> mix = Mix(np.float32([0.5, 0.5]), np.array([0, 0, 1]))
    >>> pool = Pool(worth, vectors, mix, np.float32([2, 2, 0]))
    >>> [reranked(pool, 2, aims).tolist() for aims in (Aims(), Aims(likeness=1), Aims(mix=1), Aims(rare=1))]
    [[0, 1], [0, 2], [0, 2], [0, 2]]
    """
    left, aimed = pool.worth.astype(np.float32, copy=True), _Aimed(pool, aims)
    taken = np.zeros(min(n, len(left)), np.int64)
    for place in range(len(taken)):
        total = left * np.float32(1 / np.log2(place + 2))
        total += np.float32(((place + 1) / n) ** STEEP) * aimed.of_candidates(place)
        if pool.lanes is not None:
            total[pool.lanes != pool.lanes[place]] = -np.inf
        one = int(total.argmax())
        taken[place], left[one] = one, -np.inf
        aimed.take(one)
    return taken


class _Aimed:
    """What the aims say of each candidate, given what is taken."""

    def __init__(self, pool: Pool, aims: Aims) -> None:
        self._pool, self._aims = pool, aims
        self._wanted, self._codes = pool.mix
        self._counts = np.zeros(len(self._wanted) + 1, np.float32)
        self._near = np.zeros(len(pool.worth), np.float32)
        self._rare = np.float32(-aims.rare) * pool.common

    def of_candidates(self, place: int) -> Floats:
        """(C,) where ``place`` items are taken."""
        found = self._rare - self._near
        if self._aims.mix:
            found += self._gains(place)[self._codes]
        return found

    def _gains(self, place: int) -> Floats:
        """What one more of each category takes off the divergence, times its weight; 0 for none of them."""
        share = np.float32((1 - SMOOTH) / (place + 1))
        before = share * self._counts[:-1] + np.float32(SMOOTH) * self._wanted
        gain = np.float32(self._aims.mix) * self._wanted * np.log1p(share / before)
        return np.append(gain, np.float32(0))

    def take(self, one: int) -> None:
        """``one`` has a place."""
        code = self._codes[one]
        self._counts[code] += 1
        if self._aims.likeness:
            like = np.maximum(self._pool.vectors @ self._pool.vectors[one], 0)
            if code < len(self._wanted):
                like += self._codes == code
            np.maximum(self._near, np.float32(self._aims.likeness / 2) * like, out=self._near)
