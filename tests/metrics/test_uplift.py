from itertools import pairwise

import numpy as np
import pytest

from penchant.errors import InvalidInput
from penchant.metrics.uplift import qini, qini_curve, qini_interval


def by_hand(uplift, treated, outcome):
    """Area by going through the thresholds one by one."""
    points = [(0.0, 0.0)]
    for threshold in sorted(set(uplift), reverse=True):
        inside = uplift >= threshold
        t, c = inside & treated, inside & ~treated
        would = outcome[c].sum() * t.sum() / c.sum() if c.sum() else 0.0
        points.append((inside.mean(), (outcome[t].sum() - would) / treated.sum()))
    area = sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(points))
    return area - points[-1][1] / 2


def trial(seed, rows=400):
    rng = np.random.default_rng(seed)
    treated = rng.random(rows) < 0.3
    effect = rng.integers(-2, 3, rows).astype(float)
    return effect, treated, rng.normal(size=rows) + treated * effect


@pytest.mark.parametrize("seed", range(5))
def test_the_area_is_that_of_the_thresholds_one_by_one(seed):
    uplift, treated, outcome = trial(seed)
    assert qini(uplift, treated, outcome) == pytest.approx(by_hand(uplift, treated, outcome), abs=1e-12)


def test_the_right_order_is_above_chance_and_the_reverse_below():
    uplift, treated, outcome = trial(0, rows=4000)
    assert qini(uplift, treated, outcome) > 0.2
    assert qini(-uplift, treated, outcome) < -0.2


def test_an_order_that_says_nothing_is_zero_whatever_the_order_of_the_rows():
    uplift, treated, outcome = trial(1)
    assert qini(np.zeros(len(uplift)), treated, outcome) == 0
    order = np.random.default_rng(2).permutation(len(uplift))
    again = qini(uplift[order], treated[order], outcome[order])
    assert again == pytest.approx(qini(uplift, treated, outcome), abs=1e-12)


def test_a_curve_ends_at_the_difference_of_the_arms():
    uplift, treated, outcome = trial(3)
    curve = qini_curve(uplift, treated, outcome)
    assert curve.share[[0, -1]].tolist() == [0, 1]
    assert curve.gain[-1] == pytest.approx(outcome[treated].mean() - outcome[~treated].mean())


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    uplift, treated, outcome = trial(4, rows=100_000)
    truth = qini(uplift, treated, outcome)
    covered = 0
    for seed in range(60):
        found = qini_interval(*trial(100 + seed), draws=200, seed=seed)
        covered += found.low <= truth <= found.high
    assert covered >= 50


def test_one_arm_is_refused():
    with pytest.raises(InvalidInput, match="two arms"):
        qini(np.zeros(2), np.array([True, True]), np.zeros(2))
