"""For how much of each period an item could be bought, from a record of what was on hand."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def in_stock_of(rows: NDArray[np.int64], time: Floats, on_hand: Floats, edges: Floats, items: int) -> Floats:
    """Share of each period with pieces on hand, (items, T); 1 before an item's first record.

    ``rows``, ``time`` and ``on_hand`` are (R,) records in any order: from ``time`` (unix seconds) on, so much
    was on hand; rows of -1 and cells with NaN are left out. ``edges`` (T + 1,) begin the periods and end
    the last.

    >>> rows, time = np.array([0, 0]), np.array([5.0, 10.0])
    >>> in_stock_of(rows, time, np.array([0.0, 3.0]), np.array([0.0, 10.0, 20.0]), 1).tolist()
    [[0.5, 1.0]]
    """
    good = (rows >= 0) & ~np.isnan(time) & ~np.isnan(on_hand)
    rows, time, on_hand = rows[good], time[good], on_hand[good]
    order = np.lexsort((time, rows))
    rows, time, empty = rows[order], time[order], on_hand[order] <= 0
    until = np.append(time[1:], np.inf)
    until[np.append(rows[1:] != rows[:-1], True)] = np.inf
    missing = np.zeros((items, len(edges) - 1))
    for row, begin, end in zip(rows[empty], time[empty], until[empty], strict=True):
        missing[row] += np.clip(np.minimum(end, edges[1:]) - np.maximum(begin, edges[:-1]), 0.0, None)
    return np.clip(1.0 - missing / np.diff(edges), 0.0, 1.0)
