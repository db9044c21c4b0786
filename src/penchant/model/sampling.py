"""Which items stand against the ones that were taken. Numpy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.model.entries import items_of
from penchant.model.examples import Questions
from penchant.model.histories import FloatArray, IntArray
from penchant.model.repeat import Memory


class NegativeSampler:
    """Draws distinct items, half evenly among those ever taken, half by how often they were."""

    def __init__(self, counts: FloatArray, size: int) -> None:
        self._sold = np.flatnonzero(counts > 0)
        share = counts[self._sold].astype(np.float64) / counts[self._sold].sum(dtype=np.float64)
        q = 0.5 * share + 0.5 / len(self._sold)
        self._cumulative = np.cumsum(q)
        self._size = size
        self._expected = np.log(-np.expm1(size * np.log1p(-np.minimum(q, 1 - 1e-9))))

    def draw(self, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """Items (K,), sorted, and the log of the chance that each was in the sample."""
        if self._size >= len(self._sold):
            return self._sold, np.zeros(len(self._sold), np.float32)
        places = np.searchsorted(self._cumulative, rng.random(self._size) * self._cumulative[-1])
        places = np.unique(places)
        return self._sold[places], self._expected[places].astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Each question's own candidates: what was taken, and what the person remembers.

    Attributes:
        owner, items: (C,) question and item. slot: (C,) place in the flat (P * M,) memory, -1 for none.
        rank: (C,) place among the owner's candidates. taken: (C,) bool.
    """

    owner: IntArray
    items: IntArray
    slot: IntArray
    rank: IntArray
    taken: NDArray[np.bool_]


def own_candidates(memory: Memory, answers: Questions, n_items: int) -> Candidates:
    """Union of memory (P, M) and answers of the same P questions."""
    remembered = items_of(memory).ravel()
    slots = np.flatnonzero(remembered >= 0)
    owner = np.repeat(np.arange(len(answers)), np.diff(answers.offsets))
    keys = np.concatenate(
        [slots // memory.shape[1] * n_items + remembered[slots], owner * n_items + answers.items]
    )
    slot = np.concatenate([slots, np.full(len(owner), -1)])
    taken = np.concatenate([np.zeros(len(slots), bool), np.ones(len(owner), bool)])
    unique, first, back = np.unique(keys, return_index=True, return_inverse=True)
    any_taken = np.zeros(len(unique), bool)
    any_taken[back[taken]] = True
    owner = unique // n_items
    rank = np.arange(len(unique)) - np.searchsorted(owner, owner)
    return Candidates(owner, unique % n_items, slot[first], rank, any_taken)


def found_in(sample: IntArray, items: IntArray) -> tuple[IntArray, IntArray]:
    """Pairs (place in ``items``, place in the sorted ``sample``) of items that are in both.

    >>> [pair.tolist() for pair in found_in(np.array([2, 5]), np.array([5, 3]))]
    [[0], [1]]
    """
    place = np.minimum(np.searchsorted(sample, items), len(sample) - 1)
    hit = np.flatnonzero(sample[place] == items)
    return hit, place[hit]
