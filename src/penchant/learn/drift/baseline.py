"""What is usual: a level that follows slowly, a spread, and the cycles of a day and a week."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HOURS, WEEKDAYS = 24, 7
WEEK = HOURS * WEEKDAYS
SLOTS = HOURS + WEEKDAYS + WEEK
"""Hours of the day, days of the week, hours of the week."""
PRIOR = np.repeat([200.0, 1_000.0, 2_000.0], [HOURS, WEEKDAYS, WEEK])
"""Rows that speak for no cycle at all; a slot that has seen as many shows half of what it saw. Days and
hours of the week must prove themselves: they would take in what is a trend or a change."""
MOST = 20_000.0
"""Rows that a slot remembers: a cycle may change in the course of a year."""
OUTLIER = 3.0
"""A block counts for the level and the spread up to so many standard deviations."""
CLIPPED = 4.0
"""A block counts for a detector up to so many: one block alone is never an alarm."""
MOST_ALIKE, TINY = 0.7, 1e-12
"""Correlation of neighbouring blocks that is believed at most; a variance that is as good as none."""


class Detector(Protocol):
    """Finds a change of the mean in numbers that come one by one. No two share anything."""

    def update(self, value: float) -> bool:
        """Take the next number; whether the mean has moved."""
        ...

    def reset(self) -> None:
        """Forget all numbers."""
        ...


MakeDetector = Callable[[int], Detector]
"""A new detector that is one of so many side by side: the more there are, the surer each must be."""


def hour_of_week(time: float) -> float:
    """Hours since Thursday 00:00 UTC, where unix time begins: from 0 to below 168, to some seconds.

    >>> hour_of_week(0.0), hour_of_week(3600.0 * 25.5), hour_of_week(7 * 86_400.0)
    (0.0, 25.5, 0.0)
    """
    return round(time / 3600 % WEEK, 3) % WEEK


@dataclass(slots=True, eq=False)
class Season:
    """How much the time of the week adds, for each of M columns.

    The sum of what the hour of the day, the day of the week and the hour of the week add, with straight lines
    between the middles of hours: the first two are learned in a fortnight, the third where rows are many.
    Ridge means by backfitting (Hastie and Tibshirani, Generalized Additive Models, 1990), block by block.

    Attributes:
        table: (199, M), 24 hours, 7 days, 168 hours. rows: (199,), how many rows each one has seen.
    """

    table: Floats
    rows: Floats

    @classmethod
    def of_columns(cls, columns: int) -> "Season":
        """Nothing is known yet."""
        return cls(np.zeros((SLOTS, columns)), np.zeros(SLOTS))

    def of(self, hours: Floats) -> Floats:
        """What is added at the hours of the week ``hours`` (n,); shape (n, M)."""
        return placed(hours) @ self.table

    def learn(self, rest: Floats, hours: Floats) -> None:
        """Move towards what was left unexplained in n rows, (n, M)."""
        weights = placed(hours)
        self.rows = np.minimum(self.rows + weights.sum(axis=0), MOST).round(1)
        self.table = (self.table + (weights.T @ rest) / (self.rows + PRIOR)[:, None]).round(6)

    def pick(self, columns: Sequence[int]) -> "Season":
        """The columns of these numbers; -1 for one that is new."""
        return Season(picked(self.table, columns), self.rows)


@dataclass(slots=True, eq=False)
class Levels:
    """Mean and spread of the blocks of each of M columns, the older ones forgotten.

    West, "Updating mean and variance estimates", CACM 1979, with a rate that does not fall below 1 / memory.
    The spread is remembered three times as long as the level: it should not follow a change. A visit that
    lies in several blocks makes them alike, so the spread is the one that counts for long sums: the variance
    times (1 + r) / (1 - r), where r is the correlation of neighbours, as of a first-order autoregression.

    Attributes:
        level, variance: (M,). neighbours: (M,) covariance of a block with the one before, which was ``last``
            off the level. seen: (M,) blocks that the level is of. known: (M,) blocks that the spread is of.
    """

    level: Floats
    variance: Floats
    neighbours: Floats
    last: Floats
    seen: Floats
    known: Floats

    @classmethod
    def of_columns(cls, columns: int) -> "Levels":
        """Nothing is known yet."""
        return cls(*(np.zeros(columns) for _ in range(6)))

    def spread(self, least: Floats) -> Floats:
        """Standard deviation of a block, (M,), not below ``least`` (M,)."""
        alike = np.clip(self.neighbours / np.maximum(self.variance, TINY), 0.0, MOST_ALIKE)
        return np.sqrt(np.maximum(self.variance, least**2) * (1 + alike) / (1 - alike))

    def judge(self, block: Floats, least: Floats) -> Floats:
        """How many standard deviations a block (M,) is off the level, within 4 of it."""
        return np.clip((block - self.level) / self.spread(least), -CLIPPED, CLIPPED)

    def learn(self, block: Floats, least: Floats, memory: int, warm: int) -> None:
        """Move towards a block (M,). The first ``warm`` ones count in full, later ones up to a limit."""
        limit = OUTLIER * self.spread(least)
        off = block - self.level
        off = np.where(self.known < warm, off, np.clip(off, -limit, limit))
        rate = np.maximum(1 / (self.seen + 1), 1 / memory)
        slow = np.maximum(1 / (self.known + 1), 1 / (3 * memory))
        self.level = self.level + rate * off
        self.variance = (1 - slow) * (self.variance + slow * off**2)
        self.neighbours = (1 - slow) * (self.neighbours + slow * off * self.last)
        # The first block is off by all of itself: there was no level.
        self.last = np.where(self.seen > 0, off, 0.0)
        self.seen, self.known = self.seen + 1, self.known + 1

    def move(self, level: Floats, blocks: int) -> None:
        """The level is another one, (M,), of so many blocks."""
        self.level, self.seen = level, np.full_like(self.seen, blocks)

    def forget(self, where: NDArray[np.bool_], blocks: int) -> None:
        """What is known of these columns, (M,), counts no more than ``blocks`` blocks."""
        self.seen = np.where(where, np.minimum(self.seen, blocks), self.seen)
        self.known = np.where(where, np.minimum(self.known, blocks), self.known)

    def pick(self, columns: Sequence[int]) -> "Levels":
        """The columns of these numbers; -1 for one that is new."""
        return Levels(*(picked(part, columns) for part in self.parts()))

    def parts(self) -> tuple[Floats, ...]:
        """All fields, in their order."""
        return self.level, self.variance, self.neighbours, self.last, self.seen, self.known


def picked(array: Floats, columns: Sequence[int]) -> Floats:
    """Columns of an array by their numbers along its last axis, zeros for -1.

    >>> picked(np.array([1.0, 2.0, 3.0]), [2, -1, 0]).tolist()
    [3.0, 0.0, 1.0]
    """
    found = array[..., np.maximum(columns, 0)]
    found[..., np.array(columns) < 0] = 0.0
    return found


def placed(hours: Floats) -> Floats:
    """Weights of the slots at each hour of the week; (n,) to (n, 199), each of the three parts sums to 1.

    >>> np.flatnonzero(placed(np.array([24.5]))[0]).tolist(), placed(np.array([24.0]))[0, [23, 0]].tolist()
    ([0, 25, 55], [0.5, 0.5])
    """
    weights = np.zeros((len(hours), SLOTS))
    rows = np.arange(len(hours))
    before = np.floor(hours - 0.5).astype(np.int64)
    later = hours - 0.5 - before
    for hour, weight in ((before, 1 - later), (before + 1, later)):
        weights[rows, hour % HOURS] += weight
        weights[rows, HOURS + WEEKDAYS + hour % WEEK] += weight
    weights[rows, HOURS + (hours // HOURS).astype(np.int64)] = 1.0
    return weights
