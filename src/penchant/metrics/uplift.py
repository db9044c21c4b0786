"""How well are people ordered by the effect that an offer has on them?

Qini and uplift curves of a randomised trial (Radcliffe, "Using control groups to target on predicted lift",
Direct Marketing Analytics Journal, 2007): of the first k people by predicted uplift, what the treated bought
less what as many of the others would have bought.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.metrics.bootstrap import Interval

Floats = NDArray[np.float64]
Treated = NDArray[np.bool_]


class Curve(NamedTuple):
    """Points of a Qini curve, from (0, 0).

    Attributes:
        share: (P,) share of the people, the best first.
        gain: (P,) incremental outcome per treated person of the whole trial, were only these treated.
    """

    share: Floats
    gain: Floats


def qini_curve(uplift: Floats, treated: Treated, outcome: Floats) -> Curve:
    """Gain by share of the people; people of equal predicted uplift come together, on a straight line.

    Args:
        uplift: (n,) predicted, not learned from the row's own outcome.
        treated: (n,) who got the offer, by chance.
        outcome: (n,).

    Raises:
        InvalidInput: nobody, or only one arm.

    >>> treated = np.array([True, False, True, False])
    >>> curve = qini_curve(np.array([2.0, 2, 1, 1]), treated, np.array([1.0, 0, 0, 0]))
    >>> curve.share.tolist(), curve.gain.tolist()
    ([0.0, 0.5, 1.0], [0.0, 0.5, 0.5])
    """
    order, ends = _ordered(uplift, treated)
    gain = _gains(treated[order].astype(np.float64), outcome[order], np.ones(len(order)), ends)
    return Curve(np.concatenate([[0.0], (ends + 1) / len(order)]), gain)


def qini(uplift: Floats, treated: Treated, outcome: Floats) -> float:
    """Area between the curve and the straight line of a random order; 0 is chance, in units of the outcome.

    >>> uplift, treated = np.array([2.0, 2, 1, 1]), np.array([True, False, True, False])
    >>> qini(uplift, treated, np.array([1.0, 0, 0, 0]))
    0.125
    """
    return float(_area(*qini_curve(uplift, treated, outcome)))


def qini_interval(
    uplift: Floats, treated: Treated, outcome: Floats, *, draws: int = 400, level: float = 0.95, seed: int = 0
) -> Interval:
    """Qini with a percentile interval: rows drawn anew (Poisson weights), the predictions held fixed.

    It tells the luck of who was in the trial, not that of what was learned.

    Raises:
        InvalidInput: nobody, or only one arm.
    """
    order, ends = _ordered(uplift, treated)
    arm, result = treated[order].astype(np.float64), outcome[order]
    share = np.concatenate([[0.0], (ends + 1) / len(order)])
    value = _area(share, _gains(arm, result, np.ones(len(order)), ends))
    rng = np.random.default_rng(seed)
    drawn = np.empty(draws)
    for draw in range(draws):
        weight = rng.poisson(1.0, len(order)).astype(np.float64)
        reached = np.concatenate([[0.0], np.cumsum(weight)[ends]]) / max(weight.sum(), 1.0)
        drawn[draw] = _area(reached, _gains(arm, result, weight, ends))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high))


def _ordered(uplift: Floats, treated: Treated) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows, the highest uplift first, and the last place of each group of equals."""
    if not treated.any() or treated.all():
        raise InvalidInput("a Qini curve compares two arms; here everybody or nobody was treated")
    order = np.argsort(-uplift, kind="stable")
    ranked = uplift[order]
    return order, np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))


def _gains(arm: Floats, outcome: Floats, weight: Floats, ends: NDArray[np.int64]) -> Floats:
    """0, then at each end: Σ treated outcome - Σ other outcome · treated / others, per treated person."""
    inside, outside = arm * weight, (1.0 - arm) * weight
    treated, others = np.cumsum(inside)[ends], np.cumsum(outside)[ends]
    got, would = np.cumsum(inside * outcome)[ends], np.cumsum(outside * outcome)[ends]
    would = np.divide(would * treated, others, out=np.zeros(len(ends)), where=others > 0)
    return np.concatenate([[0.0], (got - would) / max(treated[-1], 1.0)])


def _area(share: Floats, gain: Floats) -> np.float64:
    return np.trapezoid(gain - share * gain[-1], share)
