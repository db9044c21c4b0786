"""The best items by score: exact, in linear time."""

import numpy as np
from numpy.typing import NDArray


def top_k(scores: NDArray[np.float32], allowed: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
    """Rows of the ``k`` highest scores among the allowed ones, best first; fewer where fewer are allowed.

    Shapes (N,) and (N,); equal scores in the order of their rows. Scores that are not finite are out.

    >>> top_k(np.array([1, 3, 2, 9], dtype=np.float32), np.array([True, True, True, False]), 2).tolist()
    [1, 2]
    """
    usable = allowed & np.isfinite(scores)
    masked = np.where(usable, scores, -np.inf)
    k = min(k, int(usable.sum()))
    if k <= 0:
        return np.zeros(0, dtype=np.int64)
    if k < len(masked):
        # The k-th best value cuts; ties at the cut go to the lower rows, so lists do not flicker.
        cut = np.partition(masked, len(masked) - k)[len(masked) - k]
        above = np.flatnonzero(masked > cut)
        level = np.flatnonzero(masked == cut)[: k - len(above)]
        rows = np.sort(np.concatenate([above, level]))
    else:
        rows = np.arange(len(masked))
    return rows[np.argsort(-masked[rows], kind="stable")].astype(np.int64)[:k]
