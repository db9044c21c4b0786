"""Texts to vectors, each distinct text once."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.encoder import TextEncoder, VectorCache

CHUNK = 1_024
"""Texts between two writes to the cache: what an interruption can lose."""

Progress = Callable[[int, int], None]


class TextVectors:
    """An encoder behind its cache."""

    def __init__(self, encoder: TextEncoder, cache: VectorCache) -> None:
        self.encoder = encoder
        self._cache = cache

    def of(self, texts: Sequence[str], progress: Progress | None = None) -> NDArray[np.float32]:
        """Shape (len(texts), dim). The encoder is asked only for distinct texts that the cache lacks."""
        distinct = list(dict.fromkeys(text for text in texts if text))
        self._make(distinct, progress)
        known = self._cache.get(self.encoder.name, distinct)
        place = {text: number for number, text in enumerate(distinct)}
        table = np.zeros((len(distinct) + 1, self.encoder.dim), dtype=np.float32)
        for text, vector in known.items():
            table[place[text]] = vector
        return table[np.array([place.get(text, len(distinct)) for text in texts], dtype=np.int64)]

    def _make(self, distinct: Sequence[str], progress: Progress | None) -> None:
        known = self._cache.get(self.encoder.name, distinct)
        missing = [text for text in distinct if text not in known]
        done = len(distinct) - len(missing)
        for start in range(0, len(missing), CHUNK):
            chunk = missing[start : start + CHUNK]
            self._cache.put(self.encoder.name, chunk, self.encoder.encode(chunk))
            done += len(chunk)
            if progress is not None:
                progress(done, len(distinct))
