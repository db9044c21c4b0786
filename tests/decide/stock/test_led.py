"""Views tell a level that sales alone are too few for."""

from dataclasses import replace

import numpy as np
import pytest
from shelves import named

from penchant.decide.stock.forecast import learn
from penchant.decide.stock.led import bought_share, led_levels
from penchant.decide.stock.quantiles import pinball


def wanders(items: int, periods: int, seed: int) -> np.ndarray:
    """Rates that move by a seventh from one period to the next."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 0.15, (items, periods))
    return np.exp(rng.normal(0.5, 0.6, (items, 1)) + np.cumsum(steps, axis=1))


@pytest.mark.parametrize("told", [True, False])
def test_statistical_models_use_a_signal_and_only_if_it_tells_something(*, told: bool) -> None:
    rates, rng = wanders(400, 46, 3), np.random.default_rng(4)
    each = rng.gamma(4, 1, (400, 1))  # views for a sale: some things are looked at longer
    sold = rng.poisson(rates).astype(float)
    views = rng.poisson(each * rates).astype(float)
    plain = named(sold)
    led = replace(plain, signals={"views": views if told else rng.permuted(views, axis=1)})
    found = {
        name: np.mean(
            [
                pinball(learn(one.before(t), 1).forecast(one.before(t))[:, 0], sold[:, t]).mean()
                for t in range(42, 46)
            ]
        )
        for name, one in (("led", led), ("plain", plain))
    }
    gain = 1 - found["led"] / found["plain"]
    assert gain > 0.03 if told else abs(gain) < 0.01


def test_each_item_has_a_share_of_its_own_where_enough_is_known_and_all_one_where_it_is_chance() -> None:
    rng = np.random.default_rng(0)
    true = np.array([0.05, 0.2] * 200)[:, None]
    seen = rng.poisson(40.0, (400, 30)).astype(float)
    differs = bought_share(rng.binomial(seen.astype(int), true).astype(float), seen)[:, -1]
    assert np.abs(differs - true[:, 0]).mean() < 0.01
    alike = bought_share(rng.binomial(seen.astype(int), 0.1).astype(float), seen)[:, -1]
    assert alike.std() < 0.003


def test_what_is_below_nothing_or_never_there_leaves_levels_sound() -> None:
    demand = np.array([[np.nan, 2.0, 4.0], [1.0, 1.0, 1.0]])
    start, zeros = np.array([3.0, np.nan]), np.zeros((2, 3))
    unknown = np.full((2, 3), np.nan)
    assert led_levels(demand, start, {"margin": -demand}) == {}
    for signal in (zeros, unknown):
        for level in led_levels(demand, start, {"views": signal}).values():
            known = level[~np.isnan(level)]
            assert np.isfinite(known).all()
            assert (known >= 0).all()
            assert level[0, 0] == 3.0


def test_nothing_of_the_future_is_in_a_level() -> None:
    rng = np.random.default_rng(1)
    demand, views = rng.poisson(3.0, (2, 20, 30)).astype(float)
    start = np.full(20, np.nan)
    whole = led_levels(demand, start, {"views": views})
    before = led_levels(demand[:, :20], start, {"views": views[:, :20]})
    for name, level in before.items():
        np.testing.assert_allclose(whole[name][:, :20], level)
