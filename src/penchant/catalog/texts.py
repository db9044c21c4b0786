"""Texts to vectors, each distinct text once."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.encoder import TextEncoder, VectorCache
from penchant.errors import EncoderGone, StorageError

CHUNK = 1_024
"""Texts between two writes to the cache: what an interruption can lose."""

Progress = Callable[[int, int], None]

_log = logging.getLogger(__name__)


class TextVectors:
    """An encoder behind its cache."""

    def __init__(self, encoder: TextEncoder, cache: VectorCache) -> None:
        self.encoder = encoder
        self._cache = cache

    def of(self, distinct: Sequence[str], progress: Progress | None = None) -> NDArray[np.float32]:
        """Vectors of distinct texts, shape (len(distinct), dim). Only what the cache lacks is read.

        ``progress`` gets (done, all). Each chunk is in the cache before the next begins.
        """
        known = self._cache.get(self.encoder.name, distinct)
        missing = [text for text in distinct if text not in known]
        done = len(distinct) - len(missing)
        for start in range(0, len(missing), CHUNK):
            chunk = missing[start : start + CHUNK]
            vectors = self.encoder.encode(chunk)
            self._keep(chunk, vectors)
            known.update(zip(chunk, vectors, strict=True))
            done += len(chunk)
            if progress is not None:
                progress(done, len(distinct))
        return self._table(distinct, known)

    def cached(self, distinct: Sequence[str]) -> tuple[list[str], NDArray[np.float32]]:
        """Those of distinct texts that were read before, (n,), and their vectors, (n, dim)."""
        known = self._cache.get(self.encoder.name, distinct)
        found = [text for text in distinct if text in known]
        return found, self._table(found, known)

    def _table(self, texts: Sequence[str], known: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        table = np.zeros((len(texts), self.encoder.dim), dtype=np.float32)
        for number, text in enumerate(texts):
            table[number] = known[text]
        return table

    def _keep(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """A cache that cannot be written costs time at the next start, and nothing else."""
        try:
            self._cache.put(self.encoder.name, texts, vectors)
        except StorageError as error:
            _log.warning("vectors of %d texts are not kept: %s", len(texts), error)


@dataclass(frozen=True, slots=True, eq=False)
class TextTable:
    """Vectors of the catalogue's distinct texts, and which text each id row has.

    Attributes:
        vectors: (T, dim) float32 of length 1; row 0 is no text and all zeros.
        slot: (N,) int32, row of ``vectors`` for each id row.
        unread: some texts could not be read and count as none.
    """

    vectors: NDArray[np.float32]
    slot: NDArray[np.int32]
    slots: dict[str, int]
    unread: bool = False

    def by_row(self) -> NDArray[np.float32]:
        """A vector for each id row, shape (N, dim)."""
        return self.vectors[self.slot]

    def patched(
        self,
        texts: Mapping[int, str],
        size: int,
        source: TextVectors,
        progress: Progress | None = None,
        *,
        whole: bool = True,
    ) -> Self:
        """The next version: ``texts`` by id row (empty for none), at least ``size`` rows long.

        Raises:
            EncoderGone: a text cannot be read; unless it need not be ``whole``, then it counts as none.
        """
        new = [text for text in dict.fromkeys(texts.values()) if text not in self.slots]
        vectors, unread = self.vectors, self.unread
        if new:
            try:
                read, found = new, source.of(new, progress)
            except EncoderGone:
                if whole:
                    raise
                (read, found), unread = source.cached(new), True
            vectors = np.concatenate([vectors, found])
            self.slots.update({text: len(self.vectors) + n for n, text in enumerate(read)})
        slot = np.zeros(max(size, len(self.slot), 1 + max(texts, default=-1)), dtype=np.int32)
        slot[: len(self.slot)] = self.slot
        for row, text in texts.items():
            slot[row] = self.slots.get(text, 0)
        return type(self)(vectors, slot, self.slots, unread)


def empty_table(dim: int) -> TextTable:
    """No texts yet."""
    return TextTable(np.zeros((1, dim), dtype=np.float32), np.zeros(0, dtype=np.int32), {"": 0})
