"""What is known of many pairs of person and item, nine bytes of each. Numpy only."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

FEW = 4_096
"""Pairs in a dict before they move into a sorted array: there each takes many times as much room."""
MANY = 100_000
"""Pairs in the smaller of two arrays before they move into the larger one: among ten million that takes
a tenth of a second."""

Pairs = NDArray[np.uint64]
Levels = NDArray[np.int8]


class Sorted(NamedTuple):
    """Each pair once, ascending, and its level (n,)."""

    pairs: Pairs
    levels: Levels

    @classmethod
    def highest(cls, pairs: Pairs, levels: Levels) -> Self:
        """Of pairs (n,) in any order, of each of which the highest level counts.

        >>> found = Sorted.highest(np.array([7, 3, 7], np.uint64), np.array([2, 1, 1], np.int8))
        >>> found.pairs.tolist(), found.levels.tolist()
        ([3, 7], [1, 2])
        """
        return cls._once(pairs, levels, np.lexsort((levels, pairs)))

    @classmethod
    def _once(cls, pairs: Pairs, levels: Levels, order: NDArray[np.int64]) -> Self:
        """In an ``order`` by pairs; of those of one pair the last one counts."""
        pairs = pairs[order]
        last = np.append(pairs[1:] != pairs[:-1], True)[: len(pairs)]
        return cls(pairs[last], levels[order][last])

    def with_later(self, later: "Sorted") -> "Sorted":
        """Of what is in both the ``later`` counts."""
        pairs = np.concatenate([self.pairs, later.pairs])
        levels = np.concatenate([self.levels, later.levels])
        return Sorted._once(pairs, levels, np.argsort(pairs, kind="stable"))  # Two ascending runs: a merge.

    def of(self, pairs: Pairs) -> Levels:
        """The level of each; 0 of one that is not there."""
        if not len(self.pairs):
            return np.zeros(len(pairs), np.int8)
        place = np.minimum(self.pairs.searchsorted(pairs), len(self.pairs) - 1)
        return np.where(self.pairs[place] == pairs, self.levels[place], np.int8(0))

    def without(self, pairs: Pairs) -> "Sorted":
        """All others."""
        kept = ~np.isin(self.pairs, pairs)
        return Sorted(self.pairs[kept], self.levels[kept])


_NONE = Sorted(np.zeros(0, np.uint64), np.zeros(0, np.int8))


class PairLevels:
    """A level above 0 for each pair, a 64-bit number, that there is. Levels only rise."""

    def __init__(self, pairs: Pairs, levels: Levels) -> None:
        """Of pairs (n,) in any order, of each of which the highest level counts."""
        self._old = Sorted.highest(pairs, levels)
        self._young = _NONE
        self._new: dict[int, int] = {}

    def of(self, pairs: Pairs) -> Levels:
        """The level of each (n,); 0 of one that is not there.

        >>> held = PairLevels(np.array([7, 3], np.uint64), np.array([2, 1], np.int8))
        >>> held.rise(np.array([3, 9], np.uint64), np.array([3, 1], np.int8))
        >>> held.of(np.array([3, 7, 8, 9], np.uint64)).tolist()
        [3, 2, 0, 1]
        """
        new = np.array([self._new.get(pair, 0) for pair in pairs.tolist()], np.int8)
        return np.maximum(np.maximum(self._old.of(pairs), self._young.of(pairs)), new)

    def rise(self, pairs: Pairs, levels: Levels) -> None:
        """They are there now, at ``levels`` that are no lower than before; of a pair that comes twice the
        last one counts."""
        self._new.update(zip(pairs.tolist(), levels.tolist(), strict=True))
        if len(self._new) >= FEW:
            new = np.fromiter(self._new, np.uint64, len(self._new))
            levels = np.fromiter(self._new.values(), np.int8, len(self._new))
            self._young = self._young.with_later(Sorted.highest(new, levels))
            self._new = {}  # A dict that is cleared keeps its room.
        if len(self._young.pairs) >= MANY:
            self._old = self._old.with_later(self._young)
            self._young = _NONE

    def drop(self, pairs: Pairs) -> None:
        """They are no more; one that is not there changes nothing."""
        self._old, self._young = self._old.without(pairs), self._young.without(pairs)
        for pair in pairs.tolist():
            self._new.pop(pair, None)
