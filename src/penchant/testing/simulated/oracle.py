"""Who knows the truth, as a model under evaluation: nobody can do better."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from penchant.evaluate.recommender import Contexts, Scores, Training, blocks
from penchant.model.histories import Histories
from penchant.testing.simulated.shop import SimulatedShop


class Oracle:
    """``oracle``: the true probability of each item at the moment of the question."""

    name = "oracle"

    def __init__(self, shop: SimulatedShop) -> None:
        self._shop = shop

    def fit(self, training: Training) -> None:
        """Nothing to learn."""

    def score_blocks(
        self, histories: Histories, contexts: Contexts, block: int
    ) -> Iterator[tuple[slice, Scores]]:
        """See :class:`~penchant.evaluate.recommender.Recommender`."""
        for rows in blocks(len(contexts), block):
            asked = contexts.take(rows)
            truth = self._shop.probabilities(asked.people, asked.times)
            yield rows, truth if self._shop.settings.repeats else still_wanted(truth, histories, asked)


def still_wanted(truth: NDArray[np.float32], histories: Histories, contexts: Contexts) -> NDArray[np.float32]:
    """The truth where nothing is taken twice: 0 for what the person has, the rest in proportion, (C, N).

    >>> from penchant.model.histories import histories_of
    >>> asked = Contexts(np.array([0]), np.array([1]), np.array([0.0]))
    >>> still_wanted(np.float32([[0.5, 0.25, 0.25]]), histories_of([[0, 1]]), asked).tolist()
    [[0.0, 0.5, 0.5]]
    """
    left = truth.copy()
    for row, (person, end) in enumerate(zip(contexts.people, contexts.ends, strict=True)):
        left[row, histories.items[histories.offsets[person] : end]] = 0
    return left / left.sum(axis=1, keepdims=True)
