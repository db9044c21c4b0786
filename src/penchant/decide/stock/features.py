"""What trees are told of each item at an origin: only what was known when its first period began."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.decide.stock.panel import Panel, Rows
from penchant.decide.stock.smoothing import LEAST_LEVEL, exponential, moving_average, spread_of, teunter

Floats = NDArray[np.float64]

LAGS = 8
"""Last periods that are told one by one."""
LONG = 13
"""Periods of the long mean: a quarter of a year of weeks."""


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """Arrays (N, T) as known at the end of each period, and what to divide pieces by.

    Attributes:
        scale: (N, T) above 0. columns: by name, (N, T). lagged: pieces whose last values are told.
    """

    scale: Floats
    columns: dict[str, Floats]
    lagged: Floats

    def at(self, origin: int, rows: Rows) -> Floats:
        """(n, F) of the items ``rows`` when the period ``origin`` begins; at least one period is over."""
        lags = [self._lag(origin - back, rows) for back in range(1, LAGS + 1)]
        return np.column_stack([*lags, *(column[rows, origin - 1] for column in self.columns.values())])

    def _lag(self, period: int, rows: Rows) -> Floats:
        return self.lagged[rows, period] if period >= 0 else np.full(len(rows), np.nan)


def facts_of(panel: Panel, demand: Floats, start: Floats, led: Mapping[str, Floats]) -> Facts:
    """All that is told of all origins of a panel.

    ``demand`` is (N, T) of ``panel``, ``start`` (N,) what items began with, ``led`` what signals tell, by
    name (:mod:`penchant.decide.stock.led`).
    """
    recent, long = exponential(demand, start, 0.2), moving_average(demand, start, LONG)
    scale = np.maximum(np.nan_to_num((recent + long) / 2), LEAST_LEVEL)
    columns = {
        **_levels(demand, start, scale),
        **_shape(demand, recent, scale),
        **_prices(panel.prices),
        **_crowd(demand, panel.categories),
        **_kin(demand, panel.kin),
        "scale": np.log(scale),
    }
    for name, values in panel.signals.items():
        columns |= _signal(name, values, scale)
    columns |= {f"level by {name}": level / scale for name, level in led.items()}
    return Facts(scale, columns, np.where(np.isnan(demand), np.nan, demand / scale))


def _levels(demand: Floats, start: Floats, scale: Floats) -> dict[str, Floats]:
    found = {f"mean {size}": moving_average(demand, start, size) / scale for size in (4, 8, LONG, 26)}
    found |= {f"exponential {pace}": exponential(demand, start, pace) / scale for pace in (0.1, 0.3)}
    return found | {"TSB": teunter(demand, start, 0.1, 0.1) / scale}


def _shape(demand: Floats, recent: Floats, scale: Floats) -> dict[str, Floats]:
    """How it comes: how often, how evenly, how long ago, for how long already."""
    known, none = ~np.isnan(demand), np.full(len(demand), np.nan)
    occurs = np.where(known, (demand > 0).astype(np.float64), np.nan)
    squares = moving_average(demand**2, none, LONG) / scale**2
    return {
        "occurs": moving_average(occurs, none, LONG),
        "occurs long": exponential(occurs, none, 0.02),
        "rough": np.sqrt(np.maximum(squares, 0.0)),
        "spread": spread_of(demand, recent),
        "largest": _largest(demand, LONG) / scale,
        "age": np.cumsum(known, axis=1, dtype=np.float64),
        "since": _since(np.nan_to_num(demand) > 0),
    }


def _largest(values: Floats, periods: int) -> Floats:
    padded = np.pad(np.nan_to_num(values), ((0, 0), (periods - 1, 0)))
    return np.lib.stride_tricks.sliding_window_view(padded, periods, axis=1).max(axis=-1)


def _since(hit: NDArray[np.bool_]) -> Floats:
    """Periods since the last hit, large before the first."""
    places = np.where(hit, np.arange(hit.shape[1]), -100)
    return np.arange(hit.shape[1]) - np.maximum.accumulate(places, axis=1).astype(np.float64)


def _prices(prices: Floats) -> dict[str, Floats]:
    none = np.full(len(prices), np.nan)
    last, usual = moving_average(prices, none, 1), moving_average(prices, none, 26)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {"price": np.log(usual), "price against usual": np.log(last / usual)}


def _crowd(demand: Floats, categories: list[str]) -> dict[str, Floats]:
    """Where its category and everything go."""
    pieces = np.nan_to_num(demand)
    _, code = np.unique(np.asarray(categories, dtype=np.str_), return_inverse=True)
    sums = np.zeros((code.max(initial=0) + 1, demand.shape[1]))
    np.add.at(sums, code, pieces)
    everything = pieces.sum(axis=0, keepdims=True)
    found = {f"category {name}": values[code] for name, values in _moves(sums).items()}
    return found | {
        f"all {name}": np.broadcast_to(values, demand.shape) for name, values in _moves(everything).items()
    }


def _moves(sums: Floats) -> dict[str, Floats]:
    """The last period and the last four against what was usual."""
    none = np.full(len(sums), np.nan)
    short, middle, long = (moving_average(sums, none, size) + 1.0 for size in (1, 4, LONG))
    return {"last": short / long, "trend": middle / long}


def _kin(demand: Floats, kin: Rows | None) -> dict[str, Floats]:
    """What the most similar items sell, and where they go."""
    if kin is None:
        return {}
    none = np.full(len(demand), np.nan)
    middle, long = (np.nan_to_num(moving_average(demand, none, size)) for size in (4, LONG))
    there = (kin >= 0)[:, :, None]
    around = np.where(there, middle[kin], 0.0).sum(axis=1), np.where(there, long[kin], 0.0).sum(axis=1)
    return {"kin level": np.log1p(around[1]), "kin trend": (around[0] + 1.0) / (around[1] + 1.0)}


def _signal(name: str, values: Floats, scale: Floats) -> Mapping[str, Floats]:
    """A leading indicator: against its own past, and against what is sold."""
    none = np.full(len(values), np.nan)
    last, middle, long = (moving_average(values, none, size) for size in (1, 3, LONG))
    usual = np.abs(np.nan_to_num(long)) + LEAST_LEVEL
    return {
        f"{name} last": last / usual,
        f"{name} trend": middle / usual,
        f"{name} a piece": last / scale,
        f"{name} long a piece": long / scale,
    }
