"""What the machine itself takes at least: to make bytes durable, and to read a table once."""

import os
import time
from pathlib import Path

import numpy as np

PAGE = 4096


def flush_ms(folder: Path, times: int = 50, size: int = PAGE) -> float:
    """Median ms to append ``size`` bytes in ``folder`` and make them durable: the least a commit costs."""
    return round(float(np.median(flushes_ms(folder, times, size))), 3)


def flushes_ms(folder: Path, times: int, size: int = PAGE) -> list[float]:
    """Milliseconds of each of ``times`` appends, written and flushed one after the other."""
    path, taken = folder / "page", list[float]()
    with path.open("wb", buffering=0) as file:
        for _ in range(times):
            begun = time.perf_counter()
            file.write(bytes(size))
            os.fdatasync(file.fileno())
            taken.append(1e3 * (time.perf_counter() - begun))
    path.unlink()
    return taken


def reading_ms(table: np.ndarray, times: int = 40) -> float:
    """Median ms of reading every byte of ``table`` once, on one core."""
    words, taken = np.ascontiguousarray(table).reshape(-1).view(np.uint64), list[float]()
    for _ in range(times):
        begun = time.perf_counter()
        words.sum()
        taken.append(1e3 * (time.perf_counter() - begun))
    return round(float(np.median(taken)), 4)
