"""Forecasts of several models made one, by how good each was on past origins, and corrected to hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penchant.decide.stock.quantiles import LEVELS, pinball, sorted_up
from penchant.decide.stock.smoothing import scale_of

Floats = NDArray[np.float64]

GROUPS: Final[Floats] = np.array([1.0, 5.0, 25.0])
"""Pieces a period that part the items: slow sellers are foreseen by other models than fast ones."""
ROUNDS = 12
"""Picks of :func:`choose`."""
LEAST = 300
"""Past forecasts below which a group has no say of its own."""
MOST = 20_000
"""Past forecasts that are looked at in a group, evenly taken."""
TRUST = 400.0
"""Past forecasts after which a correction counts half."""


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """P forecasts of past origins whose periods are over, without their season.

    ``quantiles``: of each model (P, L). ``season``: (P,), what all else was divided by.
    """

    quantiles: dict[str, Floats]
    actual: Floats
    level: Floats
    season: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """For each group of :data:`GROUPS`: shares of the models (G, M), and corrections over level (G, L)."""

    models: tuple[str, ...]
    shares: Floats
    shifts: Floats

    def quantiles(self, found: Mapping[str, Floats], level: Floats) -> Floats:
        """Of the models' (n, ..., L), for items that sell ``level`` (n,) a period."""
        group = np.searchsorted(GROUPS, level, side="right")
        wide = (slice(None),) + (None,) * (next(iter(found.values())).ndim - 1)
        mixed = sum(self.shares[group, at][wide] * found[name] for at, name in enumerate(self.models))
        shift = self.shifts[group].reshape(len(group), *([1] * (len(wide) - 2)), len(LEVELS))
        return sorted_up(np.asarray(mixed) + shift * scale_of(level)[wide])


def combine(past: Past) -> Combination:
    """The shares of each group that would have been best, and what would have made its levels hold."""
    models = tuple(past.quantiles)
    everybody = choose(past.quantiles, past.actual)
    group = np.searchsorted(GROUPS, past.level, side="right")
    shares = np.repeat(everybody[None], len(GROUPS) + 1, axis=0)
    shifts = np.zeros((len(GROUPS) + 1, len(LEVELS)))
    for number in range(len(GROUPS) + 1):
        rows = np.flatnonzero(group == number)
        if len(rows) < LEAST:
            continue
        rows = rows[:: 1 + len(rows) // MOST]
        part = {name: values[rows] for name, values in past.quantiles.items()}
        shares[number] = choose(part, past.actual[rows])
        mixed = sum(share * values for share, values in zip(shares[number], part.values(), strict=True))
        if number > 0:
            shifts[number] = correction(np.asarray(mixed), past.actual[rows], past.level[rows])
    return Combination(models, shares, shifts)


def choose(quantiles: Mapping[str, Floats], actual: Floats) -> Floats:
    """Shares (M,) that sum to 1: model after model is added to a mean of quantiles, each time the one that
    helps most (ensemble selection with replacement; Caruana et al., ICML 2004).

    >>> choose({"off": np.full((4, 15), 9.0), "right": np.ones((4, 15))}, np.ones(4)).tolist()
    [0.0, 1.0]
    """
    every = list(quantiles.values())
    if not len(actual):
        return np.full(len(every), 1 / len(every))
    rows = slice(None, None, 1 + len(actual) // MOST)
    every, actual = [values[rows] for values in every], actual[rows]
    counts, total = np.zeros(len(every)), np.zeros_like(every[0])
    for number in range(1, ROUNDS + 1):
        losses = [pinball((total + values) / number, actual).mean() for values in every]
        best = int(np.argmin(losses))
        counts[best] += 1
        total = total + every[best]
    return counts / counts.sum()


def correction(quantiles: Floats, actual: Floats, level: Floats) -> Floats:
    """Shift of each quantile, over the level, after which the right share of past actuals lay below it, (L,).

    Conformalised quantile regression, each side by itself (Romano, Patterson and Candès, NeurIPS 2019), drawn
    to 0 where few forecasts speak for it.
    """
    off = (actual[:, None] - quantiles) / scale_of(level)[:, None]
    found = np.array([np.quantile(off[:, at], share) for at, share in enumerate(LEVELS)])
    return found * len(actual) / (len(actual) + TRUST)


def equal_shares(models: Sequence[str]) -> Combination:
    """All alike, nothing corrected: where no origin is over yet."""
    groups = len(GROUPS) + 1
    return Combination(
        tuple(models), np.full((groups, len(models)), 1 / len(models)), np.zeros((groups, len(LEVELS)))
    )
