"""What a price does to the other items of a group, ladders, competitors, and tests by lot."""

import csv
import itertools
import json
import math

import msgspec
import numpy as np
import pytest
from price_tables import fitted, item, panel

from penchant.adapters.lightgbm_regression import LightGbmRegression
from penchant.cli import main
from penchant.decide.prices.fit import fit_prices
from penchant.decide.prices.ladders import climb
from penchant.decide.prices.panel import Panel
from penchant.decide.prices.suggest import Bounds, Limits, bounds_of, suggestions
from penchant.decide.prices.trial import price_test, words
from penchant.decide.tables import Table, typed
from penchant.errors import InvalidInput
from penchant.testing.priced import Market, simulated_sales


def sold(market: Market, seed: int) -> Panel:
    return panel(simulated_sales(market, seed))


def test_buyers_who_go_from_one_item_to_another_are_found_and_none_where_there_are_none():
    for true in (0.8, 0.0):
        found = [fit_prices(sold(Market(cross=true), seed), LightGbmRegression()) for seed in (11, 12)]
        for one in found:
            assert one.cross_low <= true <= one.cross_high
            covered = [abs(of.cross - true) < 1.96 * of.cross_deviation for of in one.items]
            assert np.mean(covered) > 0.9
        assert all((one.cross_low > 0) == (true > 0) for one in found)


def test_what_moves_the_whole_shop_does_not_pass_for_buyers_who_go_elsewhere():
    found = fit_prices(sold(Market(shared=0.2), 11), LightGbmRegression())
    assert found.cross_low < 0 < found.cross_high


def test_nothing_is_said_of_neighbours_in_small_groups():
    found = fit_prices(sold(Market(items=8, categories=2), 3), LightGbmRegression())
    assert found.cross is None
    assert all(one.cross is None for one in found.items)


def test_what_neighbours_gain_is_part_of_the_suggestion():
    """Who raises the price of one of two substitutes keeps a part of the buyers."""
    apart = [item("a"), item("b")]
    near = [item(name, cross=1.0, cross_deviation=0.1) for name in "ab"]
    limits, bounds = Limits(most_change=0.5), {name: Bounds(cost=6.0) for name in "ab"}
    alone, together = (suggestions(fitted(*items), limits, bounds)[0] for items in (apart, near))
    assert (alone.others, alone.suggested) == (0.0, pytest.approx(12.0, abs=0.05))
    assert together.suggested > alone.suggested
    expected = 20 * (10 - 6) * math.log(together.suggested / 10)
    assert together.others == pytest.approx(expected, rel=1e-3)
    unsure = [item(name, cross=1.0, cross_deviation=0.9) for name in "ab"]
    assert suggestions(fitted(*unsure), limits, bounds)[0].others == 0.0


def test_a_ladder_is_climbed_as_well_as_by_trying_everything():
    rng = np.random.default_rng(0)
    impossible = 0
    for _ in range(200):
        prices = [np.round(rng.uniform(1, 6, rng.integers(1, 6)), 1) for _ in range(rng.integers(1, 5))]
        values = [rng.normal(size=len(own)) for own in prices]
        gap = float(rng.choice([0.0, 0.1, 0.4]))
        best = None
        for choice in itertools.product(*(range(len(own)) for own in prices)):
            chosen = [own[at] for own, at in zip(prices, choice, strict=True)]
            if all(b > a and b >= a * (1 + gap) - 1e-9 for a, b in itertools.pairwise(chosen)):
                total = sum(value[at] for value, at in zip(values, choice, strict=True))
                best = total if best is None else max(best, total)
        found = climb(prices, values, gap)
        if best is None:
            assert found is None
            impossible += 1
        else:
            assert found is not None
            assert sum(value[at] for value, at in zip(values, found, strict=True)) == pytest.approx(best)
    assert 0 < impossible < 200


def test_suggested_prices_keep_the_order_of_their_ladder():
    items = [item("small", elasticity=-1.2), item("large", price=10.5, elasticity=-4.0)]
    free = {"small": Bounds(6.0), "large": Bounds(6.0)}
    bounds = {"small": Bounds(6.0, ladder="tea", rung=1.0), "large": Bounds(6.0, ladder="tea", rung=2.0)}
    small, large = suggestions(fitted(*items), Limits(), free)
    assert small.suggested > large.suggested
    small, large = suggestions(fitted(*items), Limits(rung=0.05), bounds)
    assert large.suggested >= 1.05 * small.suggested - 1e-9
    assert climb([np.array([10.0])], [np.array([0.0])], 0.1) == [0]
    assert climb([np.array([10.0]), np.array([11.0])], [np.zeros(1), np.zeros(1)], 0.1) == [0, 0]
    assert small.gain + large.gain > 0
    stuck = [item("small", conclusion="none", why="its price never moved", price=14.0), items[1]]
    found = suggestions(fitted(*stuck), Limits(most_change=0.1), bounds)
    assert [one.suggested for one in found] == [14.0, 10.5]
    assert found[1].why == "no prices within the limits keep the order of its ladder"


def test_a_price_stays_within_that_of_a_competitor():
    given = fitted(item(deviation=0.001))
    for above, most in ((0.0, 11.0), (0.05, 11.55), (-0.1, 9.9)):
        found = suggestions(given, Limits(most_change=0.5, above=above), {"a": Bounds(6.0, competitor=11.0)})
        assert found[0].suggested == pytest.approx(most, abs=0.006)


def test_ladders_that_make_no_sense_are_refused():
    def table(**columns):
        return Table("items.csv", {name: typed(name, values) for name, values in columns.items()}, 2)

    with pytest.raises(InvalidInput, match="'b' is on ladder 'tea' and has no rung"):
        bounds_of(table(item=["a", "b"], ladder=["tea", "tea"], rung=["1", ""]))
    with pytest.raises(InvalidInput, match="'a' and 'b' have the same rung"):
        bounds_of(table(item=["a", "b"], ladder=["tea", "tea"], rung=["1", "1"]))
    with pytest.raises(InvalidInput, match="above a competitor's"):
        suggestions(fitted(item()), Limits(above=-1.0), {"a": Bounds(6.0)})


def test_a_test_by_lot_tells_what_the_past_could_not(tmp_path):
    """Prices never moved; the plan is followed by items whose elasticities are known."""
    rng = np.random.default_rng(2)
    names = [f"item {number:02d}" for number in range(30)]
    true = dict(zip(names, rng.uniform(-3.0, -0.8, 30), strict=True))
    rows = [[name, week, 5.0, rng.poisson(80)] for name in names for week in range(40)]
    unmoved = fitted(
        *(item(name, conclusion="none", price=5.0, lowest=5.0, highest=5.0, quantity=80.0) for name in names)
    )
    plan = price_test(unmoved, Limits(most_change=0.15), {}, periods=12, most=30, seed=1)
    assert {one.item for one in plan.items} == set(names)
    for one in plan.items:
        assert sorted(one.prices) == [4.25] * 6 + [5.75] * 6
        for number, price in enumerate(one.prices):
            mean = 80 * (price / 5.0) ** true[one.item]
            rows.append([one.item, 40 + number, price, rng.poisson(mean)])
    table = tmp_path / "sales.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["item", "period", "price", "quantity"], *rows])
    main(["prices", "fit", str(table), "--json-file", str(tmp_path / "fitted.json")])
    found = json.loads((tmp_path / "fitted.json").read_text("utf-8"))
    assert {one["conclusion"] for one in found["items"]} == {"own"}
    near = [one["low"] <= true[one["item"]] <= one["high"] for one in found["items"]]
    assert np.mean(near) > 0.8
    away = [(one["own"] - true[one["item"]]) / plan.items[0].error for one in found["items"]]
    assert 0.6 < np.std(away) < 1.7, "the plan said how near it would come"


def test_only_what_the_past_does_not_tell_is_tested():
    items = [
        item("known"),
        item("seldom", conclusion="borrowed", quantity=5.0),
        item("never", conclusion="none", quantity=50.0),
        item("unsold", conclusion="none", quantity=0.0),
        item("bound", conclusion="none"),
        item("rung", conclusion="none"),
    ]
    bounds = {"bound": Bounds(lowest=10.0, highest=10.0), "rung": Bounds(ladder="tea", rung=1.0)}
    plan = price_test(fitted(*items), Limits(most_change=0.1), bounds, periods=4, most=9)
    assert [one.item for one in plan.items] == ["never", "seldom"]
    assert plan.items[0].error == pytest.approx(1 / math.sqrt(4 * 50 * (math.log(11 / 9) / 2) ** 2))
    assert plan.items[0].enough == 2
    assert "two prices" in plan.left_out["bound"]
    assert "ladder" in plan.left_out["rung"]
    assert "unsold" in plan.left_out
    said = words(plan)
    assert "3 items are left out" not in said
    assert "1 items are left out: nothing was sold lately" in said
    again = price_test(fitted(*items), Limits(most_change=0.1), bounds, periods=4, most=9)
    assert again == plan
    for periods in (3, 0, 54):
        with pytest.raises(InvalidInput, match="even number of periods"):
            price_test(fitted(*items), Limits(), bounds, periods=periods, most=9)
    with pytest.raises(InvalidInput, match="nothing to test"):
        price_test(fitted(item()), Limits(), {}, periods=4, most=9)


def test_the_verbs_take_ladders_competitors_and_tests(tmp_path, capsys):
    file, table = tmp_path / "fitted.json", tmp_path / "items.csv"
    given = fitted(item("a"), item("b", conclusion="none", why="its price never moved"))
    file.write_bytes(msgspec.json.encode(given))
    table.write_text("item,cost,competitor,ladder,rung\na,6,11,tea,2\nb,5,,tea,1\n", "utf-8")
    main(["prices", "suggest", str(file), str(table), "--above-competitor", ".02", "--rung", ".1", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found[0]["suggested"] == pytest.approx(11.22, abs=0.01)
    table.write_text("item,cost\na,6\nb,5\n", "utf-8")
    main(["prices", "test", str(file), str(table), "--periods", "6", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [one["item"] for one in found["items"]] == ["b"]
    main(["prices", "test", str(file)])
    assert "A test of 1 items over 8 periods" in capsys.readouterr().out
