"""What behaviour would be without one of the newest events: the truth behind reasons. Numpy only."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.model.encoders.protocol_step import StepEncoder
from penchant.model.histories import FloatArray
from penchant.model.reading import Columns
from penchant.model.tokens import gaps_in_days


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """``read`` makes tokens and the days before them (L,) to vectors (L, D)."""

    step: StepEncoder
    read: Callable[[Columns, FloatArray], FloatArray]

    def each(self, encoder: FloatArray, h: FloatArray, last: float, tail: Columns) -> FloatArray:
        """Behaviour (k + 1, D) after ``tail`` without each of its k events, last with all.

        Args:
            encoder: (S,) state before the tail.
            h: (D,) behaviour before it.
            last: time of the event before it.
            tail: k tokens.
        """
        count = len(tail.times)
        if not count:
            return h[None]
        if count == 1:
            return np.concatenate([h[None], self._after(encoder, last, tail, np.array([[0]]))[1]])
        kept = [[place for place in range(count) if place != gone] for gone in range(count)]
        encoders, each = self._after(encoder, last, tail, np.array(kept).T)
        # All events are those without the last one, and the last one.
        before, last = encoders[-1], float(tail.times[-2])
        return np.concatenate([each, self._after(before, last, tail, np.array([[count - 1]]))[1]])

    @staticmethod
    def last(before: float, tail: Columns) -> list[float]:
        """Time of the last event that is left in each of them (k + 1), given that of the one before."""
        times = [before, *tail.times.tolist()]
        return [times[-1]] * (len(times) - 2) + times[-2:]

    def _after(
        self, encoder: FloatArray, last: float, tail: Columns, order: NDArray[np.int64]
    ) -> tuple[FloatArray, FloatArray]:
        """Encoder states (B, S) and behaviour (B, D) after the events that each column of ``order`` names.

        ``order`` (L, B) holds rows of ``tail``.
        """
        steps, side = order.shape
        times = np.concatenate([np.full((1, side), last), tail.times[order]])
        days = gaps_in_days(times)
        x = self.read(tail.take(order.ravel()), days.ravel()).reshape(steps, side, -1)
        return self.step.sequence(np.repeat(encoder[None], side, 0), x, days)
