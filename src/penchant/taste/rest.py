"""People at rest: the few numbers of each that the log does not give at once."""

import struct
from collections.abc import Callable, Sequence
from typing import Any, Literal
from zlib import crc32

import numpy as np

from penchant.model.tokens import Token
from penchant.taste.bounded import Bounded
from penchant.taste.model import PreferenceModel
from penchant.types import Pseudonym

Precision = Literal["float32", "float16"]

_HEAD = struct.Struct("<III")
"""Tokens, items that the model knew, and :func:`mark`."""

_TOKEN = struct.Struct("<qidqf")


def mark(token: Token, before: int = 0) -> int:
    """A checksum of a history, given that of all before its last token."""
    seen = crc32(_TOKEN.pack(token.item, token.type, token.time, token.basket, token.value), before)
    return seen if token.query is None else crc32(token.query.tobytes(), seen)


class Resting:
    """What is kept on the most recently active people who are not asked for now: one string of bytes each.

    A state is made of a history, which the log holds. What takes long to make of it again is what the
    encoder made: those numbers are kept, with a checksum of the history that they are of. Whoever comes back
    with that history goes on from there; if it is another one by now, it is read anew.

    Args:
        capacity: people at most. precision: of the numbers.
    """

    def __init__(self, capacity: int, precision: Precision = "float32") -> None:
        self._kept: Bounded[bytes] = Bounded(capacity)
        self._type = np.dtype(precision)
        self.drop: Callable[[Pseudonym], bool] = self._kept.drop

    def __len__(self) -> int:
        return len(self._kept)

    def tokens(self, person: Pseudonym) -> int:
        """How many tokens what is kept on ``person`` is of; 0 where nothing is kept."""
        kept = self._kept.get(person)
        return 0 if kept is None else int(_HEAD.unpack_from(kept)[0])

    def clear(self) -> None:
        """Of another encoder, or other texts, all numbers are others."""
        self._kept.drop_where(lambda _: True)

    def lay(self, person: Pseudonym, model: PreferenceModel, state: Any, tokens: int, seen: int) -> None:
        """Keep the ``state`` after so many ``tokens``, of which ``seen`` is the :func:`mark`."""
        if not tokens:
            return
        limit = np.finfo(self._type).max
        numbers = np.clip(model.numbers(state), -limit, limit).astype(self._type)
        self._kept.put(person, _HEAD.pack(tokens, model.n_items, seen) + numbers.tobytes())

    def wake(
        self, person: Pseudonym, model: PreferenceModel, tokens: Sequence[Token]
    ) -> tuple[int, int, Any] | None:
        """How many of ``tokens`` the kept state is of, their mark, and the state; None where there is none
        of this history. It is not kept any longer."""
        kept = self._kept.take(person)
        if kept is None:
            return None
        count, items, seen = _HEAD.unpack_from(kept)
        past, found = tokens[:count], 0
        for token in past:
            found = mark(token, found)
        # What the model did not know then has been read as no item.
        if len(past) < count or found != seen or any(token.item >= items for token in past):
            return None
        numbers = np.frombuffer(kept, self._type, offset=_HEAD.size).astype(np.float32)
        return count, seen, model.revived(numbers, past)
