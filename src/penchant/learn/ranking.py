"""How many corrections of the taste model's order are worth having: chosen on people who did not teach.

The order of a list is the taste score plus what trees add to it. Trees begin at the taste score (boosting
from an initial score), so that with none of them the order is that of the taste model, and a small shop gets
few. Their number is that of the best NDCG@10 on people left out, in turn; none where that is not surely
better.
Related: Burges, From RankNet to LambdaRank to LambdaMART, MSR-TR-2010-82.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.errors import NotEnoughData
from penchant.metrics.paired import paired_loss
from penchant.model.validation import DISCOUNT, IDEAL

FOLDS = 4
"""Parts of the people, each left out once."""

STEP = 20
"""Numbers of trees that are compared are multiples."""

SURE = 1.645
"""Standard errors by which the gain must be above 0: 95% on one side."""

LEAST = 100
"""Lists without which nothing is learned."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """L lists of candidates, one after the other, R candidates in all.

    Attributes:
        matrix: (R, F) features. start: (R,) taste scores. taken: (R,) bool, what the person then took.
        offsets: (L + 1,) where each list begins and ends.
        answers: (L,) items that were taken, candidates or not. people: (L,) whose list it is.
        weights: (L,) how much a list counts. named: (R, S) which sources named the candidate.
    """

    matrix: Floats
    start: Floats
    taken: NDArray[np.bool_]
    offsets: NDArray[np.int64]
    answers: NDArray[np.int64]
    people: NDArray[np.int64]
    weights: Floats
    named: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.people)

    def take(self, chosen: NDArray[np.bool_]) -> "Lists":
        """Only the lists where ``chosen`` (L,) holds."""
        lengths = np.diff(self.offsets)
        rows = np.repeat(chosen, lengths)
        return Lists(
            self.matrix[rows],
            self.start[rows],
            self.taken[rows],
            np.concatenate([[0], np.cumsum(lengths[chosen])]).astype(np.int64),
            self.answers[chosen],
            self.people[chosen],
            self.weights[chosen],
            self.named[rows],
        )

    def ndcg(self, scores: Floats) -> NDArray[np.float64]:
        """NDCG@10 of each list when ordered by ``scores`` (R,), (L,); what is no candidate was missed."""
        found = np.zeros(len(self))
        for place in range(len(self)):
            part = slice(int(self.offsets[place]), int(self.offsets[place + 1]))
            best = np.argsort(-scores[part], kind="stable")[: len(DISCOUNT)]
            ideal = IDEAL[min(len(DISCOUNT), int(self.answers[place]))]
            gain = DISCOUNT[: len(best)][self.taken[part][best]].sum()
            found[place] = gain / ideal if ideal else 0.0
        return found


class Grown(Protocol):
    """Trees as they were grown: the first of them are a smaller correction."""

    def predict(self, matrix: Floats, first: int) -> Floats:
        """What the first trees add, (C, F) to (C,)."""
        ...


Grow = Callable[[Lists, int], Grown]
"""Grows so many trees from the start scores of the lists."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many trees, and what they brought on people left out.

    Attributes:
        trees: 0 where the order of the taste model stays. best: how many were best, surely or not.
        lists, people: that were asked.
        taste, ranked: NDCG@10 without and with them. error: standard error of the relative gain.
        curve: (trees, NDCG@10) of all numbers that were compared.
    """

    trees: int
    best: int
    lists: int
    people: int
    taste: float
    ranked: float
    error: float
    curve: tuple[tuple[int, float], ...]


def enough(people: NDArray[np.integer]) -> None:
    """Whether lists (L,) of these people are enough to learn of.

    Raises:
        NotEnoughData: fewer than :data:`LEAST` lists, or fewer people than parts.
    """
    count = len(np.unique(people))
    if len(people) < LEAST or count < FOLDS:
        raise NotEnoughData(
            f"a ranker needs {LEAST} lists of {FOLDS} people to learn of, got {len(people)} of {count}"
        )


def judged(lists: Lists, grow: Grow, most: int, seed: int = 0) -> Verdict:
    """Compare numbers of trees up to ``most`` by :data:`FOLDS` parts of the people.

    Raises:
        NotEnoughData: fewer than :data:`LEAST` lists, or fewer people than parts.
    """
    enough(lists.people)
    people, of = np.unique(lists.people, return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(len(people)) % FOLDS)[of]
    steps = list(range(0, most + 1, STEP))
    found = np.zeros((len(steps), len(lists)))
    for part in range(FOLDS):
        out = fold == part
        found[:, out] = _curve(grow(lists.take(~out), most), lists.take(out), steps)
    return _verdict(lists, found, steps)


def _curve(grown: Grown, asked: Lists, steps: Sequence[int]) -> NDArray[np.float64]:
    """NDCG@10 of each list with each number of trees, (steps, L)."""
    found = [asked.ndcg(asked.start)]
    found += [asked.ndcg(asked.start + grown.predict(asked.matrix, step)) for step in steps[1:]]
    return np.stack(found)


def _verdict(lists: Lists, found: NDArray[np.float64], steps: Sequence[int]) -> Verdict:
    means = found.mean(axis=1)
    best = int(np.argmax(means))
    loss = paired_loss(found[0], found[best], lists.people)
    sure = best > 0 and -loss.value > SURE * loss.error
    return Verdict(
        trees=steps[best] if sure else 0,
        best=steps[best],
        lists=len(lists),
        people=loss.people,
        taste=float(means[0]),
        ranked=float(means[best]),
        error=loss.error,
        curve=tuple(zip(steps, means.tolist(), strict=True)),
    )
