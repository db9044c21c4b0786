"""The items that go with each item: taken by the same people, or in the same basket."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Most similar items of each item: rows and cosines, both (N, k); empty places have cosine 0."""

    rows: Rows
    cosines: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.rows)

    def around(
        self, items: NDArray[np.int64], weights: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows beside ``items`` (m,), and for each the sum of ``weights`` (m,) times cosine.

        Items that came later than the table have no neighbours.

        >>> near = Neighbours(np.int32([[1], [0]]), np.float32([[0.5], [0.5]]))
        >>> [part.tolist() for part in near.around(np.array([0, 9]), np.float32([2, 1]))]
        [[1], [1.0]]
        """
        known = items < len(self)
        items, weights = items[known], weights[known]
        rows, cosines = self.rows[items].ravel(), (self.cosines[items] * weights[:, None]).ravel()
        kept = cosines > 0
        rows, place = np.unique(rows[kept], return_inverse=True)
        sums = np.bincount(place, weights=cosines[kept], minlength=len(rows))
        return rows.astype(np.int64), sums.astype(np.float32)


def nearest(owner: NDArray[np.int64], item: Rows, items: int, k: int, shrink: float) -> Neighbours:
    """The ``k`` items of highest damped cosine of each item, one item at a time.

    cosine(i, j) = owners of both / √(owners of i · owners of j), times ``n / (n + shrink)`` for n common
    owners, since one common owner proves nothing. An owner is a person, or a basket. An item's own cosine
    is 1.

    Args:
        owner: (M,) of distinct pairs, ordered.
        item: (M,) of the same pairs.
        items: number of items, N.
        k: neighbours kept.
        shrink: common owners at which a cosine counts half.

    >>> near = nearest(np.array([0, 0, 1]), np.int32([0, 1, 1]), 3, 2, shrink=0.0)
    >>> near.rows[1].tolist(), bool(abs(near.cosines[1][1] - 0.5**0.5) < 1e-6)
    ([1, 0], True)
    """
    owned = np.split(item, np.flatnonzero(np.diff(owner)) + 1)
    row_of_pair = np.repeat(np.arange(len(owned)), [len(part) for part in owned])
    order = np.argsort(item, kind="stable")
    takers = np.bincount(item, minlength=items)
    edges = np.concatenate([[0], np.cumsum(takers)])
    near = Neighbours(np.zeros((items, k), np.int32), np.zeros((items, k), np.float32))
    for one in np.flatnonzero(takers):
        owners = row_of_pair[order[edges[one] : edges[one + 1]]]
        common = np.bincount(np.concatenate([owned[p] for p in owners]))
        others = np.flatnonzero(common)
        together = common[others]
        cosines = together / np.sqrt(takers[one] * takers[others]) * (together / (together + shrink))
        cosines[others == one] = 1.0
        best = _first(cosines, k)
        near.rows[one, : len(best)] = others[best]
        near.cosines[one, : len(best)] = cosines[best]
    return near


def _first(values: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    """Places of the ``k`` largest, largest first."""
    best = np.argpartition(-values, k - 1)[:k] if len(values) > k else np.arange(len(values))
    return best[np.argsort(-values[best], kind="stable")]
