"""The last blocks of a stream: what detectors are made of again, and where a change began."""

from dataclasses import dataclass, field

import numpy as np

from penchant.learn.drift.baseline import Floats

NEWEST = 3
"""Blocks that tell whether it went up or down."""


@dataclass(frozen=True, slots=True)
class Change:
    """One column's change: the block it began with, and the means before and from then on."""

    begin: int
    before: float
    after: float

    @property
    def moved(self) -> float:
        """How far, with its sign."""
        return self.after - self.before


@dataclass(slots=True, eq=False)
class History:
    """The newest blocks, oldest first.

    Attributes:
        adjusted: means of each column without the cycles. scores: standard deviations off the level,
            0 where a column was not ready. starts: log position of the first row of each block.
    """

    adjusted: list[list[float]] = field(default_factory=list[list[float]])
    scores: list[list[float]] = field(default_factory=list[list[float]])
    starts: list[int] = field(default_factory=list[int])

    def add(self, adjusted: Floats, scores: Floats, start: int) -> None:
        """One more block, each (M,)."""
        self.adjusted.append(adjusted.tolist())
        self.scores.append(scores.tolist())
        self.starts.append(start)

    def trim(self, keep: int) -> None:
        """Only the newest ``keep``."""
        for part in (self.adjusted, self.scores, self.starts):
            del part[: len(part) - keep]

    def change(self, column: int) -> Change:
        """Where the newest run of one column began: the likeliest moment, if scores were 0 on average before.

        Source: Hinkley, "Inference about the change-point in a sequence of random variables", Biometrika
        1970.

        >>> low, high = [0.25], [0.5]
        >>> History([low] * 5 + [high] * 3, [[0.0]] * 5 + [[3.0]] * 3, list(range(8))).change(0)
        Change(begin=5, before=0.25, after=0.5)
        """
        scores = np.array([row[column] for row in self.scores])
        sign = 1.0 if scores[-NEWEST:].sum() >= 0 else -1.0
        sums = np.cumsum(sign * scores[::-1])
        length = 1 + int(np.argmax(sums / np.sqrt(np.arange(1, len(sums) + 1))))
        return self.since(column, len(scores) - length)

    def since(self, column: int, begin: int) -> Change:
        """What one column did from block ``begin`` on, which is at least the second one."""
        values = [row[column] for row in self.adjusted]
        begin = max(1, min(begin, len(values) - 1))
        return Change(begin, float(np.mean(values[:begin])), float(np.mean(values[begin:])))

    def level(self, begin: int) -> Floats:
        """Mean of each column from block ``begin`` on, (M,)."""
        return np.mean(self.adjusted[begin:], axis=0)
