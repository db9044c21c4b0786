"""Figures of a load: percentiles, slopes, and how soon all is as before."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def percentiles(ms: Floats) -> dict[str, float]:
    """Of latencies in ms.

    >>> percentiles(np.array([1.0, 2.0, 3.0]))
    {'p50_ms': 2.0, 'p99_ms': 2.98, 'max_ms': 3.0, 'n': 3}
    """
    if not len(ms):
        return {"p50_ms": float("nan"), "p99_ms": float("nan"), "max_ms": float("nan"), "n": 0}
    p50, p99 = np.quantile(ms, [0.5, 0.99])
    return {
        "p50_ms": round(float(p50), 2), "p99_ms": round(float(p99), 2),
        "max_ms": round(float(ms.max()), 2), "n": len(ms),
    }  # fmt: skip


def slope_percent(seconds: Sequence[float], values: Sequence[float]) -> float:
    """Least-squares slope of ``values``, in percent of their mean a minute.

    >>> slope_percent([0, 60, 120], [100, 101, 102])
    0.9901
    """
    x, y = np.asarray(seconds, float) / 60, np.asarray(values, float)
    if len(x) < 2:
        return float("nan")
    return round(float(100 * np.polyfit(x - x.mean(), y, 1)[0] / y.mean()), 4) + 0.0


def in_windows(at: Floats, ms: Floats, width: float, end: float) -> tuple[Floats, Floats]:
    """p50 and p99 of the latencies ``ms`` of what was due in each ``width`` seconds up to ``end``.

    NaN where nothing was due.

    >>> in_windows(np.array([0.1, 0.2, 2.5]), np.array([1.0, 3.0, 7.0]), 1.0, 3.0)[0]
    array([ 2., nan,  7.])
    """
    count = max(1, int(np.ceil(end / width)))
    place = np.minimum((at / width).astype(int), count - 1)
    p50, p99 = np.full(count, np.nan), np.full(count, np.nan)
    for window in np.unique(place):
        p50[window], p99[window] = np.quantile(ms[place == window], [0.5, 0.99])
    return p50, p99


def recovered_after(p99: Floats, bad: NDArray[np.bool_], normal: float, width: float, steady: int) -> float:
    """Seconds until ``steady`` windows in a row are normal, counted to the beginning of the first of them.

    Args:
        p99: (W,) of windows of ``width`` seconds since the overload's end. bad: (W,) whether anything was
            refused or failed in it. normal: highest p99 that counts as normal.

    Returns:
        Infinity where that does not come.

    >>> recovered_after(np.array([90.0, 8.0, 30.0, 7.0, 6.0]), np.zeros(5, bool), 10.0, 1.0, 2)
    3.0
    """
    good = (p99 <= normal) & ~bad
    for first in range(len(good) - steady + 1):
        if good[first : first + steady].all():
            return first * width
    return float("inf")


def after_event_bars(flush_ms: float) -> dict[str, float]:
    """What a changed list may take after its event, by the machine's own time to make bytes durable.

    >>> after_event_bars(2.0)
    {'p50_ms': 6.0, 'p99_ms': 16.0}
    """
    return {"p50_ms": round(3 + 1.5 * flush_ms, 2), "p99_ms": round(10 + 3 * flush_ms, 2)}
