"""Prices and quantities far from what their item usually has."""

import numpy as np
from numpy.typing import NDArray

from penchant.events.cleaning.step import Found, grouped_z
from penchant.events.log import EventColumns
from penchant.settings import CleaningSettings
from penchant.types import EventType

_FEWEST = 20
_FAR = 8.0
_LEAST_SPREAD = 0.1
_PRICE_FACTOR = 10.0
_QUANTITY_FACTOR = 50.0


class FindOutliers:
    """Purchases whose price or quantity is beyond anything usual for the item.

    On a log scale, more than 8 robust deviations from the item's median over at least 20 purchases, and
    also a price 10 times higher or lower, or a quantity 50 times higher.
    """

    mark = "outlier"
    about = "purchases with a price or quantity far outside what the item has"

    def run(self, columns: EventColumns, settings: CleaningSettings) -> Found:  # noqa: ARG002
        buys = (columns.type == EventType.PURCHASE.code) & (columns.item >= 0)
        price = _far(columns, buys, columns.price, _PRICE_FACTOR, both=True)
        quantity = _far(columns, buys, columns.quantity, _QUANTITY_FACTOR, both=False)
        events = np.union1d(columns.position[price], columns.position[quantity])
        counts = {"price outliers": len(price), "quantity outliers": len(quantity), "outliers": len(events)}
        return Found(events=events, counts=counts)


def _far(
    columns: EventColumns,
    rows: NDArray[np.bool_],
    values: NDArray[np.float32],
    factor: float,
    *,
    both: bool,
) -> NDArray[np.int64]:
    used = np.flatnonzero(rows & (values > 0))
    if not len(used):
        return used
    _, groups = np.unique(columns.item[used], return_inverse=True)
    z, distance = grouped_z(groups, np.log(values[used].astype(np.float64)), _LEAST_SPREAD)
    often = np.bincount(groups)[groups] >= _FEWEST
    if both:
        z, distance = np.abs(z), np.abs(distance)
    return used[often & (z > _FAR) & (distance > np.log(factor))]
