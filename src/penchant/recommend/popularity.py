"""What the shop buys these days: for strangers, and for whom a model cannot help."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.ids import IdTable, rows_of_events
from penchant.catalog.view import CatalogView
from penchant.events.log import EventColumns
from penchant.model.worth import WORTH
from penchant.types import EVENT_TYPES, Event

_DAY = 86_400.0
_REBASE = 200.0
"""Lifetimes after which counts are scaled back, long before float64 overflows."""

_BY_CODE = np.array([WORTH.get(kind, 0.0) for kind in EVENT_TYPES])

SAME_CATEGORY = 2.0
SAME_DEPARTMENT = 1.0

Popular = Callable[[CatalogView, int], NDArray[np.float32]]
"""Scores (len(view),) for who looks at the item of a row, -1 for none: :func:`fallback_scores` of a shop."""


def none_popular(view: CatalogView, _row: int) -> NDArray[np.float32]:
    """For a shop that counts nothing."""
    return np.zeros(len(view), np.float32)


class Popularity:
    """Counts that fade: an event of age ``a`` counts ``exp(-a / days)``.

    All counts fade alike, so nothing is touched but the item of an event: counts are kept as they
    would be at ``origin``. They hold no person; after an erasure they fade within days.
    """

    def __init__(self, days: float) -> None:
        self._lifetime = days * _DAY
        self._origin = 0.0
        self._counts = np.zeros(0, dtype=np.float64)

    def on_event(self, row: int, event: Event) -> None:
        """Count one event on the item of ``row``; -1 (no item) is passed over."""
        self.on_events([row], [event])

    def on_events(self, rows: Sequence[int], events: Sequence[Event]) -> None:
        """The same of several, for little more than one of them costs."""
        told = [
            (row, weight, event.timestamp)
            for row, event in zip(rows, events, strict=True)
            if row >= 0 and (weight := WORTH.get(event.type, 0.0))
        ]
        if not told:
            return
        items, weights, times = (np.array(cells) for cells in zip(*told, strict=True))
        self._reach(int(items.max()) + 1)
        self._rebase(float(times.max()))
        np.add.at(self._counts, items, weights * np.exp((times - self._origin) / self._lifetime))

    def rebuild(self, columns: EventColumns, ids: IdTable) -> None:
        """Count a whole log anew."""
        rows = rows_of_events(columns, ids)
        weights = _BY_CODE[columns.type]
        kept = (rows >= 0) & (weights > 0)
        self._origin = float(columns.time[kept].max()) if kept.any() else 0.0
        faded = weights[kept] * np.exp((columns.time[kept] - self._origin) / self._lifetime)
        self._counts = np.bincount(rows[kept], weights=faded, minlength=len(ids))

    def scores(self, size: int) -> NDArray[np.float32]:
        """Share of the most popular item's count, from 0 to 1, shape (size,)."""
        scores = np.zeros(size, dtype=np.float32)
        known = self._counts[:size]
        if len(known) and known.max() > 0:
            scores[: len(known)] = known / known.max()
        return scores

    def _reach(self, size: int) -> None:
        if size > len(self._counts):
            grown = np.zeros(max(size, len(self._counts) * 5 // 4), dtype=np.float64)
            grown[: len(self._counts)] = self._counts
            self._counts = grown

    def _rebase(self, time: float) -> None:
        if not self._counts.any():
            self._origin = time
        elif (time - self._origin) / self._lifetime > _REBASE:
            self._counts *= np.exp((self._origin - time) / self._lifetime)
            self._origin = time


def fallback_scores(popularity: Popularity, view: CatalogView, context_row: int = -1) -> NDArray[np.float32]:
    """Recent popularity, what is like the item being looked at first: its category, then its department.

    Shape (len(view),).
    """
    scores = popularity.scores(len(view))
    if context_row >= 0:
        category, department = view.category[context_row], view.department[context_row]
        same = (view.department == department) & (department >= 0)
        scores[same] += SAME_DEPARTMENT
        scores[same & (view.category == category)] += SAME_CATEGORY
    return scores
