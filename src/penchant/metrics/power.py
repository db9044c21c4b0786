"""How many people does a comparison need, and how long does it take?"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

from penchant.errors import InvalidInput
from penchant.metrics.sequential import TIGHTEST, boundary

_MOST = 1e15
"""People, beyond whom nobody asks."""
_quantile = NormalDist().inv_cdf


class Needed(NamedTuple):
    """People of both arms together.

    Attributes:
        fixed: for a test that is looked at once, after all of them.
        anytime: until the interval that may be looked at all the time is as likely to exclude 0; half of the
            time it does so with far fewer.
    """

    fixed: int
    anytime: int


def people_needed(
    baseline: float,
    effect: float,
    *,
    deviation: float | None = None,
    level: float = 0.95,
    power: float = 0.8,
    share: float = 0.5,
    clock: float | None = None,
) -> Needed:
    """People for an effect of ``effect`` · ``baseline`` to be found.

    The fixed size is the usual one of two means, two-sided: n = (z₁ + z₂)² · (s₁²/share + s₀²/(1 - share)) /
    δ² (Chow, Shao and Wang, "Sample Size Calculations in Clinical Research", 2008, chapter 3).

    Args:
        baseline: mean per person without the change: a rate such as .05, or an amount.
        effect: relative change: .1 is a tenth more.
        deviation: standard deviation between people; that of a rate if None.
        level: of the interval.
        power: chance to find the effect.
        share: of the people in the changed arm.
        clock: events per person that move the metric, for the anytime interval; ``baseline`` if None.

    Raises:
        InvalidInput: a number that cannot be one, or a rate that would leave 0 to 1.

    >>> people_needed(0.05, 0.1)
    Needed(fixed=62462, anytime=145003)
    """
    for name, value in (("level", level), ("power", power), ("share", share)):
        if not 0 < value < 1:
            raise InvalidInput(f"{name} is a number between 0 and 1, got {value}")
    if not baseline > 0 or effect == 0 or not math.isfinite(baseline * effect):
        raise InvalidInput(f"a baseline above 0 and an effect that is not 0, got {baseline} and {effect}")
    changed = baseline * (1 + effect)
    before, after = _variances(baseline, changed, deviation)
    spread = math.sqrt(after / share + before / (1 - share)) / abs(changed - baseline)
    reached = _quantile(power)
    fixed = spread**2 * (_quantile((1 + level) / 2) + reached) ** 2
    ticks = ((1 - share) * baseline + share * changed) if clock is None else clock
    if not ticks > 0:
        raise InvalidInput(f"events per person must be above 0, got {ticks}")

    def missing(people: float) -> float:
        return float(boundary(people * ticks, level, TIGHTEST)) + reached - math.sqrt(people) / spread

    return Needed(math.ceil(fixed), math.ceil(_root(missing)))


def _root(missing: Callable[[float], float]) -> float:
    """Where the falling ``missing`` is 0, by bisection on a log scale."""
    low, high = 0.0, math.log(_MOST)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if missing(math.exp(middle)) > 0 else (low, middle)
    return math.exp(high)


def _variances(before: float, after: float, deviation: float | None) -> tuple[float, float]:
    if deviation is not None:
        if not deviation > 0:
            raise InvalidInput(f"a standard deviation is above 0, got {deviation}")
        return deviation**2, deviation**2
    if not (0 < before < 1 and 0 < after < 1):
        raise InvalidInput(
            f"rates lie between 0 and 1, got {before:g} and {after:g}: for amounts give a standard deviation"
        )
    return before * (1 - before), after * (1 - after)
