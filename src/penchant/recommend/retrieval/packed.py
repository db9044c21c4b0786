"""Item vectors in one or two bytes a number, and how far that may move a score. Numpy only.

Each dimension has a scale of its own, which the other side of the product is multiplied with, so that a
score needs no scale of its row. A score moves by at most ``norm(h * width) * radius`` (Cauchy and Schwarz),
where ``width`` is the most that rounding moves each dimension, and ``radius`` how far it moved the row that
it moved furthest, in these units; a row that came later and is longer than the scale is moved further.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from penchant.recommend.retrieval.port import Floats, Rows

Kind = Literal["int8", "float16"]

BLOCK = 256
"""Rows that lie together, dimension by dimension: then one instruction takes the same number of several."""

CHUNK = 256
"""Blocks that are packed at once."""

STEP = 4
"""Dimensions are a multiple of it; more of zeros are added."""

SPARE = 16
"""One block in so many more is made than is needed, for rows to come."""

TYPES = {"int8": np.dtype(np.int8), "float16": np.dtype(np.int16)}
"""What the numbers of each kind lie in."""

UNITS = {"int8": 0.5, "float16": 2.0**-12}
"""The most that rounding moves a number, in units of its scale."""

WORN = 1.5
"""Times that the longest rounding may grow."""

ROUNDING = 2.0**-24
"""Relative error of one sum or product of 32-bit floats."""


class PackedRows:
    """Vectors (N, D) as blocks ``data`` (B, D', BLOCK) of int8, or of the 16 bits of a float16.

    >>> vectors = np.array([[1.0, -2.0], [0.5, 0.1]], np.float32)
    >>> packed = PackedRows(vectors, "int8")
    >>> packed.data.dtype.name, bool(np.abs(packed.rows(np.arange(2)) - vectors).max() < 0.01)
    ('int8', True)
    """

    def __init__(self, vectors: Floats, kind: Kind) -> None:
        n, self.dim = vectors.shape
        self.kind: Kind = kind
        self._length = n
        deep = -(-self.dim // STEP) * STEP
        self.data: NDArray[Any] = np.zeros((_blocks(n), deep, BLOCK), TYPES[kind])
        self.top = np.abs(vectors).max(0, initial=0.0).astype(np.float32)
        scale = self.top / np.float32(127) if kind == "int8" else self.top
        self.scale = np.where(scale > 0, scale, np.float32(1))
        self._width = self.scale.astype(np.float64) * UNITS[kind]
        self._radius = self._at_first = 0.0
        for start in range(0, n, CHUNK * BLOCK):
            rows = np.arange(start, min(n, start + CHUNK * BLOCK))
            self._put(rows, vectors[rows])
        self._at_first = self._radius

    def __len__(self) -> int:
        return self._length

    @property
    def nbytes(self) -> int:
        """Bytes of the table."""
        return self.data.nbytes

    @property
    def worn(self) -> bool:
        """Whether a row is too long for the scale by so much that little can be said of any."""
        return self._radius > WORN * max(self._at_first, 1.0)

    def rows(self, rows: Rows) -> Floats:
        """What is left of the vectors of ``rows`` (m,): (m, D)."""
        taken = self.data[rows // BLOCK, : self.dim, rows % BLOCK]
        numbers = taken if self.kind == "int8" else taken.view(np.float16)
        return numbers.astype(np.float32) * self.scale

    def move(self, rows: Rows, vectors: Floats) -> None:
        """Ascending ``rows`` (m,) have other vectors (m, D); those from the last on are new."""
        if not len(rows):
            return
        self._length = max(self._length, int(rows[-1]) + 1)
        if -(-self._length // BLOCK) > len(self.data):
            longer = np.zeros((_blocks(self._length), *self.data.shape[1:]), self.data.dtype)
            longer[: len(self.data)] = self.data
            self.data = longer
        self.top = np.maximum(self.top, np.abs(vectors).max(0))
        self._put(rows, vectors)

    def slack(self, h: Floats, level: float) -> float:
        """How far a score near ``level`` may be from that of the vectors themselves, rounding included."""
        packed = float(np.linalg.norm(h.astype(np.float64) * self._width)) * self._radius
        size = 2 * float(np.abs(h) @ self.top) + abs(level)
        return packed + ROUNDING * (self.dim + 8) * size

    def _put(self, rows: Rows, vectors: Floats) -> None:
        self._write(rows, vectors)
        rounded = (self.rows(rows) - vectors) / self._width
        self._radius = max(self._radius, float(np.linalg.norm(rounded, axis=1).max(initial=0.0)))

    def _write(self, rows: Rows, vectors: Floats) -> None:
        scaled = vectors / self.scale
        if self.kind == "int8":
            numbers = np.clip(np.rint(scaled), -127, 127).astype(np.int8)
        else:
            limit = np.float32(np.finfo(np.float16).max)
            numbers = np.clip(scaled, -limit, limit).astype(np.float16).view(np.int16)
        self.data[rows // BLOCK, : self.dim, rows % BLOCK] = numbers


def _blocks(rows: int) -> int:
    needed = -(-rows // BLOCK)
    return needed + needed // SPARE
