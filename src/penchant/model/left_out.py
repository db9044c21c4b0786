"""What behaviour would be without one of the newest events: the truth behind reasons. Numpy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.model.encoders.protocol_step import StepEncoder
from penchant.model.histories import FloatArray
from penchant.model.reading import Columns, TokenReader
from penchant.model.tokens import gaps_in_days, session_places


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """``vectors`` (N, D) are those of the items."""

    step: StepEncoder
    reader: TokenReader
    vectors: FloatArray

    def each(
        self, encoder: FloatArray, h: FloatArray, before: tuple[float, int], tail: Columns
    ) -> FloatArray:
        """Behaviour (k + 1, D) after ``tail`` without each of its k events, last with all.

        Args:
            encoder: (S,) state before the tail.
            h: (D,) behaviour before it.
            before: time of the event before it, and its place in its session.
            tail: k tokens.
        """
        count = len(tail.times)
        if not count:
            return h[None]
        if count == 1:
            return np.concatenate([h[None], self._after(encoder, before, tail, np.array([[0]]))[1]])
        kept = [[place for place in range(count) if place != gone] for gone in range(count)]
        encoders, each = self._after(encoder, before, tail, np.array(kept).T)
        # All events are those without the last one, and the last one.
        last, place = before
        places = session_places(np.diff(tail.times[:-1], prepend=last), place)
        now = float(tail.times[-2]), int(places[-1])
        return np.concatenate([each, self._after(encoders[-1], now, tail, np.array([[count - 1]]))[1]])

    @staticmethod
    def last(before: float, tail: Columns) -> list[float]:
        """Time of the last event that is left in each of them (k + 1), given that of the one before."""
        times = [before, *tail.times.tolist()]
        return [times[-1]] * (len(times) - 2) + times[-2:]

    def _after(
        self, encoder: FloatArray, before: tuple[float, int], tail: Columns, order: NDArray[np.int64]
    ) -> tuple[FloatArray, FloatArray]:
        """Encoder states (B, S) and behaviour (B, D) after the events that each column of ``order`` names.

        ``order`` (L, B) holds rows of ``tail``.
        """
        steps, side = order.shape
        last, place = before
        times = np.concatenate([np.full((1, side), last), tail.times[order]])
        days, places = gaps_in_days(times), session_places(np.diff(times, axis=0), place)
        x = self.reader.many(tail.take(order.ravel()), self.vectors, days.ravel(), places.ravel())
        return self.step.sequence(np.repeat(encoder[None], side, 0), x.reshape(steps, side, -1), days)
