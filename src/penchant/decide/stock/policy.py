"""How much to have and when to order: from the distribution of demand, in whole packs and a budget."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.decide.stock.lead import at_level, draws_over
from penchant.errors import InvalidInput

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

AT_ONCE = 8_192
"""Packs that are weighed at a time, for memory."""
LONGEST = 520
"""Periods, ten years of weeks: what can be sold so long keeps, and no delivery takes longer."""
MOST_PACKS = 2_000_000
"""Packs that a budget is divided among, one by one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Supply:
    """What is known of N items; all arrays (N,).

    Attributes:
        on_hand, on_order: pieces. lead: periods from order to delivery. pack: pieces that come together.
        shelf_life: periods that a piece can be sold after delivery; infinite where it keeps.
        cost, price: of a piece; NaN where they are not known.
        service: wanted chance of no empty shelf until the next delivery.
        fixed: cost of one order. holding: of a piece for a period, as a share of its cost.
        review: periods between two chances to order.
    """

    on_hand: Floats
    on_order: Floats
    lead: Whole
    pack: Floats
    shelf_life: Floats
    cost: Floats
    price: Floats
    service: Floats
    fixed: float = 0.0
    holding: float = 0.005
    review: int = 1

    def __post_init__(self) -> None:
        wrong = (self.on_hand < 0) | (self.on_order < 0) | (self.lead < 0) | (self.pack <= 0)
        wrong |= (self.shelf_life <= 0) | ~((self.service > 0) & (self.service < 1))
        if wrong.any() or self.review < 1 or self.fixed < 0 or self.holding <= 0:
            raise InvalidInput(
                "stock, lead times and costs are 0 or more; packs, shelf lives, holding costs and the "
                f"time between orders above 0; service between 0 and 1. "
                f"Wrong in row {int(np.argmax(wrong)) + 1}"
            )

        if (self.lead + self.review > LONGEST).any():
            row = int(np.argmax(self.lead))
            raise InvalidInput(
                f"a lead time of {int(self.lead[row])} periods and {self.review} between orders in row "
                f"{row + 1}: together {LONGEST} at most can be planned"
            )

    @property
    def keeps(self) -> NDArray[np.bool_]:
        """Whose shelf life is as good as endless."""
        return self.shelf_life >= LONGEST

    @property
    def position(self) -> Floats:
        """What is there or on its way."""
        return self.on_hand + self.on_order


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Orders and what they rest on; all (N,) but ``drawn`` (N, draws), demand until the next delivery.

    Attributes:
        service: chance aimed at. point: below it is ordered (s). target: up to it (S). expected: demand.
        capped: whether the shelf life holds the target down. wanted, packs: without and within the budget.
    """

    drawn: Floats
    service: Floats
    point: Floats
    target: Floats
    expected: Floats
    capped: NDArray[np.bool_]
    wanted: Whole
    packs: Whole


def plan_orders(supply: Supply, quantiles: Floats, *, budget: float | None = None, seed: int = 0) -> Plan:
    """An (s, S) policy whose s is the quantile of demand over lead time and review.

    What spoils is a newsvendor's: the quantile at margin / (margin + cost) of what can be sold before
    it spoils is the most (Arrow, Harris and Marschak, 1951). S lies the economic quantity above s where an
    order costs something (Harris, 1913); else every shortfall is ordered.

    Args:
        supply: see there.
        quantiles: (N, H, L) forecast of the coming periods.
        budget: for all orders; None for no limit. Packs that save most sales for their cost come first.
        seed: of the draws.

    Raises:
        InvalidInput: a budget below 0, or one without costs.
    """
    _check_budget(supply, budget)
    until = supply.lead + supply.review
    drawn = draws_over(quantiles, until, seed=seed)
    point = np.ceil(at_level(drawn, supply.service) - 1e-9)
    target = point + _economic(supply, quantiles)
    most = _before_it_spoils(supply, quantiles, seed)
    point, target, capped = np.minimum(point, most), np.minimum(target, most), target > most
    lacking = np.where(supply.position < point, np.maximum(target - supply.position, 0.0), 0.0)
    # What spoils is rounded down: a broken pack cannot be ordered, and the rest would be thrown away.
    packs = np.where(capped, np.floor(lacking / supply.pack), np.ceil(lacking / supply.pack)).astype(np.int64)
    service = np.where(capped, _critical(supply), supply.service)
    return Plan(
        drawn=drawn,
        service=service,
        point=point,
        target=target,
        expected=np.asarray(drawn.mean(axis=1)),
        capped=capped,
        wanted=packs,
        packs=packs if budget is None else _within(supply, drawn, packs, budget),
    )


def _check_budget(supply: Supply, budget: float | None) -> None:
    if budget is not None and (budget < 0 or np.isnan(supply.cost).any()):
        raise InvalidInput("a budget is 0 or more, and needs the cost of every item")


def _critical(supply: Supply) -> Floats:
    """Newsvendor's share; the wanted service where price or cost is not known."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (supply.price - supply.cost) / supply.price
    return np.where(np.isnan(share), supply.service, np.clip(share, 0.0, 0.999))


def _before_it_spoils(supply: Supply, quantiles: Floats, seed: int) -> Floats:
    """Most that is worth having, (N,); infinite where it keeps."""
    keeps = supply.keeps
    if keeps.all():
        return np.full(len(keeps), np.inf)
    periods = np.where(keeps, 1, supply.lead + np.where(keeps, 1, supply.shelf_life)).astype(np.int64)
    found = at_level(draws_over(quantiles, periods, seed=seed), _critical(supply))
    return np.where(keeps, np.inf, np.floor(found))


def _economic(supply: Supply, quantiles: Floats) -> Floats:
    """Pieces at once that an order's cost is worth, (N,); 0 where it costs nothing or no cost is known."""
    pace = np.maximum(quantiles[:, :, quantiles.shape[2] // 2].mean(axis=1), 0.0)
    held = supply.holding * np.nan_to_num(supply.cost)
    return np.where(held > 0, np.ceil(np.sqrt(2 * supply.fixed * pace / np.where(held > 0, held, 1.0))), 0.0)


def _within(supply: Supply, drawn: Floats, packs: Whole, budget: float) -> Whole:
    """The packs that save most for their cost, one after the other while money is left."""
    if packs.sum(dtype=np.float64) > MOST_PACKS:
        raise InvalidInput(
            f"{packs.sum(dtype=np.float64):,.0f} packs are wanted; a budget can be divided among "
            f"{MOST_PACKS:,}. Give pack sizes (pack_size), or counts in larger units"
        )
    item = np.repeat(np.arange(len(packs)), packs)
    number = np.arange(len(item)) - np.repeat(np.cumsum(packs) - packs, packs)
    before = supply.position[item] + number * supply.pack[item]
    sold = np.zeros(len(item))
    for rows in np.array_split(np.arange(len(item)), 1 + len(item) // AT_ONCE):
        here, low, high = drawn[item[rows]], before[rows], before[rows] + supply.pack[item[rows]]
        sold[rows] = (np.minimum(here, high[:, None]) - np.minimum(here, low[:, None])).mean(axis=1)
    margin = np.where(np.isnan(supply.price), supply.cost, np.maximum(supply.price - supply.cost, 0.0))
    price = supply.cost[item] * supply.pack[item]
    worth = sold * margin[item] / np.maximum(price, 1e-9)
    found, left = np.zeros(len(packs), np.int64), budget
    closed = np.zeros(len(packs), np.bool_)
    for row in np.lexsort((number, -worth)).tolist():
        # A pack that is too dear closes its item: the next one of the same would be no cheaper.
        if closed[item[row]] or price[row] > left:
            closed[item[row]] = True
            continue
        found[item[row]] += 1
        left -= price[row]
    return found
