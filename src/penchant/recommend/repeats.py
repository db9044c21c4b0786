"""May what somebody bought come again? Milk yes, the same book no: learned from the log by category."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.ids import IdTable, rows_of_events
from penchant.catalog.view import CatalogView
from penchant.events.log import EventColumns
from penchant.types import EventType

PRIOR = 20.0
"""Person-item pairs that a category must outweigh to leave the shop's own rate."""

ENOUGH = 0.1
"""Share of bought items that are bought again, from which on a category counts as repeatable."""

APART = 86_400.0
"""Seconds between two purchases of an item that make the second a repeat; less is one errand."""


@dataclass(frozen=True, slots=True)
class RepeatRates:
    """How often persons buy an item again.

    Attributes:
        shop: share of all (person, item) pairs with a second purchase. by_category: the same for a full
            category name, shrunk towards the shop's: ``(repeats + PRIOR * shop) / (pairs + PRIOR)``.
    """

    shop: float = 0.0
    by_category: Mapping[str, float] | None = None

    def of(self, category: str) -> float:
        """Rate of a category; the shop's where it is unknown."""
        return (self.by_category or {}).get(category, self.shop)

    def repeatable(self, view: CatalogView) -> NDArray[np.bool_]:
        """Rows that may be shown to somebody who bought them, shape (len(view),)."""
        by_code = [self.of(name) >= ENOUGH for name in view.categories.names]
        return np.array([*by_code, self.shop >= ENOUGH], dtype=bool)[view.category]


def learn_repeats(columns: EventColumns, ids: IdTable, view: CatalogView) -> RepeatRates:
    """Rates of a log. Works on (person, item) pairs that were bought, E log E."""
    person, row, time = _purchases(columns, ids, len(view))
    if not len(row):
        return RepeatRates()
    order = np.lexsort((time, row, person))
    person, row, time = person[order], row[order], time[order]
    first = np.concatenate([[True], (person[1:] != person[:-1]) | (row[1:] != row[:-1])])
    again = np.concatenate([[False], ~first[1:] & (np.diff(time) > APART)])
    pair = np.cumsum(first) - 1
    repeated = np.bincount(pair, weights=again) > 0
    return _shrunk(view, view.category[row[first]], repeated)


def _purchases(
    columns: EventColumns, ids: IdTable, size: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    rows = rows_of_events(columns, ids)
    kept = (columns.type == EventType.PURCHASE.code) & (rows >= 0) & (rows < size)
    return columns.person[kept], rows[kept], columns.time[kept]


def _shrunk(view: CatalogView, category: NDArray[np.int32], repeated: NDArray[np.bool_]) -> RepeatRates:
    shop = float(repeated.mean())
    count = len(view.categories.names)
    named = category >= 0
    pairs = np.bincount(category[named], minlength=count)
    repeats = np.bincount(category[named], weights=repeated[named], minlength=count)
    rates = (repeats + PRIOR * shop) / (pairs + PRIOR)
    return RepeatRates(shop, dict(zip(view.categories.names, rates.tolist(), strict=True)))
