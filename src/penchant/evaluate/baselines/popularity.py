"""What everybody buys: over all time, or in the days before the question."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from penchant.evaluate.recommender import Contexts, Scores, Training, blocks, wanted
from penchant.model.histories import Histories
from penchant.types import EventType

DAY = 86_400.0


def popularity(histories: Histories, items: int, target: EventType | None) -> NDArray[np.int64]:
    """How often each item was taken, (N,).

    >>> from penchant.model.histories import histories_of
    >>> popularity(histories_of([[1, 1], [2]]), 4, None).tolist()
    [0, 2, 1, 0]
    """
    return np.bincount(histories.items[wanted(histories, target)], minlength=items)


class Popular:
    """``popular``: number of times that an item was taken in the training part; the same for all."""

    name = "popular"

    def __init__(self) -> None:
        self._scores: Scores = np.zeros(0, dtype=np.float32)

    def fit(self, training: Training) -> None:
        """Count."""
        counts = popularity(training.histories, training.items.count, training.target)
        self._scores = counts.astype(np.float32)

    def score_blocks(
        self,
        histories: Histories,  # noqa: ARG002 - nothing after training counts
        contexts: Contexts,
        block: int,
    ) -> Iterator[tuple[slice, Scores]]:
        """See :class:`Recommender`."""
        for rows in blocks(len(contexts), block):
            yield rows, np.tile(self._scores, (rows.stop - rows.start, 1))


class RecentlyPopular:
    """``popular-N-days``: times taken in the N days before the moment of the question.

    The window moves on through the test period. Ties, of which a short window has many, fall to
    popularity over the training part. In leave-one-out, too, the window holds what happened in it.
    """

    def __init__(self, days: int = 7) -> None:
        self._days = days
        self._target: EventType | None = None
        self._prior: Scores = np.zeros(0, dtype=np.float32)

    @property
    def name(self) -> str:
        """With the number of days."""
        return f"popular-{self._days}-days"

    def fit(self, training: Training) -> None:
        """Keep the prior that orders ties."""
        self._target = training.target
        self._prior = tie_prior(popularity(training.histories, training.items.count, training.target))

    def score_blocks(
        self, histories: Histories, contexts: Contexts, block: int
    ) -> Iterator[tuple[slice, Scores]]:
        """See :class:`Recommender`. One pass over a block's moments in order of time."""
        liked = wanted(histories, self._target)
        order = np.argsort(histories.times[liked], kind="stable")
        items, times = histories.items[liked][order], histories.times[liked][order]
        high = np.searchsorted(times, contexts.times, side="left")
        low = np.searchsorted(times, contexts.times - self._days * DAY, side="left")
        for rows in blocks(len(contexts), block):
            yield rows, self._window_counts(items, low[rows], high[rows])

    def _window_counts(
        self, items: NDArray[np.int32], low: NDArray[np.int64], high: NDArray[np.int64]
    ) -> Scores:
        """Counts of ``items[low:high]`` for each row, carried from each window to the next."""
        scores = np.empty((len(low), len(self._prior)), dtype=np.float32)
        counts = self._prior.copy()
        begin = end = int(low.min(initial=len(items)))
        for row in np.argsort(high, kind="stable"):
            np.add.at(counts, items[end : high[row]], np.float32(1))
            np.subtract.at(counts, items[begin : low[row]], np.float32(1))
            begin, end = int(low[row]), int(high[row])
            scores[row] = counts
        return scores


def tie_prior(counts: NDArray[np.int64]) -> Scores:
    """Popularity as fractions from 0 to below 1/2, in steps that survive next to counts: (N,) float32.

    Equal counts stay equal. Adding it to whole numbers orders their ties by popularity.

    >>> tie_prior(np.array([7, 0, 7, 9])).tolist()
    [0.25, 0.125, 0.25, 0.375]
    """
    levels, level = np.unique(counts, return_inverse=True)
    steps = 2.0 ** np.ceil(np.log2(len(levels) + 1))
    return (0.5 * (level + 1) / steps).astype(np.float32)
