"""Vectors of items that nobody took yet: those of the items that are told of in like words. Numpy only.

What a model makes of a text alone is a shorter vector than those of items that it knows, and shorter ones
are never first. An item that was never taken stands where its nearest neighbours by text stand, as far out
as they do (mapping of attributes to factors: Gantner et al., ICDM 2010, there by regression).
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.model.dials import weighed
from penchant.model.histories import FloatArray

NEIGHBOURS = 5

MOST = 20_000
"""Items that neighbours are looked for among: those taken most. Reading a million items takes a minute so."""

_BLOCK = 2**24
"""Likenesses that are held together (64 MB)."""

_TINY = np.float32(1e-9)

SILENT = 0.05
"""Above what an item that nobody takes has in the slowest count of the trend. One purchase gives 1.5 and is
forgotten after eight months, one view .15 and two."""


class Neighbours:
    """Items that were taken, by the text they had at loading. Made by :meth:`of`."""

    def __init__(self, directions: FloatArray, vectors: FloatArray) -> None:
        """``directions`` (K, W) are texts of length 1, ``vectors`` (K, D) those of the same items."""
        self._directions = directions
        self._vectors = vectors
        self._lengths = np.linalg.norm(vectors, axis=1)

    @classmethod
    def of(cls, white: FloatArray, vectors: FloatArray, counts: FloatArray) -> Self:
        """Of items with whitened texts (n, W), vectors (n, D) and how often each was taken (n,).

        >>> white, vectors = np.eye(2, dtype=np.float32), np.array([[3, 0], [0, 1]], np.float32)
        >>> known = Neighbours.of(white, vectors, np.ones(2, np.float32))
        >>> known.place(np.array([[2, 0]], np.float32), np.zeros((1, 2), np.float32)).tolist()
        [[3.0, 0.0]]
        """
        told = np.flatnonzero((counts > 0) & white.any(1))
        if len(told) > MOST:
            told = np.sort(told[np.argsort(-counts[told], kind="stable")[:MOST]])
        return cls(_directions(white[told]), vectors[told])

    def place(self, white: FloatArray, own: FloatArray) -> FloatArray:
        """Vectors (n, D) of new items with whitened texts (n, W).

        Those without a text, or that nobody is like, keep what is their ``own`` (n, D).
        """
        placed = own.copy()
        told = np.flatnonzero(white.any(1)) if len(self._vectors) else np.zeros(0, np.int64)
        size = max(1, _BLOCK // max(1, len(self._vectors)))
        for start in range(0, len(told), size):
            rows = told[start : start + size]
            found, kept = self._place(_directions(white[rows]))
            placed[rows[kept]] = found[kept]
        return placed

    def _place(self, directions: FloatArray) -> tuple[FloatArray, np.ndarray]:
        weights, best = _highest(directions @ self._directions.T, NEIGHBOURS)
        weights = np.maximum(weights, 0)
        weights /= np.maximum(weights.sum(1, keepdims=True), _TINY)
        mean = np.einsum("nk,nkd->nd", weights, self._vectors[best])
        far = np.einsum("nk,nk->n", weights, self._lengths[best])
        length = np.linalg.norm(mean, axis=1)
        return mean * (far / np.maximum(length, _TINY))[:, None], length > _TINY


def _highest(likeness: FloatArray, most: int) -> tuple[FloatArray, NDArray[np.intp]]:
    """The ``most`` highest of each row of ``likeness`` (n, K) and where they stand, highest first; of equals
    the first. So many searches take a tenth of the time of one partition. ``likeness`` must be finite; it is
    spoiled.

    >>> _highest(np.array([[1, 4, 2, 4]], np.float32), 3)[1].tolist()
    [[1, 3, 2]]
    """
    rows = np.arange(len(likeness))
    best = np.empty((len(likeness), min(most, likeness.shape[1])), np.intp)
    values = np.empty(best.shape, np.float32)
    for place in range(best.shape[1]):
        best[:, place] = at = likeness.argmax(axis=1)
        values[:, place] = likeness[rows, at]
        likeness[rows, at] = -np.inf
    return values, best


def _directions(white: FloatArray) -> FloatArray:
    return white / np.maximum(np.linalg.norm(white, axis=1, keepdims=True), _TINY)


def untaken(seen: FloatArray) -> NDArray[np.bool_]:
    """Which items nobody took of late for the first time, by their trend (N, lifetimes): (N,).

    >>> untaken(np.array([[0.0], [-1.2], [-1.2]], np.float32)).tolist()
    [False, True, True]
    """
    slowest = seen[:, -1]
    return slowest < slowest.min(initial=np.inf) + SILENT


def trend_levels(
    seen: FloatArray, weights: FloatArray, never: NDArray[np.bool_], unseen: FloatArray
) -> FloatArray:
    """What the trend (N, lifetimes) of a moment adds to each item's bias by its ``weights``, (N,).

    Items that nobody took before the model was made (``never`` (N,)) have the first of ``unseen`` (2,) on
    top until somebody does, and from then on the second.
    """
    added = weighed(seen, weights)
    if never.any():
        # All of them at once: rows that a mask picks out cost ten times as much.
        added += np.where(never, np.where(untaken(seen), unseen[0], unseen[1]), np.float32(0.0))
    return added
