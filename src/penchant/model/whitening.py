"""Text vectors made even: most sentence encoders put all texts into a narrow cone. Numpy only."""

from dataclasses import dataclass

import numpy as np

from penchant.model.histories import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Whitening:
    """Principal components with unit variance (Su et al., Whitening sentence representations, 2021).

    Attributes:
        mean: (T,). matrix: (T, W).
    """

    mean: FloatArray
    matrix: FloatArray

    def __call__(self, text: FloatArray) -> FloatArray:
        """(n, T) to (n, W); a zero row (no text) stays zero."""
        white = ((text - self.mean) @ self.matrix).astype(np.float32, copy=False)
        white[~text.any(1)] = 0
        return white


def fit_whitening(text: FloatArray, dims: int) -> Whitening:
    """Whitening of the rows that are not zero, (n, T) to ``min(dims, rank)`` dimensions.

    >>> text = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    >>> fit_whitening(text, 2)(text).std(0).round(1).tolist()
    [1.0, 1.0]
    """
    rows = text[text.any(1)].astype(np.float64)
    width = text.shape[1]
    if len(rows) < 2:
        return Whitening(np.zeros(width, np.float32), np.zeros((width, min(dims, width)), np.float32))
    mean = rows.mean(0)
    variance, axes = np.linalg.eigh(np.cov(rows - mean, rowvar=False).reshape(width, width))
    best = np.argsort(-variance)[:dims]
    best = best[variance[best] > 1e-9 * max(variance.max(), 1e-12)]
    matrix = axes[:, best] / np.sqrt(variance[best])
    return Whitening(mean.astype(np.float32), matrix.astype(np.float32))
