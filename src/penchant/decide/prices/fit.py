"""A table of sales to the elasticity of each item, with what may be concluded."""

from typing import Final

import msgspec
import numpy as np

from penchant.decide.prices.elasticity import MOVED, Own, own_elasticities
from penchant.decide.prices.neighbours import Neighbours, neighbours
from penchant.decide.prices.nuisance import beside_prices
from penchant.decide.prices.panel import LEAST, Floats, Panel
from penchant.decide.prices.pooling import Pooled, pooled
from penchant.decide.regression import TreeMaker
from penchant.errors import NotEnoughData

TELLS: Final = 1.0
"""Standard error of an item's own elasticity up to which its own sales are said to tell it."""
RECENT: Final = 8
"""Periods at the end that say what is sold now."""
_Z: Final = 1.959964


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One item.

    Attributes:
        item: its name.
        elasticity, low, high: percent of demand for one percent of price, and its 95% interval.
        deviation: standard deviation of it.
        conclusion: "own" where its own sales tell, "borrowed" where they tell too little and other items
            speak for it, "none" where its price never moved or there are too few periods: the figures are
            those of others.
        why: in words, where it is not "own".
        own, own_error: by its own sales alone.
        naive: slope of log quantity on log price, with nothing taken into account.
        periods: with sales or none, that the table has.
        price: the last one. lowest, highest: of all.
        quantity: mean of the last eight periods, each taken to the last price by the elasticity.
        group: that it belongs to.
        cross, cross_deviation: percent of its demand for one percent of the mean price of the group's
            others, and its standard deviation; None where the group is too small to tell.
    """

    item: str
    elasticity: float
    low: float
    high: float
    deviation: float
    conclusion: str
    why: str
    own: float | None
    own_error: float | None
    naive: float | None
    periods: int
    price: float
    lowest: float
    highest: float
    quantity: float
    group: str = ""
    cross: float | None = None
    cross_deviation: float | None = None


class FittedPrices(msgspec.Struct, frozen=True, kw_only=True):
    """A shop.

    Attributes:
        items: each one.
        mean, mean_low, mean_high: elasticity of all, and its 95% interval.
        spread: standard deviation between items of a group.
        no_conclusion: share of the items of which nothing can be concluded. borrowed: of those that lean on
            others.
        naive: median of the naive slopes.
        cross, cross_low, cross_high: what the mean price of the group's others does to an item, on the
            whole, and its 95% interval; None where no group is large enough.
        rows, left_out: rows that were used, and rows without item, period, price above 0 or quantity
            that is not below 0.
        controls: other columns that were taken into account.
        refused: columns that tell of people: they were not read, a price is the same for everybody.
    """

    items: list[Item]
    mean: float
    mean_low: float
    mean_high: float
    spread: float
    no_conclusion: float
    borrowed: float
    naive: float | None
    rows: int
    left_out: int
    controls: list[str]
    refused: list[str]
    cross: float | None = None
    cross_low: float | None = None
    cross_high: float | None = None


def fit_prices(panel: Panel, trees: TreeMaker, seed: int = 0) -> FittedPrices:
    """Estimate every item's elasticity.

    Raises:
        NotEnoughData: no price of any item moved often enough.
    """
    around = beside_prices(panel, trees, seed)
    own = own_elasticities(panel, around.around)
    found = pooled(own.value, own.error, panel.group)
    if np.isnan(found.mean):
        raise NotEnoughData(_nothing(panel, own))
    near = neighbours(panel, around.around, own, found)
    items = _items(panel, own, found, near)
    of = [one.conclusion for one in items]
    naive = own.naive[~np.isnan(own.naive)]
    return FittedPrices(
        items=items,
        mean=found.mean,
        mean_low=found.mean - _Z * found.error,
        mean_high=found.mean + _Z * found.error,
        spread=found.spread,
        no_conclusion=of.count("none") / len(of),
        borrowed=of.count("borrowed") / len(of),
        naive=float(np.median(naive)) if len(naive) else None,
        rows=len(panel),
        left_out=panel.left_out,
        controls=panel.control_names,
        refused=panel.refused,
        **_whole(near),
    )


def _whole(near: Neighbours) -> dict[str, float]:
    if np.isnan(near.mean):
        return {}
    ends = {"cross_low": near.mean - _Z * near.error, "cross_high": near.mean + _Z * near.error}
    return {"cross": near.mean, **ends}


def _nothing(panel: Panel, own: Own) -> str:
    """Why no item tells what a price does."""
    long = np.bincount(panel.item, minlength=len(panel.items)) >= LEAST
    if (long & (own.moves >= MOVED)).any():
        why = (
            f"prices moved, but too seldom, where nothing was sold, or only together with what else moves "
            f"demand ({', '.join(panel.control_names) or 'no other columns'}; other items; the season)"
        )
    else:
        why = f"no item has {LEAST} periods in which its price moved"
    return (
        f"{why}: this table cannot tell what a price does. Change some prices for some weeks, those of items "
        "drawn by lot"
    )


def _items(panel: Panel, own: Own, found: Pooled, near: Neighbours) -> list[Item]:
    edges = np.searchsorted(panel.item, np.arange(len(panel.items) + 1))
    made: list[Item] = []
    for at, name in enumerate(panel.items):
        rows = slice(edges[at], edges[at + 1])
        price, quantity = np.exp(panel.log_price[rows]), panel.quantity[rows]
        conclusion, why = _conclusion(own, at, len(price))
        value, deviation = float(found.value[at]), float(found.deviation[at])
        made.append(
            Item(
                item=name,
                elasticity=value,
                low=value - _Z * deviation,
                high=value + _Z * deviation,
                deviation=deviation,
                conclusion=conclusion,
                why=why,
                own=_known(own.value, at),
                own_error=_known(own.error, at),
                naive=_known(own.naive, at),
                periods=len(price),
                price=round(float(price[-1]), 6),
                lowest=round(float(price.min()), 6),
                highest=round(float(price.max()), 6),
                quantity=_lately(price[-RECENT:], quantity[-RECENT:], value),
                group=panel.group_names[panel.group[at]],
                cross=_known(near.value, at),
                cross_deviation=_known(near.deviation, at),
            )
        )
    return made


def _lately(price: Floats, quantity: Floats, elasticity: float) -> float:
    """Demand a period at the last price: what was sold at another one would not be sold at this one."""
    return float((quantity * (price[-1] / price) ** elasticity).mean())


def _known(values: Floats, at: int) -> float | None:
    return None if np.isnan(values[at]) else float(values[at])


def _conclusion(own: Own, at: int, periods: int) -> tuple[str, str]:
    if own.moves[at] < MOVED:
        return "none", "its price never moved"
    if periods < LEAST:
        return "none", f"only {periods} periods; {LEAST} are needed"
    if np.isnan(own.value[at]):
        return "none", "its price moved too seldom, or only with what else moves demand"
    if own.error[at] > TELLS:
        return "borrowed", "its own sales tell too little; others speak for it"
    return "own", ""


def words(found: FittedPrices) -> str:
    """What it comes to, in plain words."""
    lines = [
        f"{len(found.items):,} items, {found.rows:,} rows; {found.left_out:,} rows are left out: no item "
        "or period, no price above 0, or a quantity that is missing or below 0",
        f"taken into account: {', '.join(found.controls) or 'no other columns'}; each item's own "
        f"slow moves, other "
        "items' prices and demand at the time, its sales of the period before",
        f"When a price rises by 1%, demand changes by {found.mean:.2f}% ({found.mean_low:.2f} to "
        f"{found.mean_high:.2f}) on the whole; items of a group lie {found.spread:.2f} around it.",
    ]
    if found.naive is not None:
        lines.append(
            f"A line through prices and quantities alone would say {found.naive:.2f}: it mixes up "
            f"what the price did "
            "with what moved the price."
        )
    if found.cross is not None:
        lines.append(
            f"When the other items of its group rise by 1%, an item's demand changes by {found.cross:+.2f}% "
            f"({found.cross_low:+.2f} to {found.cross_high:+.2f}): above 0 buyers go from one to the other, "
            "below 0 they take both."
        )
    lines.append(
        f"No conclusion for {found.no_conclusion:.0%} of the items, whose price never moved, or "
        f"never by itself; "
        f"{found.borrowed:.0%} lean on other items."
    )
    if found.refused:
        lines.append(f"never read, as a price is the same for everybody: {', '.join(found.refused)}")
    lines.append(
        "This holds for prices like those that were seen, and as long as what moved both price and "
        "demand is among "
        "what was taken into account: an advertisement that the table does not know of is not."
    )
    return "\n".join(lines)
