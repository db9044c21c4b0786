"""How much worse does one model answer the same questions than another, and how sure is that?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.metrics.bootstrap import cluster_sums

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairedLoss:
    """What the second model lost against the first.

    Attributes:
        value: 1 - mean(second) / mean(first): 0.1 is 10% worse, below 0 is better.
        error: standard error of ``value``; infinite where one person holds all that the first answered.
        first, second: mean over questions. people, questions: how many there are.
        effective: people who all ask equally often and would be worth as many as these
            (Kish, "Survey sampling", 1965): (Σ n)² / Σ n² with n questions a person.
    """

    value: float
    error: float
    first: float
    second: float
    people: int
    questions: int
    effective: float


def paired_loss(first: Floats, second: Floats, people: NDArray[np.integer]) -> PairedLoss:
    """Loss of ``second`` against ``first`` as a ratio of means, its error by leaving out a person at a time.

    The error is the jackknife's over people (Efron and Stein, "The jackknife estimate of variance", Annals of
    Statistics 9(3), 1981). All questions of a person leave together, because they are not independent.
    Someone who asks so much that the ratio follows them is given the weight they have, which the usual
    linearised error does not do. It needs no random draws: the same answers always give the same error.

    Args:
        first: (Q,) quality of the first model's answer to each question, 0 or more.
        second: (Q,) of the other's answer to the same question.
        people: (Q,) who asked, any integers.

    Returns:
        The loss; 0 with error 0 if the first model answered nothing at all, for nothing is lost then.

    Raises:
        InvalidInput: no question, arrays of different lengths, or a value that is not finite.

    >>> found = paired_loss(np.array([0.5, 0.5, 1.0]), np.array([0.5, 0.4, 0.9]), np.array([4, 4, 9]))
    >>> round(found.value, 3), found.people, round(found.effective, 1)
    (0.1, 2, 1.8)
    """
    _check(first, second, people)
    who, rows = np.unique(people, return_inverse=True)
    sums, counts = cluster_sums(np.stack([first, second], axis=1), rows, len(who))
    asked, total = counts[:, 0], sums.sum(axis=0)
    ratio = total[1] / total[0] if total[0] else 1.0
    means = total / len(first)
    return PairedLoss(
        value=float(1.0 - ratio),
        error=_error(sums, ratio),
        first=float(means[0]),
        second=float(means[1]),
        people=len(who),
        questions=len(first),
        effective=float(asked.sum() ** 2 / (asked**2).sum()),
    )


def _error(sums: Floats, ratio: float) -> float:
    """Jackknife error of the ratio of the column sums; ``sums`` (P, 2) by person."""
    total = sums[:, 0].sum()
    if not total:
        return 0.0
    rest = total - sums[:, 0]
    if not rest.all():
        return float("inf")
    moved = (sums[:, 1] - ratio * sums[:, 0]) / rest  # ratio with everybody, minus that without this person
    return float(np.sqrt((len(sums) - 1) / len(sums) * np.sum(moved**2)))


def _check(first: Floats, second: Floats, people: NDArray[np.integer]) -> None:
    if not len(first) or not len(first) == len(second) == len(people):
        lengths = [len(first), len(second), len(people)]
        raise InvalidInput(f"a paired loss needs both values and the person of each question, got {lengths}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise InvalidInput("a value is NaN or infinite: leave out questions that were not measured")
