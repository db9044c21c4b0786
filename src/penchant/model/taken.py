"""What each person took at least once, at any moment of a log. Numpy only.

The repeat memory forgets what was taken once and long ago. That is no discovery all the same.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.model.histories import Histories, IntArray
from penchant.model.tokens import wanted


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Some items for each of C moments: ``items[starts[c]:stops[c]]``."""

    items: NDArray[np.int32]
    starts: IntArray
    stops: IntArray

    def of(self, moment: int) -> NDArray[np.int32]:
        """Those of one moment, distinct."""
        return self.items[self.starts[moment] : self.stops[moment]]


def first_times(histories: Histories) -> NDArray[np.bool_]:
    """Which events are their person's first wanted one of the item, (E,).

    >>> from penchant.model.histories import histories_of
    >>> first_times(histories_of([[3, 4, 3], [3]])).tolist()
    [True, True, False, True]
    """
    rows = np.flatnonzero(wanted(histories.items, histories.types))
    pairs = histories.person_of_event()[rows] * (int(histories.items.max(initial=0)) + 1)
    first = np.zeros(histories.events, dtype=bool)
    first[rows[np.unique(pairs + histories.items[rows], return_index=True)[1]]] = True
    return first


def had_before(histories: Histories, people: IntArray, ends: IntArray) -> Runs:
    """What ``people`` (C,) took before the events ``ends`` (C,), which are not known yet.

    >>> from penchant.model.histories import histories_of
    >>> had_before(histories_of([[3, 4, 3], [3]]), np.array([0]), np.array([3])).of(0).tolist()
    [3, 4]
    """
    rows = np.flatnonzero(first_times(histories))
    starts = np.searchsorted(rows, histories.offsets[people])
    return Runs(histories.items[rows], starts, np.searchsorted(rows, ends))


def with_item(taken: NDArray[np.int32], item: int) -> NDArray[np.int32]:
    """Sorted rows ``taken`` and one more, each once; what was given stays as it is.

    >>> with_item(np.array([2, 5], np.int32), 3).tolist()
    [2, 3, 5]
    """
    place = int(np.searchsorted(taken, item))
    if place < len(taken) and taken[place] == item:
        return taken
    return np.concatenate([taken[:place], [item], taken[place:]], dtype=np.int32)
