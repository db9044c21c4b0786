"""Was the offer given by chance? Whether the people's columns tell who got it."""

import math
from statistics import NormalDist
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.decide.campaigns.features import Read
from penchant.decide.campaigns.sample import folds_of
from penchant.decide.regression import Floats, TreeMaker, TreeShape, ridge

CERTAIN: Final = 3.0
"""Standard errors above one half: chance alone passes them in less than one of 200 randomised trials."""
SLIGHT: Final = 0.02
"""An AUC so little above one half changes no conclusion; a very large trial shows it all the same."""
FOLDS: Final = 5
_SHAPE: Final = TreeShape(trees=60, leaves=6, least=50, ridge=10.0, rows=0.7, columns=0.7)


class Difference(msgspec.Struct, frozen=True):
    """A column's mean in both arms, their difference in standard deviations and in standard errors."""

    column: str
    treated: float
    control: float
    difference: float
    errors: float


class Randomised(msgspec.Struct, frozen=True, kw_only=True):
    """What the columns tell of who was treated.

    Attributes:
        verdict: "yes" (as by chance), "nearly" (told from chance, too weak to matter) or "no".
        auc, low, high: how well models of other people tell treated from others; .5 is chance. 95% interval.
        differences: the columns that differ most, at most ten.
        told_by: columns whose means differ by more than chance does among so many columns.
    """

    verdict: str
    auc: float
    low: float
    high: float
    differences: list[Difference]
    told_by: list[str]


class Auc(NamedTuple):
    """An area under the ROC curve with its standard error."""

    value: float
    error: float


def auc(score: Floats, positive: NDArray[np.bool_]) -> Auc:
    """Chance that a positive scores above another, ties half (Hanley and McNeil, Radiology 143(1), 1982).

    >>> auc(np.array([1.0, 2, 3, 4]), np.array([False, False, True, True])).value
    1.0
    """
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    ones, zeros = int(positive.sum()), int((~positive).sum())
    value = float((rank[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))
    one, other = value / (2 - value), 2 * value**2 / (1 + value)
    spread = value * (1 - value) + (ones - 1) * (one - value**2) + (zeros - 1) * (other - value**2)
    return Auc(value, math.sqrt(max(spread, 0.0) / (ones * zeros)))


def check(read: Read, treated: NDArray[np.bool_], trees: TreeMaker, seed: int = 0) -> Randomised:
    """Try to tell the treated from the others, on people left out."""
    fold = folds_of(treated, np.zeros(len(treated)), FOLDS, seed)
    found = [_one_fold(read, treated, fold != f, trees, seed) for f in range(FOLDS)]
    value = float(np.mean([one.value for one in found]))
    error = _error([one.error for one in found])
    differences = _differences(read, treated)
    bar = _bar(len(read.used))
    told = [one.column for one in differences if abs(one.errors) > bar]
    surely = value - 0.5 > CERTAIN * error
    verdict = "yes" if not surely else "no" if value - 0.5 > SLIGHT else "nearly"
    return Randomised(
        verdict=verdict,
        auc=value,
        low=max(0.0, value - 1.96 * error),
        high=min(1.0, value + 1.96 * error),
        differences=differences[:10],
        told_by=told,
    )


def _error(each: list[float]) -> float:
    """Standard error of the mean over folds whose models learned mostly of the same people.

    Folds are not independent: what is uneven by chance in the whole table is so for model and fold alike
    (Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52(3), 2003).
    """
    count = len(each)
    return math.sqrt(float(np.mean(np.square(each))) * (1 / count + 1 / (count - 1)))


def _bar(columns: int) -> float:
    """Standard errors that one of so many columns passes in one of 100 randomised trials (Bonferroni)."""
    return NormalDist().inv_cdf(1 - 0.005 / max(columns, 1))


def _one_fold(
    read: Read, treated: NDArray[np.bool_], kept: NDArray[np.bool_], trees: TreeMaker, seed: int
) -> Auc:
    """Two models on one scale, so that neither leads."""
    rows, out = np.flatnonzero(kept), np.flatnonzero(~kept)
    learn, asked, target = read.features.take(rows), read.features.take(out), treated[rows].astype(np.float64)
    by_trees = trees.fit(learn.trees, target, None, _SHAPE, seed)(asked.trees)
    by_line = ridge(learn.lines, target)(asked.lines)
    score = sum((one - one.mean()) / max(float(one.std()), 1e-12) for one in (by_trees, by_line))
    return auc(np.asarray(score, np.float64), treated[out])


def _differences(read: Read, treated: NDArray[np.bool_]) -> list[Difference]:
    made: list[Difference] = []
    for name, values in zip(read.used, read.summary.T, strict=True):
        one, other = (part[~np.isnan(part)] for part in (values[treated], values[~treated]))
        if len(one) < 2 or len(other) < 2:
            continue
        spread = math.sqrt((one.var() + other.var()) / 2)
        error = math.sqrt(one.var() / len(one) + other.var() / len(other))
        gap = float(one.mean() - other.mean())
        if spread > 0 and error > 0:
            made.append(Difference(name, float(one.mean()), float(other.mean()), gap / spread, gap / error))
    return sorted(made, key=lambda one: -abs(one.errors))
