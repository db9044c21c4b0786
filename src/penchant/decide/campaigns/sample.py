"""People of a trial as arrays that learners read."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.decide.regression import Floats, Matrix

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The same people twice.

    Attributes:
        trees: (n, p) as they are, NaN where missing.
        lines: (n, q) on one scale, nothing missing, for linear regression.
    """

    trees: Matrix
    lines: Floats

    def __len__(self) -> int:
        return len(self.trees)

    def take(self, rows: Rows) -> "Features":
        """Some of the people."""
        return Features(self.trees[rows], self.lines[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Two arms of a trial.

    Attributes:
        features: of n people.
        treated: (n,).
        outcome: (n,).
        share: chance of everybody to be treated.
    """

    features: Features
    treated: NDArray[np.bool_]
    outcome: Floats
    share: float

    def __len__(self) -> int:
        return len(self.outcome)

    def take(self, rows: Rows) -> "Sample":
        """Some of the people."""
        return Sample(self.features.take(rows), self.treated[rows], self.outcome[rows], self.share)


def folds_of(treated: NDArray[np.bool_], outcome: Floats, count: int, seed: int) -> Rows:
    """Fold of each row, (n,): arms, and outcomes above 0 within arms, in the same shares in each.

    >>> fold = folds_of(np.array([True, True, False, False]), np.zeros(4), 2, seed=0)
    >>> sorted(fold[:2].tolist()), sorted(fold[2:].tolist())
    ([0, 1], [0, 1])
    """
    rng = np.random.default_rng(seed)
    fold = np.empty(len(treated), np.int64)
    stratum = 2 * treated + (outcome > np.median(outcome))
    for part in np.unique(stratum):
        rows = rng.permutation(np.flatnonzero(stratum == part))
        fold[rows] = (np.arange(len(rows)) + rng.integers(count)) % count
    return fold
