"""A text encoder that may be gone: it fails in one way, at once, and comes back by itself."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock, Thread
from time import monotonic
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.encoder import TextEncoder
from penchant.errors import EncoderGone

AGAIN = 5.0
"""Seconds before it is tried again."""


class Identity(NamedTuple):
    """What must be known of an encoder for vectors in the cache to be of use without it."""

    name: str
    dim: int


Work = Callable[[], None]


def beside(work: Work) -> None:
    """In a thread that nobody waits for."""
    Thread(target=work, name="encoder", daemon=True).start()


class GuardedEncoder:
    """A :class:`~penchant.catalog.encoder.TextEncoder` around one that ``load`` gives.

    ``remembered`` is what it was the last time; without that, and without an encoder, there is nothing to
    begin with. ``failure`` says why it cannot be used now; empty while it can. Once it failed it is tried
    ``beside`` those who ask, who are told at once that it is gone: to load one takes seconds.
    """

    def __init__(
        self,
        load: Callable[[], TextEncoder],
        remembered: Identity | None = None,
        *,
        again: float = AGAIN,
        clock: Callable[[], float] = monotonic,
        beside: Callable[[Work], None] = beside,
    ) -> None:
        """Raises what ``load`` raises where nothing is remembered."""
        self._load = load
        self._again, self._clock, self._beside = again, clock, beside
        self._guard = Lock()
        self._encoder: TextEncoder | None = None
        self._next = 0.0
        self.failure = ""
        try:
            self._encoder = load()
            remembered = Identity(self._encoder.name, self._encoder.dim)
        except Exception as error:
            if remembered is None:
                raise
            self._failed(error)
        self.identity = remembered

    @property
    def name(self) -> str:
        """Of the one that is used, or was."""
        return self.identity.name

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.identity.dim

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors, shape (len(texts), dim).

        Raises:
            EncoderGone: it cannot be used now.
        """
        if self.failure and self._is_due():
            self._beside(self._try)
        if self.failure:
            raise EncoderGone(self.failure)
        return self._encoded(texts)

    def _is_due(self) -> bool:
        """Whether it is to be tried again, by whoever hears so first."""
        with self._guard:
            due = self._clock() >= self._next
            if due:
                self._next = float("inf")
            return due

    def _try(self) -> None:
        with suppress(EncoderGone):
            self._encoded(["any text"])
            self.failure = ""

    def _encoded(self, texts: Sequence[str]) -> NDArray[np.float32]:
        try:
            vectors = self._found().encode(texts)
            if vectors.shape != (len(texts), self.dim) or not np.isfinite(vectors).all():
                raise EncoderGone(f"{self.name} gives no vectors of {self.dim} finite numbers")
        except Exception as error:
            raise self._failed(error) from error
        return vectors

    def _found(self) -> TextEncoder:
        if self._encoder is None:
            found = self._load()
            if (found.name, found.dim) != self.identity:
                raise EncoderGone(f"{found.name} is not {self.name}, which vectors here are of: restart")
            self._encoder = found
        return self._encoder

    def _failed(self, error: Exception) -> EncoderGone:
        with self._guard:
            self._next = self._clock() + self._again
            self.failure = str(error).partition("\n")[0] or type(error).__name__
            return EncoderGone(self.failure)
