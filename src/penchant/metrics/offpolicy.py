"""What would another policy have earned? Estimates from the lists that one policy showed with known chances.

All three need that whatever the other policy would show had a chance above 0 to be shown.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.metrics.bootstrap import Interval

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """The value of the other policy per decision.

    Attributes:
        interval: with bounds at the level asked for.
        error: standard error, between people.
    """

    interval: Interval
    error: float


@dataclass(frozen=True, slots=True)
class Overlap:
    """How much of the log speaks for the other policy.

    Attributes:
        decisions: in the log.
        effective: decisions of its own that would be worth as many: (Σw)²/Σw² (Kish, "Survey sampling",
            1965).
        largest: the largest weight before clipping.
        mean: of the weights before clipping; near 1 if the chances are right.
        clipped: share of the decisions that were clipped.
        lost: mean weight that clipping took away: IPS is too low by this times the largest reward at most, by
            this times the largest error of the reward model where there is one.
    """

    decisions: int
    effective: float
    largest: float
    mean: float
    clipped: float
    lost: float


def weights(logged: Floats, wanted: Floats, clip: float = np.inf) -> tuple[Floats, Overlap]:
    """How many times as likely the other policy was to show what was shown, and diagnostics.

    Args:
        logged: (D,) chance that it had to be shown, above 0.
        wanted: (D,) chance that the other policy gives it.
        clip: weights above are set to it (Ionides, "Truncated importance sampling", 2008).

    Raises:
        InvalidInput: no decision, shapes that differ, or chances that are none.

    >>> found, overlap = weights(np.array([0.5, 0.25]), np.array([0.5, 1.0]), clip=2.0)
    >>> found.tolist(), overlap.largest, overlap.lost
    ([1.0, 2.0], 4.0, 1.0)
    """
    if not len(logged) or logged.shape != wanted.shape:
        raise InvalidInput(f"chances of the same decisions are needed, got {logged.shape} and {wanted.shape}")
    if not ((logged > 0) & (logged <= 1)).all() or not ((wanted >= 0) & (wanted <= 1)).all():
        raise InvalidInput("chances lie from 0 to 1, and what was shown had one above 0")
    if not clip > 0:
        raise InvalidInput(f"weights are clipped at a number above 0, got {clip}")
    raw = wanted / logged
    found = np.minimum(raw, clip)
    square = float((found**2).sum())
    return found, Overlap(
        decisions=len(raw),
        effective=float(found.sum() ** 2 / square) if square else 0.0,
        largest=float(raw.max()),
        mean=float(raw.mean()),
        clipped=float((raw > clip).mean()),
        lost=float((raw - found).mean()),
    )


def ips(
    weight: Floats, reward: Floats, people: NDArray[np.integer] | None = None, level: float = 0.95
) -> Estimate:
    """Inverse propensity scoring: the mean of w·r (Horvitz and Thompson, JASA 47, 1952). Unbiased.

    Args:
        weight: (D,) of :func:`weights`.
        reward: (D,).
        people: (D,) whose decisions depend on each other; each is its
            own if None.
        level: of the interval.

    >>> ips(np.array([1.0, 2.0, 0.0]), np.array([1.0, 1.0, 0.0])).interval.value
    1.0
    """
    return _estimate(weight * reward, people, level)


def snips(
    weight: Floats, reward: Floats, people: NDArray[np.integer] | None = None, level: float = 0.95
) -> Estimate:
    """The self-normalised one: Σw·r / Σw (Swaminathan and Joachims, NIPS 2015). Within the rewards' range;
    its bias vanishes with the number of decisions.

    Raises:
        InvalidInput: all weights are 0.

    >>> snips(np.array([1.0, 3.0]), np.array([0.0, 1.0])).interval.value
    0.75
    """
    total = weight.mean()
    if not total > 0:
        raise InvalidInput("the other policy would have shown nothing of what was shown: nothing can be said")
    value = float((weight * reward).mean() / total)
    return _estimate(value + weight * (reward - value) / total, people, level)


def doubly_robust(
    weight: Floats,
    reward: Floats,
    model: tuple[Floats, Floats],
    people: NDArray[np.integer] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Mean of q(π) + w·(r - q): a model's guess and what it missed (Dudík, Langford and Li, ICML 2011).

    Unbiased if the chances are right, whatever the model says; narrower the better it is. The model must not
    have seen the decision that it judges (cross-fitting: Chernozhukov et al., Econometrics
    Journal 21(1), 2018).

    Args:
        weight: as in :func:`ips`, with ``reward``, ``people`` and ``level``.
        reward: (D,).
        people: (D,).
        level: of the interval.
        model: (D,) expected reward of what was shown, and (D,) of what the other policy would show.

    >>> told = np.array([0.5, 0.5]), np.array([0.75, 0.75])
    >>> doubly_robust(np.ones(2), np.array([0.0, 1.0]), told).interval.value
    0.75
    """
    shown, other = model
    return _estimate(other + weight * (reward - shown), people, level)


def _estimate(parts: Floats, people: NDArray[np.integer] | None, level: float) -> Estimate:
    """Mean of ``parts`` with the normal interval between people."""
    if not np.isfinite(parts).all():
        raise InvalidInput("a reward, a weight or a model's guess is NaN or infinite")
    who = np.arange(len(parts)) if people is None else np.unique(people, return_inverse=True)[1]
    value, count = float(parts.mean()), int(who.max()) + 1
    if count < 2:
        return Estimate(Interval(value, -np.inf, np.inf), np.inf)
    sums = np.bincount(who, weights=parts - value)
    error = float(np.sqrt(count / (count - 1) * (sums**2).sum())) / len(parts)
    reach = NormalDist().inv_cdf((1 + level) / 2) * error
    return Estimate(Interval(value, value - reach, value + reach), error)
