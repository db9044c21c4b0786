"""What a new item may sell: what the items most like it sold when they were new."""

import numpy as np
from numpy.typing import NDArray

from penchant.decide.stock.panel import Floats, Rows

LAUNCH = 4
"""First known periods of an item that count as its beginning."""
KIN = 10
"""Most similar items that are asked."""
AT_ONCE = 2_048
"""Rows at a time, for memory."""


def nearest(vectors: NDArray[np.float32], known: NDArray[np.bool_], count: int = KIN) -> Rows:
    """Rows of the ``count`` most similar of the ``known`` items (cosine), an item never its own kin;
    (N, count), -1 where there are fewer or an item has no vector.

    >>> nearest(np.float32([[1, 0], [1, 0.1], [0, 1]]), np.array([True, True, True]), 1).ravel().tolist()
    [1, 0, 1]
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.maximum(lengths, 1e-12)
    asked = np.flatnonzero(known & (lengths[:, 0] > 0))
    found = np.full((len(vectors), count), -1, np.int64)
    for begin in range(0, len(vectors), AT_ONCE):
        rows = np.arange(begin, min(begin + AT_ONCE, len(vectors)))
        near = unit[rows] @ unit[asked].T
        near[asked[None, :] == rows[:, None]] = -np.inf
        best = np.argsort(-near, axis=1, kind="stable")[:, :count]
        kept = np.isfinite(np.take_along_axis(near, best, axis=1)) & (lengths[rows] > 0)
        found[rows, : best.shape[1]] = np.where(kept, asked[best], -1)
    return found


def launch_levels(demand: Floats, categories: list[str], kin: Rows | None) -> Floats:
    """Pieces a period that an item begins with, (N,): mean of its kin's beginnings, of its category's where
    it has no kin, of all where it has no category; NaN where nothing is known at all.

    >>> demand = np.array([[2.0, 2.0], [4.0, 4.0], [np.nan, np.nan]])
    >>> launch_levels(demand, ["a", "b", "b"], None).tolist()
    [3.0, 3.0, 4.0]
    """
    begun = _beginnings(demand)
    known = ~np.isnan(begun)
    if not known.any():
        return begun
    found = np.full(len(demand), float(begun[known].mean()))
    _, code = np.unique(np.asarray(categories, dtype=np.str_), return_inverse=True)
    named = np.array([bool(name) for name in categories])
    # Without its own beginning: what an item did must not be told of it beforehand.
    own = np.where(known, begun, 0.0)
    others = np.bincount(code, own)[code] - own, np.bincount(code, known)[code] - known
    found = np.where(named & (others[1] > 0), others[0] / np.maximum(others[1], 1), found)
    if kin is None:
        return found
    there = (kin >= 0) & known[kin]
    near = np.where(there, own[kin], 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return np.where(there.any(axis=1), near, found)


def _beginnings(demand: Floats) -> Floats:
    """Mean of the first known periods of each item, (N,)."""
    known = ~np.isnan(demand)
    first = known & (np.cumsum(known, axis=1) <= LAUNCH)
    count = first.sum(axis=1)
    return np.where(count > 0, np.where(first, demand, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)
