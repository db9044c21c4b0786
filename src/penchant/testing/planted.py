"""A preference model and a text encoder whose behaviour is known: for tests of what is built on them."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.model.repeat import Memory
from penchant.model.tokens import Token
from penchant.types import EventType

_STRENGTH = {EventType.PURCHASE.code: 1.0, EventType.CLICK.code: 0.7, EventType.VIEW.code: 0.5}


@dataclass(frozen=True, slots=True, eq=False)
class Faded:
    """A sum of item vectors as it was at ``time``."""

    total: NDArray[np.float32]
    time: float


class PlantedModel:
    """State: the vectors of a person's items, fading with time. Score: dot product.

    >>> model = PlantedModel(np.eye(2, dtype=np.float32))
    >>> state = model.step(model.initial(), Token(item=1, type=EventType.PURCHASE.code, time=0.0, basket=0))
    >>> model.scores(state, 0.0).tolist()
    [0.0, 1.0]
    """

    def __init__(
        self,
        vectors: NDArray[np.float32],
        *,
        encoder_id: str = "planted",
        lifetime: float = 30 * 86_400.0,
        words: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> None:
        """``words``: what ``about`` adds up, such as a vector of ``country=France``."""
        self._vectors = vectors
        self._encoder_id = encoder_id
        self._lifetime = lifetime
        self._words = dict(words or {})

    @property
    def encoder_id(self) -> str:
        return self._encoder_id

    @property
    def n_items(self) -> int:
        return len(self._vectors)

    def initial(self) -> Faded:
        return Faded(np.zeros(self._vectors.shape[1], dtype=np.float32), 0.0)

    def step(self, state: Faded, token: Token) -> Faded:
        total = self.h(state, token.time)
        if 0 <= token.item < self.n_items:
            total = total + np.float32(_STRENGTH.get(token.type, 0.3)) * self._vectors[token.item]
        return Faded(total, token.time)

    def encode(self, tokens: Sequence[Token]) -> Faded:
        return self._after(self.initial(), tokens)

    def _after(self, state: Faded, tokens: Sequence[Token]) -> Faded:
        for token in tokens:
            state = self.step(state, token)
        return state

    def about(self, attributes: Mapping[str, str]) -> NDArray[np.float32]:
        about = np.zeros(self._vectors.shape[1], dtype=np.float32)
        for name, value in attributes.items():
            about += self._words.get(f"{name}={value}", np.float32(0))
        return about

    def h(self, state: Faded, now: float, about: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        h = state.total * np.float32(exp(-max(0.0, now - state.time) / self._lifetime))
        return h if about is None else h + about

    def numbers(self, state: Faded) -> NDArray[np.float32]:
        return state.total

    def revived(self, numbers: NDArray[np.float32], tokens: Sequence[Token]) -> Faded:
        return Faded(numbers, tokens[-1].time)

    def scores(
        self,
        state: Faded,
        now: float,
        record: Memory | None = None,
        about: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        del record
        return self._vectors @ self.h(state, now, about)

    def again(
        self,
        state: Faded,
        now: float,
        record: Memory | None = None,
        about: NDArray[np.float32] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], np.float32]:
        """Nothing: this model does not know repeats."""
        del state, now, record, about
        return np.zeros(0, np.int64), np.zeros(0, np.float32), np.float32(0)

    def biases(self, now: float) -> NDArray[np.float32]:
        del now
        return np.zeros(self.n_items, np.float32)

    def vectors(self) -> NDArray[np.float32]:
        return self._vectors

    def pasts(self, state: Faded, tail: Sequence[Token] = ()) -> tuple[Faded, ...]:
        kept = [[t for n, t in enumerate(tail) if n != gone] for gone in range(len(tail) + 1)]
        return tuple(self._after(state, tokens) for tokens in kept)

    def step_each(
        self, people: Sequence[tuple[Faded, tuple[Faded, ...], Token]], most: int
    ) -> list[tuple[Faded, tuple[Faded, ...]]]:
        found: list[tuple[Faded, tuple[Faded, ...]]] = []
        for before, pasts, token in people:
            state = self.step(before, token)
            without = (*[self.step(one, token) for one in pasts[:-1]], before)[-most:]
            found.append((state, (*without, state)))
        return found

    def scores_each(
        self,
        people: Sequence[tuple[Faded, tuple[Faded, ...], Memory | None, NDArray[np.float32] | None]],
        now: float,
    ) -> NDArray[np.float32]:
        return np.stack([self.scores(state, now, record, about) for state, _, record, about in people])

    def without_each(self, people: Sequence[tuple[Faded, ...]], now: float) -> list[NDArray[np.float32]]:
        return [np.array([self.h(one, now) for one in pasts]) for pasts in people]

    def remembered(
        self, state: Faded, items: NDArray[np.int64], record: Memory | None = None
    ) -> NDArray[np.bool_]:
        """None: this model does not know repeats."""
        del state, record
        return np.zeros(len(items), dtype=bool)

    def with_items(
        self, text_vectors: NDArray[np.float32], prices: NDArray[np.float32] | None = None
    ) -> Self:
        del prices
        grown = np.concatenate([self._vectors, text_vectors[:, : self._vectors.shape[1]]])
        return type(self)(grown, encoder_id=self._encoder_id, lifetime=self._lifetime, words=self._words)


class WordEncoder:
    """Texts with common words are near each other: a random vector for each word, summed.

    Counts what it was asked in ``read``.

    >>> a, b, c = WordEncoder().encode(["red polish", "blue polish", "oat milk"])
    >>> bool(a @ b > a @ c)
    True
    """

    name = "words@1"
    dim = 64

    def __init__(self) -> None:
        self.read: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.read.extend(texts)
        vectors = np.array([self._one(text) for text in texts], dtype=np.float32).reshape(-1, self.dim)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-9))

    def _one(self, text: str) -> NDArray[np.float32]:
        total = np.zeros(self.dim, dtype=np.float32)
        for word in text.lower().split():
            total += np.random.default_rng(zlib.crc32(word.encode())).standard_normal(self.dim, np.float32)
        return total
