"""Is one arm better than the other? Intervals that hold at every look, not only at one fixed before.

The boundary is that of the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and
Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 52(6),
2024: Robbins' normal mixture (1970) with the variance estimated. It fits conversions and unbounded amounts.

**People are the units.** What one person does is not independent, so the variance is between people, each
with the total of what they did so far. Their totals grow between looks, which a sequence of finished units
would not. A look is therefore placed on a *clock*: the number of events that could have moved the metric. The
sums of people at two looks are correlated at least as much as a Brownian motion is at those two clocks, as
long as people who did more so far than others do not do less than others afterwards; a process that is
correlated more crosses a boundary less often (Slepian, Bell System Technical Journal 41(2), 1962).
``bench/anytime.py`` measures it.
"""

from math import lgamma
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penchant.errors import InvalidInput

Floats = NDArray[np.float64]

TIGHTEST = 200.0
"""Clock at which the boundary is tightest. It hardly matters: a hundred times later it is a sixth wider."""

FEWEST = 30
"""People in each arm below whom nothing is said: a variance of fewer is not known, and a mean of fewer not
normal."""


class Arm(NamedTuple):
    """What the people of an arm did: arrays of one shape, () for one look at one test.

    Attributes:
        people: how many.
        mean: of the metric over people.
        error: variance of that mean.
    """

    people: Floats
    mean: Floats
    error: Floats


def boundary(clock: ArrayLike, level: float = 0.95, tightest: float = TIGHTEST) -> Floats:
    """Standard errors that a confidence sequence reaches to each side.

    The normal mixture √((1 + 1/(tρ²)) · log((tρ² + 1)/α²)), Waudby-Smith et al. 2024, equation 5, with ρ²
    nearly the best at t = ``tightest`` (their appendix).

    Args:
        clock: events up to the look, of any shape; 0 or more.
        level: that all looks together hold with.
        tightest: a clock at which it is narrowest, fixed before the first look.

    Raises:
        InvalidInput: a level that is not between 0 and 1, or a clock below 0.

    >>> boundary([20, 200, 20_000]).round(1).tolist()
    [3.9, 3.0, 3.6]
    """
    found = np.asarray(clock, dtype=np.float64)
    if not 0 < level < 1 or not tightest > 0 or not (found >= 0).all():
        raise InvalidInput(f"a level between 0 and 1 and a clock of 0 or more, got {level} and {clock}")
    twice = -2 * np.log1p(-level)
    passed = found * (twice + np.log1p(twice)) / tightest
    with np.errstate(divide="ignore"):
        return np.sqrt((1 + 1 / passed) * (np.log1p(passed) + twice))


def mean_arm(values: ArrayLike) -> Arm:
    """An arm of (P,) totals of people.

    >>> mean_arm([0.0, 1.0, 1.0, 0.0]).error.round(4)
    np.float64(0.0833)
    """
    return ratio_arm(values, np.ones(np.shape(values)))


def ratio_arm(tops: ArrayLike, bottoms: ArrayLike) -> Arm:
    """An arm whose metric is a ratio of sums, such as answered lists to lists; people are still the units.

    Args:
        tops: (P,) by person.
        bottoms: (P,) likewise.

    >>> ratio_arm([1.0, 0.0, 2.0, 1.0], [2.0, 2.0, 4.0, 2.0]).mean.item()
    0.4
    """
    top, bottom = np.asarray(tops, dtype=np.float64), np.asarray(bottoms, dtype=np.float64)
    if top.shape != bottom.shape or top.ndim != 1:
        raise InvalidInput(f"two totals of each person are needed, got {top.shape} and {bottom.shape}")
    return arm_of(Sums(len(top), top.sum(), bottom.sum(), top @ top, top @ bottom, bottom @ bottom))


class Sums(NamedTuple):
    """What is needed of the people of an arm: numbers, or arrays of one shape for many looks or tests."""

    people: ArrayLike
    top: ArrayLike
    bottom: ArrayLike
    top_square: ArrayLike
    product: ArrayLike
    bottom_square: ArrayLike


def arm_of(sums: Sums) -> Arm:
    """The ratio top / bottom with its variance, linearised: that of (top - ratio · bottom) / mean(bottom).

    Source: Deng, Knoblich and Lu, "Applying the Delta Method in Metric Analytics", KDD 2018. NaN with an
    infinite variance where there is nobody to speak of.
    """
    people, top, bottom, top_square, product, bottom_square = (
        np.asarray(one, dtype=np.float64) for one in sums
    )
    known = (people > 1) & (bottom > 0)
    whole, count = np.where(known, bottom, 1.0), np.where(known, people, 2.0)
    ratio = top / whole
    square = np.maximum(top_square - 2 * ratio * product + ratio**2 * bottom_square, 0.0)
    error = square / (count - 1) * count / whole**2
    return Arm(people, np.where(known, ratio, np.nan), np.where(known, error, np.inf))


def anytime_difference(
    control: Arm,
    other: Arm,
    clock: ArrayLike,
    *,
    level: float = 0.95,
    tightest: float = TIGHTEST,
) -> tuple[Floats, Floats, Floats]:
    """``other`` minus ``control`` with bounds that hold at all looks together.

    Args:
        control: at each look, or of each test.
        other: likewise.
        clock: events of both arms that could have moved the metric, up to the look.
        level: that all looks together hold with.
        tightest: see :func:`boundary`.

    Returns:
        value, low, high, each of the shape of the arms; infinite bounds with fewer than :data:`FEWEST`
        people in either, or nothing seen.

    >>> value, low, high = anytime_difference(Arm(900, 0.05, 5e-5), Arm(900, 0.09, 9e-5), clock=126)
    >>> low.round(3).item(), high.round(3).item()
    (0.004, 0.076)
    """
    value = np.asarray(np.subtract(other.mean, control.mean), dtype=np.float64)
    error = np.sqrt(np.add(control.error, other.error))
    ticks = np.asarray(clock, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        reach = np.where((ticks > 0) & np.isfinite(value), boundary(ticks, level, tightest) * error, np.inf)
    # With nothing seen in an arm the estimated variance is 0, which says that nothing is known.
    reach = np.where((error > 0) & (np.minimum(control.people, other.people) >= FEWEST), reach, np.inf)
    known = np.nan_to_num(value)  # NaN with an infinite reach is bounded by nothing.
    return value, known - reach, known + reach


def share_evidence(counts: ArrayLike, shares: ArrayLike) -> float:
    """How sure is it that people did not fall into the arms by their shares? A p-value for any look.

    The Dirichlet mixture of Lindon and Malek, "Anytime-valid inference for multinomial count data", NeurIPS
    2022: 1 over the Bayes factor against the shares, at most 1. Below .01 something loses or doubles people
    of one arm, and no figure of the experiment is to be trusted.

    Args:
        counts: (A,) people of each arm.
        shares: (A,) of the settings, above 0, up to a factor.

    Raises:
        InvalidInput: shapes that differ, or a share that is not above 0.

    >>> share_evidence([5_000, 5_100], [0.5, 0.5]), round(share_evidence([5_000, 5_600], [0.5, 0.5]), 6)
    (1.0, 3e-06)
    """
    seen, wanted = np.asarray(counts, dtype=np.float64), np.asarray(shares, dtype=np.float64)
    if seen.shape != wanted.shape or not len(wanted) or not (wanted > 0).all():
        raise InvalidInput(f"a share above 0 for each arm, got {shares} for {counts}")
    share = wanted / wanted.sum()
    prior = len(share) * share
    factor = lgamma(prior.sum()) - lgamma(prior.sum() + seen.sum()) - float(seen @ np.log(share))
    factor += sum(lgamma(start + n) - lgamma(start) for start, n in zip(prior, seen, strict=True))
    return float(np.exp(min(0.0, -factor)))
