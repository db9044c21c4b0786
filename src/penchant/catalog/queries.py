"""Vectors of search texts: people search for the same words again and again."""

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from os import urandom
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.encoder import TextEncoder

CAPACITY = 10_000


class QueryVectors:
    """An encoder that remembers the newest texts, by a keyed hash: the words are people's own.

    Safe to use from several threads; none waits for another's text to be read.
    """

    def __init__(self, encoder: TextEncoder, capacity: int = CAPACITY) -> None:
        self._encoder = encoder
        self._capacity = capacity
        self._lock = Lock()
        self._key = urandom(16)
        self._known: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()

    def forget(self) -> None:
        """After an erasure: whose words these were is not known here."""
        with self._lock:
            self._known.clear()

    def of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of ``texts``, shape (len(texts), dim); those not known yet are read together."""
        keys = {text: blake2b(text.encode(), digest_size=16, key=self._key).digest() for text in texts}
        with self._lock:
            found = {text: self._known[key] for text, key in keys.items() if key in self._known}
        missing = [text for text in keys if text not in found]
        if missing:
            found.update(zip(missing, self._encoder.encode(missing), strict=True))
        with self._lock:
            for text, key in keys.items():
                self._known[key] = found[text]
                self._known.move_to_end(key)
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)
        return np.array([found[text] for text in texts], dtype=np.float32).reshape(
            len(texts), self._encoder.dim
        )
