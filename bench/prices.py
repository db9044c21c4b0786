"""Elasticities in simulated shops with confounded prices, and demand in held-out weeks of Online Retail.

    python bench/prices.py simulated --seeds 5
    python bench/prices.py cross --seeds 5
    python bench/prices.py online-retail --data DIR

Writes bench/results/prices-simulated.json, prices-cross.json and prices-online-retail.json.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np

from penchant.adapters.lightgbm_regression import LightGbmRegression
from penchant.decide.prices.fit import fit_prices
from penchant.decide.prices.panel import Names, Panel, panel_of
from penchant.decide.prices.suggest import Bounds, Limits, candidates, suggestions
from penchant.decide.tables import Table, typed
from penchant.testing.priced import Market, Sales, simulated_sales

RESULTS = Path(__file__).parent / "results"
MARKETS = {
    "two years, 20 a week": Market(),
    "a holiday now and then": Market(shared=0.2),
    "one year": Market(periods=52),
    "three years": Market(periods=156),
    "2 a week": Market(level=2.0),
    "200 a week": Market(level=200.0),
    "prices move little": Market(moves=0.03),
    "twice as confounded": Market(confounded=2.0),
    "not confounded": Market(confounded=0.0),
    "half never move": Market(fixed=0.5),
}
LIMITS = Limits(most_change=0.3, ending=0.99, margin=0.2)
HELD_OUT = 10
BEFORE = 8
LEAST = 26
DRAWS = 1000


def panel(sales: Sales) -> Panel:
    read = {name: typed(name, values) for name, values in sales.columns.items()}
    return panel_of(Table("simulated", read, len(sales.columns["item"])), Names())


def one_market(market: Market, seed: int) -> dict:
    sales, start = simulated_sales(market, seed), time.process_time()
    found = fit_prices(panel(sales), LightGbmRegression())
    seconds = time.process_time() - start
    truth = sales.elasticity
    value, low, high = (
        np.array([getattr(one, name) for one in found.items]) for name in ("elasticity", "low", "high")
    )
    naive = np.array([np.nan if one.naive is None else one.naive for one in found.items])
    told = np.array([one.conclusion != "none" for one in found.items])
    return {
        "seed": seed,
        "error": float(np.median(np.abs(value / truth - 1)[told])),
        "covered": float(np.mean(((low <= truth) & (truth <= high))[told])),
        "covered_all": float(np.mean((low <= truth) & (truth <= high))),
        "naive_error": float(np.nanmedian(np.abs(naive / truth - 1))),
        "no_conclusion": found.no_conclusion,
        "profit": profit(sales, found),
        "seconds": seconds,
    }


def profit(sales: Sales, found) -> float:
    """Of the suggested prices, as a share of the best that the same limits allow, items with a conclusion."""
    bounds = {one.item: Bounds(float(cost)) for one, cost in zip(found.items, sales.cost, strict=True)}
    got = best = 0.0
    each = zip(
        found.items,
        suggestions(found, LIMITS, bounds),
        sales.elasticity,
        sales.cost,
        sales.demand,
        strict=True,
    )
    for item, suggested, elasticity, cost, demand in each:
        prices = candidates(item, LIMITS, bounds[item.item])
        if item.conclusion != "none" and len(prices):
            earned = demand * prices**elasticity * (prices - cost)
            got += demand * suggested.suggested**elasticity * (suggested.suggested - cost)
            best += float(earned.max())
    return got / best


def simulated(given: argparse.Namespace) -> dict:
    found = {}
    for name, market in MARKETS.items():
        runs = [one_market(market, seed) for seed in range(given.seeds)]
        found[name] = {key: float(np.mean([run[key] for run in runs])) for key in runs[0] if key != "seed"}
        row = found[name]
        print(
            f"{name:24s} error {row['error']:.3f} covered {row['covered']:.3f} "
            f"naive {row['naive_error']:.2f} profit {row['profit']:.3f}",
            flush=True,
        )
    return {"seeds": given.seeds, "items": Market().items, "markets": found}


NEIGHBOURS = {
    "as usual": Market(),
    "a holiday now and then": Market(shared=0.2),
    "the same, 200 items": Market(shared=0.2, items=200),
    "200 a week": Market(level=200.0),
}
"""Shops in which the prices of other items matter, by :data:`CROSS`."""
CROSS = (0.0, 0.6, -0.4)


def cross(given: argparse.Namespace) -> dict:
    """What is found of an item's demand by the prices of its category's others, beside the truth."""
    rows = []
    for name, market in NEIGHBOURS.items():
        for true in CROSS:
            for seed in range(given.seeds):
                sold = simulated_sales(replace(market, cross=true), seed)
                found = fit_prices(panel(sold), LightGbmRegression())
                near = [abs(one.cross - true) < 1.96 * one.cross_deviation for one in found.items
                        if one.cross is not None and one.cross_deviation is not None]  # fmt: skip
                rows.append({
                    "market": name, "true": true, "seed": seed, "found": found.cross,
                    "low": found.cross_low, "high": found.cross_high, "items_covered": float(np.mean(near)),
                })  # fmt: skip
                print(
                    f"{name:24s} {true:+.1f} seed {seed}: {found.cross:+.2f} "
                    f"[{found.cross_low:+.2f}, {found.cross_high:+.2f}]",
                    flush=True,
                )
    inside = [row["low"] <= row["true"] <= row["high"] for row in rows]
    return {"seeds": given.seeds, "covered": float(np.mean(inside)), "rows": rows}


WEEKS = """
    WITH lines AS (
        SELECT item_id AS item, date_trunc('week', to_timestamp(timestamp))::DATE AS week, quantity, price
        FROM read_parquet('{path}')
        WHERE quantity > 0 AND price > 0 AND invoice NOT LIKE 'C%'
          AND item_id NOT IN ('POST', 'DOT', 'M', 'C2', 'BANK CHARGES', 'AMAZONFEE', 'D', 'S', 'B', 'CRUK')
    )
    SELECT item, week, sum(quantity) AS quantity, median(price) AS price
    FROM lines GROUP BY ALL ORDER BY item, week
"""


def weekly(path: Path) -> dict[str, list]:
    """Rows of items and weeks; a week without a sale is a zero at the last price."""
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        rows = db.execute(WEEKS.format(path=path)).fetchall()
    weeks = sorted({row[1] for row in rows})[1:-1]
    place = {week: at for at, week in enumerate(weeks)}
    sold: dict[str, dict[int, tuple[float, float]]] = {}
    for item, week, quantity, price in rows:
        if week in place:
            sold.setdefault(item, {})[place[week]] = (float(quantity), float(price))
    columns: dict[str, list] = {"item": [], "period": [], "quantity": [], "price": []}
    for item, cells in sold.items():
        if sum(1 for at in cells if at < len(weeks) - HELD_OUT) < LEAST:
            continue
        price = 0.0
        for at in range(min(cells), len(weeks)):
            quantity, price = cells.get(at, (0.0, price))
            for name, value in zip(columns, (item, at, quantity, price), strict=True):
                columns[name].append(value)
    return columns


def forecasts(quantity: np.ndarray, log_price: np.ndarray, elasticity: float, first: int) -> np.ndarray:
    """Each held-out week from the eight before it, brought to its price."""
    level = np.exp(elasticity * (log_price - log_price.mean()))
    return np.array(
        [
            quantity[at - BEFORE : at].sum() / level[at - BEFORE : at].sum() * level[at]
            for at in range(first, len(quantity))
        ]
    )


def online_retail(given: argparse.Namespace) -> dict:
    folder = given.data / "online-retail"
    columns = weekly(next(iter(sorted(folder.glob("*.parquet")))))
    read = {name: typed(name, values) for name, values in columns.items()}
    whole = panel_of(Table("online-retail", read, len(columns["item"])), Names())
    last = int(whole.period.max()) + 1 - HELD_OUT
    start = time.process_time()
    found = fit_prices(whole.of(np.flatnonzero(whole.period < last)), LightGbmRegression())
    seconds = time.process_time() - start
    losses: dict[str, list[tuple[float, float, float]]] = {}
    moved = []
    edges = np.searchsorted(whole.item, np.arange(len(whole.items) + 1))
    for at, one in enumerate(found.items):
        rows = slice(edges[at], edges[at + 1])
        quantity, log_price, period = whole.quantity[rows], whole.log_price[rows], whole.period[rows]
        first = int((period < last).sum())
        moved.append(float(np.abs(log_price[first:] - log_price[first - 1]).max()) > 0.01)
        for name, elasticity in (
            ("without price", 0.0),
            ("one elasticity", found.mean),
            ("each item's", one.elasticity if one.conclusion != "none" else found.mean),
            ("naive", one.naive or 0.0),
        ):
            likely = forecasts(quantity, log_price, elasticity, first)
            real = quantity[first:]
            mean = np.maximum(likely, 0.05)
            deviance = 2 * (real * np.log(np.maximum(real, 1e-9) / mean) * (real > 0) - real + mean)
            losses.setdefault(name, []).append(
                (float(deviance.sum()), float(np.abs(real - likely).sum()), real.sum())
            )
    each = {name: np.array(rows) for name, rows in losses.items()}
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(moved), (DRAWS, len(moved)))
    ours = each["each item's"]
    result = {}
    for name, rows in each.items():
        result[name] = {
            "deviance": float(rows[:, 0].sum() / (len(moved) * HELD_OUT)),
            "wape": float(rows[:, 1].sum() / rows[:, 2].sum()),
        }
        for column, what in enumerate(("deviance", "wape")):
            ratios = ours[draws, column].sum(axis=1) / rows[draws, column].sum(axis=1)
            low, high = np.quantile(ratios, [0.025, 0.975])
            result[name][f"ours_to_it_{what}"] = [
                float(ours[:, column].sum() / rows[:, column].sum()),
                float(low),
                float(high),
            ]
    share = {kind: sum(one.conclusion == kind for one in found.items) / len(found.items)
             for kind in ("own", "borrowed", "none")}  # fmt: skip
    return {
        "items": len(found.items), "rows": found.rows, "held_out_weeks": HELD_OUT, "seconds": seconds,
        "price_moved_in_held_out": float(np.mean(moved)), "mean": found.mean,
        "interval": [found.mean_low, found.mean_high], "spread": found.spread, "naive": found.naive,
        "conclusions": share, "forecasts": result,
    }  # fmt: skip


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("what", choices=["simulated", "cross", "online-retail"])
    asked.add_argument("--seeds", type=int, default=5)
    asked.add_argument("--data", type=Path, default=Path("shared/data"))
    given = asked.parse_args()
    found = {"simulated": simulated, "cross": cross, "online-retail": online_retail}[given.what](given)
    text = json.dumps(found, indent=1) + "\n"
    (RESULTS / f"prices-{given.what}.json").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
