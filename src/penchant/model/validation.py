"""The validation slice: the last basket of some people, kept from training."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from penchant.model.examples import Questions
from penchant.model.histories import FloatArray

DISCOUNT = 1 / np.log2(np.arange(2, 12))
"""Of the places of a list of 10."""

IDEAL = np.concatenate([[0.0], np.cumsum(DISCOUNT)])
"""Best gain by number of answers, from 0 to 10."""


def hold_out(
    questions: Questions,
    main: NDArray[np.bool_],
    most: int,
    rng: np.random.Generator,
    apart: NDArray[np.uint32] | None = None,
) -> tuple[Questions, Questions]:
    """Questions to train on, and the last main one of at most ``most`` people.

    At most half of those with two or more. ``main`` (Q,): of the type that the shop wants to know of.
    ``apart``: marks of those that another training held out; where there are such, none of them trains, and
    at most ``most`` of the main ones are held out instead.
    """
    if apart is not None:
        held = np.flatnonzero(kept_apart(questions, apart) & main)
        if len(held):
            trained = np.flatnonzero(~np.isin(marks_of(questions), apart))
            return questions.take(trained), some_of(questions.take(held), most, rng)
    count = np.bincount(questions.people)
    rows = np.flatnonzero(main)
    last = rows[np.append(np.diff(questions.people[rows]) != 0, True)] if len(rows) else rows
    last = last[count[questions.people[last]] > 1]
    held = np.sort(rng.permutation(last)[: min(most, len(last) // 2)])
    return questions.take(np.setdiff1d(np.arange(len(questions)), held)), questions.take(held)


def marks_of(questions: Questions) -> NDArray[np.uint32]:
    """A number for each question, (Q,), as good as random, that hangs on its time and first item alone.

    Who comes and who is erased moves nobody else's number, and no number tells its time and item again.
    Splitmix64 (Steele, Lea and Flood, OOPSLA 2014), the upper half.

    >>> from penchant.model.examples import basket_questions
    >>> from penchant.model.histories import histories_of
    >>> len(set(marks_of(basket_questions(histories_of([[1, 2], [1, 2]]))).tolist()))
    2
    """
    found = questions.times.view(np.uint64) + questions.items[questions.offsets[:-1]].astype(np.uint64)
    found = found * np.uint64(0x9E3779B97F4A7C15)
    found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((found ^ (found >> np.uint64(31))) >> np.uint64(32)).astype(np.uint32)


def kept_apart(questions: Questions, apart: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which of the questions were held out for sure, (Q,): those that alone have a mark of ``apart``.

    Where a log knows only days, two people who take the same on one day have the same mark, and one of them
    may have been learned from.
    """
    marks = marks_of(questions)
    _, place, count = np.unique(marks, return_inverse=True, return_counts=True)
    return np.isin(marks, apart) & (count[place] == 1)


def some_of(questions: Questions, most: int, rng: np.random.Generator) -> Questions:
    """At most that many of them, in their order."""
    if len(questions) <= most:
        return questions
    return questions.take(np.sort(rng.permutation(len(questions))[:most]))


def ndcg(blocks: Iterator[tuple[slice, FloatArray]], answers: Questions) -> float:
    """Mean NDCG@10 with binary relevance (Järvelin and Kekäläinen, 2002); 0 where nothing was asked."""
    if not len(answers):
        return 0.0
    total = 0.0
    for part, scores in blocks:
        top = _top(scores, min(10, scores.shape[1]))
        for row, question in enumerate(range(part.start, part.stop)):
            right = answers.items[answers.offsets[question] : answers.offsets[question + 1]]
            total += DISCOUNT[: top.shape[1]][np.isin(top[row], right)].sum() / IDEAL[min(10, len(right))]
    return total / len(answers)


def _top(scores: FloatArray, k: int) -> np.ndarray:
    best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
    return np.take_along_axis(best, order, 1)
