"""The one form in which every source names candidates."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.recommend.sources.moment import Moment

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]


class Named(NamedTuple):
    """Distinct rows (n,) and how strongly each is named (n,), in any order and any unit."""

    rows: Rows
    strength: Floats


class Source(Protocol):
    """Names items for a moment. What may not be shown is left out by whoever asks."""

    @property
    def name(self) -> str:
        """As in the settings."""
        ...

    def find(self, moment: Moment, k: int) -> Named:
        """At least the ``k`` strongest where there are so many that may be shown; more cost nothing."""
        ...


def nothing() -> Named:
    """Of a source that has nothing to say."""
    return Named(np.zeros(0, np.int64), np.zeros(0, np.float32))


def best_of(scores: Floats, rows: Rows, k: int) -> Named:
    """The ``k`` of ``rows`` (n,) with the highest ``scores`` (N,), which is how strongly they are named.

    >>> best_of(np.float32([5, 1, 7]), np.array([0, 1]), 1).rows.tolist()
    [0]
    """
    found = scores[rows]
    if len(rows) > k:
        best = np.argpartition(-found, k - 1)[:k]
        rows, found = rows[best], found[best]
    return Named(rows, found.astype(np.float32, copy=False))
