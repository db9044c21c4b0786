"""What this person looked at, put into the cart or took last."""

from collections.abc import Iterator

import numpy as np

from penchant.evaluate.baselines.popularity import popularity, tie_prior
from penchant.evaluate.recommender import Contexts, Scores, Training, blocks, wanted
from penchant.model.histories import Histories


class LastTouched:
    """``last-touched``: items of the person's latest events of any type, newest first; then by popularity.

    Whoever buys has mostly looked at it before, so that where views and carts are in the log this is
    what a model of them has to beat (Ludewig and Jannach, "Evaluation of session-based recommendation
    algorithms", UMUAI 28, 2018, on how far simple session baselines go).
    """

    name = "last-touched"

    def __init__(self, last: int = 50) -> None:
        self._last = last
        self._prior: Scores = np.zeros(0, dtype=np.float32)

    def fit(self, training: Training) -> None:
        """Keep popularity, for what the person never touched."""
        self._prior = tie_prior(popularity(training.histories, training.items.count, training.target))

    def score_blocks(
        self, histories: Histories, contexts: Contexts, block: int
    ) -> Iterator[tuple[slice, Scores]]:
        """See :class:`Recommender`. Places count from 1 for the oldest of the last events."""
        touched = np.flatnonzero(wanted(histories, None))
        high = np.searchsorted(touched, contexts.ends)
        first = np.searchsorted(touched, histories.offsets[contexts.people])
        low = np.maximum(first, high - self._last)
        for rows in blocks(len(contexts), block):
            scores = np.tile(self._prior, (rows.stop - rows.start, 1))
            for row, (begin, end) in enumerate(zip(low[rows], high[rows], strict=True)):
                items = histories.items[touched[begin:end]]
                np.maximum.at(scores[row], items, np.arange(1, end - begin + 1, dtype=np.float32))
            yield rows, scores
