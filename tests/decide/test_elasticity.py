"""Elasticities: right where prices are confounded, with intervals that cover; none without moves."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from price_tables import panel

from penchant.adapters.lightgbm_regression import LightGbmRegression
from penchant.decide.prices.elasticity import own_elasticities
from penchant.decide.prices.fit import fit_prices, words
from penchant.decide.prices.nuisance import beside_prices
from penchant.decide.prices.panel import Names, Panel, panel_of, read_panel
from penchant.decide.prices.pooling import pooled
from penchant.decide.tables import Table, typed
from penchant.errors import InvalidInput, NotEnoughData
from penchant.testing.priced import Market, simulated_sales

TREES = LightGbmRegression()


def judged(market: Market, seed: int):
    """Median error, coverage, and median error of the naive slopes."""
    sales = simulated_sales(market, seed)
    found = fit_prices(panel(sales), TREES).items
    value, low, high, naive = (
        np.array([getattr(one, name) for one in found]) for name in ("elasticity", "low", "high", "naive")
    )
    truth = sales.elasticity
    error = np.median(np.abs(value / truth - 1))
    return error, np.mean((low <= truth) & (truth <= high)), np.median(np.abs(naive / truth - 1))


@pytest.mark.parametrize(
    ("market", "most"),
    [(Market(level=60.0), 0.1), (Market(level=60.0, shared=0.2), 0.1), (Market(periods=156), 0.1),
     (Market(level=2.0), 0.2)],
)  # fmt: skip
def test_confounded_prices_do_not_mislead(market, most):
    found = [judged(market, seed) for seed in range(3)]
    error, covered, naive = np.mean(found, axis=0)
    assert error < most
    assert 0.9 <= covered <= 0.985
    assert naive > 3 * error


def test_a_destroyed_effect_is_not_found():
    sales = simulated_sales(Market(items=40, confounded=0.0), seed=1)
    rng = np.random.default_rng(0)
    shuffled = np.concatenate(
        [rng.permutation(part) for part in np.split(np.array(sales.columns["price"]), 40)]
    )
    found = fit_prices(panel(sales, price=shuffled.tolist()), TREES)
    assert found.mean_low < 0 < found.mean_high
    assert abs(found.mean) < 0.3


def test_zeros_are_quantities():
    sales = simulated_sales(Market(items=60, level=1.0, confounded=0.0, moves=0.25), seed=0)
    assert np.mean(np.array(sales.columns["quantity"]) == 0) > 0.25
    own = own_elasticities(panel(sales), beside_prices(panel(sales), TREES).around)
    assert np.nanmean(own.value - sales.elasticity) == pytest.approx(0, abs=0.15)


def test_prices_that_never_moved_allow_no_conclusion_and_the_share_is_told():
    sales = simulated_sales(Market(items=60, fixed=0.4), seed=0)
    found = fit_prices(panel(sales), TREES)
    still = np.array([one.lowest == one.highest for one in found.items])
    assert 0.2 < still.mean() < 0.6
    for one, fixed in zip(found.items, still, strict=True):
        assert (one.conclusion == "none") == fixed
        assert (one.own is None) == fixed
    assert found.no_conclusion == pytest.approx(still.mean())
    assert found.items[int(still.argmax())].why == "its price never moved"
    widths = np.array([one.high - one.low for one in found.items])
    assert widths[still].mean() > 1.3 * widths[~still].mean()
    assert f"No conclusion for {still.mean():.0%} of the items" in words(found)


def test_a_shop_whose_prices_never_moved_is_told_so():
    with pytest.raises(NotEnoughData, match="cannot tell what a price does"):
        fit_prices(panel(simulated_sales(Market(items=5, periods=20, fixed=1.0))), TREES)


def test_a_curved_confounder_is_followed_by_trees():
    """Price and demand both follow how far the weather is from mild: no line sees that."""
    sales = simulated_sales(Market(items=60, confounded=0.0, level=50.0), seed=3)
    rows = len(sales.columns["item"])
    rng = np.random.default_rng(0)
    weather = rng.standard_normal(rows)
    push = 0.15 * (np.abs(weather) - 0.8)
    price = np.array(sales.columns["price"]) * np.exp(push)
    truth = np.repeat(sales.elasticity, 104)
    mean = np.array(sales.columns["quantity"]) * np.exp((truth + 2.0) * push)
    changed = panel(
        sales, price=price.tolist(), quantity=rng.poisson(mean).tolist(), weather=weather.tolist()
    )
    beside = beside_prices(changed, TREES)
    assert beside.curved
    found = own_elasticities(changed, beside.around)
    without = own_elasticities(changed, beside.around[:, :-2])
    assert abs(np.nanmean(found.value - sales.elasticity)) < 0.15
    assert np.nanmean(without.value - sales.elasticity) > 0.3


def test_pooling_borrows_where_little_is_known_and_keeps_what_is_known_well():
    value = np.array([-1.0, -1.2, -0.9, -1.1, -3.0, np.nan, -5.0])
    error = np.array([0.1, 0.1, 0.1, 0.1, 0.05, np.nan, 3.0])
    found = pooled(value, error, np.zeros(7, np.int64))
    assert found.value[4] == pytest.approx(-3.0, abs=0.1)
    assert -2.2 < found.value[6] < -0.8
    assert found.deviation[5] > found.deviation[0]
    groups = pooled(value[:5], error[:5], np.array([0, 0, 0, 0, 1]))
    assert np.isfinite(groups.value).all()


@pytest.mark.parametrize("items", [6, 30, 200])
def test_intervals_cover_where_the_hierarchy_is_as_said(items):
    rng = np.random.default_rng(items)
    covered = []
    for _ in range(max(6, 600 // items)):
        group = rng.integers(0, 4, items)
        truth = rng.normal(-2, 0.4, 4)[group] + 0.3 * rng.standard_normal(items)
        error = rng.gamma(2.0, 0.2, items)
        seen = np.where(rng.random(items) < 0.8, truth + error * rng.standard_normal(items), np.nan)
        found = pooled(seen, np.where(np.isnan(seen), np.nan, error), group)
        covered.append(np.abs(found.value - truth) < 1.96 * found.deviation)
    assert 0.91 <= np.mean(np.concatenate(covered)) <= 0.99


def test_a_table_may_have_other_names_several_rows_a_cell_and_bad_rows(tmp_path):
    (tmp_path / "t.csv").write_text(
        "sku,week,eur,sold,promo,customer_id\n"
        "b,2026-01-12,2.0,1,0,anna\na,2026-01-05,1.0,3,1,anna\na,2026-01-05,3.0,4,0,ben\n"
        "a,2026-01-12,0,4,0,ben\na,2026-01-19,2,-1,0,ben\nb,2026-01-05,2,,0,ben\n"
    )
    names = Names(item="sku", period="week", price="eur", quantity="sold")
    found = read_panel(tmp_path / "t.csv", names)
    assert found.items == ["a", "b"]
    assert found.item.tolist() == [0, 1]
    assert np.exp(found.log_price).tolist() == pytest.approx([15 / 7, 2.0])
    assert found.quantity.tolist() == [7, 1]
    assert (found.left_out, found.refused, found.control_names) == (3, ["customer_id"], ["promo"])
    with pytest.raises(InvalidInput, match="no column 'item' for the items"):
        read_panel(tmp_path / "t.csv", Names())


def test_no_column_of_a_person_changes_anything(tmp_path):
    """Shuffling who bought and what they like leaves every figure as it is: the columns stay in the file."""
    sales = simulated_sales(Market(items=12, periods=40), seed=0)
    rng = np.random.default_rng(0)
    texts = []
    for _ in range(2):
        columns = sales.columns | {
            "user_id": [f"u{n}" for n in rng.integers(0, 50, 480)],
            "taste_state": rng.standard_normal(480).tolist(),
        }
        path = tmp_path / "t.csv"
        lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
        path.write_text("\n".join(lines))
        read = read_panel(path, Names())
        assert read.refused == ["user_id", "taste_state"]
        texts.append(repr(fit_prices(read, TREES)))
    assert texts[0] == texts[1]
    without = dataclasses.replace(panel(sales), refused=["user_id", "taste_state"])
    assert repr(fit_prices(without, TREES)) == texts[0]


def demand(rows: int, seed: int = 0) -> tuple[list[float], list[float]]:
    """Prices that move by chance, and what demand of elasticity -2 buys at them."""
    price = np.random.default_rng(seed).choice([8.0, 10.0, 12.5], rows)
    return price.tolist(), np.round(1e5 * price**-2).tolist()


def test_the_quantity_of_now_is_that_of_the_last_price():
    price, quantity = demand(40)
    price[-1], quantity[-1] = 16.0, round(1e5 / 16**2)
    read = {
        "item": typed("item", ["a"] * 40),
        "period": typed("period", list(range(40))),
        "price": typed("price", price),
        "quantity": typed("quantity", quantity),
    }
    found = fit_prices(panel_of(Table("t", read, 40), Names()), TREES).items[0]
    assert found.price == 16.0
    assert found.quantity == pytest.approx(1e5 / 16**2, rel=0.05)


def sold(**columns) -> Panel:
    read = {name: typed(name, values) for name, values in columns.items()}
    return panel_of(Table("sales.csv", read, len(columns["price"])), Names())


def test_the_price_of_a_period_is_what_a_piece_cost():
    """One piece sold to a late payer at twice the price tells little; where nothing is sold all prices do."""
    found = sold(item=["a"] * 4, period=[0, 0, 1, 1], price=[12.0, 24.0, 10.0, 20.0], quantity=[73, 1, 0, 0])
    assert np.exp(found.log_price).tolist() == pytest.approx([(73 * 12 + 24) / 74, 15.0])


@pytest.mark.parametrize(
    ("periods", "names", "codes"),
    [
        (["2025-01-02T23:00:00", "2025-01-01", "2025-01-02T01:00:00"], ["2025-01-01", "2025-01-02"], [0, 1]),
        (["2026-W02", "2025-W52", "2026W01"], ["2025-12-22", "2025-12-29", "2026-01-05"], [0, 1, 2]),
        (["2026-01", "2025-11", "2025-12"], ["2025-11", "2025-12", "2026-01"], [0, 1, 2]),
        ([10, 9, 10], ["9", "10"], [0, 1]),
    ],
)
def test_periods_are_in_the_order_of_time(periods, names, codes):
    found = sold(item=["a"] * 3, period=periods, price=[1.0, 2.0, 3.0], quantity=[1, 1, 1])
    assert found.periods == names
    assert found.period.tolist() == codes
    assert np.exp(found.log_price)[0] == pytest.approx(2.0)


@pytest.mark.parametrize(
    "periods", [["01/08/2024", "01/15/2024"], ["2026-13", "2026-01"], ["2026-W07", "2026-02"], ["1.5", "2"],
                ["week 9", "week 10"]],
)  # fmt: skip
def test_periods_of_no_known_order_are_refused(periods):
    with pytest.raises(InvalidInput, match=r"column 'period' holds .*; give periods as whole numbers, dates"):
        sold(item=["a", "a"], period=periods, price=[1.0, 2.0], quantity=[1, 1])


def test_a_person_is_no_item(tmp_path):
    columns = ["user_id", "period", "price", "quantity", "Email", "cust_id", "age_group", "loyalty_card",
               "phone", "address", "package", "headphone", "mailer", "discount"]  # fmt: skip
    rows = [",".join([str(n % 2), str(n), "1.5", "3", *(str(n) for _ in columns[4:])]) for n in range(9)]
    (tmp_path / "t.csv").write_text("\n".join([",".join(columns), *rows]))
    for names in (Names(item="user_id"), Names(item="package", group="cust_id")):
        with pytest.raises(InvalidInput, match="tells of people by its name"):
            read_panel(tmp_path / "t.csv", names)
    found = read_panel(tmp_path / "t.csv", Names(item="package"))
    assert found.refused == ["user_id", *columns[4:10]]
    assert found.control_names == columns[11:]


def test_the_unit_of_the_quantity_changes_nothing():
    sales = simulated_sales(Market(items=12, periods=60, level=20.0), seed=2)
    pieces = np.array(sales.columns["quantity"])
    counted = fit_prices(panel(sales), TREES)
    for unit in (1e-3, 1e5):
        found = fit_prices(panel(sales, quantity=(pieces * unit).tolist()), TREES)
        for one, same in zip(found.items, counted.items, strict=True):
            assert one.own == pytest.approx(same.own, abs=1e-4)
            assert one.own_error == pytest.approx(same.own_error, rel=1e-3)
            assert one.conclusion == same.conclusion
            assert one.quantity == pytest.approx(same.quantity * unit, rel=1e-3)


def test_a_shop_whose_prices_moved_only_with_its_promotions_is_told_so():
    promotion = np.random.default_rng(0).integers(0, 2, 40)
    with pytest.raises(NotEnoughData, match=r"only together with what else moves demand .promotion; other"):
        fit_prices(
            sold(
                item=["a"] * 40,
                period=list(range(40)),
                price=np.where(promotion, 8.0, 10.0).tolist(),
                quantity=np.where(promotion, 30, 20).tolist(),
                promotion=promotion.tolist(),
            ),
            TREES,
        )


def test_ids_are_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("item,period,price,quantity\n007,1,2,3\n7,1,4,5\n", encoding="utf-8")
    found = read_panel(tmp_path / "t.csv", Names())
    assert sorted(zip(found.items, found.quantity.tolist(), strict=True)) == [("007", 3), ("7", 5)]
