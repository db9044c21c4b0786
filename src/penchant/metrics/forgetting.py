"""What a model that learns block after block still knows: transfer and forgetting.

All but the interval read a matrix R of shape (T, T): R[t, k] is the quality on block k after learning blocks
0 to t, higher is better, NaN where it was not measured. Means are over what was measured, NaN if nothing was.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penchant.errors import InvalidInput
from penchant.metrics.bootstrap import Interval, bounds, cluster_bootstrap, cluster_sums

Floats = NDArray[np.float64]


def backward_transfer(matrix: ArrayLike, *, relative: bool = False) -> float:
    """Mean over the blocks k before the last, T, of R[T, k] - R[k, k]; below 0 is forgetting.

    Source: Lopez-Paz and Ranzato, "Gradient episodic memory for continual learning", NeurIPS 2017.

    Args:
        matrix: R, (T, T).
        relative: each block's difference as a share of R[k, k] (-0.02: 2% lost); a block of R[k, k] = 0 is
            left out.

    Raises:
        InvalidInput: not a square matrix.

    >>> R = [[0.5, np.nan], [0.4, 0.6]]
    >>> round(backward_transfer(R), 3), round(backward_transfer(R, relative=True), 3)
    (-0.1, -0.2)
    """
    found = _square(matrix)
    return _mean(_change(found.diagonal()[:-1], found[-1, :-1], relative))


def forward_transfer(matrix: ArrayLike, reference: ArrayLike) -> float:
    """Mean over the blocks k after the first of R[k-1, k] - reference[k]: what the past is worth later.

    Source: as :func:`backward_transfer`, where the reference is the quality of a model that learned nothing.

    Args:
        matrix: R, (T, T).
        reference: (T,) quality on each block of what R is compared with; its first entry is not read.

    Raises:
        InvalidInput: not a square matrix, or a reference of another length.

    >>> round(forward_transfer([[0.5, 0.3], [0.4, 0.6]], [0.1, 0.1]), 3)
    0.2
    """
    found, base = _square(matrix), np.asarray(reference, dtype=np.float64)
    if base.shape != (len(found),):
        raise InvalidInput(f"the reference needs one value a block, ({len(found)},), got {base.shape}")
    return _mean(found.diagonal(offset=1) - base[1:])


def forgetting(matrix: ArrayLike) -> float:
    """Mean over the blocks k before the last, T, of max over t < T of R[t, k], minus R[T, k].

    Unlike :func:`backward_transfer` it counts from the best that ever was, so that what was gained after a
    block and lost again is forgotten too.

    Source: Chaudhry et al., "Riemannian walk for incremental learning", ECCV 2018.

    Args:
        matrix: R, (T, T).

    Raises:
        InvalidInput: not a square matrix.

    >>> round(forgetting([[0.5, 0.1, 0.1], [0.7, 0.4, 0.1], [0.4, 0.4, 0.9]]), 3)
    0.15
    """
    found = _square(matrix)
    earlier = found[:-1, :-1]
    best = np.where(np.isnan(earlier), -np.inf, earlier).max(axis=0, initial=-np.inf)
    return _mean(np.where(np.isfinite(best), best, np.nan) - found[-1, :-1])


def backward_transfer_interval(
    before: Floats,
    after: Floats,
    people: NDArray[np.integer],
    blocks: NDArray[np.integer] | None = None,
    *,
    relative: bool = False,
    draws: int = 1_000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """:func:`backward_transfer` from the values of single questions, with an interval by resampling people.

    A block's quality is the mean over its questions. A person drawn brings all of their questions of all
    blocks, before and after, so the comparison is paired. A resample without anybody of a block is the mean
    over the others.

    Args:
        before: (Q,) quality of each old question just after its block was learned; NaN for not measured.
        after: (Q,) of the same questions at the end. One without its pair counts as absent.
        people: (Q,) who each question is of, any integers.
        blocks: (Q,) the block of each question, any integers; None where all are of one block.
        relative: as in :func:`backward_transfer`.
        draws: resamples.
        level: of the interval.
        seed: of the resamples.

    Raises:
        InvalidInput: no question, or arrays of different lengths.

    >>> before, after = np.array([0.5, 0.5]), np.array([0.4, 0.5])
    >>> found = backward_transfer_interval(before, after, np.array([7, 8]))
    >>> [round(part, 3) for part in found]
    [-0.05, -0.1, 0.0]
    """
    blocks = np.zeros(len(before), dtype=np.int64) if blocks is None else blocks
    _same_length(before, after, people, blocks)
    who, rows = np.unique(people, return_inverse=True)
    sums, counts = cluster_sums(_columns(before, after, blocks), rows, len(who))
    resampled = cluster_bootstrap(sums, counts, draws, seed)
    total = counts.sum(axis=0)
    means = np.divide(sums.sum(axis=0), total, out=np.full(len(total), np.nan), where=total > 0)
    spread = np.array([_transfer(row, relative) for row in resampled])
    return Interval(_transfer(means, relative), *bounds(spread, level))


def _columns(before: Floats, after: Floats, blocks: NDArray[np.integer]) -> Floats:
    """(Q, 2B): the values before, one column a block, then those after; NaN in the columns of others."""
    found, places = np.unique(blocks, return_inverse=True)
    paired = ~(np.isnan(before) | np.isnan(after))
    rows = np.flatnonzero(paired)
    columns = np.full((len(before), 2 * len(found)), np.nan)
    columns[rows, places[rows]] = before[rows]
    columns[rows, places[rows] + len(found)] = after[rows]
    return columns


def _transfer(means: Floats, relative: bool) -> float:
    """Backward transfer of block means (2B,): before, then after."""
    before, after = np.split(means, 2)
    return _mean(_change(before, after, relative))


def _change(before: Floats, after: Floats, relative: bool) -> Floats:
    if not relative:
        return after - before
    return np.divide(after - before, before, out=np.full(len(before), np.nan), where=before != 0)


def _mean(values: Floats) -> float:
    """Mean of what is not NaN; NaN, and no warning, of nothing."""
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if len(kept) else float("nan")


def _square(matrix: ArrayLike) -> Floats:
    found = np.asarray(matrix, dtype=np.float64)
    if found.ndim != 2 or found.shape[0] != found.shape[1] or not len(found):
        raise InvalidInput(f"the matrix needs a row and a column for each block, (T, T), got {found.shape}")
    return found


def _same_length(before: Floats, *others: NDArray[np.floating | np.integer]) -> None:
    lengths = [len(before), *(len(part) for part in others)]
    if not len(before) or len(set(lengths)) > 1:
        raise InvalidInput(f"before, after, people and blocks need one entry a question, got {lengths}")
