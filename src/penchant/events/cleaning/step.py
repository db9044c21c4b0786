"""What a cleaning step is, and robust statistics that several steps share."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.events.log import EventColumns
from penchant.settings import CleaningSettings
from penchant.types import Pseudonym

_TO_SIGMA = 1.4826
"""MAD to standard deviation for normal data (Rousseeuw and Croux 1993)."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a step found: log positions to mark, people to mark, and counts in words for reports."""

    events: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    people: tuple[Pseudonym, ...] = ()
    counts: dict[str, int] = field(default_factory=dict[str, int])


class Step(Protocol):
    """One cleaning step."""

    @property
    def mark(self) -> str:
        """Reason under which its findings are stored."""
        ...

    @property
    def about(self) -> str:
        """One line for people."""
        ...

    def run(self, columns: EventColumns, settings: CleaningSettings) -> Found:
        """Look at the whole log."""
        ...


def robust_z(values: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    """Distance from the median in robust standard deviations (MAD), shape (N,).

    ``floor`` is the least spread, so that a column of equal values does not make a stranger infinite.

    >>> robust_z(np.array([1.0, 2.0, 3.0]), floor=0.1).round(3).tolist()
    [-0.674, 0.0, 0.674]
    """
    middle = np.median(values)
    spread = _TO_SIGMA * np.median(np.abs(values - middle))
    return (values - middle) / max(float(spread), floor)


def grouped_median(groups: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each value's own group, shape (N,); ``groups`` are codes from 0.

    >>> grouped_median(np.array([0, 1, 0, 0]), np.array([1.0, 9.0, 5.0, 2.0])).tolist()
    [2.0, 9.0, 2.0, 2.0]
    """
    order = np.lexsort((values, groups))
    counts = np.bincount(groups)
    starts = np.cumsum(counts) - counts
    ordered = values[order]
    last = max(len(values) - 1, 0)
    low = np.minimum(starts + np.maximum(counts - 1, 0) // 2, last)
    high = np.minimum(starts + counts // 2, last)
    return ((ordered[low] + ordered[high]) / 2)[groups]


def grouped_z(
    groups: NDArray[np.int64], values: NDArray[np.float64], floor: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Robust z of each value within its group, and its distance from the group's median."""
    distance = values - grouped_median(groups, values)
    spread = _TO_SIGMA * grouped_median(groups, np.abs(distance))
    return distance / np.maximum(spread, floor), distance
