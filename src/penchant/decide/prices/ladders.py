"""Prices of a ladder, such as small, middle and large: each rung costs more than the one below."""

import numpy as np

from penchant.decide.prices.panel import Floats


def climb(prices: list[Floats], values: list[Floats], gap: float = 0.0) -> list[int] | None:
    """The choice of one price a rung with the largest sum of values, found by dynamic programming.

    Args:
        prices: of each rung, the lowest first, (c,) what may be chosen.
        values: of each rung, (c,) what each choice is worth.
        gap: share by which a rung costs more than the one below, at least; it always costs more.

    Returns:
        Place of the chosen price in each rung; None where no choice keeps the order.

    >>> rungs = [np.array([1.0, 3.0]), np.array([2.0, 4.0])]
    >>> climb(rungs, [np.array([0.0, 5.0]), np.array([9.0, 1.0])])
    [0, 0]
    """
    best, came = np.zeros(0), list[np.ndarray]()
    below = np.zeros(0)
    for rung, (own, value) in enumerate(zip(prices, values, strict=True)):
        order = np.argsort(own, kind="stable")
        if rung == 0:
            best, below = value[order], own[order]
            came.append(np.stack([order, np.zeros_like(order)]))
            continue
        # The best of all that is cheap enough, and where it stands.
        most = np.maximum.accumulate(best)
        where = np.maximum.accumulate(np.where(best >= most, np.arange(len(best)), 0))
        # A gap may be met exactly; without one the next rung costs more all the same.
        edge = -1e-9 if gap > 1e-6 else 1e-9
        fits = np.searchsorted(below * (1 + gap) + edge, own[order], side="left") - 1
        reached = np.where(fits >= 0, most[np.maximum(fits, 0)], -np.inf)
        came.append(np.stack([order, where[np.maximum(fits, 0)]]))
        best, below = value[order] + reached, own[order]
    if not len(best) or not np.isfinite(best.max()):
        return None
    at, found = int(best.argmax()), list[int]()
    for order, before in reversed(came):
        found.append(int(order[at]))
        at = int(before[at])
    return found[::-1]
