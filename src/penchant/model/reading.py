"""A token as the vector that an encoder reads: the step form of ``net.TokenTable``. Numpy only.

Many at once for a history, one for an event; a test holds the two equal. **A new input of a token** goes
into four places: ``net.TokenTable`` and ``net.tokens_of`` for training, :meth:`TokenReader.many` (with a
column in :class:`Columns` where it is of the token's own) and :meth:`TokenReader.one`. Each table that is
looked up costs an event about 1 µs, so small ones are added up beforehand: type, gap, place in the session.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.model.encoders.numeric import EPS, rms_norm
from penchant.model.histories import FloatArray
from penchant.model.tokens import (
    Token,
    gap_class,
    gap_class_of,
    rating_signal,
    rating_signal_of,
    session_class,
)
from penchant.model.whitening import Whitening


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Tokens as columns (L,), and the queries among them by row. ``items`` is -1 where there is none."""

    items: NDArray[np.int32]
    types: NDArray[np.int8]
    times: NDArray[np.float64]
    values: FloatArray
    queries: list[tuple[int, FloatArray]]

    @classmethod
    def of(cls, tokens: Sequence[Token], n_items: int) -> Self:
        """A row that the model does not know (``n_items`` and above) has no item."""
        items = np.array([t.item for t in tokens], dtype=np.int32)
        return cls(
            items=np.where(items < n_items, items, -1).astype(np.int32),
            types=np.array([t.type for t in tokens], dtype=np.int8),
            times=np.array([t.time for t in tokens], dtype=np.float64),
            values=np.array([t.value for t in tokens], dtype=np.float32),
            queries=[(row, t.query) for row, t in enumerate(tokens) if t.query is not None],
        )

    def take(self, rows: NDArray[np.int64]) -> Self:
        """These rows, in this order; one may come several times."""
        found = dict(self.queries)
        asked = enumerate(rows.tolist()) if found else ()
        return type(self)(
            items=self.items[rows],
            types=self.types[rows],
            times=self.times[rows],
            values=self.values[rows],
            queries=[(n, found[row]) for n, row in asked if row in found],
        )


class TokenReader:
    """Made of a snapshot's ``tokens.`` weights and its whitening."""

    def __init__(self, weights: Mapping[str, NDArray[Any]], whitening: Whitening) -> None:
        near = weights["tokens.kind"][:, None] + weights["tokens.gap"]
        self._near = weights["tokens.session"][:, None, None] + near  # (SESSIONS, KINDS, GAPS, D)
        self._value = weights["tokens.value"]
        self._query = weights["tokens.query.weight"]
        self._norm = weights["tokens.norm.weight"]
        self._whitening = whitening

    def many(
        self, known: Columns, vectors: FloatArray, days: FloatArray, places: NDArray[np.int64]
    ) -> FloatArray:
        """Tokens (L,) after gaps of ``days`` (L,), with item vectors (N, D), to (L, D).

        ``places`` (L,) in their sessions: :func:`~penchant.model.tokens.session_places`.
        """
        x = vectors[known.items] * (known.items >= 0)[:, None]
        for row, query in known.queries:
            x[row] += self._asked(query)
        x += self._near[session_class(places), known.types, gap_class(days)]
        x += rating_signal(known.values, known.types)[:, None] * self._value
        return rms_norm(x, self._norm)

    def each(
        self,
        tokens: Sequence[Token],
        vectors: FloatArray,
        lengths: Sequence[int],
        days: FloatArray,
        places: NDArray[np.int64],
    ) -> FloatArray:
        """Each of a few tokens (P,) after so many gaps: ``days`` and ``places`` (sum of lengths,), to
        (sum of lengths, D)."""
        x = np.stack([self._itself(token, vectors) for token in tokens])
        kinds = np.array([token.type for token in tokens])
        if len(tokens) > 1:
            x, kinds = np.repeat(x, lengths, 0), np.repeat(kinds, lengths)
        return rms_norm(x + self._near[session_class(places), kinds, gap_class(days)], self._norm)

    def _itself(self, token: Token, vectors: FloatArray) -> FloatArray:
        """What of a token does not tell when it came, (D,)."""
        known = 0 <= token.item < len(vectors)
        x = vectors[token.item] if known else np.zeros_like(self._norm)
        if token.query is not None:
            x = x + self._asked(token.query)
        signal = rating_signal_of(token.value, token.type)
        return x + np.float32(signal) * self._value if signal else x

    def one(self, token: Token, vector: FloatArray | None, days: np.float32, place: int) -> FloatArray:
        """One token to (D,). ``vector`` is that of its item, None where it has none; ``place`` as in many."""
        x = self._near[place.bit_length(), token.type, gap_class_of(days)]
        if vector is not None:
            x = x + vector
        if token.query is not None:
            x = x + self._asked(token.query)
        signal = rating_signal_of(token.value, token.type)
        if signal:
            x = x + np.float32(signal) * self._value
        # Half the time of rms_norm, whose einsum is made for many.
        scale = 1.0 / math.sqrt(float(x.dot(x)) / len(x) + EPS)
        x = x * self._norm
        x *= scale
        return x

    def _asked(self, query: FloatArray) -> FloatArray:
        return self._whitening(fitting(query[None], self._whitening))[0] @ self._query.T


def fitting(text: FloatArray, whitening: Whitening) -> FloatArray:
    """``text`` (n, T) where it has the T that the model reads.

    Raises:
        InvalidInput: it has not.
    """
    if text.ndim != 2 or text.shape[1] != len(whitening.mean):
        raise InvalidInput(
            f"text vectors have shape {text.shape}, the model reads {len(whitening.mean)} numbers each: "
            "use the same text encoder, or train again"
        )
    return text
