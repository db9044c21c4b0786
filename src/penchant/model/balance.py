"""The balance of what a person knows and what is new, carried over from one model to the next.

How much of a list's head new things get is set by many held-out baskets at the end of a training
(``model/calibration.py``). Learning on moves both sides apart, and a night's baskets are too few to set it
anew: on Online Retail a week of passes had half as many known things in the first ten places, and that alone
cost a quarter of NDCG@10. What few moments do tell, for it needs no baskets, is how large the share was.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from penchant.model.histories import FloatArray
from penchant.model.scoring import Answers, ItemScores, score_blocks
from penchant.model.trend import TrendTable

PLACES, BLOCK = 10, 256
FARTHEST, STEPS = 5.0, 24
"""One pass moves the two sides apart by less than one. So many halvings tell levels apart by a millionth."""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """The best scores of what is known to a person and of what is new, at one moment."""

    known: FloatArray
    new: FloatArray


def heads_of(answers: Answers, items: ItemScores, trend: TrendTable) -> list[Head]:
    """Of all moments of ``answers`` where there is something of both."""
    found: list[Head] = []
    for part, scores in score_blocks(answers, items, trend, BLOCK):
        for row in range(part.start, part.stop):
            scores[row - part.start, answers.items[answers.of(row)]] = -np.inf
        # One row after the other a partition takes ten times as long.
        new = torch.from_numpy(scores).topk(min(PLACES, scores.shape[1])).values.numpy()
        found += [
            Head(_best(answers.again[answers.of(part.start + row)]), best[np.isfinite(best)])
            for row, best in enumerate(new)
        ]
    return [head for head in found if len(head.known) and len(head.new)]


def known_share(heads: Sequence[Head], level: float = 0.0) -> float:
    """Share of the first ten places that known things have where new ones get ``level`` on top.

    >>> one = Head(np.float32([3.0, 1.0]), np.arange(10, 0, -1, dtype=np.float32))
    >>> [known_share([one], level) for level in (-20.0, -7.5, 0.0, 20.0)]
    [0.2, 0.2, 0.1, 0.0]
    """
    shares = [_share(head, level) for head in heads]
    return float(np.mean(shares)) if shares else 0.0


def level_for(heads: Sequence[Head], share: float) -> float:
    """What new things must get on top for known ones to have that ``share``; 0 where nobody has both.

    >>> some = [Head(np.float32([known]), np.arange(10, 0, -1, dtype=np.float32)) for known in (3, 2, 1, 0)]
    >>> known_share(some, level_for(some, 0.05))
    0.05
    """
    if not heads:
        return 0.0
    _, lowest = _edge(lambda level: known_share(heads, level) > share)
    highest, _ = _edge(lambda level: known_share(heads, level) >= share)
    # A share is a step function: of all levels that fit, the one that changes least.
    return min(max(0.0, lowest), max(lowest, highest))


def _edge(below: Callable[[float], bool]) -> tuple[float, float]:
    """Two levels next to each other: the last that is ``below``, and the first that is not."""
    low, high = -FARTHEST, FARTHEST
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return low, high


def _share(head: Head, level: float) -> float:
    places = min(PLACES, len(head.known) + len(head.new))
    # The n-th known thing is listed where fewer than ``places`` - n new ones are above it.
    above = len(head.new) - np.searchsorted(head.new[::-1] + level, head.known, side="right")
    return float((above + np.arange(len(head.known)) < places).sum() / places)


def _best(scores: FloatArray) -> FloatArray:
    """At most ten, best first."""
    return -np.sort(-scores)[:PLACES]
