"""What is known when a list is made: all that sources and features may look at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView
from penchant.model.entries import count_of, items_of, last_of
from penchant.model.repeat import Memory
from penchant.recommend.sources.followed import NOBODY, Followed

HOUR_UNITS = 28
"""Units of time (128 s) in an hour: what was wanted within one is one errand."""


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One person who asks at ``now`` (unix seconds), before anything that happens from then on.

    Attributes:
        view: the catalogue, at least N rows. scores: (N,) of the taste model. trend: (N, lifetimes), see
            :mod:`penchant.model.trend`. allowed: (N,) what may be shown.
        record: (m,) all that the person ever wanted, that of the newest last.
        look: row of the item on the page, -1 for none. vectors: (N, D) of the model, None where not known.
        followed: what people whom the person follows took, as far as it may be told.
    """

    now: float
    view: CatalogView
    scores: NDArray[np.float32]
    trend: NDArray[np.float32]
    allowed: NDArray[np.bool_]
    record: Memory
    look: int = -1
    vectors: NDArray[np.float32] | None = None
    followed: Followed = NOBODY

    def events(self) -> int:
        """How often the person wanted something; of one item no more than an entry counts."""
        return int(count_of(self.record).sum())

    def wanted(self) -> NDArray[np.int64]:
        """(m,) rows of the record."""
        return items_of(self.record)

    def newest(self) -> NDArray[np.int64]:
        """Rows of the last errand, the item on the page last."""
        rows = self.wanted()
        if len(rows):
            last = last_of(self.record)
            rows = rows[np.abs(last - last[-1]) <= HOUR_UNITS]
        return np.append(rows, self.look) if self.look >= 0 else rows
