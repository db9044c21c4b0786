"""How many people a comparison needs."""

import numpy as np
import pytest

from penchant.errors import InvalidInput
from penchant.metrics.power import people_needed


def test_a_test_of_the_size_that_is_told_finds_the_effect_as_often() -> None:
    needed = people_needed(0.2, 0.25, power=0.8).fixed
    rng, half = np.random.default_rng(0), needed // 2
    first, second = (rng.binomial(half, rate, 4_000) / half for rate in (0.2, 0.25))
    error = np.sqrt((first * (1 - first) + second * (1 - second)) / half)
    assert ((second - first) / error > 1.96).mean() == pytest.approx(0.8, abs=0.03)


def test_to_look_at_any_time_costs_more_and_a_larger_effect_less() -> None:
    small, large = people_needed(0.05, 0.1), people_needed(0.05, 0.2)
    assert small.fixed < small.anytime < 4 * small.fixed
    assert large.fixed < small.fixed / 3
    assert people_needed(0.05, 0.1, power=0.9).fixed > small.fixed
    assert people_needed(0.05, 0.1, share=0.1).fixed > 2 * small.fixed


def test_an_amount_needs_its_spread() -> None:
    known = people_needed(20.0, 0.1, deviation=40.0, clock=1.0)
    assert known.fixed == pytest.approx(4 * (1.96 + 0.8416) ** 2 * 40.0**2 / 2.0**2, rel=0.001)
    with pytest.raises(InvalidInput, match="standard deviation"):
        people_needed(20.0, 0.1)


@pytest.mark.parametrize("wrong", [{"effect": 0.0}, {"baseline": 0.0}, {"power": 1.0}, {"deviation": -1.0}])
def test_what_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        people_needed(**({"baseline": 0.1, "effect": 0.1} | wrong))
