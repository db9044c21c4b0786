"""What may be in a list: masks over id rows, true where an item may be shown."""

from collections.abc import Collection, Iterable

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView
from penchant.recommend.repeats import RepeatRates
from penchant.settings import RecommendSettings

Mask = NDArray[np.bool_]


def on_sale(view: CatalogView, excluded: Iterable[str]) -> Mask:
    """In the catalogue, available, and not excluded by the request; shape (len(view),)."""
    mask = view.available.copy()
    mask[[row for row in map(view.row, excluded) if row >= 0]] = False
    return mask


class SeenFilter:
    """What a person had already, by the shop's settings and by what is normally bought again."""

    def __init__(self, settings: RecommendSettings, rates: RepeatRates) -> None:
        self._settings = settings
        self._rates = rates
        self._made_for: CatalogView | None = None
        self._repeatable = np.zeros(0, dtype=bool)

    def unseen(self, view: CatalogView, bought: Collection[int], viewed: NDArray[np.int32]) -> Mask:
        """False for items of the past that should not come again; shape (len(view),)."""
        mask = np.ones(len(view), dtype=bool)
        if self._settings.hide_viewed:
            mask[viewed[viewed < len(view)]] = False
        if self._settings.repeats != "always":
            rows = _inside(view, bought)
            never = self._settings.repeats == "never"
            mask[rows if never else rows[~self._repeatable_in(view)[rows]]] = False
        return mask

    def _repeatable_in(self, view: CatalogView) -> Mask:
        if self._made_for is not view:
            self._repeatable, self._made_for = self._rates.repeatable(view), view
        return self._repeatable


def _inside(view: CatalogView, rows: Collection[int]) -> NDArray[np.int64]:
    array = np.fromiter(rows, dtype=np.int64, count=len(rows))
    return array[array < len(view)]
