"""The model's trend, counted from the log and kept up with it."""

import numpy as np

from penchant.catalog.ids import IdTable, rows_of_events
from penchant.events.log import EventColumns
from penchant.model.tokens import NOT_WANTED, wanted
from penchant.model.trend import LiveTrend
from penchant.types import EventType


def live_trend(columns: EventColumns, ids: IdTable) -> LiveTrend:
    """What the whole log says of the moment after its last event."""
    rows = rows_of_events(columns, ids).astype(np.int32)
    taken = wanted(rows, columns.type)
    return LiveTrend(rows[taken], columns.time[taken])


def is_wanted(row: int, kind: EventType) -> bool:
    """Whether an event on the item of ``row`` (-1 for none) counts.

    >>> is_wanted(3, EventType.PURCHASE), is_wanted(-1, EventType.SEARCH)
    (True, False)
    """
    return row >= 0 and kind.code not in NOT_WANTED
