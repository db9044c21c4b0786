"""Trends of a shop."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from penchant.app.counts import counted
from penchant.app.shop import Shop
from penchant.decide.trends.result import Trends
from penchant.decide.trends.run import trends
from penchant.decide.trends.wishes import Floats


def trends_of(shop: Shop) -> Trends:
    """Without what cleaning marked, and without people who opted out of profiling.

    Raises:
        NotEnoughData: nothing happened that counts.
    """
    (columns, _), view = counted(shop), shop.catalog.view()

    def vectors(texts: Sequence[str]) -> tuple[Floats, Floats, NDArray[np.int64]]:
        table = shop.catalog.text_table(whole=False)
        rows = np.flatnonzero(view.available_to(len(table.slot)) & (table.slot > 0))
        return shop.catalog.queries.of(texts), table.vectors[table.slot[rows]], rows

    return trends(columns, view, shop.clock(), vectors)
