"""Items, their categories and everything together made to agree.

MinT with a diagonal of error variances (Wickramasuriya, Athanasopoulos and Hyndman, JASA 2019). On a
tree that needs no matrix: what is known of each node is gathered upwards, weighed by how sure it is, and
the difference is handed down again.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Agreed:
    """Means that add up: items (N, H), categories (C, H), total (H,)."""

    items: Floats
    categories: Floats
    total: Floats


def reconcile(
    items: tuple[Floats, Floats],
    codes: NDArray[np.int64],
    categories: tuple[Floats, Floats],
    total: tuple[Floats, Floats],
) -> Agreed:
    """Each is a pair of means and error variances, (N, H), (C, H) and (H,); ``codes`` (N,) of categories.

    >>> sure, vague = np.array([[1.0]]), np.array([[1e9]])
    >>> found = reconcile((np.array([[2.0], [2.0]]), np.ones((2, 1))), np.array([0, 0]), (6 * sure, 2 * sure),
    ...                   (np.array([0.0]), vague[0]))
    >>> found.items.round(6).tolist(), found.total.round(6).tolist()
    ([[2.5], [2.5]], [5.0])
    """
    means, errors = items[0], np.maximum(items[1], LEAST)
    sums, loose = _summed(means, codes, len(categories[0])), _summed(errors, codes, len(categories[0]))
    middle, sure = _both((sums, loose), categories)
    top, _ = _both((middle.sum(axis=0), sure.sum(axis=0)), total)
    middle = middle + sure / np.maximum(sure.sum(axis=0), LEAST) * (top - middle.sum(axis=0))
    low = means + errors / np.maximum(loose, LEAST)[codes] * (middle - sums)[codes]
    # What falls below 0 is 0, and the others of its category make up for it.
    low = np.maximum(low, 0.0)
    kept = _summed(low, codes, len(middle))
    low = low * (np.maximum(middle, 0.0) / np.maximum(kept, LEAST))[codes]
    middle = _summed(low, codes, len(middle))
    return Agreed(low, middle, middle.sum(axis=0))


def _both(one: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Two estimates of the same, weighed by their precision."""
    weights = 1 / np.maximum(one[1], LEAST), 1 / np.maximum(other[1], LEAST)
    sure = 1 / (weights[0] + weights[1])
    return sure * (weights[0] * one[0] + weights[1] * other[0]), sure


def _summed(values: Floats, codes: NDArray[np.int64], count: int) -> Floats:
    found = np.zeros((count, *values.shape[1:]))
    np.add.at(found, codes, values)
    return found
