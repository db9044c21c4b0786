"""A distribution as its quantiles at fixed levels, and how far it was off."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVELS: Final[Floats] = np.array(
    [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99]
)
"""Levels of every forecast, (L,)."""
_EDGES: Final[Floats] = np.concatenate([[0.0], (LEVELS[1:] + LEVELS[:-1]) / 2, [1.0]])
_WIDTHS: Final[Floats] = np.diff(_EDGES)


def pinball(quantiles: Floats, actual: Floats) -> Floats:
    """Mean over the levels of the pinball loss of each row, in pieces (Koenker and Bassett, 1978).

    ``quantiles`` are (..., L), ``actual`` (...).

    >>> float(pinball(np.full((1, 15), 2.0), np.array([3.0]))[0])
    0.5
    """
    off = actual[..., None] - quantiles
    return np.asarray(np.maximum(LEVELS * off, (LEVELS - 1.0) * off).mean(axis=-1))


def mean_of(quantiles: Floats) -> Floats:
    """Mean of the distribution, (...), as far as the levels tell; a long tail counts for less than it is."""
    return np.asarray(quantiles @ _WIDTHS)


def quantile_at(quantiles: Floats, level: float | Floats) -> Floats:
    """Quantile at any level, by straight lines between those that are known, (...).

    >>> round(float(quantile_at(np.arange(15.0)[None], 0.925)[0]), 6)
    11.5
    """
    place = np.interp(level, LEVELS, np.arange(len(LEVELS)))
    low = np.minimum(np.floor(place).astype(np.int64), len(LEVELS) - 2)
    part = place - low
    if np.ndim(level) == 0:
        return np.asarray((1 - part) * quantiles[..., low] + part * quantiles[..., low + 1])
    below, above = (np.take_along_axis(quantiles, at[..., None], axis=-1)[..., 0] for at in (low, low + 1))
    return np.asarray((1 - part) * below + part * above)


def sorted_up(quantiles: Floats) -> Floats:
    """None below 0, and none above one of a higher level (Chernozhukov et al., "Quantile and probability
    curves without crossing", 2010)."""
    return np.sort(np.maximum(quantiles, 0.0), axis=-1)


def covered(quantiles: Floats, actual: Floats, share: float) -> NDArray[np.bool_]:
    """Whether the middle interval that should hold ``share`` of all holds each, (...)."""
    # Rounded: 0.025000000000000022 would lie above a quantile that is 0.
    low, high = (round((1 + side * share) / 2, 9) for side in (-1, 1))
    return (quantile_at(quantiles, low) <= actual) & (actual <= quantile_at(quantiles, high))
