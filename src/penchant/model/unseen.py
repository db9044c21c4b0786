"""How likely an item is taken that nobody took yet. No log tells it: what was never taken was never right.

So some of the items that were taken are dealt with as if they had not been, and all that were never taken
stand beside them: their level is the one at which both together are given as much of the next first times
as those few really had. Where a catalogue is full of things that nobody ever wanted, it is low.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from penchant.model.dials import weighed
from penchant.model.examples import Questions
from penchant.model.histories import FloatArray, IntArray
from penchant.model.items import newcomer_bias
from penchant.model.newcomers import Neighbours
from penchant.model.scoring import Answers, ItemScores, score_blocks
from penchant.model.trend import TrendTable

PRETENDED = 0.1
"""Share of the items that were taken with which it is tried."""

LEAST = 100
"""Baskets with a first time without which no level is looked for."""

LOWEST, HIGHEST = -10.0, 5.0

BLOCK = 256


def unseen_levels(  # noqa: PLR0917
    answers: Answers,
    items: ItemScores,
    trend: TrendTable,
    held_out: Questions,
    white: FloatArray,
    counts: FloatArray,
    seed: int = 0,
) -> FloatArray:
    """What is added to the bias of items that nobody took in training, (2,): until somebody does, and then.

    Where too few first times tell it, as if what the pretended ones have were shared with the others.

    Args:
        answers: the model's, to the questions ``held_out``.
        items: its scores as they serve, new items in their neighbours' places.
        trend: of the training log.
        held_out: baskets that did not train.
        white: (N, W) whitened texts.
        counts: (N,) how often each item was taken in training.
        seed: of the draw.
    """
    taken = np.flatnonzero(counts > 0)
    pretended = np.random.default_rng(seed).permutation(taken)[: round(PRETENDED * len(taken))]
    if not len(pretended) or not white.any():
        return np.zeros(2, np.float32)
    left = counts.copy()
    left[pretended] = 0
    unseen = left == 0
    known = Neighbours.of(white, items.vectors, left)
    vectors, bias = items.vectors.copy(), items.bias.copy()
    vectors[unseen] = known.place(white[unseen], np.zeros_like(vectors[unseen]))
    bias[pretended] = newcomer_bias(items.bias, counts)
    tried = replace(items, vectors=vectors, bias=bias, unseen=np.zeros(2, np.float32))
    shared = float(np.log(len(pretended) / unseen.sum()))
    if len(held_out) < LEAST:
        return np.array([shared, 0.0], np.float32)
    found = _levels(_odds(answers, tried, trend, held_out, (unseen, pretended)))
    return np.array([shared, 0.0], np.float32) if found is None else found


def _levels(found: tuple[FloatArray, FloatArray]) -> FloatArray | None:
    odds, right = found
    if len(right) < LEAST:
        return None
    return np.array([_level(column, float(right.mean())) for column in odds.T], np.float32)


def _odds(
    answers: Answers,
    items: ItemScores,
    trend: TrendTable,
    held_out: Questions,
    which: tuple[NDArray[np.bool_], IntArray],
) -> tuple[FloatArray, FloatArray]:
    """Log odds (n, 2) of each moment with a first time, and the share of pretended ones in it (n,).

    Odds of what nobody took, the pretended ones without a trend; and of those with the trend they have.
    ``which`` are unseen (N,), and the rows that are pretended.
    """
    unseen, pretended = which
    odds, right = np.full((len(held_out), 2), np.nan), np.full(len(held_out), np.nan)
    for part, scores in score_blocks(answers, items, trend, BLOCK):
        for place, seen in trend.each_moment(answers.times[part], len(items.bias)):
            moment, row = part.start + place, scores[place]
            known = answers.items[answers.of(moment)]
            fresh = _fresh(held_out, moment, known)
            if not len(fresh):
                continue
            row[known] = -np.inf
            others = np.logaddexp.reduce(row[~unseen])
            odds[moment, 1] = np.logaddexp.reduce(row[pretended]) - others
            row[pretended] += weighed(seen.min(0) - seen[pretended], items.trend)
            odds[moment, 0] = np.logaddexp.reduce(row[unseen]) - others
            right[moment] = np.isin(fresh, pretended).mean()
    asked = np.isfinite(right) & np.isfinite(odds).all(1)
    return odds[asked], right[asked]


def _fresh(held_out: Questions, moment: int, known: NDArray[np.int32]) -> IntArray:
    """What was taken for the first time."""
    items = held_out.items[held_out.offsets[moment] : held_out.offsets[moment + 1]]
    return items[~np.isin(items, known)].astype(np.int64)


def _level(odds: FloatArray, share: float) -> float:
    """What is to be added to ``odds`` so that their mean chance is ``share``."""
    low, high = LOWEST, HIGHEST
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 / (1 + np.exp(-odds - middle))).mean() < share else (low, middle)
    return (low + high) / 2
