"""Exact retrieval over packed item vectors, compiled by ``numba``."""

import importlib
import importlib.util
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from penchant.errors import MissingExtra
from penchant.recommend.retrieval.packed import BLOCK, STEP, TYPES, Kind, PackedRows
from penchant.recommend.retrieval.port import Floats, Found, Mask, Rows

_INSTALL = "install it with: pip install 'penchant[large]'"

ROOM = 1_024
"""Rows that are kept beside the best before the worst of them go."""

LINE = 64
"""Bytes that come from memory together."""

_HALF = 2.0**112
"""What a float16 is short of when its bits are read as those of a float32."""

_HALF_BITS = np.int32(-0x70002000)
"""Sign, exponent and fraction of a float16 that was shifted to their places in a float32."""

_FAST = {"reassoc", "contract", "nsz"}
"""Sums in any order. Not more: scores may be infinite."""


class PackedScan:
    """All rows, a block at a time; the best are kept, none below a bar is written anywhere.

    What is found is proven: :attr:`Found.reach` bounds all others. Scanning lets go of the interpreter.
    """

    def __init__(self, vectors: Floats, kind: Kind) -> None:
        self._scan = _compiled(kind)
        self._packed = PackedRows(vectors, kind)
        self._factor = np.float32(_HALF if kind == "float16" else 1.0)

    @property
    def nbytes(self) -> int:
        return self._packed.nbytes

    @property
    def worn(self) -> bool:
        return self._packed.worn

    def __len__(self) -> int:
        return len(self._packed)

    def move(self, rows: Rows, vectors: Floats, levels: Floats) -> None:
        del levels  # They come with each question.
        self._packed.move(rows, vectors)

    def best(self, h: Floats, levels: Floats, allowed: Mask, k: int) -> Found:
        packed = self._packed
        other = np.zeros(packed.data.shape[1], np.float32)
        other[: packed.dim] = h * packed.scale * self._factor
        rows, scores = np.empty(k + ROOM, np.int64), np.empty(k + ROOM, np.float32)
        if not np.isfinite(other).all():
            return Found(rows[:0], float("inf"))
        found, bar = self._scan(packed.data, other, levels, allowed, k, rows, scores)
        reach = bar + packed.slack(h, bar) if np.isfinite(bar) else bar
        return Found(rows[:found], float(reach))


def int8_rows(vectors: Floats, levels: Floats) -> PackedScan:
    """One byte a number.

    Raises:
        MissingExtra: numba is not installed.
    """
    del levels
    return PackedScan(vectors, "int8")


def float16_rows(vectors: Floats, levels: Floats) -> PackedScan:
    """Two bytes a number.

    Raises:
        MissingExtra: numba is not installed.
    """
    del levels
    return PackedScan(vectors, "float16")


def installed() -> bool:
    """Whether packed rows can be scanned here."""
    return importlib.util.find_spec("numba") is not None


@cache
def _compiled(kind: Kind) -> Callable[..., tuple[int, float]]:
    """The scan for one kind; compiled once in a process, within seconds. Nothing is kept on the disk:
    numba's own cache is made of pickles."""
    try:
        numba: Any = importlib.import_module("numba")
        prefetch = importlib.import_module("penchant.adapters.numba_prefetch").prefetch
    except ImportError as error:
        raise MissingExtra(f"packed item vectors are scanned by numba; {_INSTALL}") from error
    jit = numba.njit(nogil=True, boundscheck=False, fastmath=_FAST)
    read, cut = jit(_whole if kind == "int8" else _half), numba.njit(nogil=True)(_cut)
    scan = jit(_scanning(jit(_adding(read, prefetch)), cut))
    # Compiled by its first call: not by that of somebody who waits for a list.
    data = np.zeros((0, STEP, BLOCK), TYPES[kind])
    floats, rows = np.zeros(0, np.float32), np.zeros(0, np.int64)
    scan(data, floats, floats, np.zeros(0, np.bool_), 1, rows, floats)
    return scan


def _whole(number: Any) -> Any:
    return np.float32(number)


def _half(bits: Any) -> Any:
    return np.int32((np.int32(bits) << np.int32(13)) & _HALF_BITS).view(np.float32)


def _adding(read: Callable[[Any], Any], prefetch: Callable[[Any, int], None]) -> Callable[..., None]:
    def add(data: Any, number: int, h: Any, total: Any) -> None:
        """Products of block ``number`` of ``data`` (B, D, BLOCK) with ``h`` (D,) into ``total`` (BLOCK,).

        Rows lie too far apart for the processor to guess what comes next: it is told.
        """
        size = data.itemsize
        lines, after = 4 * BLOCK * size // LINE, (number + 1) * len(h) * BLOCK * size
        for i in range(BLOCK):
            total[i] = 0
        for j in range(0, len(h), 4):
            for line in range(lines):
                prefetch(data, after + j * BLOCK * size + line * LINE)
            a, b, c, d = h[j], h[j + 1], h[j + 2], h[j + 3]
            for i in range(BLOCK):
                total[i] += (
                    read(data[number, j, i]) * a
                    + read(data[number, j + 1, i]) * b
                    + read(data[number, j + 2, i]) * c
                    + read(data[number, j + 3, i]) * d
                )

    return add


def _scanning(add: Callable[..., None], cut: Callable[..., tuple[int, Any]]) -> Callable[..., Any]:
    def scan(data: Any, h: Any, levels: Any, allowed: Any, k: int, rows: Any, scores: Any) -> Any:  # noqa: PLR0917
        """How many were found, and the bar that no other passed."""
        bar = np.float32(-np.inf)
        found, total = 0, np.empty(BLOCK, np.float32)
        for start in range(0, len(levels), BLOCK):
            stop = min(BLOCK, len(levels) - start)
            add(data, start // BLOCK, h, total)
            above = 0
            for i in range(stop):
                total[i] += levels[start + i]
            for i in range(stop):
                above += total[i] > bar
            if above:
                for i in range(stop):
                    if total[i] > bar and allowed[start + i]:
                        rows[found], scores[found] = start + i, total[i]
                        found += 1
                if found > len(rows) - BLOCK:
                    found, bar = cut(rows, scores, found, k)
        if found > k:
            found, bar = cut(rows, scores, found, k)
        return found, bar

    return scan


def _cut(rows: Any, scores: Any, found: int, k: int) -> Any:
    """Keep the ``k`` best of ``found`` rows, of equal ones the first."""
    # Not by np.partition: that takes numba five seconds to compile, and there are few cuts.
    bar = np.sort(scores[:found])[found - k]
    level = k - np.sum(scores[:found] > bar)
    kept = 0
    for i in range(found):
        same = scores[i] == bar
        if scores[i] > bar or (same and level > 0):
            level -= same
            rows[kept], scores[kept] = rows[i], scores[i]
            kept += 1
    return kept, bar
