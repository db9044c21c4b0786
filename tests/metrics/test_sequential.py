"""Intervals that may be looked at any time."""

import numpy as np
import pytest

from penchant.errors import InvalidInput
from penchant.metrics.sequential import (
    FEWEST,
    Arm,
    Sums,
    anytime_difference,
    arm_of,
    boundary,
    mean_arm,
    ratio_arm,
    share_evidence,
)


def growing(rng: np.random.Generator, lift: float) -> tuple[list[Sums], np.ndarray]:
    """Sums of two arms at 50 looks: 400 people who come one by one and click at rates of their own."""
    people, looks = 400, 50
    arm, came = rng.integers(0, 2, people), rng.integers(0, looks, people)
    rate = 0.3 * rng.gamma(0.5, 2.0, people) * np.where(arm == 1, 1 + lift, 1)
    here = came[:, None] <= np.arange(looks)
    total = np.cumsum(rng.poisson(rate[:, None] * here), axis=1).astype(float)
    sums = []
    for place in (0, 1):
        mine = total[arm == place]
        count = here[arm == place].sum(axis=0)
        sums.append(Sums(count, mine.sum(axis=0), count, (mine**2).sum(axis=0), mine.sum(axis=0), count))
    return sums, total.sum(axis=0)


def ever(lift: float, tests: int, seed: int) -> tuple[float, float]:
    """Share of tests that call a winner at any look: by the sequence, and by 1.96 errors each time."""
    rng, sequence, fixed = np.random.default_rng(seed), 0, 0
    for _ in range(tests):
        (first, second), clock = growing(rng, lift)
        control, other = arm_of(first), arm_of(second)
        value, low, high = anytime_difference(control, other, clock)
        sequence += bool(((low > 0) | (high < 0)).any())
        error = np.sqrt(control.error + other.error)
        enough = np.minimum(control.people, other.people) >= FEWEST
        fixed += bool((enough & (np.abs(value) > 1.96 * error)).any())
    return sequence / tests, fixed / tests


def test_looking_at_every_moment_calls_hardly_any_winner_where_there_is_none() -> None:
    sequence, fixed = ever(0.0, 400, seed=1)
    assert sequence <= 0.05
    assert fixed > 0.1  # Else the test would not tell the two apart.


def test_a_real_difference_is_found() -> None:
    sequence, _ = ever(2.0, 100, seed=2)
    assert sequence > 0.9


def test_the_variance_is_that_between_people() -> None:
    """Ten lists of one person that are all answered are one person, not ten lists."""
    rng = np.random.default_rng(0)
    tops = 10.0 * rng.integers(0, 2, 500)
    arm = ratio_arm(tops, np.full(500, 10.0))
    assert arm.error == pytest.approx(0.25 / 500, rel=0.02)
    assert arm.mean == pytest.approx(tops.sum() / 5_000)


def test_the_linearised_variance_is_that_of_resampling_people() -> None:
    rng = np.random.default_rng(3)
    bottom = rng.integers(1, 20, 800).astype(float)
    top = rng.binomial(bottom.astype(int), rng.beta(1, 5, 800)).astype(float)
    draws = rng.integers(0, 800, (2_000, 800))
    resampled = top[draws].sum(axis=1) / bottom[draws].sum(axis=1)
    assert ratio_arm(top, bottom).error == pytest.approx(resampled.var(), rel=0.15)


def test_nothing_is_said_of_few_people_or_of_nothing() -> None:
    few = mean_arm(np.tile([0.0, 1.0], FEWEST // 2 - 1))
    enough = mean_arm(np.tile([0.0, 1.0], FEWEST))
    assert anytime_difference(few, enough, 50)[1] == -np.inf
    assert anytime_difference(enough, enough, 50)[1] > -1.0
    nothing = mean_arm(np.zeros(100))
    assert anytime_difference(nothing, nothing, 0)[2] == np.inf
    assert np.isnan(mean_arm([1.0]).mean)
    assert anytime_difference(mean_arm([1.0]), enough, 10)[1] == -np.inf


def test_the_boundary_is_above_that_of_one_look_and_narrowest_where_it_should_be() -> None:
    clock = np.geomspace(1, 1e8, 200)
    found = boundary(clock, 0.95, 500.0)
    assert (found > 1.96).all()
    # Of the width in the mean, boundary / √clock, no other choice is narrower there.
    there = [float(boundary(500.0, 0.95, best)) for best in (50.0, 250.0, 500.0, 1_000.0, 5_000.0)]
    assert min(there) == pytest.approx(there[2], rel=0.01)
    for level, ticks in ((1.0, 5.0), (0.95, -1.0)):
        with pytest.raises(InvalidInput):
            boundary(ticks, level)


def test_shares_are_watched_at_every_look() -> None:
    rng, called = np.random.default_rng(5), 0
    for _ in range(300):
        second = np.cumsum(rng.random(3_000) < 0.3)[99::100]
        looks = zip(np.arange(100, 3_001, 100), second, strict=True)
        called += any(share_evidence([all_ - one, one], [0.7, 0.3]) < 0.05 for all_, one in looks)
    assert called / 300 <= 0.05
    assert share_evidence([7_000, 3_500], [0.7, 0.3]) < 1e-6
    with pytest.raises(InvalidInput):
        share_evidence([1, 2], [1.0, 0.0])


def test_arms_may_be_arrays_of_tests() -> None:
    many = Arm(np.array([100, 100]), np.array([0.1, 0.2]), np.array([1e-4, 1e-4]))
    value, low, _ = anytime_difference(Arm(np.array(100), np.array(0.1), np.array(1e-4)), many, [50, 50])
    assert value.tolist() == pytest.approx([0.0, 0.1])
    assert low.shape == (2,)
