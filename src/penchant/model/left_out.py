"""What a person's state would be without one of the newest events: the truth behind reasons. Numpy only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from penchant.model.encoders.protocol_step import StepEncoder
from penchant.model.histories import FloatArray
from penchant.model.reading import Columns, TokenReader
from penchant.model.tokens import LAST_PLACE, SESSION, Token, days_of, gaps_in_days, session_places


@dataclass(frozen=True, slots=True, eq=False)
class Pasts:
    """One person's past without each of the k newest events, oldest of them first, and last as it is.

    Such a past goes on like any other: one more event is one step of k + 1 people, not k histories that
    are read again. Never changed in place.

    Attributes:
        encoder: (k + 1, S) states. h: (k + 1, D) behaviour. last: (k + 1,) unix seconds of the last event
            left, NaN for none. place: (k + 1,) of that event in its session.
    """

    encoder: FloatArray
    h: FloatArray
    last: NDArray[np.float64]
    place: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.last)

    @classmethod
    def all_of(cls, pasts: Sequence[Self]) -> Self:
        """Those of several people, one after the other."""
        if len(pasts) == 1:
            return pasts[0]
        return cls(
            np.concatenate([past.encoder for past in pasts]),
            np.concatenate([past.h for past in pasts]),
            np.concatenate([past.last for past in pasts]),
            np.concatenate([past.place for past in pasts]),
        )

    def followed(self, now: Self, most: int) -> Self:
        """After one more event, which made ``now`` of this: who never did it stands beside them.

        Of ``most`` events at the most; the oldest goes.
        """
        gone = max(0, len(self) - most)
        return type(self)(
            _with(now.encoder, self.encoder, gone),
            _with(now.h, self.h, gone),
            _with(now.last, self.last, gone),
            _with(now.place, self.place, gone),
        )


def _with(now: NDArray[Any], before: NDArray[Any], gone: int) -> NDArray[Any]:
    return np.concatenate([now[gone:-1], before[-1:], now[-1:]])


def stepped(
    step: StepEncoder, reader: TokenReader, vectors: FloatArray, people: Sequence[tuple[Pasts, Token]]
) -> tuple[list[Pasts], FloatArray]:
    """Each person's pasts after one more token, and the tokens as they were read after the whole ones (P, D).

    ``vectors`` (N, D) are those of the items as they are read.
    """
    lengths, tokens = [len(past) for past, _ in people], [token for _, token in people]
    before = Pasts.all_of([past for past, _ in people])
    times = np.repeat(np.array([token.time for token in tokens]), lengths)
    gaps = times - before.last
    days = days_of(gaps)
    place = np.where(gaps < SESSION, np.minimum(before.place + 1, LAST_PLACE), 0)
    x = reader.each(tokens, vectors, lengths, days, place)
    encoder, h = step.step(before.encoder, x, days)
    ends = np.cumsum(lengths)
    found = [
        Pasts(encoder[end - size : end], h[end - size : end], times[end - size : end],
              place[end - size : end])
        for end, size in zip(ends.tolist(), lengths, strict=True)
    ]  # fmt: skip
    return found, x[ends - 1]


def begun(
    step: StepEncoder, reader: TokenReader, vectors: FloatArray, base: Pasts, tail: Sequence[Token]
) -> Pasts:
    """The pasts after k tokens of one person, none of which was left out before: ``base`` has one row.

    The same as k times :func:`stepped` and :meth:`Pasts.followed`, in two runs of the encoder.
    """
    count, known = len(tail), Columns.of(tail, len(vectors))
    if count < 2:
        after = stepped(step, reader, vectors, [(base, token) for token in tail])[0] if tail else [base]
        return base.followed(after[0], most=1) if tail else base
    kept = np.array([[place for place in range(count) if place != gone] for gone in range(count)]).T
    times = np.concatenate([np.full((1, count), base.last[0]), known.times[kept]])
    days, places = gaps_in_days(times), session_places(np.diff(times, axis=0), int(base.place[0]))
    x = reader.many(known.take(kept.ravel()), vectors, days.ravel(), places.ravel())
    start = np.repeat(base.encoder, count, 0)
    encoder, h = step.sequence(start, x.reshape(count - 1, count, -1), days)
    without = Pasts(encoder, h, times[-1], places[-1])
    # All events are those without the last one, and the last one.
    before = Pasts(encoder[-1:], h[-1:], times[-1, -1:], places[-1, -1:])
    (whole,), _ = stepped(step, reader, vectors, [(before, tail[-1])])
    return Pasts.all_of([without, whole])
