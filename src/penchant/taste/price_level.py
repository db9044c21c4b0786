"""Where a price stands among those of its category."""

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView

FEW = 4
"""Prices in a category below which none of them is low or high."""


def price_levels(view: CatalogView, categories: NDArray[np.integer]) -> NDArray[np.float64]:
    """Quantile of each row's price among those of its category, from 0 to 1, shape (len(view),).

    NaN for rows of none of ``categories``, without a price, and in categories of fewer than ``FEW`` prices.

    >>> from penchant.catalog.view import view_of
    >>> from penchant.types import Item
    >>> items = {row: Item(item_id=f"i{row}", category="Tea", price=float(row)) for row in range(4)}
    >>> price_levels(view_of(1, ["i0", "i1", "i2", "i3"], items), np.array([0])).tolist()
    [0.125, 0.375, 0.625, 0.875]
    """
    found = np.full(len(view), np.nan)
    rows = np.flatnonzero(view.listed & ~np.isnan(view.price) & np.isin(view.category, categories))
    rows = rows[np.lexsort((view.price[rows], view.category[rows]))]
    if not len(rows):
        return found
    category, price = view.category[rows], view.price[rows]
    first = np.searchsorted(category, category, "left")
    size = np.searchsorted(category, category, "right") - first
    begins = np.append(True, (category[1:] != category[:-1]) | (price[1:] != price[:-1]))
    starts = np.flatnonzero(begins)
    run = np.cumsum(begins) - 1
    ends = np.append(starts[1:], len(rows))
    level = ((starts[run] + ends[run]) / 2 - first) / size
    found[rows[size >= FEW]] = level[size >= FEW]
    return found


def price_levels_of_all(view: CatalogView) -> NDArray[np.float32]:
    """The same of every row that has a category."""
    return price_levels(view, np.unique(view.category[view.category >= 0])).astype(np.float32)
