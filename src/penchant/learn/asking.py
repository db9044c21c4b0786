"""What two models answer to the same questions of the past: the material of the gate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.learn.continued import Known
from penchant.learn.vitals import LISTED, Vitals, best, vitals_of
from penchant.model.examples import Questions, basket_questions
from penchant.model.histories import FloatArray, Histories
from penchant.model.scoring import PreferenceModel
from penchant.model.tokens import main_kind
from penchant.model.trend import TrendTable
from penchant.model.validation import DISCOUNT, IDEAL

SAMPLES = 256
"""Questions at most whose scores are looked at as vitals."""

SAMPLED_SCORES = 20_000_000
"""Scores at most that are held for vitals: a large catalogue has fewer questions."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What a model answered to Q questions.

    Attributes:
        ndcg: (Q,) NDCG@10 of each. lists: (Q, at most 10) rows of items, best first.
        scores: (S, N) of the first S questions.
    """

    ndcg: NDArray[np.float64]
    lists: NDArray[np.int32]
    scores: FloatArray


def main_questions(histories: Histories) -> Questions:
    """Baskets of the type that the shop wants to know of: purchases where there are any.

    >>> from penchant.model.histories import histories_of
    >>> len(main_questions(histories_of([[1, 2], [3]])))
    3
    """
    questions = basket_questions(histories)
    kind = main_kind(histories.items, histories.types)
    return questions.take(np.flatnonzero(histories.types[questions.ends] == kind))


def ask(model: PreferenceModel, known: Known, questions: Questions, trend: TrendTable) -> Asked:
    """Each question on what was known just before it; ``trend`` is that of ``known.histories``."""
    ndcg, kept = np.zeros(len(questions)), list[FloatArray]()
    lists = np.zeros((len(questions), min(LISTED, model.n_items)), np.int32)
    spare = min(SAMPLES, max(1, SAMPLED_SCORES // model.n_items))
    blocks = model.score_blocks(
        known.histories, questions, queries=known.queries, trend=trend, attributes=known.attributes
    )
    for part, scores in blocks:
        lists[part] = best(scores)
        kept.append(scores[: max(0, spare - part.start)].copy())
        for row in range(part.start, part.stop):
            right = questions.items[questions.offsets[row] : questions.offsets[row + 1]]
            ndcg[row] = gain(lists[row], right)
    scores = np.concatenate(kept) if kept else np.zeros((0, model.n_items), np.float32)
    return Asked(ndcg, lists, scores)


def vitals(model: PreferenceModel, asked: Asked) -> Vitals:
    """Signs of life of a model; another one's compare if it was asked the same."""
    items = model.item_scores()
    return vitals_of(items.vectors, items.bias, asked.scores, asked.lists[: len(asked.scores)])


def gain(listed: NDArray[np.int32], right: NDArray[np.int32]) -> float:
    """NDCG@10 with binary relevance of one list (Järvelin and Kekäläinen, 2002).

    >>> gain(np.int32([4, 7]), np.int32([4])), gain(np.int32([4, 7]), np.int32([5]))
    (1.0, 0.0)
    """
    return float(DISCOUNT[: len(listed)][np.isin(listed, right)].sum() / IDEAL[min(10, len(right))])
