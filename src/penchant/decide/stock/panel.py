"""What was sold of each item in each period, and what was wanted.

A period without stock is not one without demand.
"""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

LEAST_IN_STOCK = 0.25
"""Share of a period in stock below which what was sold says nothing of what was wanted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """N items over T periods of equal length, oldest first.

    Attributes:
        items: ids. categories: of each item, "" where it has none.
        periods: what people call them, such as the first day.
        sold: (N, T) pieces; NaN where the item was not there yet. A row of NaN is an item to come.
        prices: (N, T), NaN where it is not known.
        in_stock: (N, T) share of the period, from 0 to 1, in which the item could be bought.
        sold_out: (N, T) whether all that there was has been sold: more may have been wanted.
        signals: more of each item and period, such as views; of the future nothing is known.
        kin: (N, K) rows of the most similar items, -1 where there are fewer; None where nobody knows.
        season: periods after which the same comes again; 1 for never.

    Raises:
        InvalidInput: shapes that do not fit.
    """

    items: list[str]
    periods: list[str]
    sold: Floats
    prices: Floats
    in_stock: Floats
    sold_out: Mask
    categories: list[str]
    signals: dict[str, Floats] = field(default_factory=dict[str, Floats])
    kin: Rows | None = None
    season: int = 1

    def __post_init__(self) -> None:
        shape = (len(self.items), len(self.periods))
        arrays = (self.sold, self.prices, self.in_stock, self.sold_out, *self.signals.values())
        if any(array.shape != shape for array in arrays) or len(self.categories) != shape[0]:
            raise InvalidInput(
                f"a panel of {shape[0]} items and {shape[1]} periods has arrays of other shapes"
            )

    def before(self, period: int) -> Self:
        """What was known when ``period`` (from 0) began."""
        return replace(
            self,
            periods=self.periods[:period],
            sold=self.sold[:, :period],
            prices=self.prices[:, :period],
            in_stock=self.in_stock[:, :period],
            sold_out=self.sold_out[:, :period],
            signals={name: values[:, :period] for name, values in self.signals.items()},
        )

    def take(self, rows: Rows | Mask) -> Self:
        """Only those items; ``kin`` is left out, its rows would name others."""
        return replace(
            self,
            items=[self.items[row] for row in np.arange(len(self.items))[rows]],
            categories=[self.categories[row] for row in np.arange(len(self.items))[rows]],
            sold=self.sold[rows],
            prices=self.prices[rows],
            in_stock=self.in_stock[rows],
            sold_out=self.sold_out[rows],
            signals={name: values[rows] for name, values in self.signals.items()},
            kin=None,
        )


def panel_of(items: list[str], periods: list[str], sold: Floats, **more: object) -> Panel:
    """A panel where all was in stock and no price is known, but for what ``more`` says.

    >>> panel_of(["a"], ["1", "2"], np.array([[3.0, 0.0]])).in_stock.tolist()
    [[1.0, 1.0]]
    """
    given: dict[str, object] = {
        "prices": np.full(sold.shape, np.nan),
        "in_stock": np.ones(sold.shape),
        "sold_out": np.zeros(sold.shape, np.bool_),
        "categories": [""] * len(items),
    }
    return Panel(items=items, periods=periods, sold=sold, **(given | more))  # pyright: ignore[reportArgumentType]


def demand_of(panel: Panel) -> Floats:
    """What was wanted, (N, T): NaN where it cannot be known.

    A period partly in stock counts as if the rest had sold at the same pace; one with hardly any stock is not
    known. Where all was sold, what was usual until then is wanted at least (one step of expectation and
    maximisation for a censored sample; Nahmias, "Demand estimation in lost sales inventory systems", 1994).

    >>> panel = panel_of(["a"], ["1", "2", "3"], np.array([[4.0, 0.0, 2.0]]),
    ...                  in_stock=np.array([[1.0, 0.0, 0.5]]))
    >>> demand_of(panel).tolist()
    [[4.0, nan, 4.0]]
    """
    share = np.clip(panel.in_stock, 0.0, 1.0)
    wanted = np.where(share >= LEAST_IN_STOCK, panel.sold / np.maximum(share, LEAST_IN_STOCK), np.nan)
    if not panel.sold_out.any():
        return wanted
    return _uncensored(wanted, panel.sold_out)


def _uncensored(wanted: Floats, sold_out: Mask) -> Floats:
    found, usual = wanted.copy(), np.full(len(wanted), np.nan)
    for period in range(wanted.shape[1]):
        now = found[:, period]
        now = np.where(sold_out[:, period] & (usual > now), usual, now)
        found[:, period] = now
        moved = np.where(np.isnan(usual), now, usual + 0.2 * (now - usual))
        usual = np.where(np.isnan(now), usual, moved)
    return found
