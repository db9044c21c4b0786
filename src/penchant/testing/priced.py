"""A simulated shop whose prices follow demand, season and promotions, with elasticities that are known."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Market:
    """How it works.

    Attributes:
        items, periods, categories: how many.
        level: typical sales a period.
        moves: standard deviation of the price changes that nothing explains, in logs.
        confounded: how strongly prices follow season, trend, promotions and the last sales.
        watched: of the last sales, a share of their logs.
        shared: standard deviation of what moves the demand of all items in a period, such as a holiday.
        fixed: share of items whose price never moves.
        year: periods of a season.
        cross: percent of an item's demand for one percent of the mean price of its category's others,
            weighted by how much they sell.
    """

    items: int = 100
    periods: int = 104
    categories: int = 5
    level: float = 20.0
    moves: float = 0.08
    confounded: float = 1.0
    watched: float = 0.08
    shared: float = 0.0
    fixed: float = 0.0
    year: int = 52
    cross: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Sales:
    """A table, a row an item and period, and what nobody knows outside a simulation.

    Attributes:
        columns: item, category, period, price, quantity, promotion, stock, by name.
        elasticity: (items,) true, in the order of the items' names.
        cost: (items,) of one piece.
        demand: (items,) expected sales a period at a price of 1 when there is no season or promotion.
    """

    columns: dict[str, list[Any]]
    elasticity: Floats
    cost: Floats
    demand: Floats


def simulated_sales(market: Market, seed: int = 0) -> Sales:
    """Weeks of sales.

    >>> sales = simulated_sales(Market(items=3, periods=10))
    >>> len(sales.columns["price"]), len(sales.elasticity)
    (30, 3)
    """
    rng = np.random.default_rng(seed)
    n, periods = market.items, market.periods
    category = rng.integers(0, market.categories, n)
    centre = rng.uniform(-2.4, -1.4, market.categories)
    elasticity = np.minimum(centre[category] + 0.35 * rng.standard_normal(n), -0.4)
    time = np.arange(periods)
    angle = 2 * np.pi * time / market.year
    phase = rng.uniform(0, 2 * np.pi, market.categories)[category] + 0.5 * rng.standard_normal(n)
    season = 0.4 * np.sin(angle[None, :] + phase[:, None])
    trend = 0.4 * rng.standard_normal(n)[:, None] * (time / periods - 0.5)[None, :]
    promotion = rng.random((n, periods)) < 0.12
    shock = _shocks(rng, n, periods)
    base = np.log(market.level) + 0.5 * rng.standard_normal(n)
    typical = np.log(5.0) + 0.4 * rng.standard_normal(n)
    stocked = rng.random((n, periods)) > 0.04
    shared = market.shared * rng.standard_normal(periods)
    follows = market.confounded * (0.25 * season + 0.25 * trend - 0.12 * promotion + 0.4 * shared)
    follows += market.moves * rng.standard_normal((n, periods))
    still = rng.random(n) < market.fixed
    mean = base[:, None] + season + trend + shared + 0.5 * promotion + shock + np.where(stocked, 0.0, -1.2)
    price, quantity = np.empty((n, periods)), np.empty((n, periods))
    for t in range(periods):
        seen = np.log((quantity[:, t - 1] + 0.5) / (np.exp(base) + 0.5)) if t else np.zeros(n)
        wished = typical + np.where(still, 0.0, follows[:, t] + market.confounded * market.watched * seen)
        price[:, t] = np.log(np.maximum(np.round(np.exp(wished), 2), 0.01))
        moved = price[:, t] - typical
        others = market.cross * _of_others(category, np.exp(base), moved)
        quantity[:, t] = rng.poisson(np.exp(mean[:, t] + elasticity * moved + others))
    names = [f"item {number:04d}" for number in range(n)]
    columns = {
        "item": np.repeat(names, periods).tolist(),
        "category": [f"category {category[i]}" for i in range(n) for _ in range(periods)],
        "period": np.tile(time, n).tolist(),
        "price": np.exp(price).ravel().round(2).tolist(),
        "quantity": quantity.ravel().astype(int).tolist(),
        "promotion": promotion.ravel().astype(int).tolist(),
        "stocked": stocked.ravel().astype(int).tolist(),
    }
    cost = np.exp(typical) * rng.uniform(0.35, 0.6, n)
    return Sales(columns, elasticity, cost, np.exp(base - elasticity * typical))


def _of_others(category: NDArray[np.int64], sold: Floats, moved: Floats) -> Floats:
    """(items,) mean move of the other prices of the category, weighted by what they sell."""
    total, weight = np.bincount(category, weights=sold * moved), np.bincount(category, weights=sold)
    rest = weight[category] - sold
    return np.divide(total[category] - sold * moved, rest, out=np.zeros(len(sold)), where=rest > 0)


def _shocks(rng: np.random.Generator, items: int, periods: int) -> Floats:
    """Demand that stays for a while: half of it is there in the next period."""
    found = np.empty((items, periods))
    found[:, 0] = 0.2 * rng.standard_normal(items)
    for t in range(1, periods):
        found[:, t] = 0.5 * found[:, t - 1] + 0.17 * rng.standard_normal(items)
    return found
