"""Regressions that the estimates of effects are made of: a port for trees, and ridge."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
"""Features of trees; NaN where a value is missing."""
Mean = Callable[[Matrix], Floats]
"""Expected target of each row."""

_PENALTIES = 10.0 ** np.arange(-3.0, 6.5, 0.5)


@dataclass(frozen=True, slots=True)
class TreeShape:
    """Settings of an ensemble of trees.

    Attributes:
        trees, leaves: how many, and of each tree.
        rate: step of boosting.
        least: rows of a leaf.
        ridge: penalty on a leaf's value, in rows.
        rows, columns: share drawn for each tree.
        forest: trees beside each other instead of on top of each other.
    """

    trees: int = 60
    leaves: int = 8
    rate: float = 0.05
    least: int = 20
    ridge: float = 1.0
    rows: float = 1.0
    columns: float = 1.0
    forest: bool = False


class TreeMaker(Protocol):
    """Fits trees: ``adapters/lightgbm_regression.py``."""

    def fit(
        self, matrix: Matrix, target: Floats, weight: Floats | None, shape: TreeShape, seed: int = 0
    ) -> Mean:
        """Least squares of (n,) ``target`` on (n, p) ``matrix``, each row counted ``weight`` times."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Ridge:
    """A line through the weighted mean: ``mean + (x - centre) @ slopes``."""

    mean: float
    centre: Floats
    slopes: Floats

    def __call__(self, matrix: Floats) -> Floats:
        """Expected target of (n, p) rows."""
        return self.mean + (matrix - self.centre) @ self.slopes


def ridge(matrix: Floats, target: Floats, weight: Floats | None = None) -> Ridge:
    """Ridge regression, the penalty chosen by generalised cross-validation.

    Golub, Heath and Wahba, Technometrics 21(2), 1979. The penalty counts against columns of
    standard deviation 1: bring columns to one scale before. The mean is not held back.

    Args:
        matrix: (n, p), no NaN.
        target: (n,).
        weight: (n,) how much each row counts.

    >>> x = np.arange(20.0)[:, None]
    >>> bool(abs(ridge(x, 3 * x[:, 0])(np.array([[30.0]]))[0] - 90) < 0.1)
    True
    """
    w = np.ones(len(target)) if weight is None else weight
    total = w.sum()
    centre, mean = w @ matrix / total, float(w @ target / total)
    x, y = matrix - centre, target - mean
    values, vectors = np.linalg.eigh((x * w[:, None]).T @ x)
    values = np.maximum(values, 0.0)
    turned = vectors.T @ (x.T @ (w * y))
    around = float(w @ (y * y))
    # The effective number of rows: what weights leave of them.
    rows = total**2 / float(w @ w)
    best, chosen = np.inf, np.zeros(len(values))
    for penalty in _PENALTIES * total:
        shrunk = turned / (values + penalty)
        left = around - 2 * shrunk @ turned + shrunk @ (values * shrunk)
        freedom = 1 + float((values / (values + penalty)).sum())
        score = left / max(1 - freedom / rows, 1e-3) ** 2
        if score < best:
            best, chosen = score, shrunk
    return Ridge(mean, centre, vectors @ chosen)
