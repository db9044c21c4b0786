"""The price of an item as one of ten levels: what is cheap in this shop, and what is dear. Numpy only."""

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.model.histories import FloatArray, IntArray

UNKNOWN = 10
"""Level of an item without a price; the others are from 0, the cheapest tenth."""

LEVELS = UNKNOWN + 1


def price_borders(prices: NDArray[np.floating] | None) -> FloatArray:
    """Prices (9,) at which the next level begins: each level has a tenth of the known ones. Zeros for none.

    >>> price_borders(np.arange(1.0, 12.0)).tolist()
    [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
    """
    known = np.zeros(0) if prices is None else prices[np.isfinite(prices)]
    if not len(known):
        return np.zeros(UNKNOWN - 1, np.float32)
    return np.quantile(known, np.arange(1, UNKNOWN) / UNKNOWN).astype(np.float32)


def price_levels(prices: NDArray[np.floating], borders: FloatArray) -> IntArray:
    """Level of each price (n,); NaN is not known. Where many items have one price, levels may stay empty.

    >>> price_levels(np.array([0.5, 2.0, 99.0, np.nan]), np.arange(1, 10, dtype=np.float32)).tolist()
    [0, 2, 9, 10]
    """
    levels = np.searchsorted(borders, prices.astype(np.float32), side="right")
    return np.where(np.isfinite(prices), levels, UNKNOWN).astype(np.int64)


def fitting_prices(prices: NDArray[np.floating] | None, rows: int) -> NDArray[np.floating]:
    """One price for each of so many items; NaN where there is none.

    Raises:
        InvalidInput: there are more or fewer.
    """
    if prices is None:
        return np.full(rows, np.nan, np.float32)
    if prices.shape != (rows,):
        raise InvalidInput(f"prices have shape {prices.shape}, expected one for each of {rows} items")
    return prices
