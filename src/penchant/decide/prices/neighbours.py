"""What a price does to the other items of its group: buyers who go to them, or no longer come by.

Each item's sales are regressed on the mean price of the others, weighted by how much they sell, beside
its own price and all that goes beside that. What moves the demand of a whole group at once would pass for
such an effect: so the demand of the others goes beside it too, as it would have been at their usual prices,
and so do the prices of the whole shop. What is left is how the group's prices moved against the shop's.
"""

from typing import Final, NamedTuple

import numpy as np

from penchant.decide.prices.elasticity import Own, regressed
from penchant.decide.prices.nuisance import item_means, without_own
from penchant.decide.prices.panel import LEAST, Floats, Panel, Rows
from penchant.decide.prices.pooling import Pooled, pooled

FEWEST: Final = 5
"""Items of a group, and outside of it, at least: fewer say too little of what moves all of them."""
_Z: Final = 1.959964


class Neighbours(NamedTuple):
    """Of each item: percent of its demand for one percent of the others' mean price, and its deviation.

    NaN where its group is too small, or its sales say nothing and nobody else's do.
    """

    value: Floats
    deviation: Floats
    mean: float
    error: float


def neighbours(panel: Panel, around: Floats, own: Own, found: Pooled) -> Neighbours:
    """Cross-price elasticities within groups. ``own`` and ``found`` are the elasticities of own prices."""
    sizes = np.bincount(panel.group)[panel.group]
    large = (sizes >= FEWEST) & (len(panel.items) - sizes >= FEWEST)
    value, error = np.full((2, len(panel.items)), np.nan)
    beside, price = _beside(panel, around, found.value)
    edges = np.searchsorted(panel.item, np.arange(len(panel.items) + 1))
    for item in np.flatnonzero(large):
        rows = np.arange(edges[item], edges[item + 1])
        if len(rows) >= LEAST and not np.isnan(own.value[item]):
            value[item], error[item] = regressed(panel, beside, price, rows)
    pool = pooled(value, error, panel.group)
    return Neighbours(
        np.where(large, pool.value, np.nan), np.where(large, pool.deviation, np.nan), pool.mean, pool.error
    )


def _beside(panel: Panel, around: Floats, elasticity: Floats) -> tuple[Floats, Floats]:
    """(n, k) what goes beside the others' price, and (n,) that price."""
    moved = panel.log_price - item_means(panel, panel.log_price)
    usual = panel.quantity * np.exp(-elasticity[panel.item] * moved)
    typical = item_means(panel, usual)
    cell = panel.group[panel.item] * len(panel.periods) + panel.period
    group = _demand(cell, usual, typical)
    everyone = _demand(panel.period, usual, typical)
    shop = without_own(panel.period, typical * moved, typical)
    others = without_own(cell, typical * moved, typical)
    return np.column_stack([moved, shop, group, everyone, around[:, 0], panel.controls]), others


def _demand(cell: Rows, usual: Floats, typical: Floats) -> Floats:
    """(n,) log of the others' demand against what is typical of them."""
    return np.log1p(np.maximum(without_own(cell, usual - typical, typical), -0.95))


class Beside(NamedTuple):
    """What an item's price does to its group's other items, by percent of price.

    Attributes:
        goal: change of the goal a period for a log price higher by 1, on the mean. deviation: of it.
    """

    goal: float = 0.0
    deviation: float = 0.0


class Other(NamedTuple):
    """An item as others see it: what it earns and sells a period, and how it follows their prices."""

    item: str
    group: str
    earned: float
    quantity: float
    cross: float
    deviation: float


def effects(others: list[Other]) -> dict[str, Beside]:
    """What each item's price does to all others of its group, where that is told from nothing (95%)."""
    found = {one.item: Beside() for one in others}
    groups: dict[str, list[Other]] = {}
    for one in others:
        groups.setdefault(one.group, []).append(one)
    for members in groups.values():
        sold = np.array([one.quantity for one in members])
        cross, deviation, earned = (
            np.array([getattr(one, name) for one in members]) for name in ("cross", "deviation", "earned")
        )
        told = ~np.isnan(cross) & (np.abs(cross) > _Z * deviation)
        rest = np.maximum(sold.sum() - sold, 1e-9)
        each, unsure = (np.where(told, earned * values / rest, 0.0) for values in (cross, deviation))
        for at, one in enumerate(members):
            # What is unsure of a group's items is mostly the same for all of them: deviations add up.
            found[one.item] = Beside(
                float(sold[at] * (each.sum() - each[at])),
                float(sold[at] * (np.abs(unsure).sum() - abs(unsure[at]))),
            )
    return found


def others_gain(beside: Beside, change: Floats, draws: int) -> Floats:
    """(draws, c) change of the goal at the others for (c,) changes of the log price.

    Draws go through all that is possible, in an order of their own: they are not those of the own price.
    """
    order = np.random.default_rng(0).permutation(draws)
    normal = normal_draws(draws, reach=4.0, points=4001)[order]
    return (beside.goal + beside.deviation * normal)[:, None] * change[None, :]


def normal_draws(draws: int, *, reach: float, points: int) -> Floats:
    """(draws,) quantiles of the standard normal distribution at even steps, from a grid that reaches so far.

    >>> normal_draws(3, reach=4.0, points=4001).round(2).tolist()
    [-0.97, -0.0, 0.97]
    """
    spread = np.linspace(-reach, reach, points)
    chance = np.exp(-0.5 * spread**2)
    return np.interp((np.arange(draws) + 0.5) / draws, np.cumsum(chance) / chance.sum(), spread)
