"""How sure is a mean? Intervals by resampling people, each with all of their baskets."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput

Matrix = NDArray[np.float64]
_CHUNK = 8_000_000
"""Weights held at once (draws × people): bounds memory at 64 MB."""


class Interval(NamedTuple):
    """A value with the bounds of its interval."""

    value: float
    low: float
    high: float


def cluster_sums(
    values: Matrix, people: NDArray[np.int64], count: int, weights: Matrix | None = None
) -> tuple[Matrix, Matrix]:
    """Sum and number of the values of each person, both (P, M); NaN counts as absent.

    Args:
        values: (C, M), one row a list, one column a metric.
        people: (C,) who each list is for.
        count: number of people, P.
        weights: (C, M) how much each value counts, instead of 1: the sum is Σ weight·value, the number
            Σ weight.

    >>> [part.tolist() for part in cluster_sums(np.array([[1.0], [3.0]]), np.array([1, 1]), 2)]
    [[[0.0], [4.0]], [[0.0], [2.0]]]
    """
    order = np.argsort(people, kind="stable")
    starts = np.searchsorted(people[order], np.arange(count + 1))
    present = ~np.isnan(values[order])
    weight = present if weights is None else np.where(present, weights[order], 0.0)
    filled = np.where(present, values[order], 0.0) * weight
    running = [
        np.vstack([np.zeros((1, values.shape[1])), np.cumsum(part, axis=0)]) for part in (filled, weight)
    ]
    sums, counts = (part[starts[1:]] - part[starts[:-1]] for part in running)
    return sums, counts


def cluster_bootstrap(sums: Matrix, counts: Matrix, draws: int, seed: int) -> Matrix:
    """Means of ``draws`` resamples, (draws, M).

    A resample draws P people with replacement (multinomial weights w) and takes
    Σ w·sum / Σ w·count: all lists of a person come or stay away together, because they are not
    independent (Field and Welsh, "Bootstrapping clustered data", JRSS B 69(3), 2007). The same seed
    and P give the same people, so that columns of two models are paired. NaN where a resample holds
    nothing of a column.

    Args:
        sums: (P, M) from :func:`cluster_sums`.
        counts: (P, M) from the same.
        draws: resamples.
        seed: of the resamples.

    Raises:
        InvalidInput: nobody to draw from, or fewer than one draw.
    """
    people = len(sums)
    if people < 1 or draws < 1:
        raise InvalidInput(f"a bootstrap needs people and draws, got {people} people and {draws} draws")
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // people)
    means = np.full((draws, sums.shape[1]), np.nan)
    for start in range(0, draws, step):
        stop = min(start + step, draws)
        weights = _weights(rng, stop - start, people)
        total = weights @ counts
        np.divide(weights @ sums, total, out=means[start:stop], where=total > 0)
    return means


def _weights(rng: np.random.Generator, draws: int, people: int) -> Matrix:
    """How often each person is drawn: multinomial, (draws, P)."""
    picked = rng.integers(0, people, size=(draws, people)) + np.arange(draws)[:, None] * people
    return np.bincount(picked.ravel(), minlength=draws * people).reshape(draws, people).astype(np.float64)


def intervals(sums: Matrix, counts: Matrix, means: Matrix, level: float = 0.95) -> list[Interval]:
    """Mean of each column with its percentile interval (Efron 1979); NaN for an empty column.

    Args:
        sums: (P, M) from :func:`cluster_sums`.
        counts: (P, M) from the same.
        means: (draws, M) from :func:`cluster_bootstrap`.
        level: of the interval.

    >>> s, n = np.array([[1.0], [3.0]]), np.ones((2, 1))
    >>> intervals(s, n, cluster_bootstrap(s, n, 200, seed=0))
    [Interval(value=2.0, low=1.0, high=3.0)]
    """
    total = counts.sum(axis=0)
    value = np.divide(sums.sum(axis=0), total, out=np.full(len(total), np.nan), where=total > 0)
    return [Interval(float(v), *bounds(means[:, i], level)) for i, v in enumerate(value)]


def bounds(draws: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Lower and upper percentile bound of bootstrap draws, NaN draws left out.

    >>> bounds(np.array([1.0, 2.0, np.nan, 3.0]), level=1.0)
    (1.0, 3.0)
    """
    kept = draws[~np.isnan(draws)]
    if not len(kept):
        return float("nan"), float("nan")
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
