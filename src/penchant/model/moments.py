"""What is known when a list is asked for, beside events: the moment and the person. Numpy only.

Hour and weekday are those of UTC: a shop of one time zone learns its own hours from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from penchant.model.attributes import Attributes, Vocabulary
from penchant.model.examples import Questions
from penchant.model.histories import FloatArray, Histories, IntArray
from penchant.model.tokens import DAY, days_of, gap_class, gap_class_of

HOURS, WEEKDAYS = 24, 7
HOUR = 3600.0


def hour_of(times: NDArray[np.float64]) -> IntArray:
    """Hour of the day, 0 to 23.

    >>> hour_of(np.array([0.0, 86_400.0 + 3 * 3600 + 1, -1.0])).tolist()
    [0, 3, 23]
    """
    return (times // HOUR).astype(np.int64) % HOURS


def weekday_of(times: NDArray[np.float64]) -> IntArray:
    """Day of the week, 0 for Monday. The first of January 1970 was a Thursday.

    >>> weekday_of(np.array([0.0, 4 * 86_400.0])).tolist()
    [3, 0]
    """
    return ((times // DAY).astype(np.int64) + 3) % WEEKDAYS


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """P moments at which a list is asked for.

    Attributes:
        hours, weekdays, pauses: (P,) hour, weekday, class of the gap since the person's last event; that of a
            stranger is 0.
        words: (P, ·) what is known of each one's person, rows of
            :class:`~penchant.model.attributes.Vocabulary`; None where nothing is of anybody.
    """

    hours: IntArray
    weekdays: IntArray
    pauses: IntArray
    words: IntArray | None

    @classmethod
    def of(cls, histories: Histories, asked: Questions, words: IntArray | None) -> Self:
        """Of the questions ``asked`` in ``histories``; ``words`` of all people there."""
        before = np.append(np.nan, histories.times)[asked.ends]
        before[asked.ends <= histories.offsets[asked.people]] = np.nan
        gaps = days_of(asked.times - before)
        return cls(hour_of(asked.times), weekday_of(asked.times), gap_class(gaps), _taken(words, asked))


def _taken(words: IntArray | None, asked: Questions) -> IntArray | None:
    return None if words is None else words[asked.people]


class MomentReader:
    """The step form of ``net.AskTable``, made of a snapshot's ``asked.`` weights."""

    def __init__(self, weights: Mapping[str, NDArray[Any]]) -> None:
        self._week = weights["asked.weekday"][:, None] + weights["asked.hour"]  # (WEEKDAYS, HOURS, D)
        self._pause = weights["asked.pause"]
        self._word = weights["asked.word"]
        self._vocabulary = Vocabulary.unpacked(weights["asked.vocabulary"])

    def about(self, known: Attributes) -> FloatArray:
        """What is added to behaviour for what is known of a person, (D,)."""
        rows = self._vocabulary.rows(known)
        return self._word[rows].mean(0) if rows else np.zeros_like(self._word[0])

    def at(self, now: float, last: float) -> FloatArray:
        """What is added to behaviour at ``now``, (D,). ``last``: time of the last event, NaN for none."""
        gap = now - last
        pause = gap_class_of(np.float32(gap / DAY)) if gap > 0 else 0
        return self._week[(int(now // DAY) + 3) % WEEKDAYS, int(now // HOUR) % HOURS] + self._pause[pause]

    def at_each(self, now: float, last: NDArray[np.float64]) -> FloatArray:
        """:meth:`at` for k people at the same moment, (k, D); ``last`` (k,)."""
        pauses = gap_class(days_of(now - last))
        return self._week[(int(now // DAY) + 3) % WEEKDAYS, int(now // HOUR) % HOURS] + self._pause[pauses]
