"""The model's trend in a shop that goes on: who counts in it is who trains."""

from collections.abc import Iterable

import numpy as np

from penchant.catalog.ids import IdTable
from penchant.model.histories import Histories
from penchant.model.tokens import NOT_WANTED, wanted
from penchant.model.trend import LiveTrend
from penchant.types import Event


def live_trend(histories: Histories) -> LiveTrend:
    """What all that may train says of the moment after its last event."""
    taken = wanted(histories.items, histories.types)
    return LiveTrend(histories.items[taken].astype(np.int32), histories.times[taken])


def count(trend: LiveTrend, ids: IdTable, events: Iterable[Event], times: float = 1.0) -> None:
    """Let ``trend`` know of events, or with ``times`` -1 that they are no more."""
    found = [event for event in events if event.item_id and event.type.code not in NOT_WANTED]
    if not found:
        return
    rows = ids.assign([str(event.item_id) for event in found])
    for row, event in zip(rows.tolist(), found, strict=True):
        trend.on_event(row, event.timestamp, times)
