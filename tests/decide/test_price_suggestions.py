"""Suggested prices: within every limit, near the best, and none where nothing can be concluded."""

import csv
import json
import math

import msgspec
import numpy as np
import pytest
from price_tables import fitted, item

from penchant.adapters.lightgbm_regression import LightGbmRegression
from penchant.cli import main
from penchant.decide.prices.fit import Item, fit_prices
from penchant.decide.prices.panel import Names, panel_of
from penchant.decide.prices.suggest import Bounds, Limits, bounds_of, candidates, suggestions, words
from penchant.decide.tables import Table, typed
from penchant.errors import InvalidInput
from penchant.testing.priced import Market, simulated_sales


def one(given: Item, limits: Limits, bounds: Bounds):
    return suggestions(fitted(given), limits, {given.item: bounds})[0]


def test_the_markup_rule_is_met_where_nothing_limits():
    """At constant elasticity e the best price is cost · e / (1 + e): here twice the cost."""
    found = one(item(deviation=0.001), Limits(most_change=0.5), Bounds(cost=6.0))
    assert found.suggested == pytest.approx(12.0, abs=0.05)
    assert found.gain_low <= found.gain <= found.gain_high
    assert found.suggested_quantity == pytest.approx(20 * 1.2**-2, rel=0.01)
    assert len(found.curve) == 25


def test_an_uncertain_elasticity_gives_a_wide_interval():
    sure, unsure = (one(item(deviation=d), Limits(), Bounds(cost=6.0)) for d in (0.05, 0.8))
    assert unsure.gain_high - unsure.gain_low > 3 * (sure.gain_high - sure.gain_low)
    assert unsure.gain_low < 0


@pytest.mark.parametrize("seed", range(6))
def test_no_limit_is_ever_broken(seed):
    rng = np.random.default_rng(seed)
    for _ in range(60):
        price = float(np.round(rng.gamma(2, 5) + 0.5, 2))
        given = item(
            price=price, lowest=price * rng.uniform(0.5, 1), highest=price * rng.uniform(1, 1.6),
            elasticity=rng.uniform(-4, -0.1), deviation=rng.uniform(0.01, 1),
        )  # fmt: skip
        limits = Limits(
            goal=str(rng.choice(["profit", "revenue"])), margin=float(rng.uniform(0, 0.5)),
            most_change=float(rng.uniform(0.05, 0.5)), step=float(rng.choice([0.01, 0.05, 0.1])),
            ending=None if rng.random() < 0.5 else float(rng.choice([0.99, 0.5, 0.0])),
        )  # fmt: skip
        bounds = Bounds(price * rng.uniform(0.2, 0.9), price * rng.uniform(0.5, 1), price * rng.uniform(1, 2))
        found = one(given, limits, bounds)
        if found.suggested == given.price:
            continue
        new = found.suggested
        assert bounds.lowest - 1e-6 <= new <= bounds.highest + 1e-6
        assert abs(new / given.price - 1) <= limits.most_change + 1e-6
        assert 1 - bounds.cost / new >= limits.margin - 1e-6
        assert abs(new / limits.step - round(new / limits.step)) < 1e-5
        assert limits.ending is None or abs(new % 1 - limits.ending) < 1e-5
        assert 0.95 * given.lowest - 1e-6 <= new <= 1.05 * given.highest + 1e-6


def test_what_is_not_known_is_left_as_it_is():
    for given, bounds, why in (
        (
            item(conclusion="none", why="its price never moved"),
            Bounds(6.0),
            "no conclusion: its price never moved",
        ),
        (item(quantity=0.0), Bounds(6.0), "nothing was sold lately"),
        (item(), Bounds(6.0, lowest=20.0), "no price meets all limits"),
        (item(price=12.0, deviation=0.01), Bounds(6.0), "the price of now is the best within the limits"),
    ):
        found = one(given, Limits(), bounds)
        assert (found.suggested, found.gain) == (given.price, 0.0)
        assert found.why == why


def test_what_makes_no_sense_is_refused():
    for limits, message in (
        (Limits(margin=1.0), "shares below 1"),
        (Limits(step=0.0), "step is above 0"),
        (Limits(ending=1.99), "a part of one"),
        (Limits(goal="fame"), "profit or revenue"),
    ):
        with pytest.raises(InvalidInput, match=message):
            one(item(), limits, Bounds(cost=6.0))
    with pytest.raises(InvalidInput, match="no cost of 'a'"):
        suggestions(fitted(item()), Limits(), {})


def items_table(**columns) -> Table:
    return Table("items.csv", {name: typed(name, values) for name, values in columns.items()}, 2)


def test_a_cost_that_is_not_known_is_not_a_cost_of_nothing():
    bounds = bounds_of(items_table(item=["a", "b"], cost=["", "6"]))
    assert math.isnan(bounds["a"].cost)
    found = fitted(item(), item(item="b"))
    for limits in (Limits(), Limits(goal="revenue", margin=0.1)):
        with pytest.raises(InvalidInput, match="no cost of 'a':"):
            suggestions(found, limits, bounds)
    assert len(suggestions(found, Limits(goal="revenue"), bounds)) == 2


@pytest.mark.parametrize(
    ("items", "cost", "message"),
    [
        (["a", "b"], ["-1", "2"], "item 'a' has a cost of -1, below 0"),
        (["a", "a"], ["1", "2"], "'a' is there"),
    ],
)
def test_costs_that_make_no_sense_are_refused(items, cost, message):
    with pytest.raises(InvalidInput, match=message):
        bounds_of(items_table(item=items, cost=cost))


def test_what_a_limit_forces_is_not_counted_as_a_gain():
    forced = suggestions(fitted(item()), Limits(), {"a": Bounds(cost=5.0, lowest=11.0)})[0]
    assert forced.gain < 0
    said = words([forced], "profit")
    assert "0 of 1 items: another price should bring more profit" in said
    assert "1 items: a limit forces another price" in said


@pytest.mark.parametrize("limits", [Limits(), Limits(ending=0.0), Limits(step=1000.0, ending=0.0)])
def test_a_high_price_with_a_fine_step_has_not_millions_of_candidates(limits, monkeypatch):
    given = item(price=1.5e7, lowest=1.2e7, highest=1.7e7)
    sizes = []
    rounded = np.round
    monkeypatch.setattr(np, "round", lambda a, *more: sizes.append(np.size(a)) or rounded(a, *more))
    prices = candidates(given, limits, Bounds(cost=8e6))
    assert 0 < max(sizes) <= 10_000
    assert 300 < len(prices) <= 400
    assert prices.min() < 1.21e7
    assert prices.max() > 1.78e7
    kept = one(item(price=1.5e7, lowest=1.2e7, highest=1.7e7, deviation=0.01), limits, Bounds(cost=7.5e6))
    assert kept.why == "the price of now is the best within the limits"


def test_suggestions_reach_nearly_the_best_profit():
    sales = simulated_sales(Market(items=80), seed=5)
    read = {name: typed(name, values) for name, values in sales.columns.items()}
    found = fit_prices(panel_of(Table("t", read, len(sales.columns["item"])), Names()), LightGbmRegression())
    limits = Limits(most_change=0.3, ending=0.99, margin=0.2)
    bounds = {one.item: Bounds(cost=float(cost)) for one, cost in zip(found.items, sales.cost, strict=True)}
    got = best = 0.0
    given = zip(
        found.items,
        suggestions(found, limits, bounds),
        sales.elasticity,
        sales.cost,
        sales.demand,
        strict=True,
    )
    for each, suggested, elasticity, cost, demand in given:
        prices = candidates(each, limits, bounds[each.item])
        if len(prices):
            profit = demand * np.append(prices, suggested.suggested) ** elasticity
            profit *= np.append(prices, suggested.suggested) - cost
            got, best = got + profit[-1], best + profit[:-1].max()
    assert got >= 0.95 * best


def test_from_a_table_to_suggestions(tmp_path, capsys):
    sales = simulated_sales(Market(items=12, periods=40), seed=0)
    with (tmp_path / "sales.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*sales.columns, "user_id"])
        writer.writerows([*row, "u"] for row in zip(*sales.columns.values(), strict=True))
    fit, out = tmp_path / "fit.json", tmp_path / "out.json"
    assert (
        main(["prices", "fit", str(tmp_path / "sales.csv"), "--json-file", str(fit), "--threads", "1"]) == 0
    )
    said = capsys.readouterr().out
    assert "never read, as a price is the same for everybody: user_id" in said
    assert "A line through prices and quantities alone would say" in said
    rows = ["item,cost", *(f"item {n:04d},{cost:.2f}" for n, cost in enumerate(sales.cost))]
    (tmp_path / "items.csv").write_text("\n".join(rows))
    words = ["prices", "suggest", str(fit), str(tmp_path / "items.csv"), "--ending", ".99"]
    assert main([*words, "--json-file", str(out)]) == 0
    assert "a person decides" in capsys.readouterr().out
    found = json.loads(out.read_text())
    changed = [one for one in found if one["suggested"] != one["price"]]
    assert changed
    assert all(math.isclose(one["suggested"] % 1, 0.99, abs_tol=1e-6) for one in changed)
    assert main(["prices", "suggest", str(fit)]) == 1
    assert "no cost of" in capsys.readouterr().err
    (tmp_path / "other.json").write_text(msgspec.json.encode({"a": 1}).decode())
    assert main(["prices", "suggest", str(tmp_path / "other.json")]) == 1
    assert "not written by `penchant prices fit`" in capsys.readouterr().err
