"""A forecast finds what is planted, says how sure it is, and takes an empty shelf for what it is."""

from dataclasses import replace

import numpy as np
import pytest
from shelves import named, rates, sales

from penchant.adapters.lightgbm_quantiles import QuantileTrees
from penchant.decide.stock.forecast import learn
from penchant.decide.stock.members import History, Members
from penchant.decide.stock.outlook import agreeing, foresee
from penchant.decide.stock.panel import demand_of
from penchant.decide.stock.quantiles import LEVELS, covered, mean_of, pinball
from penchant.decide.stock.seasons import season_of
from penchant.errors import InvalidInput, NotEnoughData

AHEAD = 2


def test_it_is_better_than_the_mean_of_four_and_its_intervals_hold() -> None:
    panel = sales(400, 44)
    learned = learn(panel.before(42), AHEAD)
    found, actual = learned.forecast(panel.before(42)), panel.sold[:, 42:]
    usual = panel.sold[:, 38:42].mean(axis=1)[:, None, None] * np.ones((1, AHEAD, len(LEVELS)))
    assert pinball(found, actual).mean() < 0.8 * pinball(usual, actual).mean()
    fast = panel.sold[:, :42].mean(axis=1) >= 5
    assert 0.72 < covered(found[fast], actual[fast], 0.8).mean() < 0.9
    assert (np.diff(found, axis=-1) >= 0).all()
    assert (found >= 0).all()


@pytest.mark.parametrize("told", [True, False])
def test_trees_find_a_signal_that_runs_ahead_and_only_if_it_does(*, told: bool) -> None:
    rng = np.random.default_rng(5)
    level = np.exp(rng.normal(1.5, 0.5, (300, 1)))
    moves = np.exp(rng.normal(0, 0.8, (300, 41)))
    sold = rng.poisson(level * moves[:, :40]).astype(np.float64)
    views = rng.poisson(20 * level * moves[:, 1:]).astype(np.float64)
    views = views if told else rng.permuted(views, axis=1)
    plain = named(sold)
    panel = replace(plain, signals={"views": views})
    grow = QuantileTrees(rounds=60)
    losses = {
        name: pinball(learn(one.before(39), 1, grow).forecast(one.before(39))[:, 0], sold[:, 39]).mean()
        for name, one in (("with", panel), ("without", plain))
    }
    gain = 1 - losses["with"] / losses["without"]
    assert gain > 0.2 if told else abs(gain) < 0.1


def test_an_empty_shelf_is_not_a_lack_of_demand() -> None:
    truth = rates(200, 30, 3)
    sold = np.random.default_rng(4).poisson(truth).astype(np.float64)
    empty = np.zeros(sold.shape, np.bool_)
    empty[:, 24:30:2] = True
    seen = named(np.where(empty, 0.0, sold))
    told = replace(seen, in_stock=np.where(empty, 0.0, 1.0))
    wanted = truth[:, -1].sum()
    knowing, believing = (mean_of(learn(one, 1).forecast(one)[:, 0]).sum() for one in (told, seen))
    assert abs(knowing / wanted - 1) < 0.12
    assert believing < 0.8 * wanted
    together = mean_of(agreeing(told, learn(told, 1)).total[0, 0])
    assert abs(together / wanted - 1) < 0.12


def test_what_sold_out_was_wanted_at_least_as_usual() -> None:
    sold = np.array([[8.0, 8.0, 3.0, 9.0]])
    out = np.array([[False, False, True, True]])
    assert demand_of(named(sold, sold_out=out)).tolist() == [[8.0, 8.0, 8.0, 9.0]]


def test_an_item_to_come_begins_as_its_category_did() -> None:
    sold = (
        np.random.default_rng(0)
        .poisson(np.where(np.arange(60) % 2, 20.0, 2.0)[:, None], (60, 20))
        .astype(float)
    )
    sold[:2] = np.nan
    panel = named(sold)
    found = mean_of(learn(panel, 1).forecast(panel)[:, 0])
    assert found[0] == pytest.approx(2, abs=1)
    assert found[1] == pytest.approx(20, abs=5)


def test_a_day_of_the_week_comes_back() -> None:
    week = np.array([1.0, 1, 1, 1, 1, 4, 5])
    sold = np.random.default_rng(1).poisson(6 * np.tile(week, 8), (40, 56)).astype(float)
    panel = named(sold, season=7)
    found = mean_of(learn(panel, 7).forecast(panel)).mean(axis=0)
    assert found == pytest.approx(6 * week, rel=0.15)


def test_weeks_that_come_once_are_no_season() -> None:
    """All items move together from week to week, and nothing comes back: two years teach no season."""
    shares, real = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        moves = np.exp(0.4 * rng.standard_normal(116))
        sold = rng.poisson(60 * moves * np.ones((20, 1))).astype(float)
        panel = named(sold, season=52)
        plain, found = (learn(one.before(112), 2) for one in (replace(panel, season=1), panel))
        index = season_of(sold[:, :104], panel.categories, 52, 0)
        shares.append(index.var() / moves[:104].var())
        real.append(found.trial.pinball / plain.trial.pinball if found.trial and plain.trial else np.nan)
    assert max(shares) < 0.2
    assert max(real) < 1.1
    assert min(real) > 0.9


def test_a_year_that_comes_back_is_found() -> None:
    year = 1 + 0.7 * np.sin(np.arange(120) * 2 * np.pi / 52)
    panel = named(np.random.default_rng(1).poisson(20 * year, (30, 120)).astype(float), season=52)
    learned = learn(panel.before(112), 8)
    assert learned.seasonal
    assert mean_of(learned.forecast(panel.before(112))).mean(axis=0) == pytest.approx(
        20 * year[112:], rel=0.15
    )
    # Two years alone leave nothing to test a season on.
    young = foresee(panel.before(105), 1, None, str)
    assert "to test one, 112 periods are needed" in " ".join(young.notes)


def test_what_is_tested_was_not_learned_from() -> None:
    """Whatever the tested periods hold, season, beginnings and levels before them stay the same."""
    panel = sales(20, 40, season=7)
    later = panel.sold.copy()
    later[:, 32:] = 1e6 * np.arange(1, 9)
    first, other = (
        History.of(one, demand_of(one), 2, trees=False, known=32)
        for one in (panel, replace(panel, sold=later))
    )
    np.testing.assert_array_equal(first.season, other.season)
    np.testing.assert_array_equal(first.start, other.start)
    made, again = (Members.of(one, 32, 2).quantiles(one, 32, np.arange(20)) for one in (first, other))
    for name, values in made.items():
        np.testing.assert_array_equal(values, again[name])


@pytest.mark.parametrize(("periods", "horizon"), [(3, 1), (5, 3), (15, 13), (16, 14)])
def test_the_longest_horizon_of_few_periods(periods: int, horizon: int) -> None:
    panel = sales(3, periods)
    assert learn(panel, horizon).forecast(panel).shape == (3, horizon, len(LEVELS))
    with pytest.raises(NotEnoughData, match=f"{horizon + 1} needs {horizon + 3} periods"):
        learn(panel, horizon + 1)


def test_no_period_after_the_moment_is_read() -> None:
    panel = sales(10, 14)
    later = panel.sold.copy()
    later[:, 6:] = 1e6
    first, other = (
        Members.of(History.of(one, demand_of(one), 8, trees=False, known=6), 6, 8)
        for one in (panel, replace(panel, sold=later))
    )
    for name, sets in first.sets.items():
        for one, again in zip(sets, other.sets[name], strict=True):
            np.testing.assert_array_equal(one.ratios, again.ratios)


def test_items_categories_and_the_total_agree() -> None:
    panel = sales(60, 30)
    found = agreeing(panel, learn(panel, AHEAD))
    items = mean_of(found.items)
    even = np.arange(60) % 2 == 0
    assert found.names == ["even", "odd"]
    assert mean_of(found.categories)[0] == pytest.approx(items[even].sum(axis=0))
    assert mean_of(found.total)[0] == pytest.approx(items.sum(axis=0))


def test_nothing_of_the_future_is_known() -> None:
    panel = sales(80, 40)
    learned = learn(panel.before(30), AHEAD, QuantileTrees(rounds=10))
    later = panel.sold.copy()
    later[:, 30:] = 1e6
    other = replace(panel, sold=later)
    np.testing.assert_array_equal(learned.forecast(panel.before(30)), learned.forecast(other.before(30)))


def test_the_outlook_says_what_it_cannot_tell() -> None:
    panel = sales(20, 9)
    found = foresee(panel, 1, None, str)
    assert found.tested is None
    notes = " ".join(found.notes)
    assert "too few to test" in notes
    assert "empty shelves" in notes
    assert "penchant[ranking]" in notes
    longer = sales(60, 30, sold_out=np.eye(60, 30, dtype=np.bool_))
    again = foresee(longer, 2, None, str)
    assert again.tested is not None
    assert again.tested.pinball <= again.tested.usual
    assert "30 in which all was sold" in " ".join(again.notes)
    assert [row.period for row in again.forecast[:2]] == ["30", "31"]
    assert all(sum(shares.values()) == pytest.approx(1, abs=0.01) for shares in again.models.values())


def test_too_little_is_refused() -> None:
    with pytest.raises(NotEnoughData, match="3 periods"):
        learn(sales(5, 2), 1)
    with pytest.raises(InvalidInput, match="horizon"):
        learn(sales(5, 5), 0)
    with pytest.raises(InvalidInput, match="other shapes"):
        named(np.zeros((2, 3)), prices=np.zeros((2, 2)))
